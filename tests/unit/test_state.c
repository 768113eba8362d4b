// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The state file: what was written comes back, and a file that is damaged in any way is refused with the reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "feed_msg.h"
#include "jitgate_abi.h"
#include "state.h"

#define MAX_PORTS 16
#define MAX_GRANTS 16

/* Where the header has what; a file format, so it is written out here once more. */
#define VERSION_AT 8
#define CRC_AT 12
#define LENGTH_AT 16
#define BODY_AT 24

struct file {
	unsigned char *bytes;
	size_t len;
};

static void free_file(struct file *file)
{
	free(file->bytes);
}

#define _cleanup_file_ CLEANUP(free_file)

static struct snapshot make_snapshot(size_t n_ports, size_t n_grants)
{
	struct snapshot snapshot = {.taken = {1700000000LL * NS_PER_S}, .fresh_for_s = 1200};
	char requestor[64];

	for (size_t i = 0; i < n_ports; i++) {
		struct port_rule rule = {.port = (uint16_t)(22 + i), .protos = PROTO_BIT_TCP, .longest_s = 10800};

		assert_int_equal(snapshot_add_port(&snapshot, &rule), 0);
	}
	for (size_t i = 0; i < n_grants; i++) {
		struct grant grant = {
			.source = {.family = JITGATE_IPV4, .prefix_len = 32, .addr = {192, 0, 2, (uint8_t)i}},
			.port = 22,
			.protos = PROTO_BIT_TCP,
			.until = {1700000000LL * NS_PER_S + (int64_t)i},
		};

		snprintf(requestor, sizeof(requestor), "user%zu@example.com", i);
		assert_int_equal(
			grant_set_add(&snapshot.grants, &grant, requestor, "p\xc3\xa4tching", "policy/default"), 0);
	}
	return snapshot;
}

static struct file encode(const struct snapshot *snapshot)
{
	struct file file = {0};
	void *bytes = NULL;

	assert_int_equal(state_encode(snapshot, &bytes, &file.len), 0);
	file.bytes = bytes;
	return file;
}

static struct file encode_sample(void)
{
	_cleanup_snapshot_ struct snapshot snapshot = make_snapshot(2, 3);

	return encode(&snapshot);
}

/* After a change of the body: a damage that the checksum does not see. */
static void seal(struct file *file)
{
	uint32_t crc = (uint32_t)crc32(0, file->bytes + BODY_AT, (unsigned int)(file->len - BODY_AT));
	uint64_t length = file->len - BODY_AT;

	memcpy(file->bytes + CRC_AT, &crc, sizeof(crc));
	memcpy(file->bytes + LENGTH_AT, &length, sizeof(length));
}

/* The copy has exactly `len` bytes, so that a sanitizer sees a read beyond them. */
static int decode(const void *bytes, size_t len, struct snapshot *ret, struct parse_error *err)
{
	_cleanup_free_ char *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	return state_decode(copy, len, MAX_PORTS, MAX_GRANTS, ret, err);
}

static void expect_refused(const void *bytes, size_t len, int result, const char *why)
{
	struct snapshot snapshot = {0}, untouched = {0};
	struct parse_error err = {SIZE_MAX, NULL};
	int r = decode(bytes, len, &snapshot, &err);

	if (r != result || !err.why || !strstr(err.why, why))
		fail_msg("%d, \"%s\" instead of %d, \"%s\"", r, err.why ? err.why : "", result, why);
	assert_true(err.offset <= len);
	assert_memory_equal(&snapshot, &untouched, sizeof(snapshot));
}

static void expect_same(const struct snapshot *a, const struct snapshot *b)
{
	assert_true(a->taken.ns == b->taken.ns && a->fresh_for_s == b->fresh_for_s);
	assert_int_equal(a->n_ports, b->n_ports);
	assert_int_equal(a->grants.n, b->grants.n);
	if (a->n_ports)
		assert_memory_equal(a->ports, b->ports, a->n_ports * sizeof(*a->ports));
	for (size_t i = 0; i < a->grants.n; i++) {
		const struct grant *x = &a->grants.grants[i], *y = &b->grants.grants[i];

		assert_int_equal(grant_compare(x, y), 0);
		assert_true(x->until.ns == y->until.ns);
		assert_string_equal(grant_set_text(&a->grants, x->requestor), grant_set_text(&b->grants, y->requestor));
		assert_string_equal(grant_set_text(&a->grants, x->justification),
				    grant_set_text(&b->grants, y->justification));
		assert_string_equal(grant_set_text(&a->grants, x->origin), grant_set_text(&b->grants, y->origin));
	}
}

static void what_was_written_comes_back(void **state)
{
	static const struct {
		size_t ports, grants;
	} sizes[] = {{0, 0}, {1, 0}, {0, 1}, {2, 3}, {MAX_PORTS, MAX_GRANTS}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		_cleanup_snapshot_ struct snapshot snapshot = make_snapshot(sizes[i].ports, sizes[i].grants);
		_cleanup_snapshot_ struct snapshot back = {0};
		_cleanup_file_ struct file file = encode(&snapshot);

		assert_int_equal(decode(file.bytes, file.len, &back, NULL), 0);
		expect_same(&back, &snapshot);
	}
}

/* Those are the feed's to say anew: after a reboot another clock is there. */
static void what_is_refused_and_the_clock_are_not_kept(void **state)
{
	const struct refused_texts texts = {"no", "Internet", "", "ann", "p"};
	_cleanup_snapshot_ struct snapshot snapshot = make_snapshot(2, 3), back = {0};
	_cleanup_file_ struct file before = encode(&snapshot);

	(void)state;
	snapshot.clock_known = true;
	snapshot.clock_offset_s = 431;
	snapshot.keeps_grants = true;
	snapshot.refused.more = 5;
	assert_int_equal(refused_add(&snapshot.refused, 22, &texts), 0);
	_cleanup_file_ struct file file = encode(&snapshot);
	assert_int_equal(file.len, before.len);
	assert_memory_equal(file.bytes, before.bytes, file.len);
	assert_int_equal(decode(file.bytes, file.len, &back, NULL), 0);
	assert_false(back.clock_known);
	assert_false(back.keeps_grants);
	assert_int_equal(back.grants.n, 3);
	assert_int_equal(back.refused.n + back.refused.more, 0);
}

/* Whether a grant is over is the caller's question: it has the clock. */
static void grant_past_its_end_is_read_all_the_same(void **state)
{
	_cleanup_snapshot_ struct snapshot snapshot = make_snapshot(1, 1);
	_cleanup_snapshot_ struct snapshot back = {0};

	(void)state;
	snapshot.grants.grants[0].until.ns = 0;
	_cleanup_file_ struct file file = encode(&snapshot);

	assert_int_equal(decode(file.bytes, file.len, &back, NULL), 0);
	assert_int_equal(back.grants.n, 1);
	assert_true(back.grants.grants[0].until.ns == 0);
}

static void file_cut_short_anywhere_is_truncated(void **state)
{
	_cleanup_file_ struct file file = encode_sample();

	(void)state;
	for (size_t len = 0; len < file.len; len++)
		expect_refused(file.bytes, len, -EINVAL, "truncated");
}

static void any_flipped_bit_is_seen(void **state)
{
	_cleanup_file_ struct file file = encode_sample();

	(void)state;
	for (size_t at = 0; at < file.len; at++) {
		for (int bit = 0; bit < 8; bit++) {
			unsigned char was = file.bytes[at];
			bool more = !(was & (1 << bit)); /* a length that grows says more than there is */

			file.bytes[at] ^= (unsigned char)(1 << bit);
			if (at < VERSION_AT)
				expect_refused(file.bytes, file.len, -EINVAL, "not a state file");
			else if (at < CRC_AT)
				expect_refused(file.bytes, file.len, -EPROTO, "another version");
			else if (at < LENGTH_AT || at >= BODY_AT)
				expect_refused(file.bytes, file.len, -EINVAL, "checksum does not match");
			else
				expect_refused(file.bytes, file.len, -EINVAL, more ? "truncated" : "behind its end");
			file.bytes[at] = was;
		}
	}
}

static void bytes_behind_the_end_are_refused(void **state)
{
	_cleanup_file_ struct file file = encode_sample();

	(void)state;
	file.bytes = realloc(file.bytes, file.len + 8);
	assert_non_null(file.bytes);
	memset(file.bytes + file.len, 0, 8);
	expect_refused(file.bytes, file.len + 1, -EINVAL, "behind its end");
	file.len += 8;
	seal(&file);
	expect_refused(file.bytes, file.len, -EINVAL, "bytes behind the snapshot");
}

static void another_version_says_so_whatever_its_layout(void **state)
{
	unsigned char later[BODY_AT] = "jitgate";
	uint32_t version = STATE_FILE_VERSION + 1;

	(void)state;
	memcpy(later + VERSION_AT, &version, sizeof(version));
	memset(later + CRC_AT, 0xee, sizeof(later) - CRC_AT);
	expect_refused(later, sizeof(later), -EPROTO, "another version");
	expect_refused("plain text, longer than the header of a file", 44, -EINVAL, "not a state file");
}

static void well_sealed_nonsense_is_refused_by_the_receiver(void **state)
{
	_cleanup_file_ struct file file = encode_sample();
	const size_t begin_at = BODY_AT + sizeof(struct feed_hello), port_at = begin_at + sizeof(struct feed_begin);
	struct feed_port port;

	(void)state;
	memcpy(&port, file.bytes + port_at, sizeof(port));
	port.port = 0;
	memcpy(file.bytes + port_at, &port, sizeof(port));
	seal(&file);
	expect_refused(file.bytes, file.len, -EINVAL, "port is not 1 to 65535");

	port.port = 22;
	port.header.size = UINT32_MAX;
	memcpy(file.bytes + port_at, &port, sizeof(port));
	seal(&file);
	expect_refused(file.bytes, file.len, -EINVAL, "wrong size");
	port.header.size = 0;
	memcpy(file.bytes + port_at, &port, sizeof(port));
	seal(&file);
	expect_refused(file.bytes, file.len, -EINVAL, "wrong size");

	file.len = port_at;
	seal(&file);
	expect_refused(file.bytes, file.len, -EINVAL, "no whole snapshot");
	file.len = BODY_AT;
	seal(&file);
	expect_refused(file.bytes, file.len, -EINVAL, "no whole snapshot");
}

/* Offset of grant `i` in the file of encode_sample; its texts begin behind 56 bytes. */
static size_t grant_at(const struct file *file, size_t i)
{
	size_t at = BODY_AT + sizeof(struct feed_hello) + sizeof(struct feed_begin) + 2 * sizeof(struct feed_port);

	while (i--) {
		struct feed_header header;

		memcpy(&header, file->bytes + at, sizeof(header));
		assert_int_equal(header.type, FEED_GRANT);
		at += header.size;
	}
	return at;
}

static void a_text_that_is_repeated_is_written_once(void **state)
{
	_cleanup_file_ struct file file = encode_sample();
	size_t first = grant_at(&file, 1) - grant_at(&file, 0), second = grant_at(&file, 2) - grant_at(&file, 1);

	(void)state;
	assert_int_equal(first, 56 + 3 * 2 + strlen("user0@example.com") + strlen("p\xc3\xa4tching") +
					strlen("policy/default"));
	assert_int_equal(second, 56 + 3 * 2 + strlen("user1@example.com"));
}

/* Texts may change back and forth, be empty, or as long as they can be. */
static void every_text_comes_back_in_its_place(void **state)
{
	static const char *const texts[] = {"", "a", "a", "", "", "b", "a"};
	_cleanup_snapshot_ struct snapshot snapshot = make_snapshot(0, 1), back = {0};
	char longest[GRANT_JUSTIFICATION_MAX];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct grant grant = snapshot.grants.grants[0];

		assert_int_equal(grant_set_add(&snapshot.grants, &grant, texts[i], i == 2 ? longest : texts[i], "b"),
				 0);
	}
	_cleanup_file_ struct file file = encode(&snapshot);

	assert_int_equal(decode(file.bytes, file.len, &back, NULL), 0);
	expect_same(&back, &snapshot);
}

static void expect_wrong_size(uint32_t size)
{
	_cleanup_file_ struct file file = encode_sample();
	unsigned char *at = file.bytes + grant_at(&file, 2);
	struct feed_header header;

	memcpy(&header, at, sizeof(header));
	header.size = size ? size : header.size + 4;
	memcpy(at, &header, sizeof(header));
	seal(&file);
	expect_refused(file.bytes, file.len, -EINVAL, "grant of a wrong size");
}

static void a_grant_whose_texts_do_not_fit_is_refused(void **state)
{
	static const uint16_t lens[] = {100, GRANT_REQUESTOR_MAX, UINT16_MAX - 1};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		_cleanup_file_ struct file file = encode_sample();

		memcpy(file.bytes + grant_at(&file, 2) + 56, &lens[i], sizeof(lens[i]));
		seal(&file);
		expect_refused(file.bytes, file.len, -EINVAL, "longer than its place");
	}
	for (uint32_t size = sizeof(struct feed_header); size < 56 + 2; size++)
		expect_wrong_size(size);
	expect_wrong_size(0); /* four bytes of what comes behind it */
}

static void more_than_fits_is_refused(void **state)
{
	_cleanup_snapshot_ struct snapshot ports = make_snapshot(MAX_PORTS + 1, 0),
					   grants = make_snapshot(0, MAX_GRANTS + 1);
	_cleanup_file_ struct file many_ports = encode(&ports), many_grants = encode(&grants);

	(void)state;
	expect_refused(many_ports.bytes, many_ports.len, -EINVAL, "more ports than fit");
	expect_refused(many_grants.bytes, many_grants.len, -EINVAL, "more grants than fit");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_comes_back),
		cmocka_unit_test(what_is_refused_and_the_clock_are_not_kept),
		cmocka_unit_test(grant_past_its_end_is_read_all_the_same),
		cmocka_unit_test(file_cut_short_anywhere_is_truncated),
		cmocka_unit_test(any_flipped_bit_is_seen),
		cmocka_unit_test(bytes_behind_the_end_are_refused),
		cmocka_unit_test(another_version_says_so_whatever_its_layout),
		cmocka_unit_test(well_sealed_nonsense_is_refused_by_the_receiver),
		cmocka_unit_test(a_text_that_is_repeated_is_written_once),
		cmocka_unit_test(every_text_comes_back_in_its_place),
		cmocka_unit_test(a_grant_whose_texts_do_not_fit_is_refused),
		cmocka_unit_test(more_than_fits_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
