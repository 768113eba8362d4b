// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See reconcile.h. Sorting puts a prefix right before everything it covers, so that one pass with a stack of open
 * covers (at most 129 deep) finds the latest end, and one merge of the two sorted arrays finds the difference.
 */
#include "reconcile.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

int entry_set_add(struct entry_set *set, const struct gate_entry *entry)
{
	if (set->n == set->cap) {
		size_t cap = set->cap ? set->cap * 2 : 64;
		struct gate_entry *grown = reallocarray(set->entries, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		set->entries = grown;
		set->cap = cap;
	}
	set->entries[set->n++] = *entry;
	return 0;
}

void entry_set_free(struct entry_set *set)
{
	free(set->entries);
	*set = (struct entry_set){0};
}

struct gate_key entry_key(const struct cidr *source, uint16_t port, uint8_t proto)
{
	struct gate_key key = {
		.prefixlen = GATE_KEY_EXACT_BITS + source->prefix_len,
		.port_be = htons(port),
		.proto = proto,
		.family = source->family,
	};

	memcpy(key.addr, source->addr, sizeof(key.addr));
	return key;
}

bool entry_source(const struct gate_key *key, struct cidr *ret_source)
{
	uint32_t longest = key->family == JITGATE_IPV4 ? 32 : 128;

	if (key->family != JITGATE_IPV4 && key->family != JITGATE_IPV6)
		return false;
	if (key->prefixlen < GATE_KEY_EXACT_BITS || key->prefixlen - GATE_KEY_EXACT_BITS > longest)
		return false;
	*ret_source =
		(struct cidr){.family = key->family, .prefix_len = (uint8_t)(key->prefixlen - GATE_KEY_EXACT_BITS)};
	memcpy(ret_source->addr, key->addr, sizeof(ret_source->addr));
	return true;
}

/* Family, port, protocol, then address and prefix length: a cover comes right before what it covers. */
static int compare_keys(const struct gate_key *a, const struct gate_key *b)
{
	int r;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	if (a->port_be != b->port_be)
		return a->port_be < b->port_be ? -1 : 1;
	if (a->proto != b->proto)
		return a->proto < b->proto ? -1 : 1;
	r = memcmp(a->addr, b->addr, sizeof(a->addr));
	if (r)
		return r;
	return (a->prefixlen > b->prefixlen) - (a->prefixlen < b->prefixlen);
}

static int compare_entries(const void *a, const void *b)
{
	return compare_keys(&((const struct gate_entry *)a)->key, &((const struct gate_entry *)b)->key);
}

void entry_set_sort(struct entry_set *set)
{
	if (set->n > 1)
		qsort(set->entries, set->n, sizeof(set->entries[0]), compare_entries);
}

const struct gate_entry *entry_set_find(const struct entry_set *set, const struct gate_key *key)
{
	struct gate_entry like = {.key = *key};

	return set->n ? bsearch(&like, set->entries, set->n, sizeof(like), compare_entries) : NULL;
}

static void merge_equal_keys(struct entry_set *sorted)
{
	size_t kept = 0;

	for (size_t i = 0; i < sorted->n; i++) {
		struct gate_entry *entry = &sorted->entries[i];
		struct gate_entry *last = kept ? &sorted->entries[kept - 1] : NULL;

		if (!last || compare_keys(&last->key, &entry->key) != 0)
			sorted->entries[kept++] = *entry;
		else if (entry->grant.expires_boot_ns > last->grant.expires_boot_ns)
			last->grant.expires_boot_ns = entry->grant.expires_boot_ns;
	}
	sorted->n = kept;
}

static bool key_covers(const struct gate_key *outer, const struct gate_key *inner)
{
	uint32_t bits = outer->prefixlen - GATE_KEY_EXACT_BITS;
	uint32_t whole = bits / 8, rest = bits % 8;

	if (outer->family != inner->family || outer->port_be != inner->port_be || outer->proto != inner->proto ||
	    outer->prefixlen > inner->prefixlen || memcmp(outer->addr, inner->addr, whole) != 0)
		return false;
	return !rest || (outer->addr[whole] ^ inner->addr[whole]) >> (8 - rest) == 0;
}

static void raise_to_covers(struct entry_set *sorted)
{
	const struct gate_entry *open[129 + 1]; /* one for each prefix length */
	size_t depth = 0;

	for (size_t i = 0; i < sorted->n; i++) {
		struct gate_entry *entry = &sorted->entries[i];

		while (depth && !key_covers(&open[depth - 1]->key, &entry->key))
			depth--;
		/* The innermost cover was raised already, so it stands for all the others. */
		if (depth && open[depth - 1]->grant.expires_boot_ns > entry->grant.expires_boot_ns)
			entry->grant.expires_boot_ns = open[depth - 1]->grant.expires_boot_ns;
		open[depth++] = entry;
	}
}

/* Which usage slots are taken; hands out free ones in rising order. */
struct slot_pool {
	uint8_t *taken; /* a byte a slot: at most 256 KiB, for the time of one plan */
	size_t n, next;
};

static bool take_slot(struct slot_pool *pool, uint32_t slot)
{
	if (slot >= pool->n || pool->taken[slot])
		return false;
	pool->taken[slot] = 1;
	return true;
}

static uint32_t next_slot(struct slot_pool *pool)
{
	while (pool->next < pool->n && pool->taken[pool->next])
		pool->next++;
	if (pool->next == pool->n)
		return UINT32_MAX;
	pool->taken[pool->next] = 1;
	return (uint32_t)pool->next;
}

/* An installed slot that cannot be kept is marked with UINT32_MAX. */
static void take_installed_slots(struct slot_pool *pool, struct entry_set *installed)
{
	for (size_t i = 0; i < installed->n; i++) {
		if (!take_slot(pool, installed->entries[i].grant.slot))
			installed->entries[i].grant.slot = UINT32_MAX;
	}
}

static int plan_one(struct slot_pool *pool, struct gate_entry *wanted, const struct gate_entry *same, struct plan *plan)
{
	bool fresh = !same || same->grant.slot == UINT32_MAX;

	wanted->grant.reserved = 0;
	wanted->grant.slot = fresh ? next_slot(pool) : same->grant.slot;
	if (wanted->grant.slot == UINT32_MAX)
		return -ENOSPC;
	if (!fresh && same->grant.expires_boot_ns == wanted->grant.expires_boot_ns)
		return 0;
	plan->puts[plan->n_puts++] = (struct plan_put){.entry = *wanted, .fresh = fresh};
	return 0;
}

static int diff_entries(struct slot_pool *pool, struct entry_set *wanted, const struct entry_set *installed,
			struct plan *plan)
{
	size_t w = 0, i = 0;

	while (w < wanted->n || i < installed->n) {
		const struct gate_entry *old = i < installed->n ? &installed->entries[i] : NULL;
		struct gate_entry *new = w < wanted->n ? &wanted->entries[w] : NULL;
		int order = !new ? 1 : !old ? -1 : compare_keys(&new->key, &old->key);
		int r;

		if (order > 0) {
			plan->deletes[plan->n_deletes++] = old->key;
			i++;
			continue;
		}
		r = plan_one(pool, new, order == 0 ? old : NULL, plan);
		if (r < 0)
			return r;
		w++;
		i += order == 0;
	}
	return 0;
}

/*
 * A cover must not be put before what lies in it: while it hides behind a longer prefix that is still to come, an
 * address that is granted before and after would be closed in between. For deletes it is the other way round, and that
 * is the sorted order.
 */
static void reverse_puts(struct plan *plan)
{
	for (size_t i = 0; i < plan->n_puts / 2; i++) {
		struct plan_put swapped = plan->puts[i];

		plan->puts[i] = plan->puts[plan->n_puts - 1 - i];
		plan->puts[plan->n_puts - 1 - i] = swapped;
	}
}

int reconcile_plan(struct entry_set *wanted, struct entry_set *installed, size_t max_entries, size_t slots,
		   struct plan *ret_plan)
{
	_cleanup_free_ uint8_t *taken = calloc(slots ? slots : 1, 1);
	_cleanup_plan_ struct plan plan = {0};
	struct slot_pool pool = {.taken = taken, .n = slots};
	int r;

	if (!taken)
		return -ENOMEM;
	entry_set_sort(wanted);
	entry_set_sort(installed);
	merge_equal_keys(wanted);
	raise_to_covers(wanted);
	if (wanted->n > max_entries)
		return -ENOSPC;
	plan.puts = calloc(wanted->n + 1, sizeof(*plan.puts));
	plan.deletes = calloc(installed->n + 1, sizeof(*plan.deletes));
	if (!plan.puts || !plan.deletes)
		return -ENOMEM;
	take_installed_slots(&pool, installed);
	r = diff_entries(&pool, wanted, installed, &plan);
	if (r < 0)
		return r;
	reverse_puts(&plan);
	*ret_plan = plan;
	plan = (struct plan){0};
	return 0;
}

void plan_free(struct plan *plan)
{
	free(plan->puts);
	free(plan->deletes);
	*plan = (struct plan){0};
}
