// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The tests' own door, /emulator/... on the IMDS port: faults, short grants, revocation, clock, statistics. No real
 * service has it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emulator.h"
#include "service_time.h"
#include "util.h"

#define CONTROL_PATH "/emulator/"

bool control_wants(const struct request *req)
{
	return strncmp(req->path, CONTROL_PATH, strlen(CONTROL_PATH)) == 0;
}

static void answer_bad(struct answer *answer, const char *why)
{
	cJSON *body = cJSON_CreateObject();

	cJSON_AddStringToObject(body, "error", why);
	answer_json(answer, 400, body);
}

static void answer_number(struct answer *answer, const char *name, double value)
{
	cJSON *body = cJSON_CreateObject();

	cJSON_AddNumberToObject(body, name, value);
	answer_json(answer, 200, body);
}

/* A number in range, or `otherwise` when it is missing. False: answered. */
static bool take_number(const cJSON *body, const char *name, double lowest, double highest, const double *otherwise,
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
	answer_bad(answer, why);
	return false;
}

static void set_fault(struct emulator *em, const cJSON *body, struct answer *answer)
{
	const char *why = faults_set(&em->faults, body);

	if (why)
		answer_bad(answer, why);
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
		answer_bad(answer, why);
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

static void revoke_access(struct emulator *em, const cJSON *body, struct answer *answer)
{
	struct revocation rv = {
		.vm = json_string(body, "vm"), .source = json_string(body, "source"), .reason = "UserRequested"};
	const double any = -1;
	double port;

	if (!take_number(body, "port", 0, 65535, &any, &port, answer))
		return;
	rv.port = (int)port;
	store_age(&em->store, emulator_now(em), mono_ms(), em->linger_ticks);
	answer_number(answer, "revoked", store_revoke(&em->store, &rv));
}

static void set_requestor(struct emulator *em, const cJSON *body, struct answer *answer)
{
	const char *name = json_string(body, "name");

	if (!name) {
		answer_bad(answer, "\"name\" must be a string");
		return;
	}
	free(em->requestor);
	em->requestor = must_copy(name);
	answer_json(answer, 200, cJSON_Duplicate(body, true));
}

static void set_skew(struct emulator *em, const cJSON *body, struct answer *answer)
{
	double seconds;

	if (!take_number(body, "seconds", -1e9, 1e9, NULL, &seconds, answer))
		return;
	em->skew_ticks = (int64_t)(seconds * TICKS_PER_S);
	answer_number(answer, "seconds", seconds);
}

static void set_linger(struct emulator *em, const cJSON *body, struct answer *answer)
{
	double seconds;

	if (!take_number(body, "seconds", 0, 1e9, NULL, &seconds, answer))
		return;
	em->linger_ticks = (int64_t)(seconds * TICKS_PER_S);
	answer_number(answer, "seconds", seconds);
}

static void set_page_size(struct emulator *em, const cJSON *body, struct answer *answer)
{
	double policies;

	if (!take_number(body, "policies", 0, 100000, NULL, &policies, answer))
		return;
	em->page_size = (unsigned)policies;
	answer_number(answer, "policies", policies);
}

static void set_budget(struct emulator *em, const cJSON *body, struct answer *answer)
{
	const double hour = 3600;
	double requests, window_s;

	if (!take_number(body, "requests", 0, 1e9, NULL, &requests, answer) ||
	    !take_number(body, "window_s", 1, 1e6, &hour, &window_s, answer))
		return;
	throttle_set_budget(&em->throttle, (int64_t)requests, (int64_t)(window_s * 1000), true);
	answer_number(answer, "requests", requests);
}

static void set_bucket(struct emulator *em, const cJSON *body, struct answer *answer)
{
	double size, per_s;

	if (!take_number(body, "size", 0, 1e6, NULL, &size, answer) ||
	    !take_number(body, "per_s", 0, 1e6, NULL, &per_s, answer))
		return;
	throttle_set_bucket(&em->throttle, (int64_t)size, (int64_t)per_s);
	answer_json(answer, 200, cJSON_Duplicate(body, true));
}

static void set_token(struct emulator *em, const cJSON *body, struct answer *answer)
{
	const double unchanged = (double)em->tokens.life_ms / 1000;
	double life_s;

	if (!take_number(body, "life_s", 0, 1e6, &unchanged, &life_s, answer))
		return;
	em->tokens.life_ms = (int64_t)(life_s * 1000);
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(body, "expire")))
		tokens_expire_all(&em->tokens);
	answer_number(answer, "life_s", life_s);
}

static bool take_delay(const cJSON *body, const char *name, int64_t *delay_ms, struct answer *answer)
{
	const double unchanged = (double)*delay_ms;
	double value;

	if (!take_number(body, name, 0, 1e8, &unchanged, &value, answer))
		return false;
	*delay_ms = (int64_t)value;
	return true;
}

static void set_latency(struct emulator *em, const cJSON *body, struct answer *answer)
{
	struct delays delays = em->delays;

	if (!take_delay(body, "ms", &delays.arm_ms, answer) || !take_delay(body, "imds_ms", &delays.imds_ms, answer) ||
	    !take_delay(body, "initiate_ms", &delays.initiate_ms, answer) ||
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
		answer_bad(answer, "\"id\" is not a resource id");
		return;
	}
	replace_text(&em->vm.id, id);
	replace_text(&em->vm.location, json_string(body, "location"));
	replace_text(&em->vm.environment, json_string(body, "environment"));
	answer_json(answer, 200, cJSON_Duplicate(body, true));
}

/* ---------------------------------------------------------------- initiate-fast */

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

/* The policy `default` of the machine's group, with a rule for the port; made as far as it is missing. */
static struct policy *policy_with_rule(struct emulator *em, const char *vm, int number, const char *protocol)
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

static void initiate_fast(struct emulator *em, const cJSON *body, struct answer *answer)
{
	const char *vm = json_string(body, "vm"), *source = json_string(body, "source");
	struct policy *policy;
	double port, seconds;
	cJSON *doc;

	if (!take_number(body, "port", 0, 65535, NULL, &port, answer) ||
	    !take_number(body, "seconds", -1e9, 1e9, NULL, &seconds, answer))
		return;
	if (!source) {
		answer_bad(answer, "\"source\" must be a string");
		return;
	}
	if (!vm)
		vm = em->vm.id;
	policy = policy_with_rule(em, vm, (int)port, json_string(body, "protocol"));
	if (!policy) {
		answer_bad(answer, "\"vm\" is not a resource id");
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
	store_free(&em->store);
	faults_clear(&em->faults);
	prepared_clear(&em->prepared);
	memset(em->counts, 0, sizeof(em->counts));
	em->faulted = em->unauthorized = 0;
	em->skew_ticks = em->linger_ticks = 0;
	em->page_size = 0;
	free(TAKE_PTR(em->requestor));
	em->delays = em->options->delays;
	em->transfer = (struct transfer){.gzip = true};
	em->plan = (struct plan){0};
	throttle_set_budget(&em->throttle, READS_LIMIT, READS_WINDOW_MS, false);
	throttle_set_bucket(&em->throttle, 0, 0);
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
	{"POST", "revoke", true, revoke_access},
	{"POST", "requestor", true, set_requestor},
	{"POST", "skew", true, set_skew},
	{"POST", "linger", true, set_linger},
	{"POST", "page-size", true, set_page_size},
	{"POST", "budget", true, set_budget},
	{"POST", "bucket", true, set_bucket},
	{"POST", "token", true, set_token},
	{"POST", "latency", true, set_latency},
	{"POST", "transfer", true, set_transfer},
	{"POST", "vm", true, set_vm},
	{"POST", "initiate-fast", true, initiate_fast},
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
			answer_bad(answer, "the body must be a JSON object");
		else
			commands[i].run(em, body, answer);
		return;
	}
	answer_bad(answer, "unknown command or method, see --help");
}
