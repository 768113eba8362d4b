// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See conf_lex.h.
 */
#include "conf_lex.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "conf_char.h"
#include "conf_refuse.h"

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("_-./:@%", c));
}

static bool is_printable(char c)
{
	return c >= 0x20 && c <= 0x7e;
}

/* Why the byte at pos cannot stand there. */
static int refuse_byte(struct conf_lexer *lex, bool in_string)
{
	const char *key = lex->key ? lex->key : "", *colon = lex->key ? ": " : "";
	const char *advice = conf_char_advice(lex->text + lex->pos, lex->len - lex->pos);
	char c = lex->text[lex->pos];

	if (advice)
		return conf_refuse(lex->err, lex->name, lex->line, "%s%s%s", key, colon, advice);
	if (is_printable(c))
		return conf_refuse(lex->err, lex->name, lex->line,
				   "%s%sunexpected character '%c'; values with it need quotes", key, colon, c);
	return conf_refuse(lex->err, lex->name, lex->line, "%s%s%s 0x%02x%s; only %sASCII%s", key, colon,
			   in_string ? "byte" : "unexpected byte", (uint8_t)c, in_string ? " in a string" : "",
			   in_string ? "printable " : "", in_string ? "" : " outside comments");
}

/* Blanks, line ends and comments. Comments are blanked in the copy: libconfuse miscounts the lines of some of them. */
static void skip_blanks(struct conf_lexer *lex)
{
	for (; lex->pos < lex->len; lex->pos++) {
		char c = lex->text[lex->pos];

		if (c == '\n') {
			lex->line++;
		} else if (c == '#') {
			while (lex->pos < lex->len && lex->text[lex->pos] != '\n')
				lex->copy[lex->pos++] = ' ';
			lex->pos--;
		} else if (c == '\r' && lex->pos + 1 < lex->len && lex->text[lex->pos + 1] == '\n') {
			lex->copy[lex->pos] = ' ';
		} else if (c != ' ' && c != '\t') {
			return;
		}
	}
}

static int read_string(struct conf_lexer *lex, struct conf_token *ret)
{
	char quote = lex->text[lex->pos++];
	size_t start = lex->pos;

	for (; lex->pos < lex->len && lex->text[lex->pos] != '\n'; lex->pos++) {
		char c = lex->text[lex->pos];

		if (c == quote) {
			*ret = (struct conf_token){CONF_TOKEN_STRING, lex->text + start, lex->pos++ - start, lex->line};
			return 0;
		}
		if (c == '\\')
			return conf_refuse(lex->err, lex->name, lex->line,
					   "backslash in a string; there are no escapes here");
		if (c == '$' && lex->pos + 1 < lex->len && lex->text[lex->pos + 1] == '{')
			return conf_refuse(lex->err, lex->name, lex->line,
					   "\"${\" in a string; environment variables are not expanded here");
		if (!is_printable(c))
			return refuse_byte(lex, true);
	}
	return conf_refuse(lex->err, lex->name, lex->line, "string without its closing %c on the same line", quote);
}

static int read_word(struct conf_lexer *lex, struct conf_token *ret)
{
	size_t start = lex->pos;

	while (lex->pos < lex->len && is_word_char(lex->text[lex->pos])) {
		/* libconfuse may see the begin of a comment there */
		if (lex->text[lex->pos] == '/' && lex->pos + 1 < lex->len && strchr("/*", lex->text[lex->pos + 1]))
			return conf_refuse(lex->err, lex->name, lex->line,
					   "\"/%c\" outside quotes; put the value in quotes, comments begin with #",
					   lex->text[lex->pos + 1]);
		lex->pos++;
	}
	*ret = (struct conf_token){CONF_TOKEN_WORD, lex->text + start, lex->pos - start, lex->line};
	return 0;
}

int conf_lex_next(struct conf_lexer *lex, struct conf_token *ret)
{
	char c;

	skip_blanks(lex);
	if (lex->pos >= lex->len) {
		*ret = (struct conf_token){CONF_TOKEN_END, "", 0, lex->line};
		return 0;
	}
	c = lex->text[lex->pos];
	if (c == '"' || c == '\'')
		return read_string(lex, ret);
	if (is_word_char(c))
		return read_word(lex, ret);
	if (c == '{' || c == '}' || c == '=' || c == ',') {
		*ret = (struct conf_token){c, lex->text + lex->pos++, 1, lex->line};
		return 0;
	}
	if (c == '+' && lex->pos + 1 < lex->len && lex->text[lex->pos + 1] == '=') {
		*ret = (struct conf_token){CONF_TOKEN_APPEND, lex->text + lex->pos, 2, lex->line};
		lex->pos += 2;
		return 0;
	}
	return refuse_byte(lex, false);
}
