// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The metadata service's token endpoint. Its request has passed the checks of imds.c.
 */
#include <stdio.h>
#include <string.h>

#include "emulator.h"
#include "service_time.h"

void token_answer_error(struct answer *answer, unsigned status, const char *error, const char *description)
{
	cJSON *body = cJSON_CreateObject();

	cJSON_AddStringToObject(body, "error", error);
	cJSON_AddStringToObject(body, "error_description", description);
	answer_json(answer, status, body);
}

static void add_number_text(cJSON *object, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	cJSON_AddStringToObject(object, name, text);
}

void token_answer(struct emulator *em, const struct request *req, struct answer *answer)
{
	const char *resource = request_query(req, "resource");
	int64_t mono = mono_ms(), now_s = emulator_now(em) / TICKS_PER_S;
	const struct token *token;
	const char *why;
	cJSON *body;
	int identity;

	if (!resource || strncmp(resource, "https://", 8) != 0 || strlen(resource) >= TOKEN_RESOURCE_MAX) {
		token_answer_error(answer, 400, "invalid_resource",
				   "AADSTS50001: The application named in the resource parameter was not found.");
		return;
	}
	identity = identities_choose(&em->options->identities, request_query(req, "client_id"),
				     request_query(req, "object_id"), request_query(req, "msi_res_id"), &why);
	if (identity < 0) {
		token_answer_error(answer, 400, "invalid_request", why);
		return;
	}
	token = tokens_issue(&em->tokens, identity, resource, mono);
	body = cJSON_CreateObject();
	cJSON_AddStringToObject(body, "access_token", token->text);
	cJSON_AddStringToObject(body, "refresh_token", "");
	add_number_text(body, "expires_in", (token->ends_mono_ms - mono) / 1000);
	add_number_text(body, "expires_on", now_s + (token->ends_mono_ms - mono) / 1000);
	add_number_text(body, "not_before", now_s - (mono - token->issued_mono_ms) / 1000 - 300);
	cJSON_AddStringToObject(body, "resource", resource);
	cJSON_AddStringToObject(body, "token_type", "Bearer");
	answer_json(answer, 200, body);
}
