/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Who is connected to the protected ports now, and which of these sessions enforcing would cut: asked of the maps
 * that the packet program reads.
 */
#ifndef SESSIONS_H
#define SESSIONS_H

#include "gate.h"
#include "text.h"

/* A connected socket of this machine. */
struct session {
	struct cidr local, peer; /* single addresses; IPv4-mapped ones as IPv4 */
	uint16_t port, peer_port;
	uint8_t proto_bit;
	uint64_t inode;

	/* sessions_judge: */
	bool is_inside; /* the peer is on this machine: not filtered */
	bool cut;       /* nothing live covers the peer */
	bool own;       /* the caller's */
};

/* Starts as {0}. */
struct sessions {
	struct session *v;
	size_t n;
};

/* "PEER PORT LOCAL PORT", as sshd puts it into SSH_CONNECTION; or any other text, which is passed over. */
struct session_ssh {
	char text[192]; /* two addresses with zones, two ports */
};

/* What is known of who asks. */
struct session_hints {
	const uint64_t *inodes; /* of the sockets that the caller's ancestors hold */
	size_t n_inodes;
	const struct session_ssh *ssh; /* told to the caller and its ancestors */
	size_t n_ssh;
};

/* 0 or -ENOMEM. */
int sessions_add(struct sessions *sessions, const struct session *session);
void sessions_free(struct sessions *sessions);
#define _cleanup_sessions_ CLEANUP(sessions_free)

/* Keep those at a protected port, and judge each. */
void sessions_judge(struct sessions *sessions, const struct gate_ops *gate, void *gate_ctx, struct boot_time now,
		    const struct session_hints *hints);

/* How many would be cut; *ret_own how many of these are the caller's. */
size_t sessions_count_cut(const struct sessions *sessions, size_t *ret_own);

/* Whether any of them is known to be the caller's. */
bool sessions_has_own(const struct sessions *sessions);

void sessions_text(const struct sessions *sessions, struct text *out);
/* An array. */
void sessions_json(const struct sessions *sessions, struct text *out);

#endif
