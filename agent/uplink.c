// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See uplink.h.
 */
#include "uplink.h"

#include <string.h>

bool uplink_is_vf(const struct netif *netif, const struct netif *parent)
{
	static const uint8_t no_mac[sizeof(netif->mac)];

	return netif->physical && !netif->netvsc && parent->netvsc && memcmp(netif->mac, no_mac, sizeof(no_mac)) != 0 &&
	       memcmp(netif->mac, parent->mac, sizeof(netif->mac)) == 0;
}

/* Also before it has its master: it appears without one, and that moment is too short to be attached in. */
static bool is_any_vf(const struct netif *netif, const struct netif *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (uplink_is_vf(netif, &all[i]))
			return true;
	}
	return false;
}

bool uplink_is(const struct netif *netif, const struct netif *all, size_t n)
{
	return netif->ethernet && !netif->has_master && (netif->physical || netif->default_route) &&
	       !is_any_vf(netif, all, n);
}
