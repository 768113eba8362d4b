// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See control_req.h.
 */
#include "control_req.h"

#include <string.h>

#include "grant.h"

/* Words separated by single spaces; a view into the line. */
struct word {
	const char *text;
	size_t len;
};

#define WORDS_MAX 5

static size_t split_words(const char *line, size_t len, struct word words[WORDS_MAX + 1])
{
	size_t n = 0, start = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i < len && line[i] != ' ')
			continue;
		if (n > WORDS_MAX)
			break;
		words[n++] = (struct word){.text = line + start, .len = i - start};
		start = i + 1;
	}
	return n;
}

static bool is_word(const struct word *word, const char *text)
{
	return word->len == strlen(text) && memcmp(word->text, text, word->len) == 0;
}

static int parse_target(const struct word *words, const char *line, struct control_request *request,
			struct parse_error *err)
{
	char rule_text[32];
	struct port_rule rule;
	int n = snprintf(rule_text, sizeof(rule_text), "%.*s/%.*s", (int)words[3].len, words[3].text, (int)words[4].len,
			 words[4].text);

	if (cidr_parse(words[2].text, words[2].len, &request->source, err) < 0)
		return parse_fail(err, (size_t)(words[2].text - line), "not an address");
	if (request->source.prefix_len != (request->source.family == 4 ? 32 : 128))
		return parse_fail(err, (size_t)(words[2].text - line), "a single address is needed, not a prefix");
	if (n < 0 || (size_t)n >= sizeof(rule_text) || port_rule_parse(rule_text, (size_t)n, &rule, err) < 0)
		return parse_fail(err, (size_t)(words[3].text - line), "not a port and protocol");
	if (rule.protos & (rule.protos - 1))
		return parse_fail(err, (size_t)(words[4].text - line), "one protocol is needed");
	request->port = rule.port;
	request->proto_bit = rule.protos;
	return 0;
}

int control_req_parse(const char *line, size_t len, struct control_request *ret, struct parse_error *err)
{
	struct word words[WORDS_MAX + 1];
	struct control_request request = {0};
	size_t n, wanted;
	int r = 0;

	if (len >= CONTROL_LINE_MAX || memchr(line, '\0', len))
		return parse_fail(err, 0, "request too long or not text");
	n = split_words(line, len, words);
	if (is_word(&words[0], "status"))
		request.kind = CONTROL_STATUS;
	else if (is_word(&words[0], "list"))
		request.kind = CONTROL_LIST;
	else if (is_word(&words[0], "explain"))
		request.kind = CONTROL_EXPLAIN;
	else
		return parse_fail(err, 0, "unknown request");
	wanted = request.kind == CONTROL_EXPLAIN ? 5 : 2;
	if (n != wanted)
		return parse_fail(err, 0, "wrong number of words");
	request.json = is_word(&words[1], "json");
	if (!request.json && !is_word(&words[1], "text"))
		return parse_fail(err, (size_t)(words[1].text - line), "text or json");
	if (request.kind == CONTROL_EXPLAIN)
		r = parse_target(words, line, &request, err);
	if (r == 0)
		*ret = request;
	return r;
}
