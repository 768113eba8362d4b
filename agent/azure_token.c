// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See azure_token.h. Nothing here may be able to print: `make check` sees to it.
 */
#include "azure_token.h"

#include <errno.h>
#include <string.h>

#include "azure_id.h"
#include "json_member.h"

#define HEADER "Authorization: Bearer "
#define RENEW_MIN_S 60            /* between two questions for a token that still lives */
#define LIFE_MAX_S (7 * 86400ULL) /* whatever is said; a day is usual */

struct azure_token {
	char *secret;  /* NULL: none */
	char *refused; /* the last one that ARM did not take, to know it again; NULL: none */
	struct boot_time ends, due;
};

struct azure_token *azure_token_new(void)
{
	return calloc(1, sizeof(struct azure_token));
}

static void wipe(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}

void azure_token_free(struct azure_token **token)
{
	if (!*token)
		return;
	wipe(&(*token)->secret);
	wipe(&(*token)->refused);
	free(*token);
	*token = NULL;
}

/* ---------------------------------------------------------------- reading */

/* A header's value: no byte of it may end the line or be lost on the way. */
static bool is_visible(const char *text)
{
	for (const char *p = text; *p; p++) {
		if (*p < 0x21 || *p > 0x7e)
			return false;
	}
	return *text;
}

static uint64_t read_life_s(const struct cJSON *tree, struct wall_time now)
{
	uint64_t in_s, on_s, now_s = now.ns > 0 ? (uint64_t)now.ns / NS_PER_S : 0;
	bool has_in = json_member_count(tree, "expires_in", UINT32_MAX, &in_s);
	bool has_on = json_member_count(tree, "expires_on", INT64_MAX / NS_PER_S, &on_s);
	uint64_t life_s = has_in || has_on ? LIFE_MAX_S : 0;

	if (has_in && in_s < life_s)
		life_s = in_s;
	if (has_on && on_s <= now_s)
		life_s = 0;
	else if (has_on && on_s - now_s < life_s)
		life_s = on_s - now_s;
	return life_s;
}

static int read_token(const struct cJSON *tree, struct wall_time now, char **ret_secret, uint64_t *ret_life_s,
		      struct parse_error *err)
{
	const char *type, *secret;

	if (json_expect_object(tree, "the token is not an object", err) ||
	    json_member_text(tree, "token_type", true, "token_type is not a text", &type, err) ||
	    json_member_text(tree, "access_token", true, "access_token is not a text", &secret, err))
		return -EINVAL;
	if (!azure_id_equal(type, "Bearer"))
		return parse_fail(err, 0, "token_type is not Bearer");
	if (!is_visible(secret))
		return parse_fail(err, 0, "access_token is empty or holds a character that no token has");
	*ret_secret = strdup(secret);
	if (!*ret_secret)
		return -ENOMEM;
	*ret_life_s = read_life_s(tree, now);
	return 0;
}

static bool is_same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static struct boot_time later(struct boot_time now, uint64_t s)
{
	return (struct boot_time){now.ns + s * NS_PER_S};
}

int azure_token_take(struct azure_token *token, const char *bytes, size_t len, struct clock_pair now,
		     struct parse_error *err)
{
	_cleanup_json_ struct cJSON *tree = NULL;
	CLEANUP(wipe) char *secret = NULL;
	uint64_t life_s = 0;
	bool known;
	int r = json_parse(bytes, len, &tree, err);

	if (r)
		return r;
	r = read_token(tree, now.wall, &secret, &life_s, err);
	json_wipe(tree); /* freed as it is otherwise */
	if (r)
		return r;
	known = is_same(secret, token->secret) || is_same(secret, token->refused);
	wipe(&token->secret);
	token->secret = TAKE_PTR(secret);
	token->ends = later(now.boot, life_s);
	azure_token_defer(token, now.boot, 0);
	return known;
}

/* ---------------------------------------------------------------- its life */

bool azure_token_usable(const struct azure_token *token, struct boot_time now)
{
	return token->secret && now.ns <= token->ends.ns;
}

uint64_t azure_token_left_s(const struct azure_token *token, struct boot_time now)
{
	return azure_token_usable(token, now) ? (token->ends.ns - now.ns) / NS_PER_S : 0;
}

bool azure_token_due(const struct azure_token *token, struct boot_time now)
{
	return !azure_token_usable(token, now) || now.ns >= token->due.ns;
}

/* The last minute is no time to wait in. */
void azure_token_defer(struct azure_token *token, struct boot_time now, uint32_t wait_s)
{
	uint64_t left_s = azure_token_left_s(token, now);
	uint64_t pause_s = left_s / 2;

	if (pause_s < RENEW_MIN_S && left_s > RENEW_MIN_S)
		pause_s = RENEW_MIN_S;
	token->due = later(now, pause_s > wait_s ? pause_s : wait_s);
}

void azure_token_refuse(struct azure_token *token)
{
	wipe(&token->refused);
	token->refused = TAKE_PTR(token->secret);
}

/* ---------------------------------------------------------------- the way out */

char *azure_token_header(const struct azure_token *token)
{
	size_t len = token->secret ? strlen(token->secret) : 0;
	char *header = len ? malloc(sizeof(HEADER) + len) : NULL;

	if (!header)
		return NULL;
	memcpy(header, HEADER, sizeof(HEADER) - 1);
	memcpy(header + sizeof(HEADER) - 1, token->secret, len + 1);
	return header;
}

void azure_token_free_header(char **header)
{
	wipe(header);
}
