// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The list of active faults. Sends nothing, waits for nothing.
 */
#include "faults.h"

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
	[OP_LIST] = "list",
	[OP_GET] = "get",
	[OP_PUT] = "put",
	[OP_DELETE] = "delete",
	[OP_INITIATE] = "initiate",
	[OP_ARM_OTHER] = "arm_other",
};
_Static_assert(ARRAY_SIZE(operations) == _OP_MAX, "every operation needs a name");

static const char *const kinds[] = {
	[FAULT_NONE] = "none",           [FAULT_STATUS] = "status",
	[FAULT_HTML] = "html",           [FAULT_EMPTY] = "empty",
	[FAULT_NOT_JSON] = "not-json",   [FAULT_HUGE] = "huge",
	[FAULT_HANG] = "hang",           [FAULT_RESET] = "reset",
	[FAULT_TRUNCATED] = "truncated", [FAULT_WRONG_LENGTH] = "wrong-length",
	[FAULT_SLOW] = "slow",           [FAULT_DUP_KEYS] = "dup-keys",
};
_Static_assert(ARRAY_SIZE(kinds) == _FAULT_MAX, "every kind needs a name");

const char *operation_name(enum operation op)
{
	return operations[op];
}

bool fault_replaces_answer(enum fault_kind kind)
{
	return kind >= FAULT_STATUS && kind <= FAULT_RESET;
}

static enum fault_kind kind_from_name(const char *name)
{
	for (size_t i = FAULT_STATUS; name && i < _FAULT_MAX; i++)
		if (strcmp(kinds[i], name) == 0)
			return (enum fault_kind)i;
	return FAULT_NONE;
}

static bool known_target(const char *on)
{
	if (strcmp(on, "any") == 0 || strcmp(on, "imds") == 0 || strcmp(on, "arm") == 0)
		return true;
	for (size_t i = 0; i < _OP_MAX; i++)
		if (strcmp(operations[i], on) == 0)
			return true;
	return false;
}

static bool meets(const struct fault *fault, enum operation op)
{
	if (strcmp(fault->on, "any") == 0)
		return true;
	if (strcmp(fault->on, op >= OP_LIST ? "arm" : "imds") == 0)
		return true;
	return strcmp(fault->on, operations[op]) == 0;
}

static void remove_fault(struct faults *faults, size_t i)
{
	memmove(&faults->list[i], &faults->list[i + 1], (faults->n - i - 1) * sizeof(faults->list[0]));
	faults->n--;
}

static const char *parse_fault(const cJSON *json, struct fault *ret)
{
	const cJSON *status = cJSON_GetObjectItemCaseSensitive(json, "status");
	const cJSON *retry = cJSON_GetObjectItemCaseSensitive(json, "retry_after");
	const cJSON *count = cJSON_GetObjectItemCaseSensitive(json, "count");
	const char *on = json_string(json, "on");
	struct fault fault = {.kind = kind_from_name(json_string(json, "kind")), .retry_after_s = -1, .left = -1};

	if (!on || !known_target(on))
		return "\"on\" must be any, imds, arm or the name of an operation";
	if (fault.kind == FAULT_NONE)
		return "unknown \"kind\"";
	if (fault.kind == FAULT_STATUS && !cJSON_IsNumber(status))
		return "kind status needs a \"status\"";
	if (cJSON_IsNumber(status) && (status->valueint < 200 || status->valueint > 599))
		return "\"status\" must be 200..599";
	if (cJSON_IsNumber(count) && count->valueint < 1)
		return "\"count\" must be positive";
	fault.status = cJSON_IsNumber(status) ? (unsigned)status->valueint : 502;
	fault.retry_after_s = cJSON_IsNumber(retry) ? retry->valueint : -1;
	fault.left = cJSON_IsNumber(count) ? count->valueint : -1;
	snprintf(fault.on, sizeof(fault.on), "%s", on);
	*ret = fault;
	return NULL;
}

const char *faults_set(struct faults *faults, const cJSON *json)
{
	struct fault fault;
	const char *why = parse_fault(json, &fault);

	if (why)
		return why;
	for (size_t i = 0; i < faults->n; i++)
		if (strcmp(faults->list[i].on, fault.on) == 0)
			remove_fault(faults, i--);
	if (faults->n == FAULTS_MAX)
		return "too many faults";
	faults->list[faults->n++] = fault;
	return NULL;
}

void faults_clear(struct faults *faults)
{
	faults->n = 0;
	faults->generation++;
}

struct fault faults_take(struct faults *faults, enum operation op)
{
	for (size_t i = 0; i < faults->n; i++) {
		struct fault *fault = &faults->list[i], taken = *fault;

		if (!meets(fault, op))
			continue;
		if (fault->left > 0 && --fault->left == 0)
			remove_fault(faults, i);
		return taken;
	}
	return (struct fault){.kind = FAULT_NONE};
}

cJSON *faults_render(const struct faults *faults)
{
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; i < faults->n; i++) {
		const struct fault *fault = &faults->list[i];
		cJSON *one = cJSON_CreateObject();

		cJSON_AddStringToObject(one, "on", fault->on);
		cJSON_AddStringToObject(one, "kind", kinds[fault->kind]);
		cJSON_AddNumberToObject(one, "status", fault->status);
		if (fault->left >= 0)
			cJSON_AddNumberToObject(one, "count", (double)fault->left);
		cJSON_AddItemToArray(list, one);
	}
	return list;
}
