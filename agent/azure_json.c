// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See azure_json.h. Members are read through json_member.c, which keeps cJSON's traps away. Judges no value
 * and keeps nothing.
 */
#include "azure_json.h"

#include <errno.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "azure_listing.h"
#include "grant.h"
#include "json_member.h"
#include "utf8.h"

/* Longer ones are no status, no time and no address. */
#define WORD_MAX 64
#define SOURCE_MAX 128

/* Room for one more element of `size` bytes, zeroed; NULL without memory. `*array` doubles at the powers of two. */
static void *array_grow(void *array_ptr, size_t n, size_t size)
{
	void **array = array_ptr;
	size_t bytes;

	if (!(n & (n - 1))) {
		void *bigger;

		if (mul_overflows(n ? 2 * n : 1, size, &bytes))
			return NULL;
		bigger = realloc(*array, bytes);
		if (!bigger)
			return NULL;
		*array = bigger;
	}
	return memset((char *)*array + n * size, 0, size);
}

/* ---------------------------------------------------------------- policies */

/* One element of a virtualMachines array: is it this VM, and its ports. */
static int read_vm(const cJSON *vm, const char *vm_id, bool *ret_ours, struct parse_error *err)
{
	const char *id;

	if (json_expect_object(vm, "an element of virtualMachines is not an object", err) ||
	    json_member_text(vm, "id", true, "virtualMachines[].id is not a text", &id, err))
		return -EINVAL;
	*ret_ours = azure_id_equal(id, vm_id);
	return 0;
}

static int read_rule(const cJSON *port, struct azure_policy *policy, struct parse_error *err)
{
	struct azure_rule *rule = array_grow(&policy->rules, policy->n_rules, sizeof(*rule));
	int r;

	if (!rule)
		return -ENOMEM;
	policy->n_rules++;
	if (json_expect_object(port, "an element of ports is not an object", err) ||
	    json_member_port(port, "ports[].number is not a whole number from 0 to 65535", &rule->number, err))
		return -EINVAL;
	r = json_member_copy(port, "protocol", true, "ports[].protocol is not a text", &rule->protocol, err);
	if (r)
		return r;
	return json_member_copy(port, "maxRequestAccessDuration", false,
				"ports[].maxRequestAccessDuration is not a text", &rule->longest, err);
}

static int read_rules(const cJSON *vms, const char *vm_id, struct azure_policy *policy, struct parse_error *err)
{
	for (const cJSON *vm = vms->child; vm; vm = vm->next) {
		const cJSON *ports;
		bool ours;
		int r;

		if (read_vm(vm, vm_id, &ours, err))
			return -EINVAL;
		if (!ours)
			continue;
		if (json_member_array(vm, "ports", true, "virtualMachines[].ports is not an array", &ports, err))
			return -EINVAL;
		for (const cJSON *port = ports->child; port; port = port->next) {
			r = read_rule(port, policy, err);
			if (r)
				return r;
		}
	}
	return 0;
}

/*
 * A text of a request, of which every port has a copy: cut, so that a long one times many ports is not the memory of
 * the machine. Nothing that is cut could have been understood, and people are shown no more.
 */
static char *copy_cut(const char *text, size_t max)
{
	size_t len = strnlen(text, max);
	char *copy = malloc(len + 1);

	if (copy)
		utf8_fit(copy, len + 1, text);
	return copy;
}

static int add_source(struct azure_request *request, const char *text)
{
	char **slot = array_grow(&request->sources, request->n_sources, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	*slot = copy_cut(text, SOURCE_MAX);
	if (!*slot)
		return -ENOMEM;
	request->n_sources++;
	return 0;
}

/* Both spellings count; an empty single text beside the array is how .NET writes "not set". */
static int read_sources(const cJSON *port, struct azure_request *request, struct parse_error *err)
{
	const cJSON *array;
	const char *single;
	int r;

	if (json_member_text(port, "allowedSourceAddressPrefix", false, "allowedSourceAddressPrefix is not a text",
			     &single, err) ||
	    json_member_array(port, "allowedSourceAddressPrefixes", false,
			      "allowedSourceAddressPrefixes is not an array", &array, err))
		return -EINVAL;
	if (single && *single) {
		r = add_source(request, single);
		if (r)
			return r;
	}
	for (const cJSON *item = array ? array->child : NULL; item; item = item->next) {
		if (!cJSON_IsString(item))
			return parse_fail(err, 0, "an element of allowedSourceAddressPrefixes is not a text");
		r = add_source(request, item->valuestring);
		if (r)
			return r;
	}
	return 0;
}

struct text_member {
	const cJSON *object;
	const char *key, *why;
	size_t max;
	char **ret;
};

static int copy_member(const struct text_member *member, struct parse_error *err)
{
	const char *text;

	if (json_member_text(member->object, member->key, false, member->why, &text, err))
		return -EINVAL;
	*member->ret = text ? copy_cut(text, member->max) : NULL;
	return text && !*member->ret ? -ENOMEM : 0;
}

/* A shape that is wrong is the request's own affair, once it is known to be one: 0. */
static int note_odd(struct azure_request *request, int r, const struct parse_error *err)
{
	if (r != -EINVAL)
		return r;
	if (!request->odd)
		request->odd = err->why;
	return 0;
}

static struct azure_request *add_request(struct azure_policy *policy)
{
	struct azure_request *request = array_grow(&policy->requests, policy->n_requests, sizeof(*request));

	policy->n_requests += request != NULL;
	return request;
}

/* One that cannot be read so far that its VM or port were known. */
static int add_odd(struct azure_policy *policy, const struct parse_error *err)
{
	struct azure_request *request = add_request(policy);

	return request ? note_odd(request, -EINVAL, err) : -ENOMEM;
}

/*
 * An element of a request that has to be an object. What is none is the request's affair; an object with a member twice
 * makes the whole answer one of which nobody knows what it says. 1: go on, 0: it is odd, and noted.
 */
static int open_object(const cJSON *item, const char *why, struct azure_policy *policy, struct parse_error *err)
{
	if (cJSON_IsObject(item))
		return json_expect_object(item, why, err) ? -EINVAL : 1;
	return add_odd(policy, &(struct parse_error){.why = why});
}

/* One port of a request; start, requestor and justification stand once on the request, `outer`. */
static int read_request_port(const cJSON *outer, const cJSON *port, struct azure_policy *policy)
{
	struct azure_request *request = add_request(policy);
	struct parse_error err = {0};
	int r;

	if (!request)
		return -ENOMEM;
	request->ours = true;

	const struct text_member members[] = {
		{port, "status", "a request's status is not a text", WORD_MAX, &request->status},
		{port, "endTimeUtc", "a request's endTimeUtc is not a text", WORD_MAX, &request->end},
		{outer, "startTimeUtc", "a request's startTimeUtc is not a text", WORD_MAX, &request->start},
		{outer, "requestor", "a request's requestor is not a text", GRANT_REQUESTOR_MAX, &request->requestor},
		{outer, "justification", "a request's justification is not a text", GRANT_JUSTIFICATION_MAX,
		 &request->justification},
	};

	r = note_odd(request,
		     json_member_port(port, "a request's number is not a whole number from 0 to 65535",
				      &request->number, &err),
		     &err);
	for (size_t i = 0; !r && i < ARRAY_SIZE(members); i++)
		r = note_odd(request, copy_member(&members[i], &err), &err);
	return r ? r : note_odd(request, read_sources(port, request, &err), &err);
}

static int read_request_vm(const cJSON *outer, const cJSON *vm, const char *vm_id, struct azure_policy *policy,
			   struct parse_error *err)
{
	struct parse_error odd = {0};
	const cJSON *ports;
	const char *id;

	if (json_member_text(vm, "id", true, "virtualMachines[].id is not a text", &id, &odd))
		return add_odd(policy, &odd);
	if (!azure_id_equal(id, vm_id))
		return 0;
	if (json_member_array(vm, "ports", true, "a request's ports is not an array", &ports, &odd))
		return add_odd(policy, &odd);
	for (const cJSON *port = ports->child; port; port = port->next) {
		int r = open_object(port, "an element of a request's ports is not an object", policy, err);

		if (policy->n_requests > AZURE_ENTRIES_MAX)
			return azure_listing_too_many(err);
		if (r > 0)
			r = read_request_port(outer, port, policy);
		if (r)
			return r;
	}
	return 0;
}

/*
 * Unlike a rule, which may be all that says what is to be protected, a request that is wrong opens nothing when it is
 * left out, and the others of its policy still count.
 */
static int read_request(const cJSON *outer, const char *vm_id, struct azure_policy *policy, struct parse_error *err)
{
	struct parse_error odd = {0};
	const cJSON *vms;
	int r = open_object(outer, "an element of requests is not an object", policy, err);

	if (r <= 0)
		return r;
	if (json_member_array(outer, "virtualMachines", true, "a request's virtualMachines is not an array", &vms,
			      &odd))
		return add_odd(policy, &odd);
	for (const cJSON *vm = vms->child; vm; vm = vm->next) {
		r = open_object(vm, "an element of virtualMachines is not an object", policy, err);
		if (r > 0)
			r = read_request_vm(outer, vm, vm_id, policy, err);
		if (r)
			return r;
	}
	return 0;
}

/* A policy that is of other VMs: nothing of it is for this one, except what nobody can tell. */
static bool is_of_others(const struct azure_policy *policy)
{
	for (size_t i = 0; i < policy->n_requests; i++) {
		if (!policy->requests[i].odd || policy->requests[i].ours)
			return false;
	}
	return policy->n_rules == 0;
}

/* Fills *policy as far as it names this VM; the caller frees it, also after an error. */
static int read_policy(const cJSON *item, const char *vm_id, struct azure_policy *policy, struct parse_error *err)
{
	const cJSON *properties, *vms, *requests;
	int r;

	if (json_expect_object(item, "a policy is not an object", err) ||
	    json_member_object(item, "properties", "a policy's properties is not an object", &properties, err) ||
	    json_member_array(properties, "virtualMachines", true, "a policy's virtualMachines is not an array", &vms,
			      err) ||
	    json_member_array(properties, "requests", false, "a policy's requests is not an array", &requests, err))
		return -EINVAL;
	r = read_rules(vms, vm_id, policy, err);
	for (const cJSON *outer = requests ? requests->child : NULL; !r && outer; outer = outer->next)
		r = read_request(outer, vm_id, policy, err);
	if (r)
		return r;
	if (is_of_others(policy)) {
		azure_policy_free(policy);
		*policy = (struct azure_policy){0};
		return 0;
	}
	r = json_member_copy(item, "id", true, "a policy's id is not a text", &policy->id, err);
	if (!r && strlen(policy->id) > AZURE_POLICY_ID_MAX)
		return parse_fail(err, 0, "a policy's id is too long");
	return r;
}

/* One more of a listing, if it names this VM. */
static int add_policy(const cJSON *item, const char *vm_id, struct azure_listing *listing, struct parse_error *err)
{
	struct azure_policy policy = {0};
	struct azure_policy *slot;
	int r = read_policy(item, vm_id, &policy, err);

	if (!r && !(slot = array_grow(&listing->policies, listing->n, sizeof(*slot))))
		r = -ENOMEM;
	if (r) {
		azure_policy_free(&policy);
		return r;
	}
	listing->n_seen++;
	if (policy.id) {
		*slot = policy;
		listing->n++;
	}
	return 0;
}

static int read_policies(const cJSON *value, const char *vm_id, struct azure_listing *page, struct parse_error *err)
{
	for (const cJSON *item = value->child; item; item = item->next) {
		int r = add_policy(item, vm_id, page, err);

		if (r)
			return r;
	}
	return 0;
}

int azure_json_page(const char *bytes, size_t len, const char *vm_id, struct azure_listing *listing, char **ret_next,
		    struct parse_error *err)
{
	_cleanup_json_ cJSON *tree = NULL;
	_cleanup_azure_listing_ struct azure_listing page = {0};
	_cleanup_free_ char *next = NULL;
	const cJSON *value;
	int r = json_parse(bytes, len, &tree, err);

	if (r)
		return r;
	if (json_expect_object(tree, "the list is not an object", err) ||
	    json_member_array(tree, "value", true, "the list's value is not an array", &value, err))
		return -EINVAL;
	r = json_member_copy(tree, "nextLink", false, "nextLink is not a text", &next, err);
	if (!r)
		r = read_policies(value, vm_id, &page, err);
	if (!r)
		r = azure_listing_move(listing, &page, err);
	if (r)
		return r;
	*ret_next = next && *next ? TAKE_PTR(next) : NULL;
	return 0;
}

int azure_json_policy(const char *bytes, size_t len, const char *vm_id, struct azure_listing *listing,
		      struct parse_error *err)
{
	_cleanup_json_ cJSON *tree = NULL;
	_cleanup_azure_listing_ struct azure_listing one = {0};
	int r = json_parse(bytes, len, &tree, err);

	if (!r)
		r = add_policy(tree, vm_id, &one, err);
	return r ? r : azure_listing_move(listing, &one, err);
}

/* ---------------------------------------------------------------- errors */

int azure_json_error(const char *bytes, size_t len, struct azure_error *ret)
{
	_cleanup_json_ cJSON *tree = NULL;
	const cJSON *error, *code, *message;

	if (json_parse(bytes, len, &tree, NULL))
		return -EINVAL;
	error = cJSON_GetObjectItemCaseSensitive(tree, "error");
	if (cJSON_IsObject(error)) {
		code = cJSON_GetObjectItemCaseSensitive(error, "code");
		message = cJSON_GetObjectItemCaseSensitive(error, "message");
	} else {
		code = error;
		message = cJSON_GetObjectItemCaseSensitive(tree, "error_description");
	}
	if (!cJSON_IsString(code))
		return -EINVAL;
	utf8_fit(ret->code, sizeof(ret->code), code->valuestring);
	utf8_fit(ret->message, sizeof(ret->message), cJSON_IsString(message) ? message->valuestring : "");
	return 0;
}
