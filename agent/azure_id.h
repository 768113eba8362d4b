/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Resource ids of Azure: compared, and taken apart. Segment names are read in any case, as Azure writes them in
 * any. Opens nothing and knows no addresses.
 */
#ifndef AZURE_ID_H
#define AZURE_ID_H

#include <stdbool.h>
#include <stddef.h>

#include "util.h"

/* Resource ids compare without ASCII case, as whole texts. */
bool azure_id_equal(const char *a, const char *b);

/* The order that belongs to it: <0, 0, >0. */
int azure_id_compare(const char *a, const char *b);

/* The parts of a VM's id that the addresses need. */
struct azure_vm {
	char *id; /* as IMDS wrote it */
	char *subscription, *group, *name;
	char *region; /* as ARM writes it, "westeurope"; "" when not known */
};

/*
 * /subscriptions/S/resourceGroups/G/providers/Microsoft.Compute/virtualMachines/N. `location` is IMDS' own word for the
 * region, which may be wrong-cased or spaced ("West Europe"), or "". 0, -ENOMEM, or -EINVAL with err->why, also for an
 * instance of a scale set, which JIT does not know; *ret untouched on error.
 */
int azure_vm_parse(const char *resource_id, const char *location, struct azure_vm *ret, struct parse_error *err);
void azure_vm_free(struct azure_vm *vm);

/* What policies may be read from. Parts that it does not have are NULL. */
struct azure_scope {
	char *subscription;
	char *group;         /* NULL: the whole subscription */
	char *region, *name; /* of one policy, or both NULL */
};

/*
 * One of
 *	/subscriptions/S
 *	/subscriptions/S/resourceGroups/G
 *	/subscriptions/S/resourceGroups/G/providers/Microsoft.Security/locations/L/jitNetworkAccessPolicies/N
 * 0, -ENOMEM, or -EINVAL with err->why; *ret untouched on error.
 */
int azure_scope_parse(const char *id, struct azure_scope *ret, struct parse_error *err);
/* The resource group that the VM is in. 0 or -ENOMEM. */
int azure_scope_of_vm(const struct azure_vm *vm, struct azure_scope *ret);
bool azure_scope_equal(const struct azure_scope *a, const struct azure_scope *b);
void azure_scope_free(struct azure_scope *scope);

#endif
