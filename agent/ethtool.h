/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. What a network driver says of itself, by the ethtool ioctl. Reading needs no capability, switching
 * CAP_NET_ADMIN.
 */
#ifndef ETHTOOL_H
#define ETHTOOL_H

#include <stdbool.h>
#include <stdint.h>

#define ETHTOOL_NAME_MAX 32

/* The driver's name, as hv_netvsc. 0 or -errno. */
int ethtool_driver(const char *ifname, char ret[ETHTOOL_NAME_MAX]);

/* Large receive offload: 1 on, 0 off, or -errno. */
int ethtool_lro(const char *ifname);
int ethtool_set_lro(const char *ifname, bool on);

/* Each of the driver's own counters. 0 or -errno (-EOPNOTSUPP: it has none). */
int ethtool_each_counter(const char *ifname, void (*visit)(void *ctx, const char *name, uint64_t value), void *ctx);

#endif
