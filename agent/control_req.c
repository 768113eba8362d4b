// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See control_req.h.
 */
#include "control_req.h"

#include <string.h>

#include "arming.h"
#include "grant.h"
#include "number.h"
#include "utf8.h"

/* What is left of the line. */
struct rest {
	const char *line; /* all of it */
	const char *at;
	const char *end; /* of the line */
	bool over;       /* no word is left */
};

/* Words are separated by single spaces; a view into the line. */
struct word {
	const char *text;
	size_t len;
};

/* The next word, which may be empty: that is none of those that are known. */
static struct word take_word(struct rest *rest)
{
	const char *space = rest->over ? NULL : memchr(rest->at, ' ', (size_t)(rest->end - rest->at));
	struct word word = {.text = rest->at, .len = (size_t)((space ? space : rest->end) - rest->at)};

	rest->at = space ? space + 1 : rest->end;
	rest->over = !space;
	return word;
}

static bool is_word(const struct word *word, const char *text)
{
	return word->len == strlen(text) && memcmp(word->text, text, word->len) == 0;
}

static int fail_at(const struct rest *rest, const struct word *word, const char *why, struct parse_error *err)
{
	return parse_fail(err, (size_t)(word->text - rest->line), why);
}

/* ------------------------------------------------------------ arguments */

static int take_source(struct rest *rest, struct control_request *request, struct parse_error *err)
{
	struct word word = take_word(rest);

	if (cidr_parse(word.text, word.len, &request->source, err) < 0)
		return fail_at(rest, &word, "not an address", err);
	if (request->kind == CONTROL_EXPLAIN && request->source.prefix_len != (request->source.family == 4 ? 32 : 128))
		return fail_at(rest, &word, "a single address is needed, not a prefix", err);
	return 0;
}

static int take_port(struct rest *rest, struct control_request *request, struct parse_error *err)
{
	struct word port = take_word(rest), proto = take_word(rest);
	struct port_rule rule;
	char text[32];
	int n = snprintf(text, sizeof(text), "%.*s/%.*s", (int)port.len, port.text, (int)proto.len, proto.text);

	if (n < 0 || (size_t)n >= sizeof(text) || port_rule_parse(text, (size_t)n, &rule, err) < 0)
		return fail_at(rest, &port, "not a port and protocol", err);
	if (request->kind == CONTROL_EXPLAIN && rule.protos & (rule.protos - 1))
		return fail_at(rest, &proto, "one protocol is needed", err);
	request->port = rule.port;
	request->protos = rule.protos;
	return 0;
}

static int take_target(struct rest *rest, struct control_request *request, struct parse_error *err)
{
	int r = take_source(rest, request, err);

	return r < 0 ? r : take_port(rest, request, err);
}

/* A number in one spelling. */
static int take_number(struct rest *rest, uint32_t min, uint32_t max, uint32_t *ret, struct parse_error *err)
{
	struct word word = take_word(rest);
	uint64_t n;

	if (number_parse(word.text, word.len, max, &n) < 0 || n < min || (word.len > 1 && word.text[0] == '0'))
		return fail_at(rest, &word, "number out of range", err);
	*ret = (uint32_t)n;
	return 0;
}

static int take_arm(struct rest *rest, struct control_request *request, struct parse_error *err)
{
	return take_number(rest, ARMING_SHORTEST_S, ARMING_LONGEST_S, &request->seconds, err);
}

static int take_uid(struct rest *rest, struct control_request *request, struct parse_error *err)
{
	struct rest ahead = *rest;
	struct word word = take_word(&ahead);

	request->uid = CONTROL_NO_UID;
	if (!is_word(&word, "-"))
		return take_number(rest, 0, CONTROL_NO_UID - 1, &request->uid, err);
	*rest = ahead;
	return 0;
}

bool control_req_is_reason(const char *text, size_t len)
{
	uint32_t code;
	size_t step;

	if (len == 0 || len >= OPENED_REASON_MAX || text[0] == ' ' || text[len - 1] == ' ')
		return false;
	for (size_t i = 0; i < len; i += step) {
		step = utf8_decode(text + i, len - i, &code);
		if (step == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0))
			return false;
	}
	return true;
}

static int take_reason(struct rest *rest, struct control_request *request, struct parse_error *err)
{
	size_t len = (size_t)(rest->end - rest->at);

	if (rest->over || !control_req_is_reason(rest->at, len))
		return parse_fail(err, (size_t)(rest->at - rest->line),
				  "a reason is needed, 1 to 200 bytes without control characters");
	memcpy(request->reason, rest->at, len);
	rest->over = true;
	return 0;
}

static int take_open(struct rest *rest, struct control_request *request, struct parse_error *err)
{
	struct word rails;
	int r = take_target(rest, request, err);

	if (r == 0)
		r = take_number(rest, OPENED_SHORTEST_S, OPENED_LONGEST_S, &request->seconds, err);
	if (r < 0)
		return r;
	rails = take_word(rest);
	request->beyond = is_word(&rails, "beyond");
	if (!request->beyond && !is_word(&rails, "within"))
		return fail_at(rest, &rails, "within or beyond", err);
	r = take_uid(rest, request, err);
	return r < 0 ? r : take_reason(rest, request, err);
}

/* ------------------------------------------------------------ the line */

static const struct {
	const char *name;
	bool changes;
	int (*take)(struct rest *rest, struct control_request *request,
		    struct parse_error *err); /* NULL: no argument */
} kinds[_CONTROL_MAX] = {
	[CONTROL_STATUS] = {"status", false, NULL},          [CONTROL_LIST] = {"list", false, NULL},
	[CONTROL_EXPLAIN] = {"explain", false, take_target}, [CONTROL_ARM] = {"arm", true, take_arm},
	[CONTROL_CONFIRM] = {"confirm", true, NULL},         [CONTROL_DISARM] = {"disarm", true, NULL},
	[CONTROL_OPEN] = {"open", true, take_open},          [CONTROL_CLOSE] = {"close", true, take_target},
};

bool control_req_changes(enum control_kind kind)
{
	return kinds[kind].changes;
}

static int find_kind(const struct word *name)
{
	for (int i = 0; i < _CONTROL_MAX; i++) {
		if (is_word(name, kinds[i].name))
			return i;
	}
	return -1;
}

int control_req_parse(const char *line, size_t len, struct control_request *ret, struct parse_error *err)
{
	struct rest rest = {.line = line, .at = line, .end = line + len};
	struct control_request request = {0};
	struct word name, form;
	int kind, r = 0;

	if (len >= CONTROL_LINE_MAX || memchr(line, '\0', len))
		return parse_fail(err, 0, "request too long or not text");
	name = take_word(&rest);
	kind = find_kind(&name);
	if (kind < 0)
		return parse_fail(err, 0, "unknown request; are jitgate and jitgated of one version?");
	request.kind = (enum control_kind)kind;
	form = take_word(&rest);
	request.json = is_word(&form, "json");
	if (!request.json && !is_word(&form, "text"))
		return fail_at(&rest, &form, "text or json", err);
	if (kinds[kind].take)
		r = kinds[kind].take(&rest, &request, err);
	if (r == 0 && !rest.over)
		r = parse_fail(err, (size_t)(rest.at - line), "wrong number of words");
	if (r == 0)
		*ret = request;
	return r;
}
