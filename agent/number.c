// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See number.h. No locale, no white space, no overflow.
 */
#include "number.h"

#include <errno.h>

size_t number_digits(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && text[n] >= '0' && text[n] <= '9')
		n++;
	return n;
}

int number_parse(const char *text, size_t len, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (len == 0 || number_digits(text, len) != len)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, text[i] - '0', &value))
			return -EINVAL;
	}
	if (value > max)
		return -EINVAL;
	*ret = value;
	return 0;
}
