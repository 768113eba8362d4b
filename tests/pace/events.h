/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What happens next in a simulation: a heap of events by time, and by order of their making when the time is the same.
 */
#ifndef EVENTS_H
#define EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct happening {
	uint64_t at_ns;
	uint64_t order;
	uint32_t what, vm, number;
};

/* Starts as {0}; free with events_free. */
struct events {
	struct happening *heap;
	size_t n, room;
	uint64_t made;
};

void events_add(struct events *events, uint64_t at_ns, uint32_t what, uint32_t vm, uint32_t number);
bool events_next(struct events *events, struct happening *ret);
void events_free(struct events *events);

#endif
