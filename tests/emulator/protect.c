// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A protected port without a PUT: for the option --protect and for grants by control.
 */
#include <string.h>
#include <strings.h>

#include "emulator.h"

static cJSON *find_rule(const cJSON *machine, int number, const char *protocol)
{
	cJSON *rule;

	cJSON_ArrayForEach(rule, cJSON_GetObjectItemCaseSensitive(machine, "ports"))
	{
		const cJSON *n = cJSON_GetObjectItemCaseSensitive(rule, "number");
		const char *has = json_string(rule, "protocol");

		if (cJSON_IsNumber(n) && n->valueint == number &&
		    (!protocol || (has && (strcasecmp(has, protocol) == 0 || strcmp(has, "*") == 0))))
			return rule;
	}
	return NULL;
}

static void add_rule(cJSON *machine, int number, const char *protocol)
{
	cJSON *ports = cJSON_GetObjectItemCaseSensitive(machine, "ports"), *rule = cJSON_CreateObject();

	cJSON_AddNumberToObject(rule, "number", number);
	cJSON_AddStringToObject(rule, "protocol", protocol ? protocol : "TCP");
	cJSON_AddStringToObject(rule, "allowedSourceAddressPrefix", "*");
	cJSON_AddStringToObject(rule, "maxRequestAccessDuration", "PT3H");
	cJSON_AddItemToArray(ports, rule);
}

struct policy *protect_port(struct emulator *em, const char *vm, int number, const char *protocol)
{
	char subscription[128], group[128];
	struct scope scope = {subscription, group, em->vm.location, "default"};
	struct policy *policy;
	cJSON *machine;

	if (resource_scope(vm, subscription, group, sizeof(group)) < 0)
		return NULL;
	policy = store_find(&em->store, &scope);
	if (!policy)
		policy = store_put(&em->store, &scope, cJSON_CreateArray(), NULL);
	machine = policy_machine(policy, vm);
	if (!machine) {
		machine = cJSON_CreateObject();
		cJSON_AddStringToObject(machine, "id", vm);
		cJSON_AddArrayToObject(machine, "ports");
		cJSON_AddItemToArray(policy->machines, machine);
	}
	if (!find_rule(machine, number, protocol))
		add_rule(machine, number, protocol);
	return policy;
}
