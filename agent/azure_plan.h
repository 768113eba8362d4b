/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Which policies to read: the list of the VM's own resource group, and what the config names. And what an answer
 * makes of the next question: a list of all regions that is forbidden becomes that of one region. Asks nobody.
 */
#ifndef AZURE_PLAN_H
#define AZURE_PLAN_H

#include "azure_blame.h"
#include "azure_id.h"
#include "conf.h"
#include "text.h"
#include "util.h"

#define AZURE_SOURCES_MAX (1 + CONF_POLICIES_MAX)

/* One thing to read, and what is known of it since the process began. */
struct azure_source {
	struct azure_scope scope;
	bool configured;  /* else it is the VM's own group */
	bool ever_wide;   /* the list of all regions was read once */
	bool one_region;  /* that list is forbidden: the VM's region is asked for */
	bool region_told; /* and people know */
	bool gone_told;   /* people know that there is no such policy */
};

/* Starts as {0}. */
struct azure_plan {
	struct azure_source sources[AZURE_SOURCES_MAX]; /* the VM's group first, then as configured; none twice */
	size_t n;
};

/*
 * Make the plan for this VM; a source that the old plan has too keeps what is known of it. `policies` are ids that
 * azure_scope_parse takes. 0, or -ENOMEM with *plan untouched.
 */
int azure_plan_make(struct azure_plan *plan, const struct azure_vm *vm, char *const *policies, size_t n_policies);
void azure_plan_free(struct azure_plan *plan);

/* From time to time: what was forbidden may be allowed now. */
void azure_plan_hope(struct azure_plan *plan);

/* The first address to ask for this source. */
void azure_plan_url(const struct azure_source *source, const char *arm, const struct azure_vm *vm, struct text *out);

enum azure_next {
	AZURE_READ = 0, /* the body is the answer */
	AZURE_GONE,     /* the answer is that there is no such policy */
	AZURE_NARROWER, /* ask again: azure_plan_url gives another address now */
	AZURE_FAILED,
};

/*
 * What an answer to the address of azure_plan_url means. `code` is that of the ARM error body, or "".
 *
 * Only a list of all regions that has never been read is replaced by that of one: policies of other regions would seem
 * gone otherwise, and their ports would be let go. 404 is an answer for one policy, and only with ARM's own word for
 * it: gateways say 404 too, and so does a group that was moved.
 */
enum azure_next azure_plan_judge(struct azure_source *source, const struct azure_vm *vm, long status, const char *code);

#endif
