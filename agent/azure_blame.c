// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See azure_blame.h.
 */
#include "azure_blame.h"

#include <errno.h>
#include <inttypes.h>

#include "azure_json.h"

#define ROLE_ACTION "Microsoft.Security/locations/jitNetworkAccessPolicies/read"

void azure_failure_free(struct azure_failure *failure)
{
	text_free(&failure->why);
	text_free(&failure->detail);
}

static const char *const goals[_AZURE_GOAL_MAX] = {
	[AZURE_GOAL_COMPUTE] = "learn which VM this is",
	[AZURE_GOAL_TOKEN] = "get a token",
	[AZURE_GOAL_LIST] = "list JIT policies",
	[AZURE_GOAL_POLICY] = "read JIT policy ",
};

/* "cannot list JIT policies of group "x": https://…" */
static void begin(struct text *why, const struct azure_question *q)
{
	const struct azure_scope *scope = q->scope;

	text_printf(why, "cannot %s", goals[q->goal]);
	if (scope && scope->name) {
		text_quoted(why, scope->name);
	} else if (scope) {
		text_printf(why, scope->group ? " of group " : " of subscription ");
		text_quoted(why, scope->group ? scope->group : scope->subscription);
	}
	text_printf(why, ": %s", q->endpoint);
}

void azure_blame(struct azure_failure *failure, const struct azure_question *q, const char *words)
{
	begin(&failure->why, q);
	text_printf(&failure->why, ": ");
	/* libcurl quotes certificates as they are, and a new line begins another word to the service manager. */
	for (; *words; words++)
		text_append(&failure->why, (unsigned char)*words < 0x20 || *words == 0x7f ? "?" : words, 1);
}

/* ---------------------------------------------------------------- a status */

static const char *place_of(const struct azure_scope *scope)
{
	return scope && !scope->group ? "subscription" : "resource group";
}

static void append_remedy(struct text *why, const struct azure_question *q, long status)
{
	bool arm = q->goal == AZURE_GOAL_LIST || q->goal == AZURE_GOAL_POLICY;

	if (q->goal == AZURE_GOAL_COMPUTE && status == 404)
		text_printf(why, "; is this an Azure VM?");
	if (q->goal == AZURE_GOAL_TOKEN && (status == 400 || status == 401 || status == 404))
		text_printf(why, "; give the VM a managed identity, or name the right one in azure.identity");
	if (arm && status == 401)
		text_printf(why,
			    "; the token was refused, and there is no other; look at azure.audience and azure.cloud");
	if (arm && status == 403)
		text_printf(why, "; give the VM's identity " ROLE_ACTION " on %s %s; a new role takes minutes",
			    q->scope ? "the" : "the VM's", place_of(q->scope));
	if (arm && status == 404)
		text_printf(why, "; is the %s still there, and may the VM's identity see it?", place_of(q->scope));
}

/* Of an answer that says nothing more itself, as those of gateways do. */
static const char *status_words(long status)
{
	static const struct {
		long status;
		const char *words;
	} known[] = {
		{400, " (Bad Request)"}, {401, " (Unauthorized)"},        {403, " (Forbidden)"},
		{404, " (Not Found)"},   {429, " (Too Many Requests)"},   {500, " (Internal Server Error)"},
		{502, " (Bad Gateway)"}, {503, " (Service Unavailable)"}, {504, " (Gateway Timeout)"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (known[i].status == status)
			return known[i].words;
	}
	return "";
}

static void append_pause(struct text *why, const struct azure_http_response *response)
{
	if (response->status == 429)
		text_printf(why, "; asked too often");
	if (response->retry_after_s)
		text_printf(why, "%s to be asked again in %" PRIu32 " s at the earliest",
			    response->status == 429 ? "," : ";", response->retry_after_s);
}

/* Codes are words; anything else is shown escaped. */
static void append_code(struct text *why, const char *code)
{
	bool word = *code;

	for (const char *p = code; *p; p++)
		word = word && (((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z') || (*p >= '0' && *p <= '9') || *p == '_');
	text_printf(why, " ");
	if (word)
		text_printf(why, "%s", code);
	else
		text_quoted(why, code);
}

/* What a support case asks for; what Azure left empty is left out. */
static void append_id(struct text *detail, const char *key, const char *id)
{
	if (!*id)
		return;
	text_printf(detail, " %s=", key);
	text_quoted(detail, id);
}

void azure_blame_status(struct azure_failure *failure, const struct azure_question *q,
			const struct azure_http_response *response)
{
	struct text *why = &failure->why, *detail = &failure->detail;
	struct azure_error error;

	begin(why, q);
	text_printf(why, " answers %ld", response->status);
	if (!azure_json_error(response->body, response->len, &error)) {
		append_code(why, error.code);
		text_printf(detail, " message=");
		text_quoted(detail, error.message);
	} else {
		text_printf(why, "%s", status_words(response->status));
	}
	append_remedy(why, q, response->status);
	append_pause(why, response);
	append_id(detail, "correlation", response->correlation);
	append_id(detail, "request", response->request);
}

void azure_blame_body(struct azure_failure *failure, const struct azure_question *q, int r,
		      const struct parse_error *err)
{
	if (r == -ENOMEM) {
		azure_blame(failure, q, "out of memory");
		return;
	}
	begin(&failure->why, q);
	text_printf(&failure->why, ": answer not understood: %s", err->why);
	if (err->offset)
		text_printf(&failure->why, " (byte %zu)", err->offset);
}
