// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See azure_before.h.
 */
#include "azure_before.h"

#include <errno.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	const struct grant *x = *(const struct grant *const *)a, *y = *(const struct grant *const *)b;
	int order = grant_compare(x, y);

	return order ? order : (x->until.ns > y->until.ns) - (x->until.ns < y->until.ns);
}

int azure_before_init(struct azure_before *before, const struct grant_set *set)
{
	before->grants = calloc(set->n + 1, sizeof(*before->grants));
	if (!before->grants)
		return -ENOMEM;
	for (size_t i = 0; i < set->n; i++)
		before->grants[i] = &set->grants[i];
	before->n = set->n;
	qsort(before->grants, before->n, sizeof(*before->grants), compare);
	return 0;
}

void azure_before_free(struct azure_before *before)
{
	free(before->grants);
	*before = (struct azure_before){0};
}

bool azure_before_has(const struct azure_before *before, const struct grant *grant)
{
	return before->n && bsearch(&grant, before->grants, before->n, sizeof(*before->grants), compare);
}
