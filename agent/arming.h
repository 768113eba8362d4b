/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Whether this machine enforces: what the config says, an operator's `jitgate arm` on top of it, and that a first
 * start waits for the feed. One rule above all: whatever is forgotten, ends or fails by itself leads to audit only
 * where the config says audit.
 */
#ifndef ARMING_H
#define ARMING_H

#include <stdbool.h>

#include "clockmap.h"
#include "jitgate_abi.h"

#define ARMING_SHORTEST_S 1 /* of a trial */
#define ARMING_LONGEST_S 86400
#define ARMING_DEFAULT_S 300

/* Whether the state folder has a record that arming was confirmed. */
enum arming_record {
	ARMING_NO_RECORD,
	ARMING_RECORDED,
	ARMING_RECORD_UNKNOWN, /* that cannot be found out */
};

/* Only while the config says audit; else all but `waiting` and the last two is 0. */
struct arming {
	bool confirmed;                 /* armed and confirmed: enforces, although the config says audit */
	struct boot_time confirm_until; /* of a trial, which enforces up to then; ns 0: none */
	struct wall_time lapsed;        /* when the last trial ended without being confirmed; ns 0: none did */
	/* The first start, with nothing to close yet: audit until a feed has answered. */
	bool waiting;
	bool record_unknown; /* at this start, so that `confirmed` is what the maps had in force before, or what the
				config says */
	bool stale_record;   /* a record of `confirmed` is still there, and no longer true */
};

/* Before arming_take_over: what the state folder says. */
void arming_restore(struct arming *arming, enum arming_record record);

/* The mode for struct gate_state; a trial stands beside it. */
uint32_t arming_mode(const struct arming *arming, uint32_t conf_mode);

/* What a reader of the map has to take for the mode now: a trial that runs enforces. */
uint32_t arming_in_force(const struct gate_state *state, struct boot_time now);

/* Whether it enforces now and does not fall back by itself. */
bool arming_lasts(const struct arming *arming, uint32_t conf_mode);

/* "enforce", "audit", and what is on top of it, for the log. */
const char *arming_text(const struct arming *arming, uint32_t conf_mode);

/* Another `mode` in the config rules: what was armed by hand is over, and so is waiting for an answer. */
void arming_reconfigure(struct arming *arming, uint32_t old_mode, uint32_t new_mode);

/*
 * At a start, from what the maps hold of before: a trial goes on, or has lapsed meanwhile; and what enforced does so
 * when it is not known whether that was confirmed; a trial that would last longer than any can is none.
 * `nothing_known`: no port is protected by config, and neither state nor maps brought anything back.
 */
void arming_take_over(struct arming *arming, uint32_t conf_mode, const struct gate_state *before, struct clock_pair now,
		      bool nothing_known);

/* The trial's time has come and it was not confirmed: true, once. */
bool arming_lapse(struct arming *arming, struct clock_pair now);

#endif
