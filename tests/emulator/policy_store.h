/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The policies and their requests: keep, find, age, render. Names are compared without case, as the resource
 * manager does. Not locked: the caller holds the emulator's lock.
 */
#ifndef EMULATOR_POLICY_STORE_H
#define EMULATOR_POLICY_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

/* Where a policy lives; in a search NULL means any. */
struct scope {
	const char *subscription, *group, *location, *name;
};

/* One access request: the JSON that is shown, and when "Initiating" turns into "Initiated". */
struct jit_request {
	cJSON *doc;
	int64_t ready_mono_ms;
};

struct policy {
	char *subscription, *group, *location, *name;
	cJSON *machines; /* properties.virtualMachines, as the client wrote it */
	struct jit_request *requests;
	size_t n_requests;
	int64_t updating_until_mono_ms;
};

struct store {
	struct policy **policies;
	size_t n;
};

void store_free(struct store *store);

struct policy *store_find(const struct store *store, const struct scope *scope);
bool policy_matches(const struct policy *policy, const struct scope *scope);

/*
 * Create, or replace the machines of, a policy. Takes `machines` (an array) and `requests` (an array, or NULL:
 * earlier requests stay, as the real service shows).
 */
struct policy *store_put(struct store *store, const struct scope *scope, cJSON *machines, cJSON *requests);

/* Was it there? */
bool store_delete(struct store *store, const struct scope *scope);

/* Take a policy document, or a list of them, with id and properties. -EINVAL when it is none. */
int store_load(struct store *store, const cJSON *doc);

/* Initiating -> Initiated -> Revoked/Expired, as far as time has come. linger: keep an ended one "Initiated" so long.
 */
void store_age(struct store *store, int64_t now_ticks, int64_t now_mono_ms, int64_t linger_ticks);

/* Revoke what matches; NULL vm, port < 0, NULL source mean any. Returns how many port entries changed. */
struct revocation {
	const char *vm;
	int port;
	const char *source;
	const char *reason;
};
unsigned store_revoke(struct store *store, const struct revocation *revocation);

/* Add a request (takes doc), in the middle of the list: readers must not rely on an order. */
void policy_add_request(struct policy *policy, cJSON *doc, int64_t ready_mono_ms);

/* The live entries of the policy for the same machine, port and source as those in `newer` are superseded by it. */
void policy_supersede(struct policy *policy, const cJSON *newer);

/* The machine of that id in properties.virtualMachines, or NULL. */
cJSON *policy_machine(const struct policy *policy, const char *vm);

/* As GET answers. The caller frees it. */
cJSON *policy_render(const struct policy *policy, int64_t now_mono_ms);

/* The S and G of "/subscriptions/S/resourceGroups/G/...", each into `size` bytes. -EINVAL when the id has another form.
 */
int resource_scope(const char *id, char *subscription, char *group, size_t size);

#endif
