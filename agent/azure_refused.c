// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See azure_refused.h. Judges nothing.
 */
#include "azure_refused.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void free_texts(struct azure_refused *refused)
{
	free(refused->source);
	free(refused->until);
	free(refused->requestor);
	free(refused->policy);
}

void azure_refused_free(struct azure_refused *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free_texts(&all[i]);
	free(all);
}

/* Room for one more; it doubles at the powers of two. */
static int reserve(struct azure_refused **all, size_t n)
{
	struct azure_refused *bigger;

	if (n & (n - 1))
		return 0;
	bigger = reallocarray(*all, n ? 2 * n : 1, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	*all = bigger;
	return 0;
}

int azure_refused_add(struct azure_refused **all, size_t *n, uint16_t port, const struct refused_texts *texts)
{
	struct azure_refused entry = {.why = texts->why, .port = port};

	if (reserve(all, *n))
		return -ENOMEM;
	entry.source = strdup(texts->source);
	entry.until = strdup(texts->until);
	entry.requestor = strdup(texts->requestor);
	entry.policy = strdup(texts->policy);
	if (!entry.source || !entry.until || !entry.requestor || !entry.policy) {
		free_texts(&entry);
		return -ENOMEM;
	}
	(*all)[(*n)++] = entry;
	return 0;
}

int azure_refused_tell(const struct azure_refused *all, size_t n, struct refused_list *list)
{
	for (size_t i = 0; i < n; i++) {
		const struct refused_texts texts = {all[i].why, all[i].source, all[i].until, all[i].requestor,
						    all[i].policy};

		if (refused_add(list, all[i].port, &texts))
			return -ENOMEM;
	}
	return 0;
}

/* ---------------------------------------------------------------- news */

static int compare(const void *a, const void *b)
{
	const struct azure_refused *x = *(const struct azure_refused *const *)a;
	const struct azure_refused *y = *(const struct azure_refused *const *)b;
	int order = (x->port > y->port) - (x->port < y->port);

	if (!order)
		order = strcmp(x->why, y->why);
	if (!order)
		order = strcmp(x->source, y->source);
	if (!order)
		order = strcmp(x->until, y->until);
	if (!order)
		order = strcmp(x->requestor, y->requestor);
	return order ? order : strcmp(x->policy, y->policy);
}

bool *azure_refused_news(const struct azure_refused *before, size_t n_before, const struct azure_refused *now,
			 size_t n_now)
{
	_cleanup_free_ const struct azure_refused **sorted = calloc(n_before + 1, sizeof(*sorted));
	bool *news = n_now && sorted ? calloc(n_now, sizeof(*news)) : NULL;

	if (!news)
		return NULL;
	for (size_t i = 0; i < n_before; i++)
		sorted[i] = &before[i];
	qsort(sorted, n_before, sizeof(*sorted), compare);
	for (size_t i = 0; i < n_now; i++) {
		const struct azure_refused *key = &now[i];

		news[i] = !bsearch(&key, sorted, n_before, sizeof(*sorted), compare);
	}
	return news;
}
