// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Addresses and prefixes: what is refused, the canonical form, cover and order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "cidr.h"
#include "fact_test.h"
#include "jitgate_abi.h"
#include "random.h"

static struct cidr parse(const char *text)
{
	struct cidr cidr;

	if (cidr_parse(text, strlen(text), &cidr, NULL) != 0)
		fail_msg("\"%s\" was refused", text);
	return cidr;
}

static void check_canonical(const char *text, const char *expected)
{
	struct cidr cidr = parse(text);
	char out[CIDR_TEXT_MAX];
	size_t len = cidr_format(&cidr, out);

	assert_string_equal(out, expected);
	assert_int_equal(len, strlen(out));
}

static void valid_texts_have_one_canonical_form(void **state)
{
	(void)state;
	check_canonical("10.0.0.1", "10.0.0.1");
	check_canonical("10.0.0.1/32", "10.0.0.1");
	check_canonical("0.0.0.0/0", "0.0.0.0/0");
	check_canonical("255.255.255.255", "255.255.255.255");
	check_canonical("2001:DB8:0:0::1", "2001:db8::1");
	check_canonical("2001:db8::/128", "2001:db8::");
	check_canonical("::/0", "::/0");
	check_canonical("64:ff9b::192.0.2.1", "64:ff9b::c000:201");
	check_canonical("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/127",
			"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127");
}

static void host_bits_are_cleared_not_refused(void **state)
{
	(void)state;
	check_canonical("10.1.2.3/8", "10.0.0.0/8");
	check_canonical("10.1.2.255/25", "10.1.2.128/25");
	check_canonical("255.255.255.255/1", "128.0.0.0/1");
	check_canonical("1.2.3.4/0", "0.0.0.0/0");
	check_canonical("2001:db8:ffff::1/33", "2001:db8:8000::/33");
	check_canonical("ff::1/0", "::/0");
}

/* `offset` is where the error has to point. */
static void check_refused(const char *text, size_t len, size_t offset)
{
	struct cidr before, cidr;
	struct parse_error err = {.offset = 999};

	memset(&before, 0xa5, sizeof(before));
	cidr = before;
	if (cidr_parse(text, len, &cidr, &err) != -EINVAL)
		fail_msg("\"%s\" was taken", text);
	assert_memory_equal(&cidr, &before, sizeof(cidr));
	assert_non_null(err.why);
	if (err.offset != offset)
		fail_msg("\"%s\": offset %zu, not %zu", text, err.offset, offset);
}

static void anything_else_is_refused_and_ret_untouched(void **state)
{
	static const struct {
		const char *text;
		size_t offset;
	} bad[] = {
		{"", 0},
		{"*", 0},
		{"Any", 0},
		{"Internet", 0},
		{"/8", 0},
		{"10.0.0", 0},
		{"10.0.0.0.0", 0},
		{"10", 0},
		{"010.0.0.1", 0},
		{"10.0.0.01", 0},
		{"10.0.0.00", 0},
		{"10.0.0.256", 0},
		{"0x0a.0.0.1", 0},
		{" 10.0.0.1", 0},
		{"10.0.0.1 ", 0},
		{"10.0.0.1\n", 0},
		{"10.0.0.-1", 0},
		{"+10.0.0.1", 0},
		{"10.0.0.1-10.0.0.9", 0},
		{"10.0.0.1,10.0.0.2", 0},
		{"10.0.0.0/", 9},
		{"10.0.0.0/33", 9},
		{"10.0.0.0/08", 9},
		{"10.0.0.0/00", 9},
		{"10.0.0.0/-1", 9},
		{"10.0.0.0/+8", 9},
		{"10.0.0.0/ 8", 9},
		{"10.0.0.0/8 ", 10},
		{"10.0.0.0/8/8", 10},
		{"10.0.0.0/8a", 10},
		{"10.0.0.0/0008", 9},
		{"10.0.0.0/255.0.0.0", 9},
		{"::1/129", 4},
		{"::1/0128", 4},
		{"::1/999", 4},
		{"fe80::1%eth0", 0},
		{"fe80::1%1/64", 0},
		{"[::1]", 0},
		{":", 0},
		{":::", 0},
		{"::1::", 0},
		{"1:2:3:4:5:6:7", 0},
		{"1:2:3:4:5:6:7:8:9", 0},
		{"12345::", 0},
		{"::00001", 0},
		{"g::", 0},
		{"::1.2.3", 0},
		{"::01.2.3.4", 0},
		{"::ffff:10.0.0.1", 0},
		{"::ffff:a00:1/128", 0},
		{"::FFFF:0:0/96", 0},
		{"0:0:0:0:0:ffff:10.0.0.1/64", 0},
		{"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555", 45},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		check_refused(bad[i].text, strlen(bad[i].text), bad[i].offset);
}

static void nul_inside_is_refused_and_len_is_obeyed(void **state)
{
	struct cidr cidr;

	(void)state;
	check_refused("10.0.0.1\0junk", 13, 8);
	check_refused("10.0.0.1\0/8", 11, 8);
	check_refused("10.0.0.0/8\0", 11, 10);
	check_refused("\0", 1, 0);
	assert_int_equal(cidr_parse("10.0.0.12345", 9, &cidr, NULL), 0);
	assert_int_equal(cidr.addr[3], 12);
	assert_int_equal(cidr_parse("10.0.0.0/24", 10, &cidr, NULL), 0);
	assert_int_equal(cidr.prefix_len, 2);
	assert_int_equal(cidr_parse(NULL, 0, &cidr, NULL), -EINVAL);
}

static void format_of_parse_is_a_fixpoint(void **state)
{
	static const char alphabet[] = "0123456789abcdef::::..../";
	size_t taken = 0;

	(void)state;
	for (int i = 0; i < 300000; i++) {
		char in[16], out[CIDR_TEXT_MAX], again[CIDR_TEXT_MAX];
		size_t len = random_below(sizeof(in) + 1);
		struct cidr first, second;

		for (size_t j = 0; j < len; j++)
			in[j] = alphabet[random_below(sizeof(alphabet) - 1)];
		if (cidr_parse(in, len, &first, NULL) != 0)
			continue;
		taken++;
		assert_int_equal(cidr_parse(out, cidr_format(&first, out), &second, NULL), 0);
		assert_memory_equal(&first, &second, sizeof(first));
		cidr_format(&second, again);
		assert_string_equal(out, again);
	}
	assert_true(taken > 100);
}

/* Canonical, and from so few addresses that covers are common. */
static struct cidr random_cidr(void)
{
	struct cidr wide = {.family = random_below(2) ? JITGATE_IPV4 : JITGATE_IPV6}, cidr;
	char text[CIDR_TEXT_MAX];
	size_t size = wide.family == JITGATE_IPV4 ? 4 : 16, len;

	wide.prefix_len = (uint8_t)(size * 8);
	wide.addr[0] = 0x20;
	for (size_t i = 0; i < 4; i++)
		wide.addr[random_below((uint32_t)size)] ^= (uint8_t)(1 << random_below(8));
	if (random_below(2))
		memset(wide.addr + 1, 0, 15);
	len = cidr_format(&wide, text);
	len += (size_t)snprintf(text + len, sizeof(text) - len, "/%u", random_below((uint32_t)size * 8 + 1));
	assert_int_equal(cidr_parse(text, len, &cidr, NULL), 0);
	return cidr;
}

static int bit_of(const struct cidr *cidr, unsigned int i)
{
	return cidr->addr[i / 8] >> (7 - i % 8) & 1;
}

/* The definition, bit by bit. */
static bool covers_slowly(const struct cidr *outer, const struct cidr *inner)
{
	if (outer->family != inner->family || outer->prefix_len > inner->prefix_len)
		return false;
	for (unsigned int i = 0; i < outer->prefix_len; i++) {
		if (bit_of(outer, i) != bit_of(inner, i))
			return false;
	}
	return true;
}

static void bits_behind_the_prefix_are_zero(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct cidr cidr = random_cidr();

		for (unsigned int bit = cidr.prefix_len; bit < 128; bit++)
			assert_int_equal(bit_of(&cidr, bit), 0);
	}
}

static void cover_is_reflexive_transitive_and_means_the_bits(void **state)
{
	size_t covers = 0;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		struct cidr a = random_cidr(), b = random_cidr(), c = random_cidr();

		assert_true(cidr_covers(&a, &a));
		assert_int_equal(cidr_covers(&a, &b), covers_slowly(&a, &b));
		covers += cidr_covers(&a, &b);
		if (cidr_covers(&a, &b) && cidr_covers(&b, &c))
			assert_true(cidr_covers(&a, &c));
		if (cidr_covers(&a, &b) && cidr_covers(&b, &a))
			assert_int_equal(cidr_compare(&a, &b), 0);
	}
	assert_true(covers > 1000);
}

static int compare_for_qsort(const void *a, const void *b)
{
	return cidr_compare(a, b);
}

static void compare_is_a_total_order(void **state)
{
	(void)state;
	for (int i = 0; i < 100000; i++) {
		struct cidr a = random_cidr(), b = random_cidr(), c = random_cidr();
		int ab = cidr_compare(&a, &b);

		assert_int_equal(ab, -cidr_compare(&b, &a));
		assert_int_equal(ab == 0, memcmp(&a, &b, sizeof(a)) == 0);
		if (ab <= 0 && cidr_compare(&b, &c) <= 0)
			assert_true(cidr_compare(&a, &c) <= 0);
	}
}

/* Sorted, what a prefix covers stands behind it in one run: nothing that it does not cover comes in between. */
static void cover_sorts_directly_before_what_it_covers(void **state)
{
	struct cidr list[64];

	(void)state;
	for (int round = 0; round < 300; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(list); i++)
			list[i] = random_cidr();
		qsort(list, ARRAY_SIZE(list), sizeof(list[0]), compare_for_qsort);
		for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
			bool run = true;

			for (size_t j = i + 1; j < ARRAY_SIZE(list); j++) {
				assert_true(run || !cidr_covers(&list[i], &list[j]));
				run = run && cidr_covers(&list[i], &list[j]);
				assert_true(!cidr_covers(&list[j], &list[i]) || cidr_compare(&list[i], &list[j]) == 0);
			}
		}
	}
}

static void any_covers_its_family_only(void **state)
{
	struct cidr any4 = cidr_any(JITGATE_IPV4), any6 = cidr_any(JITGATE_IPV6);
	struct cidr one4 = parse("192.0.2.1"), one6 = parse("2001:db8::1");
	char out[CIDR_TEXT_MAX];

	(void)state;
	assert_true(cidr_covers(&any4, &one4) && cidr_covers(&any6, &one6));
	assert_false(cidr_covers(&any4, &one6) || cidr_covers(&any6, &one4));
	cidr_format(&any4, out);
	assert_string_equal(out, "0.0.0.0/0");
	cidr_format(&any6, out);
	assert_string_equal(out, "::/0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_texts_have_one_canonical_form),
		fact_test("R6", host_bits_are_cleared_not_refused),
		cmocka_unit_test(anything_else_is_refused_and_ret_untouched),
		cmocka_unit_test(nul_inside_is_refused_and_len_is_obeyed),
		cmocka_unit_test(format_of_parse_is_a_fixpoint),
		cmocka_unit_test(bits_behind_the_prefix_are_zero),
		cmocka_unit_test(cover_is_reflexive_transitive_and_means_the_bits),
		cmocka_unit_test(compare_is_a_total_order),
		cmocka_unit_test(cover_sorts_directly_before_what_it_covers),
		cmocka_unit_test(any_covers_its_family_only),
	};

	return cmocka_run_group_tests(tests, seed_random, NULL);
}
