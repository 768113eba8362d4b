// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See refused.h. Owns the bounds; judges nothing.
 */
#include "refused.h"

#include <errno.h>

#include "utf8.h"

/* The next place, or NULL without memory. */
static struct refused *add_place(struct refused_list *list)
{
	size_t n = list->n;

	if (!(n & (n - 1))) { /* room doubles at the powers of two */
		struct refused *bigger = reallocarray(list->items, n ? 2 * n : 1, sizeof(*bigger));

		if (!bigger)
			return NULL;
		list->items = bigger;
	}
	list->items[n] = (struct refused){0};
	list->n++;
	return &list->items[n];
}

int refused_add(struct refused_list *list, uint16_t port, const struct refused_texts *texts)
{
	struct refused *refused;

	if (list->n == REFUSED_MAX) {
		list->more += list->more < UINT32_MAX;
		return 0;
	}
	refused = add_place(list);
	if (!refused)
		return -ENOMEM;
	refused->port = port;
	utf8_fit(refused->why, sizeof(refused->why), texts->why);
	utf8_fit(refused->source, sizeof(refused->source), texts->source);
	utf8_fit(refused->until, sizeof(refused->until), texts->until);
	utf8_fit(refused->requestor, sizeof(refused->requestor), texts->requestor);
	utf8_fit(refused->policy, sizeof(refused->policy), texts->policy);
	return 0;
}

void refused_free(struct refused_list *list)
{
	free(list->items);
	*list = (struct refused_list){0};
}
