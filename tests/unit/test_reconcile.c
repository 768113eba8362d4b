// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * reconcile against an oracle: whatever is wanted, the trie passes an address exactly when some live grant covers it,
 * also between any two steps of a plan.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "fact_test.h"
#include "fake_gate.h"
#include "random.h"
#include "reconcile.h"
#include "util.h"

#define PORT 22
#define TCP 6
#define ROUNDS 4000

/* Few distinct bits, so that prefixes nest and meet all the time. */
static struct cidr random_source(void)
{
	struct cidr c = {.family = random_below(3) ? JITGATE_IPV4 : JITGATE_IPV6};
	uint32_t longest = c.family == JITGATE_IPV4 ? 32 : 128;
	static const uint8_t lengths[] = {0, 1, 7, 8, 9, 15, 16, 17, 23, 24, 25, 30, 31, 32};

	c.prefix_len = lengths[random_below(ARRAY_SIZE(lengths))];
	if (c.family == JITGATE_IPV6)
		c.prefix_len = (uint8_t)(c.prefix_len * 4);
	for (uint32_t i = 0; i < longest / 8; i++)
		c.addr[i] = random_below(4) ? 0 : (uint8_t)(random_below(2) ? 0x80 : 0x01);
	for (uint32_t i = c.prefix_len; i < longest; i++)
		c.addr[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	return c;
}

static struct cidr random_address(void)
{
	struct cidr c = random_source();
	uint32_t longest = c.family == JITGATE_IPV4 ? 32 : 128;

	for (uint32_t i = c.prefix_len; i < longest; i++) {
		if (random_below(3) == 0)
			c.addr[i / 8] |= (uint8_t)(0x80 >> i % 8);
	}
	c.prefix_len = (uint8_t)longest;
	return c;
}

struct wish {
	struct cidr source;
	uint64_t end;
};

struct wishes {
	struct wish v[64];
	size_t n;
};

static int oracle_passes(const struct wishes *wishes, const struct cidr *source, uint64_t now)
{
	for (size_t i = 0; i < wishes->n; i++) {
		if (cidr_covers(&wishes->v[i].source, source) && now < wishes->v[i].end)
			return 1;
	}
	return 0;
}

struct watch {
	struct fake_gate *gate;
	const struct wishes *before, *after;
};

/* Between two steps: closed for whoever is granted neither before nor after, open for whoever is in both. */
static void check_between(void *ctx)
{
	const struct watch *w = ctx;

	for (int i = 0; i < 12; i++) {
		struct cidr a = random_address();
		uint64_t now = random_below(1000);
		int before = oracle_passes(w->before, &a, now), after = oracle_passes(w->after, &a, now);
		int passes = fake_passes(w->gate, &a, PORT, TCP, now);

		if (before && after)
			assert_true(passes);
		if (!before && !after)
			assert_false(passes);
	}
}

static void run_plan(struct fake_gate *gate, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_puts; i++)
		assert_int_equal(fake_put(gate, &plan->puts[i].entry), 0);
	for (size_t i = 0; i < plan->n_deletes; i++)
		assert_int_equal(fake_delete(gate, &plan->deletes[i]), 0);
}

static void add_wishes(struct entry_set *wanted, const struct wishes *wishes)
{
	for (size_t i = 0; i < wishes->n; i++) {
		struct gate_entry entry = {.key = entry_key(&wishes->v[i].source, PORT, TCP),
					   .grant.expires_boot_ns = wishes->v[i].end};
		assert_int_equal(entry_set_add(wanted, &entry), 0);
	}
}

static void reconcile_to(struct fake_gate *gate, const struct wishes *wishes, struct plan *ret_plan)
{
	_cleanup_entries_ struct entry_set wanted = {0};
	_cleanup_entries_ struct entry_set installed = {0};

	add_wishes(&wanted, wishes);
	assert_int_equal(fake_list(gate, &installed), 0);
	assert_int_equal(reconcile_plan(&wanted, &installed, gate->capacity / 2, gate->capacity, ret_plan), 0);
}

/* Some go, some are renewed or cut short, some come. */
static void change_wishes(const struct wishes *old, struct wishes *new)
{
	new->n = 0;
	for (size_t i = 0; i < old->n; i++) {
		if (random_below(4) == 0)
			continue;
		new->v[new->n] = old->v[i];
		if (random_below(4) == 0)
			new->v[new->n].end = random_below(1000);
		new->n++;
	}
	while (new->n < ARRAY_SIZE(new->v) && random_below(3))
		new->v[new->n++] = (struct wish){.source = random_source(), .end = random_below(1000)};
}

static void trie_passes_exactly_what_a_live_grant_covers(void **state)
{
	static struct fake_gate gate;
	static struct wishes wishes[2];
	struct watch watch = {.gate = &gate};

	(void)state;
	gate = (struct fake_gate){.capacity = 256, .changed = check_between, .ctx = &watch};
	fake_search_everywhere(&gate);
	gate.protected[PORT] = PROTO_BIT_TCP;
	for (int round = 0; round < ROUNDS; round++) {
		const struct wishes *old = &wishes[round % 2];
		struct wishes *new = &wishes[(round + 1) % 2];
		_cleanup_plan_ struct plan plan = {0};

		change_wishes(old, new);
		watch.before = old;
		watch.after = new;
		reconcile_to(&gate, new, &plan);
		run_plan(&gate, &plan);
		for (int i = 0; i < 32; i++) {
			struct cidr a = random_address();
			uint64_t now = random_below(1000);

			assert_int_equal(fake_passes(&gate, &a, PORT, TCP, now), oracle_passes(new, &a, now));
		}
	}
}

static void applying_twice_changes_nothing(void **state)
{
	static struct fake_gate gate;
	static struct wishes empty, wishes;

	(void)state;
	gate = (struct fake_gate){.capacity = 256};
	fake_search_everywhere(&gate);
	for (int round = 0; round < 200; round++) {
		_cleanup_plan_ struct plan first = {0};
		_cleanup_plan_ struct plan second = {0};

		change_wishes(&empty, &wishes);
		reconcile_to(&gate, &wishes, &first);
		run_plan(&gate, &first);
		reconcile_to(&gate, &wishes, &second);
		assert_int_equal(second.n_puts, 0);
		assert_int_equal(second.n_deletes, 0);
	}
}

static void slots_are_unique_and_kept_over_a_renewal(void **state)
{
	static struct fake_gate gate;
	static struct wishes wishes[2];

	(void)state;
	gate = (struct fake_gate){.capacity = 256};
	fake_search_everywhere(&gate);
	for (int round = 0; round < 500; round++) {
		_cleanup_plan_ struct plan plan = {0};
		uint8_t used[256] = {0};

		change_wishes(&wishes[round % 2], &wishes[(round + 1) % 2]);
		reconcile_to(&gate, &wishes[(round + 1) % 2], &plan);
		for (size_t i = 0; i < plan.n_puts; i++) {
			int at = fake_find(&gate, &plan.puts[i].entry.key);

			assert_int_equal(plan.puts[i].fresh, at < 0);
			if (at >= 0)
				assert_int_equal(gate.entries[at].grant.slot, plan.puts[i].entry.grant.slot);
		}
		run_plan(&gate, &plan);
		for (size_t i = 0; i < gate.n; i++)
			assert_int_equal(used[gate.entries[i].grant.slot]++, 0);
	}
}

static void more_than_fits_gives_no_plan(void **state)
{
	_cleanup_entries_ struct entry_set wanted = {0};
	_cleanup_entries_ struct entry_set installed = {0};
	struct plan plan = {0};

	(void)state;
	for (uint8_t i = 0; i < 17; i++) {
		struct cidr source = {.family = JITGATE_IPV4, .prefix_len = 32, .addr = {10, 0, 0, i}};
		struct gate_entry entry = {.key = entry_key(&source, PORT, TCP), .grant.expires_boot_ns = 5};

		assert_int_equal(entry_set_add(&wanted, &entry), 0);
	}
	assert_int_equal(reconcile_plan(&wanted, &installed, 16, 32, &plan), -28);
	assert_null(plan.puts);
	assert_int_equal(reconcile_plan(&wanted, &installed, 17, 34, &plan), 0);
	assert_int_equal(plan.n_puts, 17);
	plan_free(&plan);
}

static void ports_protocols_and_families_do_not_cover_each_other(void **state)
{
	static struct fake_gate gate;
	struct cidr wide4 = {.family = JITGATE_IPV4}, wide6 = {.family = JITGATE_IPV6};
	struct cidr one4 = {.family = JITGATE_IPV4, .prefix_len = 32};
	const struct gate_entry entries[] = {
		{.key = entry_key(&wide4, 22, 6), .grant.expires_boot_ns = 900},
		{.key = entry_key(&one4, 22, 17), .grant.expires_boot_ns = 10},
		{.key = entry_key(&one4, 23, 6), .grant.expires_boot_ns = 20},
		{.key = entry_key(&wide6, 22, 6), .grant.expires_boot_ns = 30},
		{.key = entry_key(&one4, 22, 6), .grant.expires_boot_ns = 40},
	};
	_cleanup_entries_ struct entry_set wanted = {0};
	_cleanup_entries_ struct entry_set installed = {0};
	_cleanup_plan_ struct plan plan = {0};

	(void)state;
	gate = (struct fake_gate){.capacity = 64};
	fake_search_everywhere(&gate);
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		entry_set_add(&wanted, &entries[i]);
	assert_int_equal(reconcile_plan(&wanted, &installed, 32, 64, &plan), 0);
	run_plan(&gate, &plan);
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		int at = fake_find(&gate, &entries[i].key);

		assert_true(at >= 0);
		/* only the last one lies under another of its own kind */
		assert_int_equal(gate.entries[at].grant.expires_boot_ns,
				 i == 4 ? 900 : entries[i].grant.expires_boot_ns);
	}
}

static void a_foreign_slot_is_replaced(void **state)
{
	static struct fake_gate gate;
	struct cidr a = {.family = JITGATE_IPV4, .prefix_len = 32, .addr = {1}};
	struct cidr b = {.family = JITGATE_IPV4, .prefix_len = 32, .addr = {2}};
	struct wishes wishes = {.v = {{a, 5}, {b, 5}}, .n = 2};
	_cleanup_plan_ struct plan plan = {0};

	(void)state;
	gate = (struct fake_gate){.capacity = 64};
	fake_search_everywhere(&gate);
	gate.entries[0] = (struct gate_entry){.key = entry_key(&a, PORT, TCP), .grant = {5, 7, 0}};
	gate.entries[1] = (struct gate_entry){.key = entry_key(&b, PORT, TCP), .grant = {5, 7, 0}};
	gate.n = 2;
	reconcile_to(&gate, &wishes, &plan);
	assert_int_equal(plan.n_puts, 1);
	assert_true(plan.puts[0].fresh);
	assert_int_not_equal(plan.puts[0].entry.grant.slot, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fact_test("R7", trie_passes_exactly_what_a_live_grant_covers),
		cmocka_unit_test(applying_twice_changes_nothing),
		cmocka_unit_test(slots_are_unique_and_kept_over_a_renewal),
		cmocka_unit_test(more_than_fits_gives_no_plan),
		cmocka_unit_test(ports_protocols_and_families_do_not_cover_each_other),
		cmocka_unit_test(a_foreign_slot_is_replaced),
	};

	return cmocka_run_group_tests(tests, seed_random, NULL);
}
