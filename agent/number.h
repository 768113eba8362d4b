/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Decimal numbers without sign. Where a leading zero or another base would be a trap, the caller says so.
 */
#ifndef NUMBER_H
#define NUMBER_H

#include <stddef.h>
#include <stdint.h>

/* How many digits stand at the start of the text. */
size_t number_digits(const char *text, size_t len);

/*
 * Digits and nothing else, at least one, leading zeros included, as a number of at most `max`. 0, or -EINVAL with *ret
 * untouched.
 */
int number_parse(const char *text, size_t len, uint64_t max, uint64_t *ret);

#endif
