/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Which interfaces are guarded, whether each of them really is, and what is done when one is not. Interfaces
 * come, go and change their names, and other programs take the filter off: this decides, and says so. Kernel, clock and
 * log are a table of calls, so that tests can play all of it.
 *
 * Once an interface is guarded it stays so while it exists, also when its default route goes: letting go opens ports,
 * and only a reload or a restart may do that, by another `interfaces`. While a name in `interfaces` does not exist,
 * which may be a typing error, these do not either.
 *
 * Verified is an interface when the kernel says that it runs our program, and that program was last found to drop and
 * count what has to be dropped, or cannot be tried here: that is told then. It is tried after each attachment, and at
 * each look, so with each news of a link and every 10 s.
 */
#ifndef GUARDIAN_H
#define GUARDIAN_H

#include <stdbool.h>

#include "attachment.h"
#include "clockmap.h"
#include "conf.h"
#include "failure.h"
#include "log_level.h"
#include "report.h"
#include "uplink.h"
#include "vf.h"

#define GUARDIAN_CHECK_NS (450 * NS_PER_MS)   /* between two checks, so that nothing stays off for a second */
#define GUARDIAN_LOOK_NS (10 * NS_PER_S)      /* between two looks at everything, news or not */
#define GUARDIAN_REST_NS (250 * NS_PER_MS)    /* between two attachments of one interface */
#define GUARDIAN_RETRY_MAX_NS (30 * NS_PER_S) /* between two tries that fail; the first one comes after a check */
#define GUARDIAN_WINDOW_NS (60 * NS_PER_S)
#define GUARDIAN_LINES 5 /* about one interface that is taken off and healed again, in such a window */

struct guardian_ops {
	struct clock_pair (*now)(void *ctx);
	void (*say)(void *ctx, enum log_level level, const char *line);
	/* Every interface; caller frees. with_routes: and which of them a default route leaves through. */
	int (*list)(void *ctx, bool with_routes, struct netif **ret, size_t *ret_n);
	/* Attach, or set right what is not as it has to be: link, filter, pins, the pin's name. -EBUSY: another program
	 * is there. */
	int (*attach)(void *ctx, const struct netif *netif, struct attachment *ret, struct failure *failure);
	/* Take it off: 0 or -errno, then it is still enforced. *ret_lro: -errno when large receive offload, which was
	 * switched off for the filter's sake, cannot be switched on again; else 0. */
	int (*let_go)(void *ctx, uint32_t ifindex, int *ret_lro);
	/* Does it run our program, by the kernel's answer? */
	bool (*verify)(void *ctx, uint32_t ifindex, struct netif *ret_now, char why[REPORT_WHY_MAX]);
	/* Is a packet that has to be dropped dropped and counted, by what runs at one hook or the other? `why` unless
	 * it is. */
	enum probe_result (*probe)(void *ctx, bool tc, char why[REPORT_WHY_MAX]);
	/* Enforcement was taken off on purpose, by jitgated --detach. */
	bool (*is_off)(void *ctx);
	/* What passed a VF, and what the filter counted meanwhile. false: not known. */
	bool (*sample_vf)(void *ctx, const struct netif *vf, struct vf_sample *ret);
};

/* One interface that is guarded, or should be. */
struct guarded_if {
	char name[16];
	struct netif now; /* as last seen; ifindex 0: there is none of that name */
	bool attached;    /* by us, at some time */
	bool verified;
	char why[REPORT_WHY_MAX];    /* when it is not */
	char vf_why[REPORT_WHY_MAX]; /* "": nothing is known against its VF */
	struct vf_sample vf;
	uint32_t vf_ifindex; /* 0: none, and vf is not set */
	struct wall_time verified_at;
	uint32_t lost, reattached;    /* how often it was found without, and set right again */
	uint32_t failures;            /* in a row */
	struct boot_time attached_at; /* last by the guardian, not by the start; ns 0: never */
	struct boot_time retry_at;
	char said[REPORT_WHY_MAX]; /* the trouble that the log was last told of */
	struct boot_time window;
	uint32_t window_lines;
};

/*
 * How the filter of a hook was last found when it was tried. One program runs on all interfaces of a hook, so one
 * packet speaks for them all.
 */
struct guardian_probe {
	bool due;
	enum probe_result result;
	char why[REPORT_WHY_MAX]; /* unless the result is good */
	struct wall_time good_at; /* last; ns 0: never */
	bool impossible_said;
};

/* An interface that is not guarded any more, and has something of ours on it still. */
struct guardian_left {
	uint32_t ifindex;
	char name[16];
	int enforced; /* -errno: why the filter is on it still; 0: it is off */
	int lro;      /* -errno: why its large receive offload is off still; 0: it is not by us */
};

struct guardian {
	const struct conf *conf;
	const struct guardian_ops *ops;
	void *ctx;
	struct guarded_if *v;
	size_t n;
	struct guardian_probe probes[2]; /* of the XDP hook, of the tc hook */
	struct guardian_left *left;
	size_t n_left;
	bool was_auto;   /* `interfaces` had "auto" at the last choice */
	bool off;        /* is_off was seen: nothing is attached any more */
	bool list_said;  /* that the kernel does not list its interfaces */
	bool reload_due; /* another config is in force, and what it does not mean is not let go yet */
};

/* Fill the struct; nothing is done yet. conf and ops must outlive it. */
void guardian_init(struct guardian *g, const struct conf *conf, const struct guardian_ops *ops, void *ctx);
void guardian_free(struct guardian *g);

/*
 * The choice of a start: fills the list, attaches nothing. Names that do not exist are in it, too, and are said. 0,
 * -EOPNOTSUPP for one that is not Ethernet, or -errno, with the line for the operator.
 */
int guardian_choose(struct guardian *g, struct failure *failure);

/* Guard one more. -ENOMEM. */
int guardian_add(struct guardian *g, const struct netif *netif);

/* Whether a name in `interfaces` does not exist, so that what is guarded besides must stay. */
bool guardian_misses(const struct guardian *g);

/* How the filter was last found that this interface runs. */
const struct guardian_probe *guardian_probe_of(const struct guardian *g, const struct guarded_if *guarded);

/* The start attached this one: verify it, and say how it went. */
void guardian_adopt(struct guardian *g, struct guarded_if *guarded, const struct attachment *attached);

/* All interfaces anew: take in those that came, let go those that went, then check, and try the filter. */
void guardian_look(struct guardian *g, bool with_routes);

/* Verify what is guarded and set right what is not as it has to be. */
void guardian_check(struct guardian *g);

/* Another config is in force: let go what it does not mean, then look. Without a list of the interfaces, the next look
 * that has one does so. */
void guardian_reload(struct guardian *g);

#endif
