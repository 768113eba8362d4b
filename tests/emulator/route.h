/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The paths of the resource manager that the emulator knows.
 */
#ifndef EMULATOR_ROUTE_H
#define EMULATOR_ROUTE_H

#include "policy_store.h"
#include "target.h"

enum route_kind {
	ROUTE_POLICIES, /* lists, and a policy when the scope has a name */
	ROUTE_INITIATE,
	ROUTE_PRICING,
	ROUTE_REGISTER,
	_ROUTE_MAX,
};

struct route {
	enum route_kind kind;
	struct scope scope;
	char *text; /* what scope points into */
};

void route_free(struct route *route);

/* -EINVAL: another path. */
int route_parse(const char *path, struct route *ret);

enum operation route_operation(const struct route *route, const char *method);

/* Is this a version that the resource's provider knows? */
bool route_knows_version(const struct route *route, const char *version);

/* The newest of them. */
const char *route_version(const struct route *route);

#endif
