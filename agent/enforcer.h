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
#include "arming.h"
#include "ended.h"
#include "failure.h"
#include "feed_msg.h"
#include "log_level.h"

#define ENFORCER_RETRY_NS NS_PER_S            /* after a map write that failed */
#define ENFORCER_SAVE_RETRY_NS (5 * NS_PER_S) /* after a file of the state folder that could not be written */
#define ENFORCER_TICK_NS (100 * NS_PER_MS)    /* between two ticks, however close the ends of grants are */
#define ENFORCER_EVENT_LINES 10 /* of each kind, denied and admitted, at most per ENFORCER_EVENT_WINDOW_NS */
#define ENFORCER_EVENT_WINDOW_NS (10 * NS_PER_S)
#define ENFORCER_ENDED_LINES 50 /* about single sockets that were ended, at most in one look at a port */

struct enforcer_hooks {
	struct clock_pair (*now)(void *ctx);
	void (*log)(void *ctx, enum log_level level, const char *line);
	/* Keep the snapshot for the next start. 0 or -errno; a failure is logged here and changes nothing else. */
	int (*save)(void *ctx, const struct snapshot *snapshot);
	void (*ask)(void *ctx, const struct knock *knock); /* tell the feed who knocks */
	/* The same as `save`, for what an operator opened, and for whether arming was confirmed. */
	int (*save_opened)(void *ctx, const struct grant_set *opened, struct wall_time now);
	int (*save_armed)(void *ctx, bool armed);
	/*
	 * Not called unless ends_sockets; 0 or -errno. TCP sockets with that local port (0: any) that are connected,
	 * half open or half closed, appended; whether a socket's peer is reached through an interface that is guarded,
	 * and verified now (1: yes); end them, and fill `result` of each.
	 */
	int (*list_sockets)(void *ctx, uint16_t port, struct open_sockets *ret);
	int (*is_guarded)(void *ctx, const struct open_socket *socket);
	int (*end_sockets)(void *ctx, struct open_sockets *sockets);
};

/* What is kept in the state folder; that arming is over is the absence of a file. */
enum enforcer_file {
	ENFORCER_FILE_STATE = 0,
	ENFORCER_FILE_OPENED,
	ENFORCER_FILE_ARMED,
	ENFORCER_FILE_DISARMED,
	_ENFORCER_FILE_MAX,
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
	struct grant_set opened; /* by an operator */
	bool stale_opened;       /* the file still tells of some that are not believed */
	struct arming arming;
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
	struct boot_time retry_at;       /* 0: nothing to try again */
	int unsaved[_ENFORCER_FILE_MAX]; /* 0, or -errno: why the state folder does not hold it */
	struct boot_time save_at;        /* when that is tried again; 0: all is saved */
	bool applied;                    /* once since the start */
	char feed_name[FEED_NAME_MAX];
	char trouble[FEED_TROUBLE_MAX];
	struct wall_time trouble_at; /* 0: none since the last good answer */

	struct boot_time event_window;
	uint32_t event_lines[2]; /* of denied packets, of admitted ones */
	uint32_t event_unsaid;
	struct knock_sieve knocks;

	bool ends_sockets; /* set after enforcer_init, when sockets shall be ended here and can be */
	bool end_failure_said;
	struct ended_list ended; /* grants whose sockets are to be ended, and when to look for them next */
};

/* Fill the struct; nothing is done yet. conf, gate and hooks must outlive it. */
void enforcer_init(struct enforcer *e, const struct conf *conf, const struct gate_ops *gate, void *gate_ctx,
		   const struct enforcer_hooks *hooks, void *hooks_ctx);
void enforcer_free(struct enforcer *e);

/* Between init and start, what the state folder holds besides: `opened` is moved in; and whether arming was
 * confirmed. */
void enforcer_restore(struct enforcer *e, struct grant_set *opened, enum arming_record armed);

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

/* What a feed failed at, and when: kept for the status, copied and cut, until the next good answer. */
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
	const struct grant *grant;   /* the latest-ending live grant that covers it; NULL: an `allow` source, or none */
	const struct grant_set *set; /* that `grant` is in */
	uint64_t drain_ns;           /* the port's session policy, as in session.h */
	int sessions_error;          /* 0, or -errno: the two that follow are not known */
	size_t sessions;             /* of the source, that go on without a grant, too */
	uint64_t sessions_until_boot_ns; /* the last of them; JITGATE_NO_DEADLINE: no end is set */
};

struct enforcer_verdict enforcer_explain(struct enforcer *e, const struct cidr *source, uint16_t port,
					 uint8_t proto_bit);

/* What the state folder does not hold, and why, for people: at most `size` bytes with the NUL; "" when it holds all. */
void enforcer_describe_unsaved(const struct enforcer *e, char *ret, size_t size);

/* The state folder can be written now: put right what the start found to be no longer true. */
void enforcer_settle(struct enforcer *e);

/*
 * Operator's requests. 0: done; ENFORCER_UNSAVED: done, but it could not be saved, so that the next start knows nothing
 * of it (logged, with the reason in *failure); -errno: refused or failed, with nothing changed and *failure what to do.
 * Each is a warning in the log.
 */
#define ENFORCER_UNSAVED 1
/* For arm and disarm: there is nothing to do, and *failure says why. */
#define ENFORCER_NOTHING 2

/* Audit mode enforces for so many seconds, on trial. Once more: from now on. */
int enforcer_arm(struct enforcer *e, uint32_t seconds, struct failure *failure);
/* The trial becomes what lasts. */
int enforcer_confirm(struct enforcer *e, struct failure *failure);
/* Back to the config's audit mode. */
int enforcer_disarm(struct enforcer *e, struct failure *failure);

struct enforcer_opening {
	struct cidr source;
	uint16_t port;
	uint8_t protos;
	uint32_t seconds;      /* OPENED_SHORTEST_S..OPENED_LONGEST_S */
	bool beyond;           /* past the guard rails, if need be */
	const char *requestor; /* who, for people */
	const char *reason;
};

/* Open by hand; again for the same source, port and protocols: from now on. *ret_until when it ends. */
int enforcer_open(struct enforcer *e, const struct enforcer_opening *opening, struct wall_time *ret_until,
		  struct failure *failure);
/* End what enforcer_open opened, and nothing else. -ENOENT: it opened no such thing. */
int enforcer_close(struct enforcer *e, const struct cidr *source, uint16_t port, uint8_t protos,
		   struct failure *failure);
/* A grant of `set` has ended before or at its time: its sockets are ended by the next call of the other one. */
void enforcer_note_ended(struct enforcer *e, const struct grant_set *set, const struct grant *grant);

/* Sources that `old` always allowed and the config in force does not. */
void enforcer_note_disallowed(struct enforcer *e, const struct conf *old);

/* Ports of which sessions went on under `old`, and are cut by the config in force. */
void enforcer_note_cut(struct enforcer *e, const struct conf *old);

/* Sessions that go on for a while, or did, before an apply that may change that, or after which nothing else tells. */
void enforcer_note_flows(struct enforcer *e);

/* From now on enforced for good, where all was let pass: sessions of any source. */
void enforcer_note_all(struct enforcer *e);

/* End what is noted and due, after the maps were brought up to date. Failures are logged, and tried again. On trial
 * (jitgate arm) all of it waits: when that is not confirmed, everybody's session goes on. */
void enforcer_end_sessions(struct enforcer *e);

/* When that is due next; UINT64_MAX: not now. */
struct boot_time enforcer_end_due(const struct enforcer *e);

/* Which protocols of a port shall be closed by config and learning together; *ret_by_config those of `protect`. */
uint8_t enforcer_wanted_protos(const struct enforcer *e, uint16_t port, uint8_t *ret_by_config);

#endif
