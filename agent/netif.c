// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. rtnetlink; see netif.h.
 */
#include "netif.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "ethtool.h"
#include "netlink.h"
#include "util.h"

#define DUMP_TRIES 10

struct netif_array {
	struct netif *v;
	size_t n, cap;
};

static void read_xdp(const struct nlattr *nested, struct netif *netif)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nested)
	{
		switch (mnl_attr_get_type(attr)) {
		case IFLA_XDP_ATTACHED:
			/* XDP_ATTACHED_*: none, driver, skb, hardware, several */
			if (mnl_attr_get_u8(attr) <= XDP_ATTACHED_MULTI) {
				static const enum netif_xdp modes[] = {NETIF_XDP_NONE, NETIF_XDP_NATIVE,
								       NETIF_XDP_GENERIC, NETIF_XDP_OFFLOADED,
								       NETIF_XDP_SEVERAL};
				netif->xdp_mode = modes[mnl_attr_get_u8(attr)];
			}
			break;
		case IFLA_XDP_PROG_ID:
			netif->xdp_program = mnl_attr_get_u32(attr);
			break;
		default:
			break;
		}
	}
}

static bool has_kind(const struct nlattr *linkinfo)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, linkinfo)
	{
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			return true;
	}
	return false;
}

/* Not aligned for 64 bits in a message. */
static uint64_t rx_packets(const struct nlattr *attr)
{
	struct rtnl_link_stats64 stats = {0};
	size_t len = mnl_attr_get_payload_len(attr);

	memcpy(&stats, mnl_attr_get_payload(attr), len < sizeof(stats) ? len : sizeof(stats));
	return stats.rx_packets;
}

static void read_link(const struct nlmsghdr *message, struct netif *netif)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;

	*netif = (struct netif){.ifindex = (uint32_t)info->ifi_index,
				.ethernet = info->ifi_type == ARPHRD_ETHER,
				.physical = !(info->ifi_flags & IFF_LOOPBACK)};
	mnl_attr_for_each(attr, message, sizeof(*info))
	{
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			snprintf(netif->name, sizeof(netif->name), "%s", mnl_attr_get_str(attr));
			break;
		case IFLA_ADDRESS:
			if (mnl_attr_get_payload_len(attr) == sizeof(netif->mac))
				memcpy(netif->mac, mnl_attr_get_payload(attr), sizeof(netif->mac));
			break;
		case IFLA_MTU:
			netif->mtu = mnl_attr_get_u32(attr);
			break;
		case IFLA_STATS64:
			netif->rx_packets = rx_packets(attr);
			break;
		case IFLA_MASTER:
			netif->has_master = true;
			break;
		case IFLA_LINKINFO:
			if (has_kind(attr))
				netif->physical = false;
			break;
		case IFLA_XDP:
			read_xdp(attr, netif);
			break;
		default:
			break;
		}
	}
}

static int take_link(const struct nlmsghdr *message, void *ctx)
{
	struct netif_array *array = ctx;

	if (message->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	if (array->n == array->cap) {
		size_t cap = array->cap ? array->cap * 2 : 16;
		struct netif *grown = reallocarray(array->v, cap, sizeof(*grown));

		if (!grown) {
			errno = ENOMEM;
			return MNL_CB_ERROR;
		}
		array->v = grown;
		array->cap = cap;
	}
	read_link(message, &array->v[array->n++]);
	return MNL_CB_OK;
}

/* Marks the interfaces that a default route leaves through, also with several next hops. */
static void mark_default(struct netif_array *array, uint32_t ifindex)
{
	for (size_t i = 0; i < array->n; i++) {
		if (array->v[i].ifindex == ifindex)
			array->v[i].default_route = true;
	}
}

static void mark_next_hops(struct netif_array *array, const struct nlattr *attr)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(attr);
	int left = mnl_attr_get_payload_len(attr);

	for (; RTNH_OK(hop, left); left -= NLMSG_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop))
		mark_default(array, (uint32_t)hop->rtnh_ifindex);
}

static int take_route(const struct nlmsghdr *message, void *ctx)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;

	if (message->nlmsg_type != RTM_NEWROUTE || route->rtm_dst_len != 0 || route->rtm_type != RTN_UNICAST)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(*route))
	{
		if (mnl_attr_get_type(attr) == RTA_OIF)
			mark_default(ctx, mnl_attr_get_u32(attr));
		else if (mnl_attr_get_type(attr) == RTA_MULTIPATH)
			mark_next_hops(ctx, attr);
	}
	return MNL_CB_OK;
}

/* About one interface, or with NLM_F_DUMP and index 0 about all. */
static int ask_links(uint16_t flags, uint32_t ifindex, struct netif_array *array)
{
	char buffer[256];
	struct nlmsghdr *question = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info;

	question->nlmsg_type = RTM_GETLINK;
	question->nlmsg_flags = NLM_F_REQUEST | flags;
	info = mnl_nlmsg_put_extra_header(question, sizeof(*info));
	info->ifi_family = AF_UNSPEC;
	info->ifi_index = (int)ifindex;
	return netlink_ask(NETLINK_ROUTE, question, take_link, array);
}

static int list_routes(struct netif_array *array, uint8_t family)
{
	char buffer[256];
	struct nlmsghdr *question = mnl_nlmsg_put_header(buffer);
	struct rtmsg *route;

	question->nlmsg_type = RTM_GETROUTE;
	question->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	route = mnl_nlmsg_put_extra_header(question, sizeof(*route));
	route->rtm_family = family;
	return netlink_ask(NETLINK_ROUTE, question, take_route, array);
}

/* A driver is asked only where there is one. */
static void mark_netvsc(struct netif_array *array)
{
	for (size_t i = 0; i < array->n; i++) {
		char driver[ETHTOOL_NAME_MAX] = "";

		if (array->v[i].ethernet && array->v[i].physical && ethtool_driver(array->v[i].name, driver) == 0)
			array->v[i].netvsc = strcmp(driver, "hv_netvsc") == 0;
	}
}

static int dump_all(bool with_routes, struct netif_array *array)
{
	int r = ask_links(NLM_F_DUMP, 0, array);

	if (r == 0 && with_routes)
		r = list_routes(array, AF_INET);
	if (r == 0 && with_routes)
		r = list_routes(array, AF_INET6);
	return r;
}

int netif_list(bool with_routes, struct netif **ret, size_t *ret_n)
{
	struct netif_array array = {0};
	int r = -EINTR;

	/* -EINTR: something changed while the kernel was telling, so that it may have told half of it. */
	for (int i = 0; r == -EINTR && i < DUMP_TRIES; i++) {
		array.n = 0;
		r = dump_all(with_routes, &array);
	}
	if (r < 0) {
		free(array.v);
		return r;
	}
	mark_netvsc(&array);
	*ret = array.v;
	*ret_n = array.n;
	return 0;
}

int netif_get(uint32_t ifindex, struct netif *ret)
{
	struct netif_array array = {0};
	int r = ask_links(0, ifindex, &array);

	if (r == 0 && array.n != 1)
		r = -ENODEV;
	if (r == 0)
		*ret = array.v[0];
	free(array.v);
	return r;
}

const char *netif_xdp_text(enum netif_xdp mode)
{
	switch (mode) {
	case NETIF_XDP_NATIVE:
		return "native";
	case NETIF_XDP_GENERIC:
		return "generic";
	case NETIF_XDP_OFFLOADED:
		return "offloaded";
	case NETIF_XDP_SEVERAL:
		return "several";
	case NETIF_XDP_TC:
		return "tc";
	default:
		return "none";
	}
}
