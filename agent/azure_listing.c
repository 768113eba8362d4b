// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See azure_listing.h. Sorted, not compared each with each: how many there are is for the other side to say.
 */
#include "azure_listing.h"

#include <errno.h>
#include <string.h>

struct entry {
	const char *id;
	size_t at;
};

/* Of one id, the last one read comes first. */
static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int r = azure_id_compare(x->id, y->id);

	return r ? r : (x->at < y->at) - (x->at > y->at);
}

static struct entry *sorted_entries(const struct azure_listing *listing)
{
	struct entry *entries = calloc(listing->n, sizeof(*entries));

	if (!entries)
		return NULL;
	for (size_t i = 0; i < listing->n; i++)
		entries[i] = (struct entry){listing->policies[i].id, i};
	qsort(entries, listing->n, sizeof(*entries), compare_entries);
	return entries;
}

int azure_listing_unique(struct azure_listing *listing)
{
	_cleanup_free_ struct entry *entries = NULL;
	_cleanup_free_ bool *stale = NULL;
	size_t kept = 0;

	if (listing->n < 2)
		return 0;
	entries = sorted_entries(listing);
	stale = calloc(listing->n, sizeof(*stale));
	if (!entries || !stale)
		return -ENOMEM;
	for (size_t i = 1; i < listing->n; i++)
		stale[entries[i].at] = azure_id_equal(entries[i].id, entries[i - 1].id);
	for (size_t i = 0; i < listing->n; i++) {
		if (stale[i])
			azure_policy_free(&listing->policies[i]);
		else
			listing->policies[kept++] = listing->policies[i];
	}
	listing->n_seen -= listing->n - kept;
	listing->n = kept;
	return 0;
}
