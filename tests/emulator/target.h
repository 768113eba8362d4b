/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What requests ask for, and which of them something is meant for: the common part of faults and prepared answers. Not
 * locked: the caller holds the emulator's lock.
 */
#ifndef EMULATOR_TARGET_H
#define EMULATOR_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

enum operation {
	OP_COMPUTE,
	OP_NETWORK,
	OP_TOKEN,
	OP_VERSIONS,
	OP_IMDS_OTHER,
	OP_LIST_WIDE, /* from here on: resource manager. A list of all locations */
	OP_LIST_LOCATION,
	OP_GET,
	OP_PUT,
	OP_DELETE,
	OP_INITIATE,
	OP_ARM_OTHER,
	_OP_MAX,
};

/* The name in control requests and statistics. */
const char *operation_name(enum operation op);

bool operation_is_arm(enum operation op);
bool operation_is_list(enum operation op);

/* {"on", "path", "skip", "count"}: of the requests for `on` whose path has `path` in it, the first `skip` pass by, the
 * next `count` are met (missing: all). */
struct target {
	char on[16];     /* an operation; or any, imds, arm, list */
	char path[128];  /* compared without case */
	long skip, left; /* left < 0: until cleared */
};

/* NULL, or why it was refused. */
const char *target_parse(const cJSON *json, struct target *ret);

bool target_same(const struct target *a, const struct target *b);

/* Is this request met? Counts it down; left is 0 when it was the last. */
bool target_takes(struct target *target, enum operation op, const char *path);

void target_render(const struct target *target, cJSON *object);

#endif
