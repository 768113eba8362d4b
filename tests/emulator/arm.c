// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The resource manager: routes, token check, api-version, the policy operations. The request for access is in
 * initiate.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "emulator.h"
#include "service_time.h"
#include "util.h"

#define API_VERSION "2020-01-01"
#define SEGMENTS_MAX 12
#define SHORTEST_ACCESS (5 * 60 * TICKS_PER_S)
#define LONGEST_ACCESS (24 * 3600 * TICKS_PER_S)

struct route {
	struct scope scope;
	bool initiate; /* ends in /initiate */
	char *text;    /* what scope points into */
};

static void free_route(struct route *route)
{
	free(route->text);
}

/* The path cut at its slashes; more segments than there is room for: -EINVAL. */
static int split_path(char *path, const char *segments[SEGMENTS_MAX])
{
	char *save = NULL;
	int n = 0;

	for (char *s = strtok_r(path, "/", &save); s; s = strtok_r(NULL, "/", &save)) {
		if (n == SEGMENTS_MAX)
			return -EINVAL;
		segments[n++] = s;
	}
	return n;
}

/* "name/VALUE" at *i: the value, or NULL and *i stays. */
static const char *take_pair(const char *const *segments, int n, int *i, const char *name)
{
	if (*i + 1 >= n || strcasecmp(segments[*i], name) != 0)
		return NULL;
	*i += 2;
	return segments[*i - 1];
}

static bool take_word(const char *const *segments, int n, int *i, const char *word)
{
	if (*i >= n || strcasecmp(segments[*i], word) != 0)
		return false;
	(*i)++;
	return true;
}

/* All the paths of the JIT resource, and nothing else. */
static int parse_route(const char *path, struct route *ret)
{
	struct route route = {.text = must_copy(path)};
	__attribute__((cleanup(free_route))) struct route owned = route;
	const char *segments[SEGMENTS_MAX], *provider;
	int n = split_path(route.text, segments), i = 0;

	route.scope.subscription = take_pair(segments, n, &i, "subscriptions");
	route.scope.group = take_pair(segments, n, &i, "resourceGroups");
	provider = take_pair(segments, n, &i, "providers");
	if (!route.scope.subscription || !provider || strcasecmp(provider, "Microsoft.Security") != 0)
		return -EINVAL;
	route.scope.location = take_pair(segments, n, &i, "locations");
	if (!take_word(segments, n, &i, "jitNetworkAccessPolicies"))
		return -EINVAL;
	if (i < n && route.scope.group && route.scope.location)
		route.scope.name = segments[i++];
	if (i < n && route.scope.name)
		route.initiate = take_word(segments, n, &i, "initiate");
	if (i != n)
		return -EINVAL;
	owned.text = NULL;
	*ret = route;
	return 0;
}

static enum operation route_operation(const struct route *route, const char *method)
{
	if (route->initiate)
		return strcmp(method, "POST") == 0 ? OP_INITIATE : OP_ARM_OTHER;
	if (strcmp(method, "GET") == 0)
		return route->scope.name ? OP_GET : route->scope.location ? OP_LIST_LOCATION : OP_LIST_WIDE;
	if (!route->scope.name)
		return OP_ARM_OTHER;
	if (strcmp(method, "PUT") == 0)
		return OP_PUT;
	return strcmp(method, "DELETE") == 0 ? OP_DELETE : OP_ARM_OTHER;
}

enum operation arm_operation(const struct request *req)
{
	__attribute__((cleanup(free_route))) struct route route = {0};

	return parse_route(req->path, &route) ? OP_ARM_OTHER : route_operation(&route, req->method);
}

/* ---------------------------------------------------------------- checks */

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

static bool version_good(const struct request *req, struct answer *answer)
{
	const char *version = request_query(req, "api-version");

	if (!version)
		answer_arm_error(answer, 400, "MissingApiVersionParameter",
				 "The api-version query parameter (?api-version=) is required for all requests.");
	else if (strcmp(version, API_VERSION) != 0)
		answer_arm_error(answer, 400, "InvalidApiVersionParameter",
				 "The api-version '%s' is invalid. The supported versions are '" API_VERSION "'.",
				 version);
	return version && strcmp(version, API_VERSION) == 0;
}

/* Count a read against the provider's limit. False: refused. */
static bool spend_budget(struct budget *budget, struct answer *answer)
{
	int64_t now = mono_ms();

	if (now >= budget->ends_mono_ms || (budget->left == 0 && !budget->refuses)) {
		budget->left = budget->limit;
		budget->ends_mono_ms = now + budget->window_ms;
	}
	if (budget->left > 0) {
		budget->left--;
		return true;
	}
	answer_arm_error(answer, 429, "TooManyRequests", "The number of requests exceeded the limit of %lld.",
			 (long long)budget->limit);
	answer_header(answer, "Retry-After", "%lld", (long long)((budget->ends_mono_ms - now + 999) / 1000));
	return false;
}

/* ---------------------------------------------------------------- operations */

static void answer_policy(struct answer *answer, const struct policy *policy)
{
	answer_json(answer, 200, policy_render(policy));
}

static void answer_no_policy(struct answer *answer, const struct scope *scope)
{
	answer_arm_error(answer, 404, "PolicyNotFound",
			 "Policy '%s' was not found in resource group '%s', location '%s'.", scope->name, scope->group,
			 scope->location);
}

static size_t first_of_page(const struct request *req)
{
	const char *skip = request_query(req, "$skipToken");
	long first = 0;

	return skip && text_number(skip, 1000000, &first) == 0 ? (size_t)first : 0;
}

static void answer_list(struct emulator *em, const struct request *req, const struct scope *scope,
			struct answer *answer)
{
	size_t first = first_of_page(req), seen = 0, shown = 0;
	cJSON *body = cJSON_CreateObject(), *value = cJSON_AddArrayToObject(body, "value");

	for (size_t i = 0; i < em->store.n; i++) {
		if (!policy_matches(em->store.policies[i], scope) || seen++ < first)
			continue;
		if (em->page_size && shown == em->page_size) {
			_cleanup_free_ char *next = must_printf("%s%s?api-version=" API_VERSION "&$skipToken=%zu",
								em->arm_endpoint, req->path, first + shown);

			cJSON_AddStringToObject(body, "nextLink", next);
			break;
		}
		cJSON_AddItemToArray(value, policy_render(em->store.policies[i]));
		shown++;
	}
	answer_json(answer, 200, body);
}

static void answer_get(struct emulator *em, const struct scope *scope, struct answer *answer)
{
	const struct policy *policy = store_find(&em->store, scope);

	if (policy)
		answer_policy(answer, policy);
	else
		answer_no_policy(answer, scope);
}

/* Callers are seen writing "22"; the service always answers 22. */
static int normalise_number(cJSON *port)
{
	const cJSON *number = cJSON_GetObjectItemCaseSensitive(port, "number");
	const char *text = cJSON_GetStringValue(number);
	double value = cJSON_IsNumber(number) ? number->valuedouble : -1;
	long read;

	if (text && text_number(text, 65535, &read) == 0)
		value = (double)read;
	if (!(value >= 0 && value <= 65535) || value != (int)value)
		return -EINVAL;
	return cJSON_ReplaceItemInObjectCaseSensitive(port, "number", cJSON_CreateNumber(value)) ? 0 : -EINVAL;
}

static bool known_protocol(const char *protocol)
{
	return protocol &&
	       (strcasecmp(protocol, "TCP") == 0 || strcasecmp(protocol, "UDP") == 0 || strcmp(protocol, "*") == 0);
}

/* False: answered. */
static bool port_rule_good(cJSON *port, struct answer *answer)
{
	const char *longest = json_string(port, "maxRequestAccessDuration");
	int64_t ticks;

	if (normalise_number(port)) {
		answer_arm_error(answer, 400, "InvalidPolicyInput", "A port needs a 'number' of 0 to 65535.");
		return false;
	}
	if (!known_protocol(json_string(port, "protocol"))) {
		/* What users report for it; a 400 would be kinder. */
		answer_arm_error(answer, 500, "InternalServerError", "Internal server error");
		return false;
	}
	if (!longest || duration_parse(longest, &ticks) || ticks < SHORTEST_ACCESS || ticks > LONGEST_ACCESS) {
		answer_arm_error(answer, 400, "InvalidPolicyInput",
				 "'maxRequestAccessDuration' has to be between 5 minutes and 1 day.");
		return false;
	}
	return true;
}

static bool machines_good(cJSON *machines, struct answer *answer)
{
	cJSON *machine, *port;

	if (!cJSON_IsArray(machines)) {
		answer_arm_error(answer, 400, "InvalidPolicyInput", "'properties.virtualMachines' is required.");
		return false;
	}
	cJSON_ArrayForEach(machine, machines)
	{
		cJSON *ports = cJSON_GetObjectItemCaseSensitive(machine, "ports");

		if (!json_string(machine, "id") || !cJSON_IsArray(ports)) {
			answer_arm_error(answer, 400, "InvalidPolicyInput", "A machine needs 'id' and 'ports'.");
			return false;
		}
		cJSON_ArrayForEach(port, ports) if (!port_rule_good(port, answer)) return false;
	}
	return true;
}

/* The answer to PUT shows the requests of its body, or none: it is not the state. */
static cJSON *render_put(const struct policy *policy, cJSON *requests)
{
	cJSON *doc = policy_render(policy);

	cJSON_ReplaceItemInObjectCaseSensitive(cJSON_GetObjectItemCaseSensitive(doc, "properties"), "requests",
					       requests ? requests : cJSON_CreateArray());
	return doc;
}

static void answer_put(struct emulator *em, const struct request *req, const struct scope *scope, struct answer *answer)
{
	_cleanup_json_ cJSON *body = request_json(req);
	cJSON *properties = cJSON_GetObjectItemCaseSensitive(body, "properties"), *requests, *shown;
	const struct policy *policy;

	if (!body) {
		answer_arm_error(answer, 400, "InvalidRequestContent", "The request content was invalid.");
		return;
	}
	if (!machines_good(cJSON_GetObjectItemCaseSensitive(properties, "virtualMachines"), answer))
		return;
	requests = cJSON_DetachItemFromObjectCaseSensitive(properties, "requests");
	if (!cJSON_IsArray(requests)) {
		cJSON_Delete(requests);
		requests = NULL;
	}
	shown = requests ? cJSON_Duplicate(requests, true) : NULL;
	policy = store_put(&em->store, scope, cJSON_DetachItemFromObjectCaseSensitive(properties, "virtualMachines"),
			   requests);
	answer_json(answer, 200, render_put(policy, shown));
}

static void answer_operation(struct emulator *em, const struct request *req, const struct route *route,
			     struct answer *answer)
{
	const struct scope *scope = &route->scope;

	switch (route_operation(route, req->method)) {
	case OP_LIST_WIDE:
	case OP_LIST_LOCATION:
		answer_list(em, req, scope, answer);
		break;
	case OP_GET:
		answer_get(em, scope, answer);
		break;
	case OP_PUT:
		answer_put(em, req, scope, answer);
		break;
	case OP_DELETE:
		answer_empty(answer, store_delete(&em->store, scope) ? 200 : 204);
		break;
	case OP_INITIATE:
		initiate_answer(em, req, scope, answer);
		break;
	default:
		answer_arm_error(answer, 405, "MethodNotAllowed", "The method %s is not allowed here.", req->method);
	}
}

static bool is_read(enum operation op)
{
	return operation_is_list(op) || op == OP_GET;
}

static void add_limit_header(const struct emulator *em, enum operation op, struct answer *answer)
{
	if (is_read(op))
		answer_header(answer, "x-ms-ratelimit-remaining-subscription-resource-requests", "%lld",
			      (long long)em->budget.left);
	else if (op == OP_PUT || op == OP_INITIATE)
		answer_header(answer, "x-ms-ratelimit-remaining-subscription-writes", "1199");
	else if (op == OP_DELETE)
		answer_header(answer, "x-ms-ratelimit-remaining-subscription-deletes", "14999");
}

void arm_answer(struct emulator *em, const struct request *req, struct answer *answer)
{
	__attribute__((cleanup(free_route))) struct route route = {0};
	enum operation op;

	if (!token_good(em, req, answer) || !version_good(req, answer))
		return;
	if (parse_route(req->path, &route)) {
		answer_arm_error(answer, 404, "NotFound", "The path '%s' is not known.", req->path);
		return;
	}
	op = route_operation(&route, req->method);
	if ((!is_read(op) || spend_budget(&em->budget, answer)) &&
	    !prepared_take(&em->prepared, op, req->path, false, answer)) {
		store_age(&em->store, emulator_now(em), mono_ms(), em->linger_ticks);
		answer_operation(em, req, &route, answer);
	}
	add_limit_header(em, op, answer);
}
