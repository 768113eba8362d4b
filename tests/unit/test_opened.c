// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What an operator opened: the list, and its file in every state of damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "opened.h"
#include "state.h"
#include "util.h"

#define NOW_NS (1800000000LL * NS_PER_S)
#define HOUR_NS (3600 * NS_PER_S)

static const struct wall_time now = {NOW_NS};

static struct grant grant_of(uint8_t last, int64_t from_ns, int64_t for_ns)
{
	return (struct grant){.source = {.family = JITGATE_IPV4, .prefix_len = 32, .addr = {10, 0, 0, last}},
			      .port = 22,
			      .protos = PROTO_BIT_TCP,
			      .start.ns = NOW_NS + from_ns,
			      .until.ns = NOW_NS + from_ns + for_ns};
}

static void put(struct grant_set *set, const struct grant *grant)
{
	struct grant_set changed = {0};

	assert_int_equal(opened_change(set, grant, "root", "p\xc3\xa4ger \"x\"", OPENED_ORIGIN, now, &changed), 0);
	grant_set_free(set);
	*set = changed;
}

static void live_from_its_start_to_its_end(void **state)
{
	struct grant grant = grant_of(1, 0, HOUR_NS);

	(void)state;
	assert_true(opened_is_live(&grant, now));
	assert_true(opened_is_live(&grant, (struct wall_time){NOW_NS + HOUR_NS - 1}));
	assert_false(opened_is_live(&grant, (struct wall_time){NOW_NS + HOUR_NS}));
	assert_true(opened_is_live(&grant, (struct wall_time){NOW_NS - 59 * NS_PER_S}));
	assert_false(opened_is_live(&grant, (struct wall_time){NOW_NS - 61 * NS_PER_S}));
	assert_false(opened_is_live(&grant, (struct wall_time){0}));
}

static void a_change_is_a_new_set_and_leaves_the_old_one(void **state)
{
	CLEANUP(grant_set_free) struct grant_set set = {0}, changed = {0};
	struct grant first = grant_of(1, 0, HOUR_NS), again = grant_of(1, 0, 2 * HOUR_NS),
		     other = grant_of(2, 0, HOUR_NS);

	(void)state;
	put(&set, &first);
	put(&set, &other);
	put(&set, &again);
	assert_int_equal(set.n, 2);
	assert_true(opened_find(&set, &first)->until.ns == again.until.ns);
	assert_int_equal(opened_change(&set, &other, NULL, NULL, NULL, now, &changed), 0);
	assert_int_equal(set.n, 2);
	assert_int_equal(changed.n, 1);
	assert_null(opened_find(&changed, &other));
	assert_string_equal(grant_set_text(&changed, opened_find(&changed, &first)->justification),
			    "p\xc3\xa4ger \"x\"");
}

static void sixty_four_are_the_most_and_ended_ones_do_not_count(void **state)
{
	CLEANUP(grant_set_free) struct grant_set set = {0}, changed = {0};
	struct grant ended = grant_of(200, -2 * HOUR_NS, HOUR_NS), more = grant_of(201, 0, HOUR_NS);

	(void)state;
	put(&set, &ended);
	for (int i = 0; i < OPENED_MAX; i++) {
		struct grant grant = grant_of((uint8_t)i, 0, HOUR_NS);

		put(&set, &grant);
	}
	assert_int_equal(opened_change(&set, &more, "root", "x", OPENED_ORIGIN, now, &changed), -ENOSPC);
	assert_null(changed.grants);
	assert_int_equal(opened_change(&set, &set.grants[5], "root", "x", OPENED_ORIGIN, now, &changed), 0);
}

struct file {
	unsigned char *bytes;
	size_t len;
};

static void free_file(struct file *file)
{
	free(file->bytes);
}

static struct file sample_file(void)
{
	CLEANUP(grant_set_free) struct grant_set set = {0};
	struct grant a = grant_of(1, 0, HOUR_NS), b = grant_of(2, -HOUR_NS, 2 * HOUR_NS),
		     over = grant_of(3, -HOUR_NS, 1);
	struct file file = {0};
	void *bytes = NULL;

	put(&set, &a);
	put(&set, &b);
	put(&set, &over);
	assert_int_equal(opened_encode(&set, now, &bytes, &file.len), 0);
	file.bytes = bytes;
	return file;
}

/* A copy of exactly that length, so that a sanitizer sees a read beyond. */
static int decode(const void *bytes, size_t len, struct grant_set *ret, struct parse_error *err)
{
	_cleanup_free_ char *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	return opened_decode(copy, len, ret, err);
}

static void expect_refused(const void *bytes, size_t len)
{
	struct grant_set set = {0};
	struct parse_error err = {SIZE_MAX, NULL};

	assert_true(decode(bytes, len, &set, &err) < 0);
	assert_non_null(err.why);
	assert_null(set.grants);
}

static void what_was_written_comes_back_without_what_has_ended(void **state)
{
	CLEANUP(free_file) struct file file = sample_file();
	CLEANUP(grant_set_free) struct grant_set set = {0};
	struct grant a = grant_of(1, 0, HOUR_NS);
	const struct grant *found;

	(void)state;
	assert_int_equal(decode(file.bytes, file.len, &set, NULL), 0);
	assert_int_equal(set.n, 2);
	found = opened_find(&set, &a);
	assert_true(found && found->start.ns == a.start.ns && found->until.ns == a.until.ns);
	assert_string_equal(grant_set_text(&set, found->requestor), "root");
	assert_string_equal(grant_set_text(&set, found->justification), "p\xc3\xa4ger \"x\"");
	assert_string_equal(grant_set_text(&set, found->origin), "operator");
}

static void a_file_cut_short_or_with_a_bit_turned_is_refused_whole(void **state)
{
	CLEANUP(free_file) struct file file = sample_file();

	(void)state;
	for (size_t len = 0; len < file.len; len++)
		expect_refused(file.bytes, len);
	for (size_t bit = 0; bit < 8 * file.len; bit++) {
		file.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
		expect_refused(file.bytes, file.len);
		file.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
}

/* A checksum that fits is no reason to believe it. */
static int decode_snapshot(const struct snapshot *snapshot)
{
	CLEANUP(grant_set_free) struct grant_set set = {0};
	_cleanup_free_ void *bytes = NULL;
	size_t len = 0;

	assert_int_equal(state_encode(snapshot, &bytes, &len), 0);
	return decode(bytes, len, &set, NULL);
}

static int decode_one(struct grant grant)
{
	_cleanup_snapshot_ struct snapshot snapshot = {.taken = now, .fresh_for_s = 1};

	assert_int_equal(grant_set_add(&snapshot.grants, &grant, "root", "x", OPENED_ORIGIN), 0);
	return decode_snapshot(&snapshot);
}

static void what_nobody_could_have_opened_is_refused(void **state)
{
	_cleanup_snapshot_ struct snapshot many = {.taken = now, .fresh_for_s = 1},
					   ports = {.taken = now, .fresh_for_s = 1};
	struct port_rule rule = {.port = 22, .protos = PROTO_BIT_TCP};
	struct grant grant = grant_of(1, 0, HOUR_NS);

	(void)state;
	assert_int_equal(decode_one(grant), 0);
	assert_int_equal(decode_one(grant_of(1, 0, OPENED_LONGEST_S * NS_PER_S)), 0);
	assert_int_equal(decode_one(grant_of(1, 0, OPENED_LONGEST_S * NS_PER_S + 1)), -EINVAL);
	assert_int_equal(decode_one(grant_of(1, 0, 0)), -EINVAL);
	grant.start.ns = 0; /* not known: then nobody knows how long it is */
	assert_int_equal(decode_one(grant), -EINVAL);
	for (int i = 0; i <= OPENED_MAX; i++) {
		grant = grant_of((uint8_t)i, 0, HOUR_NS);
		assert_int_equal(grant_set_add(&many.grants, &grant, "root", "x", OPENED_ORIGIN), 0);
	}
	assert_int_equal(decode_snapshot(&many), -EINVAL);
	assert_int_equal(snapshot_add_port(&ports, &rule), 0);
	assert_int_equal(decode_snapshot(&ports), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(live_from_its_start_to_its_end),
		cmocka_unit_test(a_change_is_a_new_set_and_leaves_the_old_one),
		cmocka_unit_test(sixty_four_are_the_most_and_ended_ones_do_not_count),
		cmocka_unit_test(what_was_written_comes_back_without_what_has_ended),
		cmocka_unit_test(a_file_cut_short_or_with_a_bit_turned_is_refused_whole),
		cmocka_unit_test(what_nobody_could_have_opened_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
