// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Ports that a feed taught: when they stay, and when they may go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "jitgate_abi.h"
#include "learned.h"
#include "util.h"

static const struct port_rule both[] = {{.port = 22, .protos = PROTO_BIT_TCP | PROTO_BIT_UDP},
					{.port = 3389, .protos = PROTO_BIT_TCP}};

static void update(struct learned *l, const struct port_rule *rules, size_t n, uint64_t at_s)
{
	struct boot_time now = {.ns = at_s * NS_PER_S};

	assert_int_equal(learned_update(l, rules, n, (struct learned_when){.now = now}, 16), 0);
}

static void repeat(struct learned *l, const struct port_rule *rules, size_t n, uint64_t at_s)
{
	struct learned_when when = {.now.ns = at_s * NS_PER_S, .again = true};

	assert_int_equal(learned_update(l, rules, n, when, 16), 0);
}

static void ports_are_kept_sorted_one_entry_a_protocol(void **state)
{
	struct learned l = {0};

	(void)state;
	update(&l, both, 2, 0);
	update(&l, both, 2, 1);
	assert_int_equal(l.n, 3);
	assert_int_equal(l.ports[0].proto_bit, PROTO_BIT_TCP);
	assert_int_equal(l.ports[1].proto_bit, PROTO_BIT_UDP);
	assert_int_equal(l.ports[2].port, 3389);
	learned_free(&l);
}

static void a_port_goes_after_three_answers_and_ten_minutes_and_not_before(void **state)
{
	struct learned l = {0};

	(void)state;
	update(&l, both, 2, 0);
	update(&l, both, 1, 100);
	update(&l, both, 1, 800); /* two answers, 700 s */
	assert_int_equal(l.n, 3);
	update(&l, both, 1, 801);
	assert_int_equal(l.n, 2);
	update(&l, both, 2, 900);
	for (uint64_t t = 1000; t < 1600; t++)
		update(&l, both, 1, t); /* six hundred answers in under ten minutes */
	assert_int_equal(l.n, 3);
	update(&l, both, 1, 1600);
	assert_int_equal(l.n, 2);
	learned_free(&l);
}

static void an_answer_that_names_it_starts_the_count_anew(void **state)
{
	struct learned l = {0};

	(void)state;
	update(&l, both, 2, 0);
	update(&l, both, 1, 100);
	update(&l, both, 1, 400);
	update(&l, both, 2, 500);
	update(&l, both, 1, 800);
	update(&l, both, 1, 900);
	update(&l, both, 1, 1000);
	assert_int_equal(l.n, 3);
	learned_free(&l);
}

static void the_same_answer_again_neither_counts_nor_releases(void **state)
{
	struct learned l = {0};

	(void)state;
	update(&l, both, 2, 0);
	update(&l, both, 1, 100);
	update(&l, both, 1, 200);
	for (uint64_t t = 201; t < 2000; t++)
		repeat(&l, both, 1, t);
	assert_int_equal(l.n, 3);
	update(&l, both, 2, 2000);
	for (uint64_t t = 2100; t < 2400; t += 100)
		update(&l, both, 1, t); /* three answers in under ten minutes */
	repeat(&l, both, 1, 3000);
	assert_int_equal(l.n, 3);
	repeat(&l, both, 2, 3100); /* what it names closes, whatever it is */
	assert_int_equal(l.ports[2].missing, 0);
	update(&l, both, 1, 3200);
	assert_int_equal(l.n, 3);
	learned_free(&l);
}

static void one_protocol_of_a_port_can_go_while_the_other_stays(void **state)
{
	const struct port_rule tcp_only = {.port = 22, .protos = PROTO_BIT_TCP};
	struct learned l = {0};

	(void)state;
	update(&l, both, 1, 0);
	for (uint64_t t = 0; t < 3; t++)
		update(&l, &tcp_only, 1, 100 + t * 400);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.ports[0].proto_bit, PROTO_BIT_TCP);
	learned_free(&l);
}

static void too_many_change_nothing(void **state)
{
	struct port_rule many[17];
	struct boot_time now = {0};
	struct learned l = {0};

	(void)state;
	update(&l, both, 2, 0);
	for (uint16_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (struct port_rule){.port = (uint16_t)(100 + i), .protos = PROTO_BIT_TCP};
	assert_int_equal(learned_update(&l, many, ARRAY_SIZE(many), (struct learned_when){.now = now}, 16), -28);
	assert_int_equal(l.n, 3);
	assert_int_equal(l.ports[0].missing, 0);
	learned_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_are_kept_sorted_one_entry_a_protocol),
		cmocka_unit_test(a_port_goes_after_three_answers_and_ten_minutes_and_not_before),
		cmocka_unit_test(an_answer_that_names_it_starts_the_count_anew),
		cmocka_unit_test(the_same_answer_again_neither_counts_nor_releases),
		cmocka_unit_test(one_protocol_of_a_port_can_go_while_the_other_stays),
		cmocka_unit_test(too_many_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
