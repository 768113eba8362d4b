/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. What the kernel says about network interfaces, over rtnetlink (libmnl). Reads only; needs no capability.
 */
#ifndef NETIF_H
#define NETIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "failure.h"

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
	bool default_route; /* an IPv4 or IPv6 default route goes out here */
	enum netif_xdp xdp_mode;
	uint32_t xdp_program; /* id of the program that runs there; 0: none */
	/* Not of the kernel: our program is at the tc hook (NETIF_XDP_TC), and this one holds the XDP hook; 0: none
	 * does. */
	uint32_t xdp_holder;
};

/* One interface by index; -ENODEV when it is gone. */
int netif_get(uint32_t ifindex, struct netif *ret);

/* "native", "generic", "none" … */
const char *netif_xdp_text(enum netif_xdp mode);

/*
 * The interfaces to guard: those named, or every uplink (Ethernet, no master, and physical or holding a default
 * route). Each is checked: it exists and is Ethernet. Caller frees *ret. -ENODEV or -EOPNOTSUPP with the
 * line for the operator.
 */
int netif_select(char *const *names, size_t n_names, bool uplinks, struct netif **ret, size_t *ret_n,
		 struct failure *failure);

#endif
