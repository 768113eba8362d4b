// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Tokens of the managed identity. Random text in the shape of a JWT; nobody may look into it.
 */
#include "tokens.h"

#include <stdio.h>
#include <string.h>

#include "http_util.h"

static const struct token *find_live(const struct tokens *tokens, int identity, const char *resource,
				     int64_t now_mono_ms)
{
	for (size_t i = 0; i < tokens->n; i++) {
		const struct token *token = &tokens->ring[i];

		if (token->identity == identity && strcmp(token->resource, resource) == 0 &&
		    now_mono_ms < token->ends_mono_ms)
			return token;
	}
	return NULL;
}

const struct token *tokens_issue(struct tokens *tokens, int identity, const char *resource, int64_t now_mono_ms)
{
	const struct token *live = find_live(tokens, identity, resource, now_mono_ms);
	struct token *token = &tokens->ring[tokens->next];
	char head[13], body[65], tail[33];

	if (live)
		return live;
	random_hex(head, 6);
	random_hex(body, 32);
	random_hex(tail, 16);
	snprintf(token->text, sizeof(token->text), "eyJ0eXAi%s.%s.%s", head, body, tail);
	snprintf(token->resource, sizeof(token->resource), "%s", resource);
	token->identity = identity;
	token->issued_mono_ms = now_mono_ms;
	token->ends_mono_ms = now_mono_ms + tokens->life_ms;
	tokens->next = (tokens->next + 1) % TOKENS_MAX;
	if (tokens->n < TOKENS_MAX)
		tokens->n++;
	return token;
}

/* Any cloud's resource manager will do; a token for storage or a vault will not. */
static int is_for_manager(const struct token *token)
{
	return strncmp(token->resource, "https://management.", 19) == 0;
}

enum token_state tokens_check(const struct tokens *tokens, const char *text, int64_t now_mono_ms)
{
	for (size_t i = 0; i < tokens->n; i++) {
		const struct token *token = &tokens->ring[i];

		if (strcmp(token->text, text) != 0)
			continue;
		if (!is_for_manager(token))
			return TOKEN_WRONG_AUDIENCE;
		return now_mono_ms < token->ends_mono_ms ? TOKEN_GOOD : TOKEN_EXPIRED;
	}
	return TOKEN_UNKNOWN;
}

void tokens_expire_all(struct tokens *tokens)
{
	for (size_t i = 0; i < tokens->n; i++)
		tokens->ring[i].ends_mono_ms = 0;
}
