// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See azure_listing.h. Sorted, not compared each with each: how many there are is for the other side to say.
 */
#include "azure_listing.h"

#include <errno.h>
#include <string.h>

static void free_request(struct azure_request *request)
{
	for (size_t i = 0; i < request->n_sources; i++)
		free(request->sources[i]);
	free(request->sources);
	free(request->status);
	free(request->start);
	free(request->end);
	free(request->requestor);
	free(request->justification);
}

void azure_policy_free(struct azure_policy *policy)
{
	for (size_t i = 0; i < policy->n_rules; i++) {
		free(policy->rules[i].protocol);
		free(policy->rules[i].longest);
	}
	for (size_t i = 0; i < policy->n_requests; i++)
		free_request(&policy->requests[i]);
	free(policy->rules);
	free(policy->requests);
	free(policy->id);
}

void azure_listing_free(struct azure_listing *listing)
{
	for (size_t i = 0; i < listing->n; i++)
		azure_policy_free(&listing->policies[i]);
	free(listing->policies);
	*listing = (struct azure_listing){0};
}

/* ---------------------------------------------------------------- what it can hold */

int azure_listing_too_many(struct parse_error *err)
{
	return parse_fail(err, 0, "more requests for this VM than can be looked at");
}

static size_t count_entries(const struct azure_policy *policy)
{
	size_t n = policy->n_rules + policy->n_requests;

	for (size_t i = 0; i < policy->n_requests; i++)
		n += policy->requests[i].n_sources;
	return n;
}

int azure_listing_move(struct azure_listing *to, struct azure_listing *from, struct parse_error *err)
{
	size_t bytes, n = to->n_entries;
	struct azure_policy *all;

	for (size_t i = 0; i < from->n; i++)
		n += count_entries(&from->policies[i]);
	if (n > AZURE_ENTRIES_MAX)
		return azure_listing_too_many(err);

	if (from->n) {
		if (mul_overflows(to->n + from->n, sizeof(*all), &bytes))
			return -ENOMEM;
		all = realloc(to->policies, bytes);
		if (!all)
			return -ENOMEM;
		memcpy(all + to->n, from->policies, from->n * sizeof(*all));
		to->policies = all;
		to->n += from->n;
		from->n = 0;
	}
	to->n_entries = n;
	to->n_seen += from->n_seen;
	return 0;
}

/* ---------------------------------------------------------------- each once */

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
