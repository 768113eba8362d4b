// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The tests' own door, /emulator/... on the IMDS port: settings, faults, statistics. No real service has it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "service_time.h"
#include "util.h"

#define CONTROL_PATH "/emulator/"

bool control_wants(const struct request *req)
{
	return strncmp(req->path, CONTROL_PATH, strlen(CONTROL_PATH)) == 0;
}

void control_refuse(struct answer *answer, const char *why)
{
	cJSON *body = cJSON_CreateObject();

	cJSON_AddStringToObject(body, "error", why);
	answer_json(answer, 400, body);
}

void control_answer_number(struct answer *answer, const char *name, double value)
{
	cJSON *body = cJSON_CreateObject();

	cJSON_AddNumberToObject(body, name, value);
	answer_json(answer, 200, body);
}

/* A number in range, or `otherwise` when it is missing. False: answered. */
bool control_number(const cJSON *body, const char *name, double lowest, double highest, const double *otherwise,
		    double *ret, struct answer *answer)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(body, name);
	_cleanup_free_ char *why = NULL;

	if (!item && otherwise) {
		*ret = *otherwise;
		return true;
	}
	if (cJSON_IsNumber(item) && item->valuedouble >= lowest && item->valuedouble <= highest) {
		*ret = item->valuedouble;
		return true;
	}
	why = must_printf("\"%s\" must be a number from %g to %g", name, lowest, highest);
	control_refuse(answer, why);
	return false;
}

static void set_fault(struct emulator *em, const cJSON *body, struct answer *answer)
{
	const char *why = faults_set(&em->faults, body);

	if (why)
		control_refuse(answer, why);
	else
		answer_json(answer, 200, faults_render(&em->faults));
}

static void show_faults(struct emulator *em, const cJSON *body, struct answer *answer)
{
	(void)body;
	answer_json(answer, 200, faults_render(&em->faults));
}

static void clear_faults(struct emulator *em, const cJSON *body, struct answer *answer)
{
	(void)body;
	faults_clear(&em->faults);
	answer_json(answer, 200, faults_render(&em->faults));
}

static void prepare_answer(struct emulator *em, const cJSON *body, struct answer *answer)
{
	const char *why = prepared_add(&em->prepared, body);

	if (why)
		control_refuse(answer, why);
	else
		answer_json(answer, 200, prepared_render(&em->prepared));
}

static void show_prepared(struct emulator *em, const cJSON *body, struct answer *answer)
{
	(void)body;
	answer_json(answer, 200, prepared_render(&em->prepared));
}

static void clear_prepared(struct emulator *em, const cJSON *body, struct answer *answer)
{
	(void)body;
	prepared_clear(&em->prepared);
	answer_json(answer, 200, prepared_render(&em->prepared));
}

static void set_requestor(struct emulator *em, const cJSON *body, struct answer *answer)
{
	const char *name = json_string(body, "name");

	if (!name) {
		control_refuse(answer, "\"name\" must be a string");
		return;
	}
	free(em->requestor);
	em->requestor = must_copy(name);
	answer_json(answer, 200, cJSON_Duplicate(body, true));
}

static void set_skew(struct emulator *em, const cJSON *body, struct answer *answer)
{
	double seconds;

	if (!control_number(body, "seconds", -1e9, 1e9, NULL, &seconds, answer))
		return;
	em->skew_ticks = (int64_t)(seconds * TICKS_PER_S);
	control_answer_number(answer, "seconds", seconds);
}

static void set_linger(struct emulator *em, const cJSON *body, struct answer *answer)
{
	double seconds;

	if (!control_number(body, "seconds", 0, 1e9, NULL, &seconds, answer))
		return;
	em->linger_ticks = (int64_t)(seconds * TICKS_PER_S);
	control_answer_number(answer, "seconds", seconds);
}

static void set_page_size(struct emulator *em, const cJSON *body, struct answer *answer)
{
	double policies;

	if (!control_number(body, "policies", 0, 100000, NULL, &policies, answer))
		return;
	em->page_size = (unsigned)policies;
	control_answer_number(answer, "policies", policies);
}

static void set_budget(struct emulator *em, const cJSON *body, struct answer *answer)
{
	const double hour = 3600;
	double requests, window_s;

	if (!control_number(body, "requests", 0, 1e9, NULL, &requests, answer) ||
	    !control_number(body, "window_s", 1, 1e6, &hour, &window_s, answer))
		return;
	throttle_set_budget(&em->throttle, (int64_t)requests, (int64_t)(window_s * 1000), true);
	control_answer_number(answer, "requests", requests);
}

static void set_bucket(struct emulator *em, const cJSON *body, struct answer *answer)
{
	double size, per_s;

	if (!control_number(body, "size", 0, 1e6, NULL, &size, answer) ||
	    !control_number(body, "per_s", 0, 1e6, NULL, &per_s, answer))
		return;
	throttle_set_bucket(&em->throttle, (int64_t)size, (int64_t)per_s);
	answer_json(answer, 200, cJSON_Duplicate(body, true));
}

static void set_token(struct emulator *em, const cJSON *body, struct answer *answer)
{
	const double unchanged = (double)em->tokens.life_ms / 1000;
	double life_s;

	if (!control_number(body, "life_s", 0, 1e6, &unchanged, &life_s, answer))
		return;
	em->tokens.life_ms = (int64_t)(life_s * 1000);
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(body, "expire")))
		tokens_expire_all(&em->tokens);
	control_answer_number(answer, "life_s", life_s);
}

static bool take_delay(const cJSON *body, const char *name, int64_t *delay_ms, struct answer *answer)
{
	const double unchanged = (double)*delay_ms;
	double value;

	if (!control_number(body, name, 0, 1e8, &unchanged, &value, answer))
		return false;
	*delay_ms = (int64_t)value;
	return true;
}

static void set_latency(struct emulator *em, const cJSON *body, struct answer *answer)
{
	struct delays delays = em->delays;

	if (!take_delay(body, "ms", &delays.arm_ms, answer) || !take_delay(body, "imds_ms", &delays.imds_ms, answer) ||
	    !take_delay(body, "initiate_ms", &delays.initiate_ms, answer) ||
	    !take_delay(body, "updating_ms", &delays.updating_ms, answer) ||
	    !take_delay(body, "initiating_ms", &delays.initiating_ms, answer))
		return;
	em->delays = delays;
	answer_json(answer, 200, cJSON_Duplicate(body, true));
}

/* What is not said stays as it is. */
static void take_flag(const cJSON *body, const char *name, bool *flag)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(body, name);

	if (cJSON_IsBool(item))
		*flag = cJSON_IsTrue(item);
}

static void set_transfer(struct emulator *em, const cJSON *body, struct answer *answer)
{
	take_flag(body, "gzip", &em->transfer.gzip);
	take_flag(body, "chunked", &em->transfer.chunked);
	answer_json(answer, 200, cJSON_Duplicate(body, true));
}

static void set_imds_limit(struct emulator *em, const cJSON *body, struct answer *answer)
{
	const double none = 0;
	double per_s, identity_per_s;

	if (!control_number(body, "per_s", 0, 1e6, &none, &per_s, answer) ||
	    !control_number(body, "identity_per_s", 0, 1e6, &none, &identity_per_s, answer))
		return;
	em->imds_limit = (struct imds_limit){.per_s = (int64_t)per_s, .identity_per_s = (int64_t)identity_per_s};
	answer_json(answer, 200, cJSON_Duplicate(body, true));
}

static void set_quirks(struct emulator *em, const cJSON *body, struct answer *answer)
{
	const char *why = quirks_parse(body, &em->quirks);

	if (why)
		control_refuse(answer, why);
	else
		answer_json(answer, 200, cJSON_Duplicate(body, true));
}

static void replace_text(char **text, const char *with)
{
	if (!with)
		return;
	free(*text);
	*text = must_copy(with);
}

/* The machine was moved, or it is another cloud's. Policies stay where they are. */
static void set_vm(struct emulator *em, const cJSON *body, struct answer *answer)
{
	const char *id = json_string(body, "id");
	char subscription[128], group[128];

	if (id && resource_scope(id, subscription, group, sizeof(group)) < 0) {
		control_refuse(answer, "\"id\" is not a resource id");
		return;
	}
	replace_text(&em->vm.id, id);
	replace_text(&em->vm.location, json_string(body, "location"));
	replace_text(&em->vm.environment, json_string(body, "environment"));
	answer_json(answer, 200, cJSON_Duplicate(body, true));
}

/* ---------------------------------------------------------------- statistics, reset, dispatch */

static void show_stats(struct emulator *em, const cJSON *body, struct answer *answer)
{
	cJSON *out = cJSON_CreateObject();

	(void)body;
	for (size_t i = 0; i < _OP_MAX; i++)
		cJSON_AddNumberToObject(out, operation_name((enum operation)i), (double)em->counts[i]);
	cJSON_AddNumberToObject(out, "list", (double)(em->counts[OP_LIST_WIDE] + em->counts[OP_LIST_LOCATION]));
	cJSON_AddNumberToObject(out, "faulted", (double)em->faulted);
	cJSON_AddNumberToObject(out, "unauthorized", (double)em->unauthorized);
	answer_json(answer, 200, out);
}

static void reset(struct emulator *em, const cJSON *body, struct answer *answer)
{
	(void)body;
	emulator_reset(em);
	answer_json(answer, 200, cJSON_CreateObject());
}

static const struct {
	const char *method, *name;
	bool needs_body;
	void (*run)(struct emulator *em, const cJSON *body, struct answer *answer);
} commands[] = {
	{"POST", "fault", true, set_fault},
	{"GET", "fault", false, show_faults},
	{"DELETE", "fault", false, clear_faults},
	{"POST", "answer", true, prepare_answer},
	{"GET", "answer", false, show_prepared},
	{"DELETE", "answer", false, clear_prepared},
	{"POST", "revoke", true, control_revoke},
	{"POST", "requestor", true, set_requestor},
	{"POST", "skew", true, set_skew},
	{"POST", "linger", true, set_linger},
	{"POST", "page-size", true, set_page_size},
	{"POST", "budget", true, set_budget},
	{"POST", "bucket", true, set_bucket},
	{"POST", "token", true, set_token},
	{"POST", "latency", true, set_latency},
	{"POST", "transfer", true, set_transfer},
	{"POST", "imds-limit", true, set_imds_limit},
	{"POST", "quirks", true, set_quirks},
	{"POST", "vm", true, set_vm},
	{"POST", "initiate-fast", true, control_initiate_fast},
	{"GET", "stats", false, show_stats},
	{"POST", "reset", false, reset},
};

void control_answer(struct emulator *em, const struct request *req, struct answer *answer)
{
	const char *name = req->path + strlen(CONTROL_PATH);
	_cleanup_json_ cJSON *body = request_json(req);

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].method, req->method) != 0 || strcmp(commands[i].name, name) != 0)
			continue;
		if (commands[i].needs_body && !body)
			control_refuse(answer, "the body must be a JSON object");
		else
			commands[i].run(em, body, answer);
		return;
	}
	control_refuse(answer, "unknown command or method, see --help");
}
