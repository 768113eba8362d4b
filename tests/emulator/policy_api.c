// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The operations on policies: list, get, put, delete, with the service's own checks. The request for access is in
 * initiate.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "emulator.h"
#include "service_time.h"
#include "util.h"

#define SHORTEST_ACCESS (5 * 60 * TICKS_PER_S)
#define NAMES_MAX 56 /* of policy and machine together */
#define LONGEST_ACCESS (24 * 3600 * TICKS_PER_S)

static cJSON *render(const struct emulator *em, const struct policy *policy)
{
	cJSON *doc = policy_render(policy, mono_ms());

	quirks_apply(&em->quirks, doc);
	return doc;
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

/* Users report that the lists of a subscription leave out what those of its groups have. */
static bool is_listed(const struct emulator *em, const struct policy *policy, const struct scope *scope)
{
	return policy_matches(policy, scope) && (scope->group || strcasecmp(policy->name, em->quirks.hidden) != 0);
}

static void answer_list(struct emulator *em, const struct request *req, const struct scope *scope,
			struct answer *answer)
{
	size_t first = first_of_page(req), seen = 0, shown = 0;
	cJSON *body = cJSON_CreateObject(), *value = cJSON_AddArrayToObject(body, "value");

	for (size_t i = 0; i < em->store.n; i++) {
		if (!is_listed(em, em->store.policies[i], scope) || seen++ < first)
			continue;
		if (em->page_size && shown == em->page_size) {
			_cleanup_free_ char *next = must_printf("%s%s?api-version=2020-01-01&$skipToken=%zu",
								em->arm_endpoint, req->path, first + shown);

			cJSON_AddStringToObject(body, "nextLink", next);
			break;
		}
		cJSON_AddItemToArray(value, render(em, em->store.policies[i]));
		shown++;
	}
	answer_json(answer, 200, body);
}

static void answer_get(struct emulator *em, const struct scope *scope, struct answer *answer)
{
	const struct policy *policy = store_find(&em->store, scope);

	if (policy)
		answer_json(answer, 200, render(em, policy));
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
	if (cJSON_IsString(cJSON_GetObjectItemCaseSensitive(port, "allowedSourceAddressPrefix")) &&
	    cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(port, "allowedSourceAddressPrefixes"))) {
		answer_arm_error(answer, 400, "InvalidPolicyInput",
				 "Only one of 'AllowedSourceAddressPrefix' and 'AllowedSourceAddressPrefixes' can be "
				 "set.");
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

static bool names_good(const char *policy, const char *vm, struct answer *answer)
{
	const char *slash = strrchr(vm, '/');

	if (strlen(policy) + strlen(slash ? slash + 1 : vm) <= NAMES_MAX)
		return true;
	answer_arm_error(answer, 400, "InvalidPolicyInput",
			 "The names of policy and machine together have more than %d characters.", NAMES_MAX);
	return false;
}

static bool machines_good(cJSON *machines, const char *policy, struct answer *answer)
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
		if (!names_good(policy, json_string(machine, "id"), answer))
			return false;
		cJSON_ArrayForEach(port, ports) if (!port_rule_good(port, answer)) return false;
	}
	return true;
}

/* The answer to PUT shows the requests of its body, or none: it is not the state. */
static cJSON *render_put(const struct emulator *em, const struct policy *policy, cJSON *requests)
{
	cJSON *doc = policy_render(policy, mono_ms());

	cJSON_ReplaceItemInObjectCaseSensitive(cJSON_GetObjectItemCaseSensitive(doc, "properties"), "requests",
					       requests ? requests : cJSON_CreateArray());
	quirks_apply(&em->quirks, doc);
	return doc;
}

static void answer_put(struct emulator *em, const struct request *req, const struct scope *scope, struct answer *answer)
{
	_cleanup_json_ cJSON *body = request_json(req);
	cJSON *properties = cJSON_GetObjectItemCaseSensitive(body, "properties"), *requests, *shown;
	struct policy *policy;

	if (!body) {
		answer_arm_error(answer, 400, "InvalidRequestContent", "The request content was invalid.");
		return;
	}
	if (!machines_good(cJSON_GetObjectItemCaseSensitive(properties, "virtualMachines"), scope->name, answer))
		return;
	requests = cJSON_DetachItemFromObjectCaseSensitive(properties, "requests");
	if (!cJSON_IsArray(requests)) {
		cJSON_Delete(requests);
		requests = NULL;
	}
	shown = requests ? cJSON_Duplicate(requests, true) : NULL;
	policy = store_put(&em->store, scope, cJSON_DetachItemFromObjectCaseSensitive(properties, "virtualMachines"),
			   requests);
	policy->updating_until_mono_ms = mono_ms() + em->delays.updating_ms;
	answer_json(answer, 200, render_put(em, policy, shown));
}

void policy_answer(struct emulator *em, const struct request *req, const struct route *route, struct answer *answer)
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
		answer_not_allowed(answer, req);
	}
}
