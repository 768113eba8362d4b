// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The list of active faults. Sends nothing, waits for nothing.
 */
#include "faults.h"

#include <stdio.h>
#include <string.h>

#include "http_util.h"
#include "util.h"

static const char *const kinds[] = {
	[FAULT_NONE] = "none",
	[FAULT_STATUS] = "status",
	[FAULT_HTML] = "html",
	[FAULT_EMPTY] = "empty",
	[FAULT_NOT_JSON] = "not-json",
	[FAULT_HUGE] = "huge",
	[FAULT_BOMB] = "bomb",
	[FAULT_HANG] = "hang",
	[FAULT_RESET] = "reset",
	[FAULT_TRUNCATED] = "truncated",
	[FAULT_WRONG_LENGTH] = "wrong-length",
	[FAULT_SLOW] = "slow",
	[FAULT_SKEW] = "skew",
	[FAULT_DUP_KEYS] = "dup-keys",
};
_Static_assert(ARRAY_SIZE(kinds) == _FAULT_MAX, "every kind needs a name");

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

static void remove_fault(struct faults *faults, size_t i)
{
	memmove(&faults->list[i], &faults->list[i + 1], (faults->n - i - 1) * sizeof(faults->list[0]));
	faults->n--;
}

static const char *parse_fault(const cJSON *json, struct fault *ret)
{
	const cJSON *status = cJSON_GetObjectItemCaseSensitive(json, "status");
	const cJSON *retry = cJSON_GetObjectItemCaseSensitive(json, "retry_after");
	const cJSON *skew = cJSON_GetObjectItemCaseSensitive(json, "seconds");
	const char *code = json_string(json, "code"), *why;
	struct fault fault = {.kind = kind_from_name(json_string(json, "kind")), .retry_after_s = -1};

	why = target_parse(json, &fault.target);
	if (why)
		return why;
	if (fault.kind == FAULT_NONE)
		return "unknown \"kind\"";
	if (fault.kind == FAULT_STATUS && !cJSON_IsNumber(status))
		return "kind status needs a \"status\"";
	if (fault.kind == FAULT_SKEW && !cJSON_IsNumber(skew))
		return "kind skew needs \"seconds\"";
	if (cJSON_IsNumber(status) && (status->valueint < 200 || status->valueint > 599))
		return "\"status\" must be 200..599";
	fault.status = cJSON_IsNumber(status) ? (unsigned)status->valueint : 502;
	fault.retry_after_s = cJSON_IsNumber(retry) ? retry->valueint : -1;
	fault.skew_s = cJSON_IsNumber(skew) ? skew->valueint : 0;
	fault.details = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "details"));
	snprintf(fault.code, sizeof(fault.code), "%s", code ? code : "");
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
		if (target_same(&faults->list[i].target, &fault.target))
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

struct fault faults_take(struct faults *faults, enum operation op, const char *path)
{
	for (size_t i = 0; i < faults->n; i++) {
		struct fault *fault = &faults->list[i], taken = *fault;

		if (!target_takes(&fault->target, op, path))
			continue;
		if (fault->target.left == 0)
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

		target_render(&fault->target, one);
		cJSON_AddStringToObject(one, "kind", kinds[fault->kind]);
		cJSON_AddNumberToObject(one, "status", fault->status);
		cJSON_AddItemToArray(list, one);
	}
	return list;
}
