/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. What is known of a network interface, and which of them are this machine's ways out. Asks nobody: netif.c does.
 */
#ifndef UPLINK_H
#define UPLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum netif_xdp {
	NETIF_XDP_NONE = 0,
	NETIF_XDP_NATIVE,
	NETIF_XDP_GENERIC,
	NETIF_XDP_OFFLOADED,
	NETIF_XDP_SEVERAL,
	NETIF_XDP_TC
};

struct netif {
	uint32_t ifindex;
	char name[16];
	bool ethernet;      /* ARPHRD_ETHER: has the header that the filter reads */
	bool has_master;    /* a bond's or bridge's port, or the VF under a netvsc */
	bool physical;      /* no rtnl link kind: not veth, bridge, tunnel … */
	bool default_route; /* an IPv4 or IPv6 default route goes out here; only of those listed with routes */
	bool netvsc;        /* driver hv_netvsc: Azure's synthetic interface; only of those listed */
	uint8_t mac[6];
	uint32_t mtu;
	uint64_t rx_packets;
	enum netif_xdp xdp_mode;
	uint32_t xdp_program; /* id of the program that runs there; 0: none */
	/* Not of the kernel: our program is at the tc hook (NETIF_XDP_TC), and this one holds the XDP hook; 0: none
	 * does. */
	uint32_t xdp_holder;
};

/*
 * The virtual function under a netvsc: it has the same address. The driver hands the program of the synthetic interface
 * down to it; one that is set on the function itself would be in the way.
 */
bool uplink_is_vf(const struct netif *netif, const struct netif *parent);

/* Whether `auto` means this one of the n interfaces. */
bool uplink_is(const struct netif *netif, const struct netif *all, size_t n);

#endif
