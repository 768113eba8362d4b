// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The policies and their requests. No HTTP here and no clock: time comes in as an argument.
 */
#include "policy_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http_util.h"
#include "prefix.h"
#include "service_time.h"
#include "util.h"

#define POLICY_TYPE "Microsoft.Security/locations/jitNetworkAccessPolicies"

static void free_requests(struct policy *policy)
{
	for (size_t i = 0; i < policy->n_requests; i++)
		cJSON_Delete(policy->requests[i].doc);
	free(policy->requests);
	policy->requests = NULL;
	policy->n_requests = 0;
}

static void free_policy(struct policy *policy)
{
	free_requests(policy);
	cJSON_Delete(policy->machines);
	free(policy->subscription);
	free(policy->group);
	free(policy->location);
	free(policy->name);
	free(policy);
}

void store_free(struct store *store)
{
	for (size_t i = 0; i < store->n; i++)
		free_policy(store->policies[i]);
	free(store->policies);
	*store = (struct store){0};
}

static bool same_or_any(const char *wanted, const char *is)
{
	return !wanted || strcasecmp(wanted, is) == 0;
}

bool policy_matches(const struct policy *policy, const struct scope *scope)
{
	return same_or_any(scope->subscription, policy->subscription) && same_or_any(scope->group, policy->group) &&
	       same_or_any(scope->location, policy->location) && same_or_any(scope->name, policy->name);
}

struct policy *store_find(const struct store *store, const struct scope *scope)
{
	for (size_t i = 0; i < store->n; i++)
		if (policy_matches(store->policies[i], scope))
			return store->policies[i];
	return NULL;
}

static struct policy *add_policy(struct store *store, const struct scope *scope)
{
	struct policy *policy = must(calloc(1, sizeof(*policy)));

	policy->subscription = must_copy(scope->subscription);
	policy->group = must_copy(scope->group);
	policy->location = must_copy(scope->location);
	policy->name = must_copy(scope->name);
	store->policies = must(reallocarray(store->policies, store->n + 1, sizeof(*store->policies)));
	store->policies[store->n++] = policy;
	return policy;
}

static void insert_request(struct policy *policy, size_t at, struct jit_request request)
{
	policy->requests = must(reallocarray(policy->requests, policy->n_requests + 1, sizeof(*policy->requests)));
	memmove(&policy->requests[at + 1], &policy->requests[at],
		(policy->n_requests - at) * sizeof(*policy->requests));
	policy->requests[at] = request;
	policy->n_requests++;
}

struct policy *store_put(struct store *store, const struct scope *scope, cJSON *machines, cJSON *requests)
{
	struct policy *policy = store_find(store, scope);

	if (!policy)
		policy = add_policy(store, scope);
	cJSON_Delete(policy->machines);
	policy->machines = machines;
	if (!requests)
		return policy;
	free_requests(policy);
	while (cJSON_GetArraySize(requests))
		insert_request(policy, policy->n_requests,
			       (struct jit_request){.doc = cJSON_DetachItemFromArray(requests, 0)});
	cJSON_Delete(requests);
	return policy;
}

bool store_delete(struct store *store, const struct scope *scope)
{
	for (size_t i = 0; i < store->n; i++) {
		if (!policy_matches(store->policies[i], scope))
			continue;
		free_policy(store->policies[i]);
		memmove(&store->policies[i], &store->policies[i + 1], (store->n - i - 1) * sizeof(*store->policies));
		store->n--;
		return true;
	}
	return false;
}

static int load_policy(struct store *store, const cJSON *doc)
{
	const cJSON *properties = cJSON_GetObjectItemCaseSensitive(doc, "properties");
	const cJSON *machines = cJSON_GetObjectItemCaseSensitive(properties, "virtualMachines");
	const cJSON *requests = cJSON_GetObjectItemCaseSensitive(properties, "requests");
	char subscription[128], group[128], location[128], name[128];
	const char *id = json_string(doc, "id");

	if (!id || !cJSON_IsArray(machines))
		return -EINVAL;
	if (sscanf(id,
		   "/subscriptions/%127[^/]/resourceGroups/%127[^/]/providers/Microsoft.Security/locations/%127[^/]"
		   "/jitNetworkAccessPolicies/%127[^/]",
		   subscription, group, location, name) != 4)
		return -EINVAL;
	store_put(store, &(struct scope){subscription, group, location, name}, cJSON_Duplicate(machines, true),
		  cJSON_IsArray(requests) ? cJSON_Duplicate(requests, true) : NULL);
	return 0;
}

int store_load(struct store *store, const cJSON *doc)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(doc, "value"), *one;

	if (!cJSON_IsArray(list))
		return load_policy(store, doc);
	cJSON_ArrayForEach(one, list)
	{
		int r = load_policy(store, one);

		if (r < 0)
			return r;
	}
	return 0;
}

int resource_scope(const char *id, char *subscription, char *group, size_t size)
{
	const char *rest;

	if (strncasecmp(id, "/subscriptions/", 15) != 0)
		return -EINVAL;
	id += 15;
	rest = strchr(id, '/');
	if (!rest || strncasecmp(rest, "/resourceGroups/", 16) != 0 || (size_t)(rest - id) >= size)
		return -EINVAL;
	snprintf(subscription, size, "%.*s", (int)(rest - id), id);
	id = rest + 16;
	rest = strchr(id, '/');
	if (!rest || rest == id || (size_t)(rest - id) >= size)
		return -EINVAL;
	snprintf(group, size, "%.*s", (int)(rest - id), id);
	return 0;
}

/* ---------------------------------------------------------------- entries of requests */

/* One port entry of one request. */
struct entry {
	const struct jit_request *request;
	const char *vm;
	cJSON *port;
};

typedef unsigned (*visit_fn)(const struct entry *entry, void *arg);

static unsigned visit_request(const struct jit_request *request, visit_fn visit, void *arg)
{
	cJSON *machine, *port;
	unsigned count = 0;

	cJSON_ArrayForEach(machine, cJSON_GetObjectItemCaseSensitive(request->doc, "virtualMachines"))
	{
		const char *vm = json_string(machine, "id");

		cJSON_ArrayForEach(port, cJSON_GetObjectItemCaseSensitive(machine, "ports"))
		{
			struct entry entry = {.request = request, .vm = vm ? vm : "", .port = port};

			count += visit(&entry, arg);
		}
	}
	return count;
}

static unsigned visit_policy(const struct policy *policy, visit_fn visit, void *arg)
{
	unsigned count = 0;

	for (size_t i = 0; i < policy->n_requests; i++)
		count += visit_request(&policy->requests[i], visit, arg);
	return count;
}

static void set_member(cJSON *object, const char *name, const char *value)
{
	if (cJSON_GetObjectItemCaseSensitive(object, name))
		cJSON_ReplaceItemInObjectCaseSensitive(object, name, cJSON_CreateString(value));
	else
		cJSON_AddStringToObject(object, name, value);
}

static void set_status(cJSON *port, const char *status, const char *reason)
{
	set_member(port, "status", status);
	set_member(port, "statusReason", reason);
}

static bool has_status(const cJSON *port, const char *status)
{
	const char *is = json_string(port, "status");

	return is && strcasecmp(is, status) == 0;
}

static bool is_live(const cJSON *port)
{
	return has_status(port, "Initiated") || has_status(port, "Initiating");
}

struct age_arg {
	int64_t now_ticks, now_mono_ms;
};

static unsigned age_entry(const struct entry *entry, void *arg)
{
	const struct age_arg *age = arg;
	const char *text = json_string(entry->port, "endTimeUtc");
	int64_t end;

	if (has_status(entry->port, "Initiating") && age->now_mono_ms >= entry->request->ready_mono_ms)
		set_status(entry->port, "Initiated", "UserRequested");
	if (text && is_live(entry->port) && ticks_parse(text, &end) == 0 && end <= age->now_ticks)
		set_status(entry->port, "Revoked", "Expired");
	return 0;
}

void store_age(struct store *store, int64_t now_ticks, int64_t now_mono_ms, int64_t linger_ticks)
{
	struct age_arg arg = {.now_ticks = now_ticks - linger_ticks, .now_mono_ms = now_mono_ms};

	for (size_t i = 0; i < store->n; i++)
		visit_policy(store->policies[i], age_entry, &arg);
}

static bool array_has_source(const cJSON *list, const char *source)
{
	const cJSON *one;

	cJSON_ArrayForEach(one, list) if (cJSON_IsString(one) && prefix_same(one->valuestring, source)) return true;
	return false;
}

/* Does the entry open the port for exactly this source? */
static bool has_source(const cJSON *port, const char *source)
{
	const char *single = json_string(port, "allowedSourceAddressPrefix");

	return (single && prefix_same(single, source)) ||
	       array_has_source(cJSON_GetObjectItemCaseSensitive(port, "allowedSourceAddressPrefixes"), source);
}

static unsigned revoke_entry(const struct entry *entry, void *arg)
{
	const struct revocation *rv = arg;
	const cJSON *number = cJSON_GetObjectItemCaseSensitive(entry->port, "number");

	if (!is_live(entry->port) || !same_or_any(rv->vm, entry->vm))
		return 0;
	if (rv->port >= 0 && !(cJSON_IsNumber(number) && number->valueint == rv->port))
		return 0;
	if (rv->source && !has_source(entry->port, rv->source))
		return 0;
	set_status(entry->port, "Revoked", rv->reason);
	return 1;
}

unsigned store_revoke(struct store *store, const struct revocation *revocation)
{
	struct revocation rv = *revocation;
	unsigned count = 0;

	for (size_t i = 0; i < store->n; i++)
		count += visit_policy(store->policies[i], revoke_entry, &rv);
	return count;
}

/* ---------------------------------------------------------------- one policy */

void policy_add_request(struct policy *policy, cJSON *doc, int64_t ready_mono_ms)
{
	insert_request(policy, policy->n_requests / 2,
		       (struct jit_request){.doc = doc, .ready_mono_ms = ready_mono_ms});
}

static unsigned supersede_entry(const struct entry *newer, void *arg)
{
	const cJSON *number = cJSON_GetObjectItemCaseSensitive(newer->port, "number"), *one;
	struct revocation rv = {.vm = newer->vm,
				.port = cJSON_IsNumber(number) ? number->valueint : -1,
				.source = json_string(newer->port, "allowedSourceAddressPrefix"),
				.reason = "NewerRequestInitiated"};
	unsigned count = 0;

	if (rv.source)
		count += visit_policy(arg, revoke_entry, &rv);
	cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(newer->port, "allowedSourceAddressPrefixes"))
	{
		rv.source = cJSON_GetStringValue(one);
		if (rv.source)
			count += visit_policy(arg, revoke_entry, &rv);
	}
	return count;
}

void policy_supersede(struct policy *policy, const cJSON *newer)
{
	struct jit_request request = {.doc = cJSON_Duplicate(newer, true)};

	visit_request(&request, supersede_entry, policy);
	cJSON_Delete(request.doc);
}

cJSON *policy_machine(const struct policy *policy, const char *vm)
{
	cJSON *machine;

	cJSON_ArrayForEach(machine, policy->machines)
	{
		const char *id = json_string(machine, "id");

		if (id && strcasecmp(id, vm) == 0)
			return machine;
	}
	return NULL;
}

cJSON *policy_render(const struct policy *policy, int64_t now_mono_ms)
{
	cJSON *doc = cJSON_CreateObject(), *properties, *requests;
	_cleanup_free_ char *id =
		must_printf("/subscriptions/%s/resourceGroups/%s/providers/Microsoft.Security/locations/"
			    "%s/jitNetworkAccessPolicies/%s",
			    policy->subscription, policy->group, policy->location, policy->name);

	cJSON_AddStringToObject(doc, "kind", "Basic");
	properties = cJSON_AddObjectToObject(doc, "properties");
	cJSON_AddItemToObject(properties, "virtualMachines", cJSON_Duplicate(policy->machines, true));
	requests = cJSON_AddArrayToObject(properties, "requests");
	for (size_t i = 0; i < policy->n_requests; i++)
		cJSON_AddItemToArray(requests, cJSON_Duplicate(policy->requests[i].doc, true));
	cJSON_AddStringToObject(properties, "provisioningState",
				now_mono_ms < policy->updating_until_mono_ms ? "Updating" : "Succeeded");
	cJSON_AddBoolToObject(properties, "appendMode", false);
	cJSON_AddStringToObject(doc, "id", id);
	cJSON_AddStringToObject(doc, "name", policy->name);
	cJSON_AddStringToObject(doc, "type", POLICY_TYPE);
	cJSON_AddStringToObject(doc, "location", policy->location);
	return doc;
}
