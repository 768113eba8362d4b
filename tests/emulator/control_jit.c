// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The tests' own ways to open and to close: grants of any length without the service's checks, and what a cancel in the
 * portal does.
 */
#include <string.h>

#include "control.h"
#include "service_time.h"

void control_revoke(struct emulator *em, const cJSON *body, struct answer *answer)
{
	struct revocation rv = {
		.vm = json_string(body, "vm"), .source = json_string(body, "source"), .reason = "UserRequested"};
	const double any = -1;
	double port;

	if (!control_number(body, "port", 0, 65535, &any, &port, answer))
		return;
	rv.port = (int)port;
	store_age(&em->store, emulator_now(em), mono_ms(), em->linger_ticks);
	control_answer_number(answer, "revoked", store_revoke(&em->store, &rv));
}

static cJSON *fast_machines(const char *vm, int number, const char *source, int64_t end)
{
	cJSON *machines = cJSON_CreateArray(), *machine = cJSON_CreateObject(), *port = cJSON_CreateObject(), *ports;
	char text[TICKS_TEXT_MAX];

	ticks_format(end, text);
	cJSON_AddItemToArray(machines, machine);
	cJSON_AddStringToObject(machine, "id", vm);
	ports = cJSON_AddArrayToObject(machine, "ports");
	cJSON_AddItemToArray(ports, port);
	cJSON_AddNumberToObject(port, "number", number);
	cJSON_AddStringToObject(port, "allowedSourceAddressPrefix", source);
	cJSON_AddStringToObject(port, "endTimeUtc", text);
	cJSON_AddStringToObject(port, "status", "Initiated");
	cJSON_AddStringToObject(port, "statusReason", "UserRequested");
	return machines;
}

void control_initiate_fast(struct emulator *em, const cJSON *body, struct answer *answer)
{
	const char *vm = json_string(body, "vm"), *source = json_string(body, "source");
	struct policy *policy;
	double port, seconds;
	cJSON *doc;

	if (!control_number(body, "port", 0, 65535, NULL, &port, answer) ||
	    !control_number(body, "seconds", -1e9, 1e9, NULL, &seconds, answer))
		return;
	if (!source) {
		control_refuse(answer, "\"source\" must be a string");
		return;
	}
	if (!vm)
		vm = em->vm.id;
	policy = protect_port(em, vm, (int)port, json_string(body, "protocol"));
	if (!policy) {
		control_refuse(answer, "\"vm\" is not a resource id");
		return;
	}
	store_age(&em->store, emulator_now(em), mono_ms(), em->linger_ticks);
	doc = initiate_document(
		em, fast_machines(vm, (int)port, source, emulator_now(em) + (int64_t)(seconds * TICKS_PER_S)),
		json_string(body, "justification"));
	policy_supersede(policy, doc);
	policy_add_request(policy, cJSON_Duplicate(doc, true), 0);
	answer_json(answer, 200, doc);
}
