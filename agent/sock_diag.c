// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See sock_diag.h.
 */
#include "sock_diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "grant.h"
#include "jitgate_abi.h"
#include "netlink.h"
#include "util.h"

/* All in which a process may hold it and something may still come or go. */
#define WHOLE_STATES                                                                                                \
	(1U << BPF_TCP_ESTABLISHED | 1U << BPF_TCP_FIN_WAIT1 | 1U << BPF_TCP_FIN_WAIT2 | 1U << BPF_TCP_CLOSE_WAIT | \
	 1U << BPF_TCP_LAST_ACK | 1U << BPF_TCP_CLOSING)

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

/* ------------------------------------------------------------ list */

/* An address of four words as the kernel tells it; a v4-mapped one is the IPv4 address that is on the wire. */
static struct cidr read_address(uint8_t family, const __be32 words[4])
{
	struct cidr address = {.family = JITGATE_IPV4, .prefix_len = 32};
	bool is_mapped = family == AF_INET6 && memcmp(words, mapped_prefix, sizeof(mapped_prefix)) == 0;

	if (family == AF_INET || is_mapped) {
		memcpy(address.addr, is_mapped ? &words[3] : &words[0], 4);
		return address;
	}
	address = (struct cidr){.family = JITGATE_IPV6, .prefix_len = 128};
	memcpy(address.addr, words, 16);
	return address;
}

struct listing {
	uint8_t proto_bit;
	struct open_sockets *sockets;
};

static int take_socket(const struct nlmsghdr *message, void *ctx)
{
	const struct inet_diag_msg *said = mnl_nlmsg_get_payload(message);
	const struct listing *listing = ctx;
	struct open_socket socket = {.proto_bit = listing->proto_bit};

	if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY || mnl_nlmsg_get_payload_len(message) < sizeof(*said))
		return MNL_CB_OK;
	socket.family = said->idiag_family == AF_INET6 ? JITGATE_IPV6 : JITGATE_IPV4;
	socket.local = read_address(said->idiag_family, said->id.idiag_src);
	socket.peer = read_address(said->idiag_family, said->id.idiag_dst);
	socket.port = ntohs(said->id.idiag_sport);
	socket.peer_port = ntohs(said->id.idiag_dport);
	socket.half_open = said->idiag_state == BPF_TCP_SYN_RECV;
	socket.bound_ifindex = said->id.idiag_if;
	socket.inode = said->idiag_inode;
	memcpy(&socket.cookie, said->id.idiag_cookie, sizeof(socket.cookie));
	if (open_sockets_add(listing->sockets, &socket) == 0)
		return MNL_CB_OK;
	errno = ENOMEM;
	return MNL_CB_ERROR;
}

static struct inet_diag_req_v2 *put_request(struct nlmsghdr *question, uint16_t type, uint16_t flags)
{
	question->nlmsg_type = type;
	question->nlmsg_flags = NLM_F_REQUEST | flags;
	return mnl_nlmsg_put_extra_header(question, sizeof(struct inet_diag_req_v2));
}

static int list_family(uint8_t family, uint16_t port, struct listing *listing)
{
	char buffer[256] = {0};
	struct nlmsghdr *question = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *request = put_request(question, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);

	request->sdiag_family = family;
	request->sdiag_protocol = proto_number(listing->proto_bit);
	request->idiag_states = WHOLE_STATES | 1U << BPF_TCP_SYN_RECV; /* UDP: ESTABLISHED is connected */
	request->id.idiag_sport = htons(port);
	return netlink_ask(NETLINK_SOCK_DIAG, question, take_socket, listing);
}

int sock_diag_list(uint8_t proto_bit, uint16_t port, struct open_sockets *ret)
{
	struct listing listing = {.proto_bit = proto_bit, .sockets = ret};
	int r = list_family(AF_INET, port, &listing);

	if (r < 0)
		return r;
	r = list_family(AF_INET6, port, &listing);
	return r == -ENOENT || r == -EAFNOSUPPORT ? 0 : r; /* without IPv6 there is nobody to ask */
}

/* ------------------------------------------------------------ destroy */

static void write_address(const struct open_socket *socket, const struct cidr *address, __be32 words[4])
{
	if (address->family == JITGATE_IPV6) {
		memcpy(words, address->addr, 16);
	} else if (socket->family == JITGATE_IPV6) {
		memcpy(words, mapped_prefix, sizeof(mapped_prefix));
		memcpy(&words[3], address->addr, 4);
	} else {
		memcpy(words, address->addr, 4);
	}
}

static int take_nothing(const struct nlmsghdr *message, void *ctx)
{
	(void)message;
	(void)ctx;
	return MNL_CB_OK;
}

int sock_diag_destroy(const struct open_socket *socket)
{
	char buffer[256] = {0};
	struct nlmsghdr *question = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *request = put_request(question, SOCK_DESTROY, NLM_F_ACK);

	request->sdiag_family = socket->family == JITGATE_IPV6 ? AF_INET6 : AF_INET;
	request->sdiag_protocol = IPPROTO_TCP;
	request->idiag_states = WHOLE_STATES;
	request->id.idiag_sport = htons(socket->port);
	request->id.idiag_dport = htons(socket->peer_port);
	request->id.idiag_if = socket->bound_ifindex;
	write_address(socket, &socket->local, request->id.idiag_src);
	write_address(socket, &socket->peer, request->id.idiag_dst);
	memcpy(request->id.idiag_cookie, &socket->cookie, sizeof(socket->cookie));
	return netlink_ask(NETLINK_SOCK_DIAG, question, take_nothing, NULL);
}

/* ------------------------------------------------------------ the way back */

static int take_route(const struct nlmsghdr *message, void *ctx)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);
	uint32_t *ifindex = ctx;
	const struct nlattr *attr;

	if (message->nlmsg_type != RTM_NEWROUTE || route->rtm_type != RTN_UNICAST)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(*route))
	{
		if (mnl_attr_get_type(attr) == RTA_OIF)
			*ifindex = mnl_attr_get_u32(attr);
	}
	return MNL_CB_OK;
}

int sock_diag_way_back(const struct open_socket *socket, uint32_t *ret_ifindex)
{
	char buffer[256] = {0};
	struct nlmsghdr *question = mnl_nlmsg_put_header(buffer);
	size_t len = socket->peer.family == JITGATE_IPV6 ? 16 : 4;
	struct rtmsg *route;
	uint32_t ifindex = 0;
	int r;

	question->nlmsg_type = RTM_GETROUTE;
	question->nlmsg_flags = NLM_F_REQUEST;
	route = mnl_nlmsg_put_extra_header(question, sizeof(*route));
	route->rtm_family = socket->peer.family == JITGATE_IPV6 ? AF_INET6 : AF_INET;
	route->rtm_dst_len = route->rtm_src_len = (uint8_t)(8 * len);
	mnl_attr_put(question, RTA_DST, len, socket->peer.addr);
	mnl_attr_put(question, RTA_SRC, len, socket->local.addr);
	if (socket->bound_ifindex)
		mnl_attr_put_u32(question, RTA_OIF, socket->bound_ifindex);
	r = netlink_ask(NETLINK_ROUTE, question, take_route, &ifindex);
	/* What the kernel says of a destination that is unreachable, prohibited, or of a source that is not ours. */
	if (r == -ENETUNREACH || r == -EHOSTUNREACH || r == -EACCES || r == -EINVAL)
		return -ENOENT;
	if (r < 0 || !ifindex)
		return r < 0 ? r : -ENOENT;
	*ret_ifindex = ifindex;
	return 0;
}
