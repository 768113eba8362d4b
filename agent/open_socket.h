/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. A connected socket of this machine as user space sees it: one end of a session, and what becomes of it.
 */
#ifndef OPEN_SOCKET_H
#define OPEN_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cidr.h"
#include "util.h"

/* open_socket.result, when there is no errno to tell. */
#define OPEN_SOCKET_UNTOUCHED 1

struct open_socket {
	struct cidr local, peer;  /* single addresses; IPv4 also when the socket is an IPv6 one */
	uint16_t port, peer_port; /* host order; `port` is the local one */
	uint8_t proto_bit;        /* PROTO_BIT_TCP or PROTO_BIT_UDP */
	uint8_t family;           /* of the socket itself: JITGATE_IPV4 or JITGATE_IPV6 */
	bool half_open;           /* the last packet of the handshake is still to come: no process has it */
	uint32_t bound_ifindex;   /* 0: to none */
	uint32_t inode;           /* of the descriptors that hold it */
	uint64_t cookie;          /* the kernel's name for it, never used again */
	uint32_t grant;           /* for who lists: which ended grant it was of */
	int result;               /* of ending it: 0, -ENOENT (it had gone by itself), other -errno */
};

/* A growing array; starts as {0}. */
struct open_sockets {
	struct open_socket *v;
	size_t n, cap;
};

/* 0 or -ENOMEM. */
int open_sockets_add(struct open_sockets *sockets, const struct open_socket *socket);
void open_sockets_free(struct open_sockets *sockets);
#define _cleanup_open_sockets_ CLEANUP(open_sockets_free)

#endif
