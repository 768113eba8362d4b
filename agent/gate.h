/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. What the enforcer needs of a data path, as a table of calls: the real one is in gate_maps.c, the
 * simulation has one of its own. All return 0 or a negative errno unless said otherwise.
 */
#ifndef GATE_H
#define GATE_H

#include "jitgate_abi.h"
#include "reconcile.h"
#include "sources.h"

/* What to do with a flow that was looked at. */
enum flow_step {
	FLOW_LEAVE = 0,
	FLOW_PUT, /* write it back, if it is still there */
	FLOW_DELETE,
};

typedef enum flow_step (*flow_visitor)(void *ctx, const struct flow_key *key, struct gate_flow *flow);

struct gate_ops {
	/* All entries of grants_v1, appended to *ret. */
	int (*list)(void *ctx, struct entry_set *ret);
	/* The entry that the program would find for `key` (longest match); -ENOENT. */
	int (*lookup)(void *ctx, const struct gate_key *key, struct gate_grant *ret);
	int (*put)(void *ctx, const struct gate_entry *entry);
	int (*delete)(void *ctx, const struct gate_key *key);
	/* All of sources_v1. */
	void (*set_sources)(void *ctx, const struct sources *sources);
	int (*reset_usage)(void *ctx, uint32_t slot);
	/* Which protocols of a port (host order) are protected, and PROTECTED_LEARNED: read, and set. Setting gives the
	 * port counters and takes them away. */
	uint8_t (*get_protected)(void *ctx, uint16_t port);
	int (*set_protected)(void *ctx, uint16_t port, uint8_t protos);
	/* A port's class in sessions_v1, and what a class is. A port that is not protected has class 0, and none can be
	 * set. */
	uint8_t (*get_class)(void *ctx, uint16_t port);
	void (*set_class)(void *ctx, uint16_t port, uint8_t class);
	void (*get_session)(void *ctx, uint8_t class, struct gate_session *ret);
	void (*set_session)(void *ctx, uint8_t class, const struct gate_session *session);
	/* What is known of one flow; -ENOENT. To be looked at here keeps no flow from being forgotten. */
	int (*lookup_flow)(void *ctx, const struct flow_key *key, struct gate_flow *ret);
	/* Show each flow to `visit` and do what it says. 0, or the last errno: the others were visited. */
	int (*each_flow)(void *ctx, flow_visitor visit, void *visit_ctx);
	/* Until no packet is being judged any more by what stood in the maps before. */
	void (*settle)(void *ctx);
	void (*get_state)(void *ctx, struct gate_state *ret);
	void (*set_state)(void *ctx, const struct gate_state *state);
	/* How many entries the trie may hold between a plan's puts and its deletes, and how many usage slots there are.
	 */
	size_t (*capacity)(void *ctx);
};

#endif
