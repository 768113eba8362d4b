// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* See events.h. */
#include "events.h"

#include <stdio.h>
#include <stdlib.h>

static bool before(const struct happening *a, const struct happening *b)
{
	return a->at_ns < b->at_ns || (a->at_ns == b->at_ns && a->order < b->order);
}

static void swap(struct happening *a, struct happening *b)
{
	struct happening t = *a;

	*a = *b;
	*b = t;
}

static void grow(struct events *events)
{
	events->room = events->room ? 2 * events->room : 1024;
	events->heap = reallocarray(events->heap, events->room, sizeof(*events->heap));
	if (!events->heap) {
		fputs("pace_sim: out of memory\n", stderr);
		exit(1);
	}
}

void events_add(struct events *events, uint64_t at_ns, uint32_t what, uint32_t vm, uint32_t number)
{
	size_t i = events->n;

	if (events->n == events->room)
		grow(events);
	events->heap[events->n++] = (struct happening){at_ns, events->made++, what, vm, number};
	for (; i && before(&events->heap[i], &events->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&events->heap[i], &events->heap[(i - 1) / 2]);
}

bool events_next(struct events *events, struct happening *ret)
{
	size_t i = 0;

	if (!events->n)
		return false;
	*ret = events->heap[0];
	events->heap[0] = events->heap[--events->n];
	for (;;) {
		size_t least = i;

		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < events->n; child++) {
			if (before(&events->heap[child], &events->heap[least]))
				least = child;
		}
		if (least == i)
			return true;
		swap(&events->heap[i], &events->heap[least]);
		i = least;
	}
}

void events_free(struct events *events)
{
	free(events->heap);
	*events = (struct events){0};
}
