// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See utf8.h. Owns which bytes are a character (RFC 3629), not what is done about those that are none.
 */
#include "utf8.h"

#include <string.h>

/* By the first byte; 0: it begins none. c0, c1 and f5 up could only begin what is overlong or beyond the end. */
static size_t sequence_length(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2)
		return 0;
	if (first < 0xe0)
		return 2;
	if (first < 0xf0)
		return 3;
	return first < 0xf5 ? 4 : 0;
}

size_t utf8_decode(const char *s, size_t room, uint32_t *ret_code)
{
	static const uint32_t least[UTF8_BYTES_MAX + 1] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = room ? sequence_length((unsigned char)s[0]) : 0;
	uint32_t code;

	if (len == 0 || len > room)
		return 0;
	code = len == 1 ? (unsigned char)s[0] : (unsigned char)s[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | ((unsigned char)s[i] & 0x3f);
	}
	if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	if (ret_code)
		*ret_code = code;
	return len;
}

void utf8_fit(char *out, size_t size, const char *text)
{
	const char *s = text ? text : "";
	size_t used = 0;

	while (*s) {
		size_t len = utf8_decode(s, UTF8_BYTES_MAX, NULL), step = len ? len : 1;

		if (used + step >= size)
			break;
		if (len)
			memcpy(out + used, s, len);
		else
			out[used] = '?';
		used += step;
		s += step;
	}
	out[used] = '\0';
}
