/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Tokens of the managed identity: issue, remember, expire. As on the platform, a live token is handed out again.
 * Lives are counted on a clock that nobody steps, so a skewed service does not void them.
 */
#ifndef EMULATOR_TOKENS_H
#define EMULATOR_TOKENS_H

#include <stddef.h>
#include <stdint.h>

#define TOKEN_TEXT_MAX 1024
#define TOKEN_RESOURCE_MAX 128
#define TOKENS_MAX 64

struct token {
	char text[TOKEN_TEXT_MAX];
	char resource[TOKEN_RESOURCE_MAX];
	int identity;
	int64_t issued_mono_ms, ends_mono_ms;
};

struct tokens {
	struct token ring[TOKENS_MAX];
	size_t n, next;
	int64_t life_ms;
};

enum token_state { TOKEN_GOOD, TOKEN_EXPIRED, TOKEN_UNKNOWN, TOKEN_WRONG_AUDIENCE };

/* A live token of the identity for the resource: the one that exists, else a new one. */
const struct token *tokens_issue(struct tokens *tokens, int identity, const char *resource, int64_t now_mono_ms);

/* What the resource manager makes of a bearer token. */
enum token_state tokens_check(const struct tokens *tokens, const char *text, int64_t now_mono_ms);

/* All that were issued are over now. */
void tokens_expire_all(struct tokens *tokens);

#endif
