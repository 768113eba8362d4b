// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The request for access: the service's own checks against the policy, and the request document. All machines
 * and ports of a request pass, or none does.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "emulator.h"
#include "prefix.h"
#include "service_time.h"
#include "util.h"

/* The asking clock may be this far ahead of ours without a full-length request being called too long. */
#define CLOCK_TOLERANCE (5 * TICKS_PER_S)

/* One port of the request, read and checked as far as that goes without the policy. */
struct ask {
	int number;
	int64_t end;
	const char *single; /* or NULL */
	const cJSON *many;  /* an array, or NULL */
};

/* Why a request is refused. */
struct refusal {
	const char *code;
	char message[200];
};

static int refuse(struct refusal *refusal, const char *code, const char *message)
{
	refusal->code = code;
	snprintf(refusal->message, sizeof(refusal->message), "%s", message);
	return -EINVAL;
}

static int refuse_input(struct refusal *refusal, const char *message)
{
	return refuse(refusal, "InvalidInitiateInput", message);
}

static int refuse_subset(struct refusal *refusal, const struct policy *policy, const char *what)
{
	char message[200];

	snprintf(message, sizeof(message), "The given access request is not a subset of policy '%.40s' (%s).",
		 policy->name, what);
	return refuse(refusal, "InvalidInitiateInput", message);
}

static int read_end(const cJSON *port, int64_t now, int64_t *ret, struct refusal *refusal)
{
	const char *end = json_string(port, "endTimeUtc"), *duration = json_string(port, "duration");
	int64_t ticks;

	if (!end == !duration)
		return refuse_input(refusal, "Only one of fields 'EndTimeUtc' and 'Duration' can be set.");
	if (end ? ticks_parse(end, &ticks) : duration_parse(duration, &ticks))
		return refuse_input(refusal, "The end of the access cannot be read.");
	if (duration)
		ticks += now;
	if (ticks <= now)
		return refuse_input(refusal, "The end of the access has to be in the future.");
	*ret = ticks;
	return 0;
}

static int read_sources(const cJSON *port, const char *client, struct ask *ask, struct refusal *refusal)
{
	const cJSON *many = cJSON_GetObjectItemCaseSensitive(port, "allowedSourceAddressPrefixes"), *one;

	ask->single = json_string(port, "allowedSourceAddressPrefix");
	ask->many = cJSON_IsArray(many) && cJSON_GetArraySize(many) ? many : NULL;
	if (ask->single && ask->many)
		return refuse_input(refusal, "Only one of 'AllowedSourceAddressPrefix' and "
					     "'AllowedSourceAddressPrefixes' can be set.");
	if (!ask->single && !ask->many)
		ask->single = client;
	if (ask->single && !prefix_valid(ask->single))
		return refuse_input(refusal, "The source is neither an address nor a CIDR.");
	cJSON_ArrayForEach(one, ask->many) if (
		!cJSON_IsString(one) ||
		!prefix_valid(one->valuestring)) return refuse_input(refusal,
								     "A source is neither an address nor a CIDR.");
	return 0;
}

static int read_ask(const cJSON *port, int64_t now, const char *client, struct ask *ret, struct refusal *refusal)
{
	const cJSON *number = cJSON_GetObjectItemCaseSensitive(port, "number");
	struct ask ask = {0};
	int r;

	if (!cJSON_IsNumber(number) || number->valuedouble != number->valueint || number->valueint < 0 ||
	    number->valueint > 65535)
		return refuse_input(refusal, "A port needs a 'number' of 0 to 65535.");
	ask.number = number->valueint;
	r = read_end(port, now, &ask.end, refusal);
	if (r == 0)
		r = read_sources(port, client, &ask, refusal);
	if (r == 0)
		*ret = ask;
	return r;
}

/* ---------------------------------------------------------------- against the policy */

static bool rule_covers(const cJSON *rule, const char *source)
{
	const char *single = json_string(rule, "allowedSourceAddressPrefix");
	const cJSON *many = cJSON_GetObjectItemCaseSensitive(rule, "allowedSourceAddressPrefixes"), *one;

	if (!single && !cJSON_GetArraySize(many))
		return true;
	if (single && prefix_covers(single, source))
		return true;
	cJSON_ArrayForEach(one, many) if (cJSON_IsString(one) && prefix_covers(one->valuestring, source)) return true;
	return false;
}

static bool rule_covers_ask(const cJSON *rule, const struct ask *ask)
{
	const cJSON *one;

	if (ask->single)
		return rule_covers(rule, ask->single);
	cJSON_ArrayForEach(one, ask->many) if (!rule_covers(rule, one->valuestring)) return false;
	return true;
}

static bool rule_lasts(const cJSON *rule, const struct ask *ask, int64_t now)
{
	const char *longest = json_string(rule, "maxRequestAccessDuration");
	int64_t ticks;

	return longest && duration_parse(longest, &ticks) == 0 && ask->end - now <= ticks + CLOCK_TOLERANCE;
}

/* Some rule of the machine (there can be one for TCP and one for UDP) has to allow all of it. */
static int check_ask(const struct policy *policy, const cJSON *machine, const struct ask *ask, int64_t now,
		     struct refusal *refusal)
{
	const char *what = "no such port";
	const cJSON *rule;

	cJSON_ArrayForEach(rule, cJSON_GetObjectItemCaseSensitive(machine, "ports"))
	{
		const cJSON *number = cJSON_GetObjectItemCaseSensitive(rule, "number");

		if (!cJSON_IsNumber(number) || number->valueint != ask->number)
			continue;
		if (!rule_covers_ask(rule, ask))
			what = "source is wider";
		else if (!rule_lasts(rule, ask, now))
			what = "longer than allowed";
		else
			return 0;
	}
	return refuse_subset(refusal, policy, what);
}

/* ---------------------------------------------------------------- building the request */

static cJSON *build_port(const struct ask *ask)
{
	cJSON *port = cJSON_CreateObject();
	char end[TICKS_TEXT_MAX];

	ticks_format(ask->end, end);
	cJSON_AddNumberToObject(port, "number", ask->number);
	if (ask->single)
		cJSON_AddStringToObject(port, "allowedSourceAddressPrefix", ask->single);
	else
		cJSON_AddItemToObject(port, "allowedSourceAddressPrefixes", cJSON_Duplicate(ask->many, true));
	cJSON_AddStringToObject(port, "endTimeUtc", end);
	cJSON_AddStringToObject(port, "status", "Initiating");
	cJSON_AddStringToObject(port, "statusReason", "UserRequested");
	return port;
}

/* Check one machine of the body and append it, as it will be shown, to `built`. */
static int build_machine(const struct emulator *em, const struct request *req, const struct policy *policy,
			 const cJSON *wanted, cJSON *built, struct refusal *refusal)
{
	const char *id = json_string(wanted, "id");
	const cJSON *machine = id ? policy_machine(policy, id) : NULL, *port;
	const cJSON *ports = cJSON_GetObjectItemCaseSensitive(wanted, "ports");
	cJSON *shown = cJSON_CreateObject(), *shown_ports;
	int64_t now = emulator_now(em);

	cJSON_AddItemToArray(built, shown);
	if (!id || !cJSON_GetArraySize(ports))
		return refuse_input(refusal, "A machine needs 'id' and 'ports'.");
	if (!machine)
		return refuse_subset(refusal, policy, "no such machine");
	cJSON_AddStringToObject(shown, "id", id);
	shown_ports = cJSON_AddArrayToObject(shown, "ports");
	cJSON_ArrayForEach(port, ports)
	{
		struct ask ask;
		int r = read_ask(port, now, req->client, &ask, refusal);

		if (r == 0)
			r = check_ask(policy, machine, &ask, now, refusal);
		if (r < 0)
			return r;
		cJSON_AddItemToArray(shown_ports, build_port(&ask));
	}
	return 0;
}

static int build_machines(const struct emulator *em, const struct request *req, const struct policy *policy,
			  const cJSON *body, cJSON *built, struct refusal *refusal)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(body, "virtualMachines"), *one;

	if (!cJSON_IsArray(list) || !cJSON_GetArraySize(list))
		return refuse_input(refusal, "'virtualMachines' is required.");
	cJSON_ArrayForEach(one, list)
	{
		int r = build_machine(em, req, policy, one, built, refusal);

		if (r < 0)
			return r;
	}
	return 0;
}

cJSON *initiate_document(const struct emulator *em, cJSON *machines, const char *justification)
{
	cJSON *doc = cJSON_CreateObject();
	char start[TICKS_TEXT_MAX];

	ticks_format(emulator_now(em), start);
	cJSON_AddItemToObject(doc, "virtualMachines", machines);
	cJSON_AddStringToObject(doc, "startTimeUtc", start);
	cJSON_AddStringToObject(doc, "requestor", em->requestor ? em->requestor : "");
	if (justification)
		cJSON_AddStringToObject(doc, "justification", justification);
	return doc;
}

void initiate_answer(struct emulator *em, const struct request *req, const struct scope *scope, struct answer *answer)
{
	struct policy *policy = store_find(&em->store, scope);
	_cleanup_json_ cJSON *body = request_json(req);
	_cleanup_json_ cJSON *machines = cJSON_CreateArray();
	struct refusal refusal = {0};
	cJSON *doc;

	if (!policy) {
		answer_arm_error(answer, 404, "PolicyNotFound", "Policy '%s' was not found.", scope->name);
		return;
	}
	if (!body) {
		answer_arm_error(answer, 400, "InvalidRequestContent", "The request content was invalid.");
		return;
	}
	if (build_machines(em, req, policy, body, machines, &refusal) < 0) {
		answer_arm_error(answer, 400, refusal.code, "%s", refusal.message);
		return;
	}
	doc = initiate_document(em, TAKE_PTR(machines), json_string(body, "justification"));
	policy_supersede(policy, doc);
	policy_add_request(policy, cJSON_Duplicate(doc, true), mono_ms() + em->delays.initiating_ms);
	policy->updating_until_mono_ms = mono_ms() + em->delays.updating_ms;
	quirks_apply(&em->quirks, doc);
	answer_json(answer, 202, doc);
}
