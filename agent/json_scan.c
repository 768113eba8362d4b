// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. One walk over the bytes, without recursion and without memory. Builds nothing.
 */
#include "json_scan.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "utf8.h"

/*
 * Walk one string; *at is behind its opening quote, and behind its closing one afterwards. An escaped NUL would cut the
 * text that cJSON hands out: "vm1\u0000x" would compare equal to "vm1".
 */
static int scan_string(const char *bytes, size_t len, size_t *at, struct parse_error *err)
{
	size_t i = *at;

	while (i < len) {
		unsigned char ch = (unsigned char)bytes[i];
		size_t n = utf8_decode(bytes + i, len - i, NULL);

		if (ch == '"') {
			*at = i + 1;
			return 0;
		}
		if (ch < 0x20)
			return parse_fail(err, i, "control character in a string");
		if (!n)
			return parse_fail(err, i, "not UTF-8");
		if (ch == '\\') {
			if (len - i >= 6 && !memcmp(bytes + i, "\\u0000", 6))
				return parse_fail(err, i, "NUL in a string");
			n = 2;
		}
		i += n;
	}
	return parse_fail(err, len, "a string without end");
}

int json_scan(const char *bytes, size_t len, struct parse_error *err)
{
	size_t depth = 0, values = 1;

	if (len > JSON_SCAN_BYTES_MAX)
		return parse_fail(err, JSON_SCAN_BYTES_MAX, "answer too large");
	for (size_t i = 0; i < len;) {
		unsigned char ch = (unsigned char)bytes[i++];

		if (ch == '"') {
			if (scan_string(bytes, len, &i, err))
				return -EINVAL;
		} else if (ch == '[' || ch == '{') {
			if (++depth > JSON_SCAN_DEPTH_MAX)
				return parse_fail(err, i - 1, "nested too deeply");
			values++;
		} else if (ch == ']' || ch == '}') {
			depth -= depth > 0;
		} else if (ch == ',') {
			values++;
		} else if (ch > 0x7e || (ch < 0x20 && ch != '\t' && ch != '\n' && ch != '\r')) {
			return parse_fail(err, i - 1, "not JSON");
		}
		if (values > JSON_SCAN_VALUES_MAX)
			return parse_fail(err, i - 1, "too many values");
	}
	return 0;
}
