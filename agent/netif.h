/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. What the kernel says about network interfaces, over rtnetlink (libmnl). Reads only; needs no capability.
 */
#ifndef NETIF_H
#define NETIF_H

#include <stdbool.h>

#include "uplink.h"

/* One interface by index; -ENODEV when it is gone. Without the members that only a list has. */
int netif_get(uint32_t ifindex, struct netif *ret);

/* "native", "generic", "none" … */
const char *netif_xdp_text(enum netif_xdp mode);

/* Every interface of this network namespace, with_routes: and which of them a default route leaves through. Caller
 * frees *ret. */
int netif_list(bool with_routes, struct netif **ret, size_t *ret_n);

#endif
