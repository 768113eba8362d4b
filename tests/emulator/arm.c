// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The resource manager's door: token, path, version, limits; then whoever the path belongs to. And the headers that
 * every answer has.
 */
#include <string.h>
#include <strings.h>

#include "emulator.h"
#include "service_time.h"
#include "util.h"

#define SUBSCRIPTION_LEN 36
#define SUBSCRIPTION_CHARS "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"

enum operation arm_operation(const struct request *req)
{
	CLEANUP(route_free) struct route route = {0};

	return route_parse(req->path, &route) ? OP_ARM_OTHER : route_operation(&route, req->method);
}

/* ---------------------------------------------------------------- checks: false, when answered */

static void refuse_token(struct emulator *em, struct answer *answer, const char *code, const char *message)
{
	em->unauthorized++;
	answer_arm_error(answer, 401, code, "%s", message);
	answer_header(answer, "WWW-Authenticate",
		      "Bearer authorization_uri=\"https://login.windows.net/\", error=\"invalid_token\"");
}

static bool token_good(struct emulator *em, const struct request *req, struct answer *answer)
{
	const char *header = request_header(req, "Authorization");

	if (!header) {
		refuse_token(em, answer, "AuthenticationFailed",
			     "Authentication failed. The 'Authorization' header is missing.");
		return false;
	}
	if (strncasecmp(header, "Bearer ", 7) != 0) {
		refuse_token(em, answer, "AuthenticationFailedInvalidHeader",
			     "Authentication failed. The 'Authorization' header is provided in an invalid format.");
		return false;
	}
	switch (tokens_check(&em->tokens, header + 7, mono_ms())) {
	case TOKEN_GOOD:
		return true;
	case TOKEN_EXPIRED:
		refuse_token(em, answer, "ExpiredAuthenticationToken", "The access token expiry UTC time has passed.");
		return false;
	case TOKEN_WRONG_AUDIENCE:
		refuse_token(em, answer, "InvalidAuthenticationToken",
			     "The access token has been obtained for wrong audience or resource.");
		return false;
	default:
		refuse_token(em, answer, "InvalidAuthenticationToken", "The access token is invalid.");
		return false;
	}
}

static bool version_good(const struct request *req, const struct route *route, struct answer *answer)
{
	const char *version = request_query(req, "api-version");

	if (!version)
		answer_arm_error(answer, 400, "MissingApiVersionParameter",
				 "The api-version query parameter (?api-version=) is required for all requests.");
	else if (!route_knows_version(route, version))
		answer_arm_error(answer, 400, "InvalidApiVersionParameter",
				 "The api-version '%s' is invalid. The supported versions are '%s'.", version,
				 route_version(route));
	return version && route_knows_version(route, version);
}

/* The service wants a GUID. Samples of its documentation have other letters in one, and are to be served, too. */
static bool subscription_good(const struct route *route, struct answer *answer)
{
	const char *id = route->scope.subscription;

	if (strlen(id) <= SUBSCRIPTION_LEN && strspn(id, SUBSCRIPTION_CHARS) == strlen(id))
		return true;
	answer_arm_error(answer, 400, "InvalidSubscriptionId",
			 "The provided subscription identifier '%s' is malformed or invalid.", id);
	return false;
}

/* ---------------------------------------------------------------- answering */

void answer_not_allowed(struct answer *answer, const struct request *req)
{
	answer_arm_error(answer, 405, "MethodNotAllowed", "The method %s is not allowed here.", req->method);
}

/* {"namespace", "registrationState"}, as much as anybody looks at. */
static void answer_register(const struct request *req, struct answer *answer)
{
	cJSON *body;

	if (strcmp(req->method, "POST") != 0) {
		answer_not_allowed(answer, req);
		return;
	}
	body = cJSON_CreateObject();
	cJSON_AddStringToObject(body, "namespace", "Microsoft.Security");
	cJSON_AddStringToObject(body, "registrationState", "Registered");
	answer_json(answer, 200, body);
}

static void answer_route(struct emulator *em, const struct request *req, const struct route *route,
			 struct answer *answer)
{
	switch (route->kind) {
	case ROUTE_PRICING:
		pricing_answer(em, req, route, answer);
		break;
	case ROUTE_REGISTER:
		answer_register(req, answer);
		break;
	default:
		store_age(&em->store, emulator_now(em), mono_ms(), em->linger_ticks);
		policy_answer(em, req, route, answer);
	}
}

void arm_answer(struct emulator *em, const struct request *req, struct answer *answer)
{
	CLEANUP(route_free) struct route route = {0};
	enum operation op;

	if (!token_good(em, req, answer))
		return;
	if (route_parse(req->path, &route)) {
		answer_arm_error(answer, 404, "NotFound", "The path '%s' is not known.", req->path);
		return;
	}
	op = route_operation(&route, req->method);
	if (!version_good(req, &route, answer) || !subscription_good(&route, answer))
		return;
	if (throttle_spend(&em->throttle, op, route.scope.subscription, answer) &&
	    !prepared_take(&em->prepared, op, req->path, false, answer))
		answer_route(em, req, &route, answer);
	throttle_tell(&em->throttle, op, route.scope.subscription, answer);
}

/* As recorded: writes have an empty id, lists of a subscription tell those of the three requests that they are made of.
 */
static void add_request_ids(const struct emulator *em, const struct request *req, enum operation op,
			    struct answer *answer)
{
	bool write = op == OP_PUT || op == OP_DELETE || op == OP_INITIATE;
	char id[GUID_TEXT_MAX];

	random_guid(id);
	answer_header(answer, "x-ms-request-id", "%s", write || em->quirks.empty_request_ids ? "" : id);
	for (int i = 0; i < 3 && operation_is_list(op) && !strcasestr(req->path, "/resourceGroups/"); i++) {
		random_guid(id);
		answer_header(answer, "x-ms-original-request-ids", "%s", em->quirks.empty_request_ids ? "" : id);
	}
}

void arm_add_headers(const struct emulator *em, const struct request *req, enum operation op, struct answer *answer)
{
	char correlation_id[GUID_TEXT_MAX], stamp[TICKS_TEXT_MAX];

	random_guid(correlation_id);
	ticks_format(emulator_now(em) / TICKS_PER_S * TICKS_PER_S, stamp);
	answer_header(answer, "Cache-Control", "no-cache");
	answer_header(answer, "Pragma", "no-cache");
	answer_header(answer, "Expires", "-1");
	answer_header(answer, "Vary", "Accept-Encoding");
	add_request_ids(em, req, op, answer);
	answer_header(answer, "x-ms-correlation-request-id", "%s", correlation_id);
	answer_header(answer, "x-ms-routing-request-id", "EMULATOR:%s:%s", stamp, correlation_id);
	answer_header(answer, "Strict-Transport-Security", "max-age=31536000; includeSubDomains");
	answer_header(answer, "X-Content-Type-Options", "nosniff");
}
