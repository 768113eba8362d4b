// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Tokens of the managed identity. Nobody is to look into one, but there are clients that do, so they are JWTs with some
 * of the claims of real ones; the signature is none.
 */
#include "tokens.h"

#include <stdio.h>
#include <stdlib.h>
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

/* RFC 4648's alphabet for addresses, without padding. Writes at most `size` with the NUL. */
static void base64url(const char *text, char *out, size_t size)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32_t bits = 0;
	int held = 0;

	for (; *text && size > 3; text++) {
		bits = bits << 8 | (unsigned char)*text;
		for (held += 8; held >= 6; size--)
			*out++ = digits[bits >> (held -= 6) & 63];
	}
	if (held)
		*out++ = digits[bits << (6 - held) & 63];
	*out = '\0';
}

/* The claims that clients are known to read: whose it is, and for whom. The random one makes each token another. */
static char *token_claims(const char *resource)
{
	char tenant[GUID_TEXT_MAX], object[GUID_TEXT_MAX], unique[33];
	_cleanup_json_ cJSON *claims = cJSON_CreateObject();

	random_guid(tenant);
	random_guid(object);
	random_hex(unique, 16);
	cJSON_AddStringToObject(claims, "aud", resource);
	cJSON_AddStringToObject(claims, "tid", tenant);
	cJSON_AddStringToObject(claims, "oid", object);
	cJSON_AddStringToObject(claims, "xms_mirid",
				"/subscriptions/s/resourcegroups/g/providers/Microsoft.Compute/virtualMachines/vm");
	cJSON_AddStringToObject(claims, "uti", unique);
	return must(cJSON_PrintUnformatted(claims));
}

const struct token *tokens_issue(struct tokens *tokens, int identity, const char *resource, int64_t now_mono_ms)
{
	const struct token *live = find_live(tokens, identity, resource, now_mono_ms);
	struct token *token = &tokens->ring[tokens->next];
	char *claims;
	char head[64], body[TOKEN_TEXT_MAX - 128], tail[33];

	if (live)
		return live;
	claims = token_claims(resource);
	base64url("{\"typ\":\"JWT\",\"alg\":\"RS256\"}", head, sizeof(head));
	base64url(claims, body, sizeof(body));
	free(claims);
	random_hex(tail, 16);
	snprintf(token->text, sizeof(token->text), "%s.%s.%s", head, body, tail);
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
