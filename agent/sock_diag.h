/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. The kernel's list of TCP and UDP sockets, by netlink, of the network namespace that the process is in: read it,
 * and destroy one of them. Decides nothing about them.
 */
#ifndef SOCK_DIAG_H
#define SOCK_DIAG_H

#include "open_socket.h"

/*
 * Sockets of TCP or UDP (PROTO_BIT_*) that are connected, half open or half closed, and have that local port (0: any);
 * appended. None that waits in TIME_WAIT. Needs no privilege. 0 or -errno; -ENOENT: the kernel cannot list them
 * (modules tcp_diag, udp_diag).
 */
int sock_diag_list(uint8_t proto_bit, uint16_t port, struct open_sockets *ret);

/*
 * SOCK_DESTROY: who reads it gets ECONNABORTED, its peer a reset. Needs CAP_NET_ADMIN, and CONFIG_INET_DIAG_DESTROY
 * (else -EOPNOTSUPP). -ENOENT: it is gone.
 */
int sock_diag_destroy(const struct open_socket *socket);

/* Which interface packets from `local` to `peer` leave through; asks the kernel, for which nothing is sent. -ENOENT:
 * none, or they stay in this machine. */
int sock_diag_way_back(const struct open_socket *socket, uint32_t *ret_ifindex);

#endif
