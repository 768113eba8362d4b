/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. One character of UTF-8, strictly. What counts as a character must be the same for whoever cuts, checks, escapes
 * or shows a text.
 */
#ifndef UTF8_H
#define UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The longest sequence. As `room` it is right for every string with a NUL at its end: a NUL continues nothing. */
#define UTF8_BYTES_MAX 4

/*
 * Bytes of the character at `s`, of which `room` may be read, and its code point in *ret_code (may be NULL). 0 with
 * *ret_code untouched when there is none: no room, a stray or missing continuation byte, an overlong form, a surrogate,
 * beyond U+10FFFF. A NUL byte is a character like any other.
 */
size_t utf8_decode(const char *s, size_t room, uint32_t *ret_code);

/* As much of `text` (NULL is "") as fits with a NUL into `out`, whole characters only; what is none becomes '?'. What
 * is behind the NUL is left alone. */
void utf8_fit(char *out, size_t size, const char *text);

#endif
