/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Who is connected to the protected ports now, and which of these sessions enforcing would cut: asked of the maps
 * that the packet program reads.
 */
#ifndef CONNECTIONS_H
#define CONNECTIONS_H

#include "gate.h"
#include "open_socket.h"
#include "text.h"

/* A connected socket of this machine. */
struct connection {
	struct cidr local, peer; /* single addresses; IPv4-mapped ones as IPv4 */
	uint16_t port, peer_port;
	uint8_t proto_bit;
	uint64_t inode;

	/* connections_judge: */
	bool is_inside;    /* the peer is on this machine: not filtered */
	uint64_t drain_ns; /* it has no grant, but goes on by its port's session policy; else 0 */
	bool cut;          /* nothing lets it go on */
	bool own;          /* the caller's */
};

/* Starts as {0}. */
struct connections {
	struct connection *v;
	size_t n;
};

/* "PEER PORT LOCAL PORT", as sshd puts it into SSH_CONNECTION; or any other text, which is passed over. */
struct connection_ssh {
	char text[192]; /* two addresses with zones, two ports */
};

/* What is known of who asks. */
struct connection_hints {
	const uint64_t *inodes; /* of the sockets that the caller's ancestors hold */
	size_t n_inodes;
	const struct connection_ssh *ssh; /* told to the caller and its ancestors */
	size_t n_ssh;
};

/* 0 or -ENOMEM. */
int connections_add(struct connections *sessions, const struct connection *session);
/* Those of `sockets` whose handshake is through; the same. */
int connections_add_sockets(struct connections *sessions, const struct open_sockets *sockets);
void connections_free(struct connections *sessions);
#define _cleanup_connections_ CLEANUP(connections_free)

/* Keep those at a protected port, and judge each. */
void connections_judge(struct connections *sessions, const struct gate_ops *gate, void *gate_ctx, struct boot_time now,
		       const struct connection_hints *hints);

/* How many would be cut; *ret_own how many of these are the caller's. */
size_t connections_count_cut(const struct connections *sessions, size_t *ret_own);

/* Whether any of them is known to be the caller's. */
bool connections_has_own(const struct connections *sessions);

/* A table for people: sources, ports, and what enforcing does to each; those that would be cut first. */
void connections_text(const struct connections *sessions, struct text *out);
/* An array. */
void connections_json(const struct connections *sessions, struct text *out);

#endif
