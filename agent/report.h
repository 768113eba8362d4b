/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. What jitgate shows, as text for people (aligned, at most 100 columns but for the verdict) and as JSON (field
 * names are a contract). From a struct that the caller fills: out of the running daemon, or, when that is dead, out of
 * the pins alone.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>

#include "arming.h"
#include "grant.h"
#include "jitgate_abi.h"
#include "session.h"
#include "text.h"

#define REPORT_UNSAVED_MAX 256
#define REPORT_WHY_MAX 96 /* with its NUL: why an interface is not verified */

struct report_interface {
	char name[16];
	uint32_t ifindex;
	char xdp_mode[12];               /* "native", "generic", "tc", "none" */
	uint32_t program_id;             /* what the kernel says is on the interface; 0: nothing */
	uint32_t holder_id;              /* with "tc": another's program, which holds the XDP hook; 0: that is free */
	bool verified;                   /* that is our program, and its filter slot is filled */
	char why[REPORT_WHY_MAX];        /* when not verified: the reason */
	bool guarded;                    /* what follows is known: jitgated runs */
	struct wall_time verified_at;    /* last; ns 0: never */
	struct wall_time probed_at;      /* what it runs was last seen to drop and count a packet; ns 0: never */
	char not_probed[REPORT_WHY_MAX]; /* why that cannot be tried here; "": it can */
	uint32_t lost, reattached;       /* how often something was amiss since jitgated's start, and was set right */
};

/* An interface that is not guarded any more, and has something of ours on it still. */
struct report_left {
	char name[16];
	uint32_t ifindex;
	int enforced; /* -errno: why the filter is on it still; 0: it is off */
	int lro;      /* -errno: why its large receive offload, which was switched off for native mode, is off still */
};

struct report_port {
	uint16_t port;
	uint8_t proto_bit; /* one bit */
	bool by_config;    /* in `protect`; else learned from the feed */
	bool counted;      /* the counters are known: the port has its own, and they could be read */
	struct port_counters counters;
	uint64_t drain_ns; /* session policy, as in session.h */
	size_t sessions;   /* known, that go on without a grant, too */
};

struct report_grant {
	struct cidr source;
	uint16_t port;
	uint8_t protos;
	bool endless; /* from `allow` */
	bool by_hand; /* an operator's, by jitgate open */
	struct wall_time until;
	const char *requestor, *justification, *origin; /* never NULL */
	uint64_t packets, bytes;
	struct wall_time last_seen; /* ns 0: never */
};

enum report_feed_state { REPORT_FEED_NEVER = 0, REPORT_FEED_FRESH, REPORT_FEED_STALE };

struct report {
	struct wall_time now;
	const char *version;
	uint32_t mode; /* in force now: a trial that runs enforces */
	/* What the config says, and what was armed on top of it. Without the agent: audit, and a trial. */
	uint32_t conf_mode;
	struct arming arming;
	struct wall_time trial_until; /* ns 0: no trial runs */
	bool agent_running;
	const char *agent_why; /* when not running: what was tried */
	struct report_interface *interfaces;
	size_t n_interfaces;
	struct report_left *left; /* NULL: not known */
	size_t n_left;
	enum report_feed_state feed_state;
	const char *feed_name; /* "" before the first HELLO */
	bool feed_connected;
	struct wall_time last_good;                 /* ns 0: never */
	struct wall_time last_error_at;             /* ns 0: none */
	const char *last_error;                     /* "" none */
	bool clock_known;                           /* the feed compared this machine's clock with that of who grants */
	int32_t clock_offset_s;                     /* this machine's is ahead by at least that; negative: behind */
	const struct refused_list *refused_by_feed; /* NULL: not known */
	struct refused_list refused_by_guard;       /* of the feed's grants, by the guard rails */
	struct wall_time
		clock_floor; /* the clock is not set: it cannot be right before this; ns 0: it can, or unknown */
	bool only_protect;   /* no good answer yet and no state: only `protect` ports are closed */
	struct gate_counter counters[_REASON_MAX];
	struct report_port *ports;
	size_t n_ports;
	struct report_grant *grants; /* without the endless ones of `allow` */
	size_t n_grants;
	struct report_grant *waiting; /* opened by hand, closed until the clock can be right; not among `grants` */
	size_t n_waiting;
	size_t n_allow;                   /* always-allowed sources */
	char unsaved[REPORT_UNSAVED_MAX]; /* what the state folder does not hold, and why; "": nothing, or not known */
	/* How the sockets of a grant that ends are ended: "bpf", "netlink", "off" (by config), "none"; NULL: not known.
	 */
	const char *end_sockets;
	const char *end_sockets_why; /* when "none" */
};

/* The verdict on one (source, port, proto), now. */
struct report_explain {
	struct wall_time now;
	struct cidr source; /* a single address */
	uint16_t port;
	uint8_t proto_bit;
	enum reason reason;   /* UNPROTECTED, GRANTED, AUDIT, EXPIRED, NO_GRANT */
	enum reason would_be; /* in audit mode what enforcement would say, else = reason */
	bool has_grant;       /* an entry covers the source */
	struct report_grant grant;
	uint64_t drain_ns;               /* the port's session policy, as in session.h */
	size_t sessions;                 /* of the source, that go on without a grant, too */
	const char *sessions_unknown;    /* why these two are not known; NULL: they are */
	struct wall_time sessions_until; /* the last of them; ns 0: no end is set */
	const char *
		unverified; /* an interface that is not verified, so that the verdict does not hold there; NULL: none */
	const char *unverified_why;
};

/* Each appends to *out, whose `failed` says when memory ran out. Numbers and times are as in the struct. */
void report_status_text(const struct report *report, struct text *out);
void report_status_json(const struct report *report, struct text *out);
void report_list_text(const struct report *report, struct text *out);
void report_list_json(const struct report *report, struct text *out);
void report_explain_text(const struct report_explain *explain, struct text *out);
void report_explain_json(const struct report_explain *explain, struct text *out);

#endif
