// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Texts from outside on their way to a log, a terminal or JSON: what is written reads back as what came in, and nothing
 * ends a line or a value early. Our UTF-8 is iconv's.
 */
#include "fuzz.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#include "json_member.h"
#include "text.h"
#include "utf8.h"

/* By whole characters, as iconv sees them. */
static void check_utf8(const char *bytes, size_t len)
{
	size_t at = 0, step;
	uint32_t code;

	for (; at < len; at += step) {
		FILL(code);
		step = utf8_decode(bytes + at, len - at, &code);
		if (!step) {
			HOLDS(IS_FILLED(code));
			break;
		}
		HOLDS(step <= UTF8_BYTES_MAX && step <= len - at && code <= 0x10ffff);
		HOLDS(step == (code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4));
	}
	HOLDS((at == len) == fuzz_is_utf8(bytes, len));
}

/* Also `text` with U+FFFD for each byte that is no character. */
static void repair(const char *s, struct text *out)
{
	while (*s) {
		size_t step = utf8_decode(s, UTF8_BYTES_MAX, NULL);

		text_append(out, step ? s : "\xef\xbf\xbd", step ? step : 3);
		s += step ? step : 1;
	}
	text_append(out, "", 0);
}

static void check_json_string(const char *s)
{
	_cleanup_text_ struct text json = {0}, repaired = {0};
	_cleanup_json_ cJSON *tree = NULL;

	text_json_string(&json, s);
	repair(s, &repaired);
	for (size_t i = 0; i < json.len; i++)
		HOLDS((unsigned char)json.data[i] >= 0x20 && json.data[i] != 0x7f);
	HOLDS(json_parse(json.data, json.len, &tree, NULL) == 0 && cJSON_IsString(tree));
	HOLDS(strcmp(tree->valuestring, repaired.data) == 0);
}

static int unquote_one(const char **at)
{
	const char *p = *at;
	char digits[3] = {0};

	if (*p != '\\') {
		*at = p + 1;
		return (unsigned char)*p;
	}
	*at = p + 2;
	if (p[1] == 'n')
		return '\n';
	if (p[1] != 'x')
		return p[1];
	*at = p + 4;
	memcpy(digits, p + 2, 2);
	return (int)strtol(digits, NULL, 16);
}

static void check_quoted(const char *s)
{
	_cleanup_text_ struct text quoted = {0};
	const char *at;

	text_quoted(&quoted, s);
	HOLDS(quoted.data[0] == '"' && quoted.data[quoted.len - 1] == '"');
	for (at = quoted.data + 1; *s; s++) {
		HOLDS(*at >= ' ' && *at <= '~' && *at != '"');
		HOLDS(unquote_one(&at) == (unsigned char)*s);
	}
	HOLDS(at == quoted.data + quoted.len - 1);
}

/* Any two moments; the words are bounded and plain. */
static void check_times(const uint8_t *data, size_t size)
{
	struct wall_time at = {(int64_t)fuzz_number(data, size)};
	struct wall_time now = {(int64_t)fuzz_number(data + size / 2, size - size / 2)};
	_cleanup_text_ struct text text = {0};

	text_relative(&text, at, now);
	text_clock(&text, at, now);
	text_rfc3339(&text, at);
	HOLDS(text.len < 96 && strlen(text.data) == text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);

	check_utf8((const char *)data, size);
	check_json_string(text);
	check_quoted(text);
	check_times(data, size);
	return 0;
}
