// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See azure_whoami.h.
 */
#include "azure_whoami.h"

#include <errno.h>

#include "azure_compute.h"
#include "azure_http.h"

/* Whether the addresses of this cloud are known; else say what to do. */
static int check_cloud(struct azure_asker *asker, const char *name, struct azure_answer *answer)
{
	if (azure_ask_arm(asker))
		return 0;
	text_free(&answer->detail);
	text_free(&answer->why);
	text_printf(&answer->why, "cannot tell which Azure this is: IMDS says azEnvironment=");
	text_quoted(&answer->why, name);
	text_printf(&answer->why, "; set azure.arm_endpoint");
	return -EINVAL;
}

/* Takes the VM when all is well. */
static int take_vm(struct azure_asker *asker, struct azure_vm *vm, struct azure_answer *answer)
{
	if (azure_plan_make(&asker->plan, vm, asker->conf->policies, asker->conf->n_policies))
		return azure_ask_no_memory(answer);
	azure_vm_free(&asker->vm);
	asker->vm = *vm;
	*vm = (struct azure_vm){0};
	return 0;
}

static int learn(struct azure_asker *asker, const struct azure_compute *compute, const struct azure_question *q,
		 struct azure_answer *answer)
{
	CLEANUP(azure_vm_free) struct azure_vm vm = {0};
	const struct azure_cloud *cloud_before = asker->cloud;
	const char *cloud = azure_id_equal(asker->conf->cloud, "auto") ? compute->environment : asker->conf->cloud;
	struct parse_error err;
	int r = azure_vm_parse(compute->resource_id, compute->location, &vm, &err);

	if (r)
		return azure_ask_blame_body(answer, q, r, &err);
	asker->cloud = azure_cloud_find(cloud);
	r = check_cloud(asker, cloud, answer);
	if (!r)
		r = take_vm(asker, &vm, answer);
	if (r)
		asker->cloud = cloud_before;
	return r;
}

static int ask_imds(struct azure_asker *asker, struct azure_answer *answer)
{
	_cleanup_azure_http_response_ struct azure_http_response response = {0};
	_cleanup_azure_compute_ struct azure_compute compute = {0};
	_cleanup_text_ struct text url = {0};
	struct azure_question q = {.goal = AZURE_GOAL_COMPUTE, .endpoint = azure_ask_imds(asker)};
	struct parse_error err;
	int r;

	azure_url_compute(&url, q.endpoint);
	if (url.failed)
		return azure_ask_no_memory(answer);
	q.url = url.data;
	r = azure_ask_ok(asker, &q, &response, answer);
	if (r)
		return r;
	r = azure_compute_parse(response.body, response.len, &compute, &err);
	if (r)
		return azure_ask_blame_body(answer, &q, r, &err);
	return learn(asker, &compute, &q, answer);
}

int azure_whoami_again(struct azure_asker *asker, struct boot_time now, bool *ret_moved, struct azure_answer *answer)
{
	_cleanup_free_ char *before = TAKE_PTR(asker->vm.id);
	int r = ask_imds(asker, answer);

	if (r) {
		asker->vm.id = TAKE_PTR(before);
		return r;
	}
	*ret_moved = !before || !azure_id_equal(before, asker->vm.id);
	asker->vm_until.ns = now.ns + AZURE_IDENTITY_S * (uint64_t)NS_PER_S;
	asker->vm_fresh = true;
	asker->vm_stuck = false;
	return 0;
}

/* Go on with what is remembered: a VM is moved rarely, and what ARM says of the old place is still checked. */
static void forgive(struct azure_asker *asker, struct azure_answer *answer, struct azure_answer *failed)
{
	if (!asker->vm_stuck && !failed->why.failed)
		text_printf(&answer->news, "%s; going on as the VM that it was", failed->why.data);
	asker->vm_stuck = true;
}

int azure_whoami(struct azure_asker *asker, struct boot_time now, struct azure_answer *answer)
{
	_cleanup_azure_answer_ struct azure_answer failed = {0};
	bool moved;
	int r;

	asker->vm_fresh = false;
	if (now.ns >= asker->hope_at.ns) {
		azure_plan_hope(&asker->plan);
		asker->hope_at.ns = now.ns + AZURE_IDENTITY_S * (uint64_t)NS_PER_S;
	}
	if (asker->vm.id && now.ns < asker->vm_until.ns)
		return 0;
	if (!asker->vm.id)
		return azure_whoami_again(asker, now, &moved, answer);
	r = azure_whoami_again(asker, now, &moved, &failed);
	if (!r || r == -ECANCELED)
		return r;
	forgive(asker, answer, &failed);
	return 0;
}
