// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The VF under a netvsc, by counters alone: no real one is at hand here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "util.h"
#include "vf.h"

static void the_drop_counters_of_all_drivers_are_known(void **state)
{
	static const char *const drops[] = {"rx_xdp_drop", "rx_queue_0_xdp_drop", "rx_queue_63_xdp_drop",
					    "rx_0_xdp_drop", "rx_12_xdp_drop"};
	static const char *const others[] = {"rx_xdp_redirect", "rx_queue_0_packets",  "tx_xdp_drop",
					     "rx_xdp_drops",    "rx_queue_xdp_drop_0", "rx_0xdp_drop",
					     "xdp_drop",        "rx_queue_0xdp_drop",  ""};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(drops); i++)
		assert_true(vf_is_xdp_drop(drops[i]));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(vf_is_xdp_drop(others[i]));
}

static enum vf_verdict judge(uint64_t rx, uint64_t drops, uint64_t counted)
{
	const struct vf_sample before = {.rx_packets = 1000, .xdp_drops = 10, .counted = 5000};
	const struct vf_sample after = {.rx_packets = before.rx_packets + rx,
					.xdp_drops = before.xdp_drops + drops,
					.counted = before.counted + counted};

	return vf_judge(&before, &after);
}

static void packets_that_the_filter_never_saw_went_past_it(void **state)
{
	(void)state;
	assert_int_equal(judge(1000, 0, 0), VF_UNFILTERED);
	assert_int_equal(judge(1000, 0, 499), VF_UNFILTERED);
	assert_int_equal(judge(1000, 0, 500), VF_NOT_KNOWN);
}

static void counters_at_rest_prove_nothing_while_the_filter_counts(void **state)
{
	(void)state;
	assert_int_equal(judge(1000, 0, 1000), VF_NOT_KNOWN);
	assert_int_equal(judge(VF_PACKETS_MIN - 1, 0, 0), VF_NOT_KNOWN);
	assert_int_equal(judge(VF_PACKETS_MIN, 0, 0), VF_UNFILTERED);
	assert_int_equal(judge(0, 0, 0), VF_NOT_KNOWN);
}

static void drops_of_the_function_itself_show_the_program(void **state)
{
	(void)state;
	assert_int_equal(judge(1000, 1, 1000), VF_FILTERED);
	assert_int_equal(judge(1, 1, 0), VF_FILTERED);
}

static void counters_that_went_back_are_another_functions(void **state)
{
	const struct vf_sample before = {.rx_packets = 1000, .xdp_drops = 10, .counted = 5000};
	const struct vf_sample after = {.rx_packets = 10, .xdp_drops = 0, .counted = 5000};

	(void)state;
	assert_int_equal(vf_judge(&before, &after), VF_NOT_KNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_drop_counters_of_all_drivers_are_known),
		cmocka_unit_test(packets_that_the_filter_never_saw_went_past_it),
		cmocka_unit_test(counters_at_rest_prove_nothing_while_the_filter_counts),
		cmocka_unit_test(drops_of_the_function_itself_show_the_program),
		cmocka_unit_test(counters_that_went_back_are_another_functions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
