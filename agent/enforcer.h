/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. The enforcer: what is wanted (config, feed, time) against what is installed, and the audit trail of every
 * change. Clock, data path, log, state file and the way to the feed are tables of calls, so that a simulation can drive
 * a week through it in milliseconds. Opens nothing, waits for nothing.
 *
 * Rule above all: a failure on the way in (bad snapshot, no room, no clock) leaves what is enforced as it is; a
 * failure on the way out (a delete that did not work) is tried again until it does.
 */
#ifndef ENFORCER_H
#define ENFORCER_H

#include <stdbool.h>

#include "apply.h"
#include "feed_msg.h"
#include "log_level.h"

#define ENFORCER_RETRY_NS NS_PER_S         /* after a map write that failed */
#define ENFORCER_TICK_NS (100 * NS_PER_MS) /* between two ticks, however close the ends of grants are */
#define ENFORCER_EVENT_LINES 10            /* of each kind, denied and admitted, at most per ENFORCER_EVENT_WINDOW_NS */
#define ENFORCER_EVENT_WINDOW_NS (10 * NS_PER_S)

struct enforcer_hooks {
	struct clock_pair (*now)(void *ctx);
	void (*log)(void *ctx, enum log_level level, const char *line);
	/* Keep the snapshot for the next start. 0 or -errno; a failure is logged here and changes nothing else. */
	int (*save)(void *ctx, const struct snapshot *snapshot);
	void (*ask)(void *ctx, const struct knock *knock); /* tell the feed who knocks */
};

struct enforcer {
	const struct conf *conf;
	const struct gate_ops *gate;
	void *gate_ctx;
	const struct enforcer_hooks *hooks;
	void *hooks_ctx;

	struct clock_pair
		clock; /* the base that all deadlines are stamped from; changes only when the wall clock steps */
	struct snapshot current; /* what the feed last said, or what was kept then: ports unused, grants sorted, one per
				  * key, with marks */
	/* When the feed learned `current`, in its own words: `taken` may have been cut to what was now. */
	struct wall_time taken_as_said;
	struct learned learned;
	bool restored; /* `current` came from the state file or from the maps */
	/* The wall clock was not set at the start: it cannot be right unless it showed at least this then. wall 0: it
	 * can. Until it is set, or until a feed answers, the saved grants wait. */
	struct clock_pair clock_floor;
	struct snapshot withheld;
	bool anew;     /* the maps were empty at the start */
	bool answered; /* a feed has answered since the start */
	struct boot_time fresh_until;
	bool stale_said;
	struct boot_time ticked_at;
	struct boot_time retry_at; /* 0: nothing to try again */
	char feed_name[FEED_NAME_MAX];
	char trouble[FEED_TROUBLE_MAX];
	struct wall_time trouble_at; /* 0: none since the last good answer */

	struct boot_time event_window;
	uint32_t event_lines[2]; /* of denied packets, of admitted ones */
	uint32_t event_unsaid;
	struct knock_sieve knocks;
};

/* Fill the struct; nothing is done yet. conf, gate and hooks must outlive it. */
void enforcer_init(struct enforcer *e, const struct conf *conf, const struct gate_ops *gate, void *gate_ctx,
		   const struct enforcer_hooks *hooks, void *hooks_ctx);
void enforcer_free(struct enforcer *e);

/*
 * The first apply. `saved` is the state file's snapshot (emptied by the call), or NULL when there is none that can be
 * read. What the maps hold from a former run goes before what is saved; see takeover.h. 0 or -errno with the data path
 * unchanged (-ENOSPC: `protect` and `allow` need more entries than max_grants, or more than JITGATE_PORT_RULES_MAX
 * ports).
 */
int enforcer_start(struct enforcer *e, struct snapshot *saved);

/* After a start without a state that could be read: save what was found in the maps, if anything. A failure is logged.
 */
void enforcer_keep(struct enforcer *e);

/*
 * One complete snapshot of a feed; moved in on success (*snapshot is {0} then). -ENOSPC: it does not fit, the old one
 * stays in force. The reason is logged.
 */
int enforcer_take_snapshot(struct enforcer *e, struct snapshot *snapshot);

void enforcer_take_trouble(struct enforcer *e, struct wall_time at, const char *text);

/* A timer has come, or the wall clock was set: end what has ended, re-stamp after a step, try again what failed. */
void enforcer_tick(struct enforcer *e);

/* When enforcer_tick is due next; UINT64_MAX: never. */
struct boot_time enforcer_next(const struct enforcer *e);

/* Another config in force; on error the old one stays. The caller keeps both alive until it returns. */
int enforcer_reload(struct enforcer *e, const struct conf *conf);

/* A packet event of the data path: the audit line, and a knock when a grant might be waiting at the feed. */
void enforcer_take_event(struct enforcer *e, const struct event *event);

/* What the program would say to a packet of (source, port, proto bit) now, by the maps it reads. */
struct enforcer_verdict {
	enum reason reason;   /* UNPROTECTED, GRANTED, AUDIT, EXPIRED, NO_GRANT */
	enum reason would_be; /* in audit mode what enforcement would say, else = reason */
	bool has_entry;
	struct gate_grant entry;
	const struct grant *grant; /* the latest-ending live grant that covers it; NULL: an `allow` source, or none */
};

struct enforcer_verdict enforcer_explain(struct enforcer *e, const struct cidr *source, uint16_t port,
					 uint8_t proto_bit);

/* Which protocols of a port shall be closed by config and learning together; *ret_by_config those of `protect`. */
uint8_t enforcer_wanted_protos(const struct enforcer *e, uint16_t port, uint8_t *ret_by_config);

#endif
