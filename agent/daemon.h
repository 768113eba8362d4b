/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * TOP. The running enforcer: one struct that ties the enforcer's decisions to loop, maps, sockets, state file and log.
 * startup.c makes it ready while it is still root; daemon_run does the rest of its life.
 */
#ifndef DAEMON_H
#define DAEMON_H

#include "control_server.h"
#include "datapath.h"
#include "end_sockets.h"
#include "enforcer.h"
#include "feed_server.h"
#include "guardian.h"
#include "loop.h"
#include "report.h"

/*
 * Events that the packet program may send between two refills, and how often it is refilled: some 1,900 a second to
 * protected ports. The first of a flood that come behind a refill use it up, so a second is no multiple of the time
 * between two: else a client, which repeats its SYN every second, would come too late each time.
 */
#define DAEMON_EVENT_BUDGET 512
#define DAEMON_REFILL_NS (230 * NS_PER_MS)

#define DAEMON_ARMED_FILE "armed" /* in the state folder: arming was confirmed */

struct daemon {
	const char *conf_path;
	struct conf conf;
	struct datapath *dp;
	struct guardian guardian;
	struct end_sockets *ender; /* NULL: sockets are not to be ended */
	struct failure no_ending;  /* why they cannot be; "": they can, or shall not */
	struct enforcer enforcer;
	int state_dir_fd;
	int notify_fd;

	struct loop *loop;
	struct feed_server *feed;
	struct control_server *control;
	struct loop_source *deadline_timer, *refill_timer, *watchdog_timer, *guard_timer;
	int netif_fd; /* where the kernel tells of interfaces; see daemon_guardian.h */
	bool news, news_of_routes;
	struct boot_time looked_at;
	bool refill_armed;
	uint32_t watchdog_ms;
	int exit_code;
};

/* The hooks that enforcer_init gets, with ctx = struct daemon. */
extern const struct enforcer_hooks daemon_hooks;

/* Hooks of the enforcer, in daemon_sockets.c. */
int daemon_list_sockets(void *ctx, uint16_t port, struct open_sockets *ret);
int daemon_is_guarded(void *ctx, const struct open_socket *socket);
int daemon_end_sockets(void *ctx, struct open_sockets *sockets);

/* As root, before the enforcer starts: find out how sockets are ended, and say so. Never fails a start. */
void daemon_open_ender(struct daemon *d);

/* The state file's snapshot: 1 and *ret filled, 0 when there is none that can be used (said in the log). */
int daemon_read_state(struct daemon *d, struct snapshot *ret);

/* What an operator did before, from the state folder, for the enforcer; what cannot be read is said in the log. */
void daemon_restore(struct daemon *d);
/* Remove what a jitgated that was killed while writing its state left in the folder. */
void daemon_sweep(const struct daemon *d);

/* Loop, timers, signals, events, and the two servers; takes the listening sockets over. 0 or -errno. */
int daemon_open(struct daemon *d, int feed_listen_fd, int control_listen_fd, uid_t feed_uid);

/* Until SIGTERM or SIGINT. Enforcement stays when it returns. Returns the exit code. */
int daemon_run(struct daemon *d);
void daemon_free(struct daemon *d);

#endif
