/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. net.ipv4.ip_local_reserved_ports: keeps the kernel from giving a protected port to one of this machine's own
 * connections, whose answers would then be dropped.
 */
#ifndef SYSCTL_H
#define SYSCTL_H

#include <stddef.h>
#include <stdint.h>

/*
 * Reserve those of `ports` that lie in the ephemeral range, besides what is reserved already. *ret_reserved: how
 * many of them lie there. 0 or -errno of reading and writing the setting of this network namespace.
 */
int sysctl_reserve_ports(const uint16_t *ports, size_t n, size_t *ret_reserved);

#endif
