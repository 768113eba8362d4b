// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See azure_plan.h.
 */
#include "azure_plan.h"

#include <errno.h>

#include "azure_url.h"

void azure_plan_free(struct azure_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		azure_scope_free(&plan->sources[i].scope);
	plan->n = 0;
}

static const struct azure_source *find_source(const struct azure_plan *plan, const struct azure_scope *scope)
{
	for (size_t i = 0; i < plan->n; i++) {
		if (azure_scope_equal(&plan->sources[i].scope, scope))
			return &plan->sources[i];
	}
	return NULL;
}

/* Takes the scope. */
static void add_source(struct azure_plan *plan, const struct azure_plan *old, struct azure_scope *scope,
		       bool configured)
{
	const struct azure_source *before = find_source(old, scope);
	struct azure_source *source = &plan->sources[plan->n];

	if (plan->n == AZURE_SOURCES_MAX || find_source(plan, scope)) {
		azure_scope_free(scope);
		return;
	}
	plan->n++;
	*source = before ? *before : (struct azure_source){0};
	source->scope = *scope;
	source->configured = configured;
}

int azure_plan_make(struct azure_plan *plan, const struct azure_vm *vm, char *const *policies, size_t n_policies)
{
	CLEANUP(azure_plan_free) struct azure_plan fresh = {0};
	struct azure_scope scope;
	int r = azure_scope_of_vm(vm, &scope);

	if (r)
		return r;
	add_source(&fresh, plan, &scope, false);
	for (size_t i = 0; i < n_policies; i++) {
		r = azure_scope_parse(policies[i], &scope, NULL);
		if (r)
			return r;
		add_source(&fresh, plan, &scope, true);
	}
	azure_plan_free(plan);
	*plan = fresh;
	fresh.n = 0;
	return 0;
}

void azure_plan_hope(struct azure_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		plan->sources[i].one_region = false;
}

void azure_plan_url(const struct azure_source *source, const char *arm, const struct azure_vm *vm, struct text *out)
{
	azure_url_policies(out, arm, &source->scope, source->one_region ? vm->region : NULL);
}

enum azure_next azure_plan_judge(struct azure_source *source, const struct azure_vm *vm, long status, const char *code)
{
	bool is_list = !source->scope.name;

	if (status == 200) {
		source->ever_wide |= is_list && !source->one_region;
		return AZURE_READ;
	}
	if (status == 404 && !is_list &&
	    (azure_id_equal(code, "PolicyNotFound") || azure_id_equal(code, "ResourceNotFound")))
		return AZURE_GONE;
	if (status != 403 || !is_list)
		return AZURE_FAILED;
	if (source->one_region) {
		source->one_region = false; /* neither is allowed: begin with the better one next time */
		return AZURE_FAILED;
	}
	if (source->ever_wide || !*vm->region)
		return AZURE_FAILED;
	source->one_region = true;
	return AZURE_NARROWER;
}
