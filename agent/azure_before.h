/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. What was granted in the last good answer, for the time that new grants are not believed.
 */
#ifndef AZURE_BEFORE_H
#define AZURE_BEFORE_H

#include <stdbool.h>

#include "grant.h"

/* Sorted; points into the set, which must outlive it. Starts as {0}, which knows no grant. */
struct azure_before {
	const struct grant **grants;
	size_t n;
};

/* 0 or -ENOMEM. */
int azure_before_init(struct azure_before *before, const struct grant_set *set);
void azure_before_free(struct azure_before *before);

/* The same source, port, protocols and end. */
bool azure_before_has(const struct azure_before *before, const struct grant *grant);

#endif
