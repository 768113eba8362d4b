/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. (wanted, installed) -> plan: which entries of grants_v1 to put and which to delete so that
 * the trie passes an address exactly when some live grant covers it.
 *
 * Longest match is not latest end: an expired /32 would hide a live /24 that covers it. So every wanted key
 * gets the latest end of all wanted keys that cover it.
 *
 * The plan is applied puts first, then deletes. At every moment in between an address that is covered by a live grant
 * both before and after stays covered, and none is that was covered neither before nor after.
 */
#ifndef RECONCILE_H
#define RECONCILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cidr.h"
#include "jitgate_abi.h"
#include "util.h"

/* An entry of the trie, as wanted (slot unused) or as installed. */
struct gate_entry {
	struct gate_key key;
	struct gate_grant grant;
};

/* A growing array of entries; starts as {0}. */
struct entry_set {
	struct gate_entry *entries;
	size_t n, cap;
};

/* Append a copy. 0, or -ENOMEM with the set as it was. */
int entry_set_add(struct entry_set *set, const struct gate_entry *entry);
void entry_set_free(struct entry_set *set);
#define _cleanup_entries_ CLEANUP(entry_set_free)

/* Sort as reconcile_plan does, and find a key in a sorted set; NULL when it is not there. */
void entry_set_sort(struct entry_set *set);
const struct gate_entry *entry_set_find(const struct entry_set *set, const struct gate_key *key);

/* The key of (source prefix, port in host order, IPPROTO_* number). */
struct gate_key entry_key(const struct cidr *source, uint16_t port, uint8_t proto);
/* And back: the prefix of a key. False when the key is none that entry_key makes. */
bool entry_source(const struct gate_key *key, struct cidr *ret_source);

struct plan_put {
	struct gate_entry entry;
	bool fresh; /* the slot is newly taken: reset its usage before the put */
};

/* To be run in this order: puts from the longest prefix to the shortest, then deletes from the shortest to the longest.
 */
struct plan {
	struct plan_put *puts;
	size_t n_puts;
	struct gate_key *deletes;
	size_t n_deletes;
};

void plan_free(struct plan *plan);
#define _cleanup_plan_ CLEANUP(plan_free)

/*
 * Sorts `wanted` and `installed` in place, merges wanted entries of one key (the latest end wins) and raises ends as
 * above; afterwards `wanted` is what the trie will hold, slots included. Unchanged entries cost no put and keep their
 * slot. An installed entry whose slot is out of range or used twice gets a new one. max_entries: how many the trie may
 * hold after the plan; slots: how many usage slots there are, at least twice that, because puts come before deletes. 0,
 * -ENOMEM, or -ENOSPC when more are wanted than max_entries: then there is no plan and nothing is to be changed.
 */
int reconcile_plan(struct entry_set *wanted, struct entry_set *installed, size_t max_entries, size_t slots,
		   struct plan *ret_plan);

#endif
