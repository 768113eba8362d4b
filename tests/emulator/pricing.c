// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The plan that a subscription pays for: one resource, VirtualMachines. Nothing in the emulator depends on it: what the
 * service does with policies when the plan is off is not known.
 */
#include <string.h>
#include <strings.h>

#include "emulator.h"
#include "util.h"

#define PLAN_NAME "VirtualMachines"

/* Members that the newest version has, and those before it have not. */
static void add_new_members(const struct emulator *em, cJSON *properties)
{
	cJSON *extensions, *extension = cJSON_CreateObject();

	cJSON_AddStringToObject(properties, "enablementTime", "2026-01-05T12:42:42.1921106Z");
	cJSON_AddStringToObject(properties, "enforce", "False");
	cJSON_AddStringToObject(properties, "resourcesCoverageStatus",
				em->plan.standard ? "FullyCovered" : "NotCovered");
	extensions = cJSON_AddArrayToObject(properties, "extensions");
	cJSON_AddItemToArray(extensions, extension);
	cJSON_AddStringToObject(extension, "name", "AgentlessVmScanning");
	cJSON_AddStringToObject(extension, "isEnabled", em->plan.standard ? "True" : "False");
}

static cJSON *render(const struct emulator *em, const struct request *req, const char *subscription)
{
	cJSON *body = cJSON_CreateObject(), *properties;
	_cleanup_free_ char *id =
		must_printf("/subscriptions/%s/providers/Microsoft.Security/pricings/" PLAN_NAME, subscription);

	cJSON_AddStringToObject(body, "id", id);
	cJSON_AddStringToObject(body, "name", PLAN_NAME);
	cJSON_AddStringToObject(body, "type", "Microsoft.Security/pricings");
	properties = cJSON_AddObjectToObject(body, "properties");
	if (em->plan.standard)
		cJSON_AddStringToObject(properties, "subPlan", em->plan.p1 ? "P1" : "P2");
	cJSON_AddStringToObject(properties, "pricingTier", em->plan.standard ? "Standard" : "Free");
	cJSON_AddStringToObject(properties, "freeTrialRemainingTime", "PT0S");
	if (strcmp(request_query(req, "api-version"), "2024-01-01") == 0)
		add_new_members(em, properties);
	return body;
}

static void put_plan(struct emulator *em, const struct request *req, const char *subscription, struct answer *answer)
{
	_cleanup_json_ cJSON *body = request_json(req);
	const cJSON *properties = cJSON_GetObjectItemCaseSensitive(body, "properties");
	const char *tier = json_string(properties, "pricingTier"), *sub_plan = json_string(properties, "subPlan");

	if (!tier || (strcasecmp(tier, "Standard") != 0 && strcasecmp(tier, "Free") != 0)) {
		answer_arm_error(answer, 400, "InvalidInput", "'pricingTier' has to be Standard or Free.");
		return;
	}
	em->plan.standard = strcasecmp(tier, "Standard") == 0;
	em->plan.p1 = sub_plan && strcasecmp(sub_plan, "P1") == 0;
	answer_json(answer, 200, render(em, req, subscription));
}

void pricing_answer(struct emulator *em, const struct request *req, const struct route *route, struct answer *answer)
{
	if (strcasecmp(route->scope.name, PLAN_NAME) != 0)
		answer_arm_error(answer, 404, "ResourceNotFound", "There is no plan '%s'.", route->scope.name);
	else if (strcmp(req->method, "GET") == 0)
		answer_json(answer, 200, render(em, req, route->scope.subscription));
	else if (strcmp(req->method, "PUT") == 0)
		put_plan(em, req, route->scope.subscription, answer);
	else
		answer_not_allowed(answer, req);
	answer_header(answer, "x-ms-ratelimit-remaining-subscription-resource-requests", "249");
}
