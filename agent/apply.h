/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. From what is wanted (config, snapshot, learned ports, time) to a data path that holds it. Decides which entries
 * and ports that means, has reconcile plan the difference, and runs the plan. Tells nobody: the enforcer logs.
 */
#ifndef APPLY_H
#define APPLY_H

#include "conf.h"
#include "gate.h"
#include "learned.h"

/* How long an ended entry stays, so that the packets it drops read "expired". */
#define APPLY_KEEP_ENDED_NS (60 * NS_PER_S)

enum grant_mark {
	GRANT_NEW = 0,
	GRANT_LIVE,
	GRANT_ENDED,
	GRANT_REFUSED, /* by a guard rail */
	GRANT_OVER,    /* ended, and no longer in the feed's answer: no clock brings it back */
	GRANT_WAITS,   /* opened by hand before this start, and the clock cannot be right: closed until it is */
};

/* What a grant is now, by clock and guard rails; *ret_verdict tells which rail. */
enum grant_mark apply_judge(const struct grant *grant, const struct conf *conf, struct wall_time now,
			    enum guard_verdict *ret_verdict);

/* Whether an ended grant ended so long ago that nothing has to remember it. */
bool apply_is_forgotten(const struct grant *grant, struct wall_time now);

struct apply_input {
	const struct conf *conf;
	const struct snapshot *snapshot; /* its grants and `taken`; its ports are in `learned` */
	const struct learned *learned;
	const struct grant_set *opened; /* by an operator: no guard rail judges them any more; NULL: none */
	uint32_t mode;                  /* for struct gate_state */
	struct boot_time confirm_until; /* of a trial; ns 0: none */
	struct clock_pair now; /* deadlines are stamped from it: its offset changes only when the wall clock is set */
	const struct gate_ops *gate;
	void *gate_ctx;
	bool again; /* the last run left something undone, or there was none: look at the flows whatever has changed */
	/* Called once it is certain that all fits, when doors were opened and before any is closed: the moment to save
	 * what will be in force. NULL: nothing. */
	void (*commit)(void *ctx);
	void *commit_ctx;
};

/*
 * Make the data path equal to the input. On error (-ENOSPC: more entries than max_grants or more ports than
 * JITGATE_PORT_RULES_MAX; -ENOMEM; errno of reading the map) nothing was changed. Otherwise *ret_failed counts the
 * writes that failed: the rest was done, and the caller runs it again later.
 */
int apply_wanted(const struct apply_input *in, size_t *ret_failed);

#endif
