/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. The config text as tokens:
 *
 *   word   := one or more of a-z A-Z 0-9 _ - . / : @ %
 *   string := "..." or '...' on one line, of printable ASCII, without escapes
 *   sign   := { } = , +=
 *
 * Comments run from # to the end of the line. Refused here is what libconfuse would read otherwise, or not as it looks.
 */
#ifndef CONF_LEX_H
#define CONF_LEX_H

#include <stddef.h>

#include "conf.h"

/* What a token is; those of one character are that character. */
enum conf_token_type {
	CONF_TOKEN_END = 0,
	CONF_TOKEN_WORD = 'w',
	CONF_TOKEN_STRING = 's',
	CONF_TOKEN_APPEND = '+',
};

struct conf_token {
	int type;
	const char *text; /* of a word or string, without quotes */
	size_t len;
	int line;
};

/* Where the reading stands. A copy of it reads ahead. */
struct conf_lexer {
	const char *text;
	size_t len, pos;
	int line;         /* begins at 1 */
	char *copy;       /* of the text, len bytes: comments are blanked in it as they are passed */
	const char *name; /* of the file, for messages */
	const char *key;  /* whose value is being read, for messages; NULL between values */
	struct conf_error *err;
};

/* The next token, CONF_TOKEN_END from the end of the text on. 0, or -EINVAL with err filled. */
int conf_lex_next(struct conf_lexer *lex, struct conf_token *ret);

#endif
