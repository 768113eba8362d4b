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

static cJSON *render(const struct emulator *em, const char *subscription)
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
	answer_json(answer, 200, render(em, subscription));
}

void pricing_answer(struct emulator *em, const struct request *req, const struct route *route, struct answer *answer)
{
	if (strcasecmp(route->scope.name, PLAN_NAME) != 0)
		answer_arm_error(answer, 404, "ResourceNotFound", "There is no plan '%s'.", route->scope.name);
	else if (strcmp(req->method, "GET") == 0)
		answer_json(answer, 200, render(em, route->scope.subscription));
	else if (strcmp(req->method, "PUT") == 0)
		put_plan(em, req, route->scope.subscription, answer);
	else
		answer_not_allowed(answer, req);
	answer_header(answer, "x-ms-ratelimit-remaining-subscription-resource-requests", "249");
}
