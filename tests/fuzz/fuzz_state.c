// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The state file. An input is taken as it is, and with its header made right, since no fuzzer guesses a checksum. What
 * is accepted comes back from the file that is written of it; cut short or with one bit turned that file is refused.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "state.h"

#define HEADER 24
#define FLIPS 24
#define MAX_PORTS 16
#define MAX_GRANTS 16

static int decode(const uint8_t *bytes, size_t len, struct snapshot *ret)
{
	struct parse_error err = FUZZ_NO_ERROR;
	int r;

	*ret = (struct snapshot){0};
	r = state_decode(bytes, len, MAX_PORTS, MAX_GRANTS, ret, &err);
	if (r < 0) {
		HOLDS(r == -EINVAL || r == -EPROTO);
		HOLDS(!ret->ports && !ret->n_ports && !ret->grants.grants && !ret->grants.n && !ret->taken.ns);
		HOLDS(IS_REFUSAL(err, len));
	}
	return r;
}

/* A header that fits what is behind it. The caller frees it. */
static uint8_t *with_header(const uint8_t *data, size_t size)
{
	uint32_t version = STATE_FILE_VERSION, crc = (uint32_t)crc32_z(0, data, size);
	uint8_t *bytes = malloc(HEADER + size);
	uint64_t length = size;

	if (!bytes)
		abort();
	memcpy(bytes, "jitgate", 8);
	memcpy(bytes + 8, &version, 4);
	memcpy(bytes + 12, &crc, 4);
	memcpy(bytes + 16, &length, 8);
	if (size)
		memcpy(bytes + HEADER, data, size);
	return bytes;
}

static void check_broken(const uint8_t *bytes, size_t len, uint64_t choice)
{
	_cleanup_free_ char *longer = fuzz_text(bytes, len); /* by one byte */
	_cleanup_free_ uint8_t *behind = with_header((uint8_t *)longer + HEADER, len - HEADER + 1);
	struct snapshot snapshot;

	HOLDS(decode(behind, len + 1, &snapshot) < 0);
	for (size_t i = 0; i < FLIPS; i++, choice += 7919) {
		uint8_t bit = (uint8_t)(1 << choice % 8);

		longer[choice / 8 % len] ^= (char)bit;
		HOLDS(decode((uint8_t *)longer, len, &snapshot) < 0);
		longer[choice / 8 % len] ^= (char)bit;
	}
	HOLDS(decode(bytes, choice % len, &snapshot) < 0);
}

static bool is_same_text(const struct grant_set *a, text_ref x, const struct grant_set *b, text_ref y)
{
	return strcmp(grant_set_text(a, x), grant_set_text(b, y)) == 0;
}

static void compare(const struct snapshot *a, const struct snapshot *b)
{
	const struct grant_set *s = &a->grants, *t = &b->grants;

	HOLDS(a->taken.ns == b->taken.ns && a->fresh_for_s == b->fresh_for_s);
	HOLDS(a->n_ports == b->n_ports && s->n == t->n);
	HOLDS(!a->n_ports || memcmp(a->ports, b->ports, a->n_ports * sizeof(*a->ports)) == 0);
	for (size_t i = 0; i < s->n; i++) {
		const struct grant *x = &s->grants[i], *y = &t->grants[i];

		HOLDS(grant_compare(x, y) == 0 && x->start.ns == y->start.ns && x->until.ns == y->until.ns);
		HOLDS(is_same_text(s, x->requestor, t, y->requestor) && is_same_text(s, x->origin, t, y->origin));
		HOLDS(is_same_text(s, x->justification, t, y->justification) && !x->mark && !y->mark);
	}
}

static void check(const uint8_t *bytes, size_t len)
{
	_cleanup_snapshot_ struct snapshot snapshot = {0}, copy = {0};
	_cleanup_free_ void *again = NULL;
	size_t again_len;

	if (decode(bytes, len, &snapshot) < 0)
		return;
	HOLDS(snapshot.n_ports <= MAX_PORTS && snapshot.grants.n <= MAX_GRANTS);
	HOLDS(state_encode(&snapshot, &again, &again_len) == 0);
	HOLDS(decode(again, again_len, &copy) == 0);
	compare(&snapshot, &copy);
	check_broken(bytes, len, fuzz_number(bytes + len - 8, 8) * 2654435761U + len);
	check_broken(again, again_len, (uint64_t)snapshot.taken.ns);
}

static void check_with_header(const uint8_t *data, size_t size)
{
	_cleanup_free_ uint8_t *bytes = with_header(data, size);

	check(bytes, HEADER + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check(data, size);
	check_with_header(data, size);
	if (size >= HEADER)
		check_with_header(data + HEADER, size - HEADER);
	return 0;
}

/* ---- files to start from */

static void add_file(fuzz_add *add, const char *name, size_t n_ports, size_t n_grants)
{
	_cleanup_snapshot_ struct snapshot snapshot = {.taken = {1700000000 * NS_PER_S}, .fresh_for_s = 60};
	struct grant grant = {.source = {.family = JITGATE_IPV6, .prefix_len = 32, .addr = {0x20, 1, 13, 0xb8}},
			      .port = 22,
			      .protos = PROTO_BITS_ALL,
			      .start = {1700000000 * NS_PER_S},
			      .until = {1700003600 * NS_PER_S}};
	_cleanup_free_ void *bytes = NULL;
	size_t len;

	for (size_t i = 0; i < n_ports; i++)
		HOLDS(snapshot_add_port(&snapshot, &(struct port_rule){(uint16_t)(22 + i), 1, 0, 3600}) == 0);
	for (size_t i = 0; i < n_grants; i++)
		HOLDS(grant_set_add(&snapshot.grants, &grant, "admin@example.com", "", "policy") == 0);
	HOLDS(state_encode(&snapshot, &bytes, &len) == 0);
	add(name, bytes, len);
}

void fuzz_seeds(fuzz_add *add)
{
	add_file(add, "empty", 0, 0);
	add_file(add, "one-port", 1, 0);
	add_file(add, "grants", 3, 2);
	add_file(add, "too-many", 17, 0);
}
