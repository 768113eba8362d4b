// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Names of operations, and which requests are meant. Knows nothing of what happens to them.
 */
#include "target.h"

#include <stdio.h>
#include <string.h>

#include "http_util.h"
#include "util.h"

static const char *const operations[] = {
	[OP_COMPUTE] = "compute",
	[OP_NETWORK] = "network",
	[OP_TOKEN] = "token",
	[OP_VERSIONS] = "versions",
	[OP_IMDS_OTHER] = "imds_other",
	[OP_LIST_WIDE] = "list_wide",
	[OP_LIST_LOCATION] = "list_location",
	[OP_GET] = "get",
	[OP_PUT] = "put",
	[OP_DELETE] = "delete",
	[OP_INITIATE] = "initiate",
	[OP_ARM_OTHER] = "arm_other",
};
_Static_assert(ARRAY_SIZE(operations) == _OP_MAX, "every operation needs a name");

static const char *const groups[] = {"any", "imds", "arm", "list"};

const char *operation_name(enum operation op)
{
	return operations[op];
}

bool operation_is_arm(enum operation op)
{
	return op >= OP_LIST_WIDE;
}

bool operation_is_list(enum operation op)
{
	return op == OP_LIST_WIDE || op == OP_LIST_LOCATION;
}

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* A whole number from `lowest` on; missing: ret untouched. */
static bool take_count(const cJSON *json, const char *name, int lowest, long *ret)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

	if (!item)
		return true;
	if (!cJSON_IsNumber(item) || item->valueint < lowest || item->valuedouble != item->valueint)
		return false;
	*ret = item->valueint;
	return true;
}

const char *target_parse(const cJSON *json, struct target *ret)
{
	const cJSON *path = cJSON_GetObjectItemCaseSensitive(json, "path");
	const char *on = json_string(json, "on");
	struct target target = {.left = -1};

	if (!on || !(is_one_of(on, operations, _OP_MAX) || is_one_of(on, groups, ARRAY_SIZE(groups))))
		return "\"on\" must be any, imds, arm, list or the name of an operation";
	if (path && (!cJSON_IsString(path) || strlen(path->valuestring) >= sizeof(target.path)))
		return "\"path\" must be a part of a path";
	if (!take_count(json, "skip", 0, &target.skip))
		return "\"skip\" must be a number of requests";
	if (!take_count(json, "count", 1, &target.left))
		return "\"count\" must be positive";
	snprintf(target.on, sizeof(target.on), "%s", on);
	snprintf(target.path, sizeof(target.path), "%s", path ? path->valuestring : "");
	*ret = target;
	return NULL;
}

bool target_same(const struct target *a, const struct target *b)
{
	return strcmp(a->on, b->on) == 0 && strcasecmp(a->path, b->path) == 0;
}

static bool meets(const struct target *target, enum operation op, const char *path)
{
	if (!strcasestr(path, target->path))
		return false;
	if (strcmp(target->on, "any") == 0)
		return true;
	if (strcmp(target->on, "list") == 0)
		return operation_is_list(op);
	return strcmp(target->on, operation_is_arm(op) ? "arm" : "imds") == 0 ||
	       strcmp(target->on, operations[op]) == 0;
}

bool target_takes(struct target *target, enum operation op, const char *path)
{
	if (!meets(target, op, path))
		return false;
	if (target->skip > 0) {
		target->skip--;
		return false;
	}
	if (target->left > 0)
		target->left--;
	return true;
}

void target_render(const struct target *target, cJSON *object)
{
	cJSON_AddStringToObject(object, "on", target->on);
	if (target->path[0])
		cJSON_AddStringToObject(object, "path", target->path);
	if (target->skip)
		cJSON_AddNumberToObject(object, "skip", (double)target->skip);
	if (target->left >= 0)
		cJSON_AddNumberToObject(object, "count", (double)target->left);
}
