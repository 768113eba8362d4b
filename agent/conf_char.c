// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See conf_char.h. These come from editors and from habits of other formats. Must not know the grammar.
 */
#include "conf_char.h"

#include <string.h>

#include "util.h"

#define QUOTES "typographic quotes; use plain quotes, \" or '"

static const struct {
	const char *bytes; /* what the text begins with */
	const char *advice;
} advices[] = {
	{";", "unexpected ';'; no ';' ends a line here, and comments begin with #"},
	{"$", "'$' outside quotes; environment variables are not expanded"},
	{"\xef\xbb\xbf", "byte order mark; save the file without byte order mark"},
	{"\xc2\xa0", "no-break space; use a plain one"},
	{"\xe2\x80\x98", QUOTES}, /* single, low, reversed, and the same doubled: U+2018 to U+201F */
	{"\xe2\x80\x99", QUOTES},
	{"\xe2\x80\x9a", QUOTES},
	{"\xe2\x80\x9b", QUOTES},
	{"\xe2\x80\x9c", QUOTES},
	{"\xe2\x80\x9d", QUOTES},
	{"\xe2\x80\x9e", QUOTES},
	{"\xe2\x80\x9f", QUOTES},
	{"\xe2\x80\xb9", QUOTES}, /* angle quotes, single and double */
	{"\xe2\x80\xba", QUOTES},
	{"\xc2\xab", QUOTES},
	{"\xc2\xbb", QUOTES},
	{"\x91", QUOTES}, /* the first of them in Windows' own code page */
	{"\x92", QUOTES},
	{"\x93", QUOTES},
	{"\x94", QUOTES},
};

const char *conf_char_advice(const char *at, size_t left)
{
	for (size_t i = 0; i < ARRAY_SIZE(advices); i++) {
		size_t len = strlen(advices[i].bytes);

		if (len <= left && memcmp(at, advices[i].bytes, len) == 0)
			return advices[i].advice;
	}
	return NULL;
}

bool conf_char_is_utf16(const char *text, size_t len)
{
	return len >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0);
}
