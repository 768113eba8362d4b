/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. What Azure lists for this VM and is not granted: kept with all its texts, told to jitgated in a list of bounded
 * length, and in the journal once.
 */
#ifndef AZURE_REFUSED_H
#define AZURE_REFUSED_H

#include <stdbool.h>

#include "refused.h"

/* Something live that is not granted, or a rule that protects less or more than it says. Texts as Azure wrote them,
 * never NULL. */
struct azure_refused {
	const char *why; /* static */
	uint16_t port;
	char *source, *until, *requestor, *policy;
};

/* Append a copy; `texts->why` is kept as it is. `*all` and `*n` start as 0. 0, or -ENOMEM with both as they were. */
int azure_refused_add(struct azure_refused **all, size_t *n, uint16_t port, const struct refused_texts *texts);
void azure_refused_free(struct azure_refused *all, size_t n);

/* The first of them for people. 0 or -ENOMEM; *list is added to. */
int azure_refused_tell(const struct azure_refused *all, size_t n, struct refused_list *list);

/*
 * Which of `now` are not in `before`, as an array of n_now flags that the caller frees. NULL: no memory, or n_now is 0.
 * In n log n: thousands may be refused, at every poll.
 */
bool *azure_refused_news(const struct azure_refused *before, size_t n_before, const struct azure_refused *now,
			 size_t n_now);

#endif
