/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. What one frame has to make of the gate's maps, and whether it did: verdict, counters, event. What is due comes
 * from the case and the frame, never from the code that reads packets.
 */
#ifndef EFFECT_H
#define EFFECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "jitgate_abi.h"
#include "frame.h"

#define EFFECT_SLOTS 8  /* entries of usage_v1, few, so that a slot beyond is easy to name */
#define EFFECT_PROTOS 5 /* protocols with ports, in the order of their bits */
#define EFFECT_WHY_MAX 256

/* What was seen. Per-CPU values are summed. */
struct effect {
	int verdict;
	struct gate_counter stats[_REASON_MAX];
	struct port_counters ports[EFFECT_PROTOS]; /* of the protected port */
	struct grant_usage usage[EFFECT_SLOTS];
	size_t n_events;
	struct event last_event;
	int64_t budget_left;
	uint64_t before_boot_ns, after_boot_ns; /* the frame was judged between them */
};

/* What is due of one frame through the program, all maps being as they were made before. */
struct due {
	const struct frame *frame;
	int verdict; /* when enforcing */
	int reason;
	uint32_t slot; /* of the grant that decides */
	uint32_t mode;
	int64_t budget;
};

/* The verdict in the mode that is set. */
int due_verdict(const struct due *due);

/* False with the first thing that is wrong in `why`. */
bool effect_is_due(const struct due *due, const struct effect *effect, char why[EFFECT_WHY_MAX]);

#endif
