// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * TOP. See daemon.h. Everything here runs without root; what needs root happened before, or needs a restart.
 */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "conf_file.h"
#include "daemon_guardian.h"
#include "exit_codes.h"
#include "files.h"
#include "log.h"
#include "notify.h"
#include "opened.h"
#include "state.h"
#include "status.h"
#include "util.h"

#define STATE_BYTES_MAX (256U * 1024 * 1024)

/* ------------------------------------------------------------ hooks */

static struct clock_pair hook_now(void *ctx)
{
	(void)ctx;
	return clock_now();
}

static void hook_log(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	log_line(level, "%s", line);
}

static int hook_save(void *ctx, const struct snapshot *snapshot)
{
	struct daemon *d = ctx;
	_cleanup_free_ void *bytes = NULL;
	size_t len = 0;
	int r = state_encode(snapshot, &bytes, &len);

	return r < 0 ? r : files_replace(d->state_dir_fd, STATE_FILE_NAME, bytes, len);
}

static int hook_save_opened(void *ctx, const struct grant_set *opened, struct wall_time now)
{
	struct daemon *d = ctx;
	_cleanup_free_ void *bytes = NULL;
	size_t len = 0;
	int r = opened_encode(opened, now, &bytes, &len);

	return r < 0 ? r : files_replace(d->state_dir_fd, OPENED_FILE_NAME, bytes, len);
}

/* That the file is there is the record; what is in it is for people. */
static int hook_save_armed(void *ctx, bool armed)
{
	struct daemon *d = ctx;
	_cleanup_text_ struct text words = {0};

	if (!armed) {
		if (unlinkat(d->state_dir_fd, DAEMON_ARMED_FILE, 0) < 0 && errno != ENOENT)
			return -errno;
		return fsync(d->state_dir_fd) < 0 ? -errno : 0;
	}
	text_printf(&words, "jitgate confirm, ");
	text_rfc3339(&words, clock_now().wall);
	text_printf(&words, ": enforce, although the config says audit\n");
	return words.failed ? -ENOMEM : files_replace(d->state_dir_fd, DAEMON_ARMED_FILE, words.data, words.len);
}

static void hook_ask(void *ctx, const struct knock *knock)
{
	struct daemon *d = ctx;

	if (d->feed)
		feed_server_ask(d->feed, knock);
}

const struct enforcer_hooks daemon_hooks = {
	.now = hook_now,
	.log = hook_log,
	.save = hook_save,
	.ask = hook_ask,
	.save_opened = hook_save_opened,
	.save_armed = hook_save_armed,
	.list_sockets = daemon_list_sockets,
	.is_guarded = daemon_is_guarded,
	.end_sockets = daemon_end_sockets,
};

/* ------------------------------------------------------------ state file */

int daemon_read_state(struct daemon *d, struct snapshot *ret)
{
	_cleanup_free_ char *bytes = NULL;
	struct parse_error error = {0};
	char path[4096];
	size_t len = 0;
	int r;

	snprintf(path, sizeof(path), "%s/" STATE_FILE_NAME, d->conf.state_dir);
	r = files_read(path, STATE_BYTES_MAX, FILES_NO_LINK, &bytes, &len);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = state_decode(bytes, len, JITGATE_PORT_RULES_MAX, JITGATE_GRANTS_MAX, ret, &error);
	if (r == 0)
		return 1;
	log_err("state file %s: %s; it is not used: what a running filter holds stays, after a reboot only `protect` "
		"ports are "
		"closed until a feed answers; to silence this, remove the file",
		path, error.why ? error.why : strerror(-r));
	return 0;
}

static int read_opened(struct daemon *d, struct grant_set *ret)
{
	_cleanup_free_ char *bytes = NULL;
	struct parse_error error = {0};
	char path[4096];
	size_t len = 0;
	int r;

	snprintf(path, sizeof(path), "%s/" OPENED_FILE_NAME, d->conf.state_dir);
	r = files_read(path, OPENED_BYTES_MAX, FILES_NO_LINK, &bytes, &len);
	if (r == 0)
		r = opened_decode(bytes, len, ret, &error);
	if (r < 0 && r != -ENOENT)
		log_err("%s: %s; what was opened by hand is not known, open it again with jitgate open; to silence "
			"this, remove the file",
			path, error.why ? error.why : strerror(-r));
	return r;
}

/* That it is there is what counts. Where not even that can be told, the enforcer goes by what was in force. */
static enum arming_record read_armed(const struct daemon *d)
{
	_cleanup_free_ char *bytes = NULL;
	char path[4096];
	struct stat is;
	size_t len = 0;
	int r;

	snprintf(path, sizeof(path), "%s/" DAEMON_ARMED_FILE, d->conf.state_dir);
	r = files_read(path, 4096, FILES_NO_LINK, &bytes, &len);
	if (r == 0 || r == -ENOENT)
		return r == 0 ? ARMING_RECORDED : ARMING_NO_RECORD;
	if (fstatat(d->state_dir_fd, DAEMON_ARMED_FILE, &is, AT_SYMLINK_NOFOLLOW) == 0) {
		log_err("%s: %s; taken as confirmed, since it is there; remove it, or set mode in the config", path,
			strerror(-r));
		return ARMING_RECORDED;
	}
	if (errno == ENOENT)
		return ARMING_NO_RECORD;
	log_err("%s: %s; not even whether it is there can be told: look at the disk, or set mode in the config", path,
		strerror(errno));
	return ARMING_RECORD_UNKNOWN;
}

/* Nothing is lost by one that cannot be removed. */
void daemon_sweep(const struct daemon *d)
{
	static const char *const names[] = {STATE_FILE_NAME, OPENED_FILE_NAME, DAEMON_ARMED_FILE};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int n = files_sweep(d->state_dir_fd, names[i]);

		if (n < 0)
			log_warning("%s: what a jitgated that was killed left of %s cannot be removed: %s",
				    d->conf.state_dir, names[i], strerror(-n));
	}
}

void daemon_restore(struct daemon *d)
{
	CLEANUP(grant_set_free) struct grant_set opened = {0};

	read_opened(d, &opened);
	enforcer_restore(&d->enforcer, &opened, read_armed(d));
}

/* ------------------------------------------------------------ time */

static void arm_deadline(struct daemon *d)
{
	struct boot_time next = enforcer_next(&d->enforcer);

	if (next.ns == UINT64_MAX)
		loop_disarm(d->deadline_timer);
	else
		loop_arm_at(d->deadline_timer, next);
}

static void on_deadline(void *ctx, uint32_t events)
{
	struct daemon *d = ctx;

	(void)events;
	enforcer_tick(&d->enforcer);
	arm_deadline(d);
}

static void on_clock_set(void *ctx, uint32_t events)
{
	on_deadline(ctx, events);
}

static void arm_in(struct loop_source *timer, uint64_t ns)
{
	struct boot_time at = clock_now().boot;

	at.ns += ns;
	loop_arm_at(timer, at);
}

static void on_watchdog(void *ctx, uint32_t events)
{
	struct daemon *d = ctx;

	(void)events;
	notify_send(d->notify_fd, "WATCHDOG=1");
	arm_in(d->watchdog_timer, (uint64_t)d->watchdog_ms * NS_PER_MS);
}

/* ------------------------------------------------------------ packets */

static void on_event(void *ctx, const struct event *event)
{
	struct daemon *d = ctx;

	enforcer_take_event(&d->enforcer, event);
}

static void on_refill(void *ctx, uint32_t events)
{
	struct daemon *d = ctx;

	(void)events;
	d->refill_armed = false;
	datapath_set_budget(d->dp, DAEMON_EVENT_BUDGET);
}

/* The budget is refilled so long after the first event: without packets to tell of, nothing wakes up. */
static void on_events_ready(void *ctx, uint32_t events)
{
	struct daemon *d = ctx;

	(void)events;
	if (datapath_consume_events(d->dp) <= 0 || d->refill_armed)
		return;
	d->refill_armed = true;
	arm_in(d->refill_timer, DAEMON_REFILL_NS);
}

/* ------------------------------------------------------------ questions and answers */

static void on_feed_changed(void *ctx)
{
	struct daemon *d = ctx;

	arm_deadline(d);
}

static int on_request(void *ctx, const struct control_request *request, struct text *out)
{
	int r = status_answer(ctx, request, out);

	if (control_req_changes(request->kind))
		arm_deadline(ctx);
	return r;
}

/* ------------------------------------------------------------ signals */

/*
 * Keys that take a restart: they name what was set up as root. name_deferred_keys says which have changed,
 * swap_deferred_keys keeps those of the running config in force, so that the next reload says it again.
 */
static void name_deferred_keys(const struct conf *old, const struct conf *new)
{
	const struct {
		const char *key;
		bool changed;
	} keys[] = {
		{"xdp_mode", old->xdp_mode != new->xdp_mode},
		{"end_sockets", old->end_sockets != new->end_sockets},
		{"conflict", old->conflict != new->conflict},
		{"max_grants", old->max_grants != new->max_grants},
		{"user", strcmp(old->user, new->user) != 0},
		{"azure.user", strcmp(old->azure.user, new->azure.user) != 0},
		{"pin_dir", strcmp(old->pin_dir, new->pin_dir) != 0},
		{"run_dir", strcmp(old->run_dir, new->run_dir) != 0},
		{"state_dir", strcmp(old->state_dir, new->state_dir) != 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].changed)
			log_warning("%s has changed in the config; that takes effect after a restart of jitgated",
				    keys[i].key);
	}
}

#define SWAP(a, b)                            \
	do {                                  \
		__typeof__(a) _swapped = (a); \
		(a) = (b);                    \
		(b) = _swapped;               \
	} while (0)

static void swap_deferred_keys(struct conf *a, struct conf *b)
{
	SWAP(a->xdp_mode, b->xdp_mode);
	SWAP(a->end_sockets, b->end_sockets);
	SWAP(a->conflict, b->conflict);
	SWAP(a->max_grants, b->max_grants);
	SWAP(a->user, b->user);
	SWAP(a->azure.user, b->azure.user);
	SWAP(a->pin_dir, b->pin_dir);
	SWAP(a->run_dir, b->run_dir);
	SWAP(a->state_dir, b->state_dir);
}

/* The fresh config with the running one's deferred keys. On failure nothing has changed. */
static int apply_fresh(struct daemon *d, struct conf *fresh)
{
	int r;

	swap_deferred_keys(&d->conf, fresh);
	r = enforcer_reload(&d->enforcer, fresh);
	if (r < 0) {
		swap_deferred_keys(&d->conf, fresh);
		return r;
	}
	name_deferred_keys(fresh, &d->conf); /* swapped: the running values are in fresh by now */
	SWAP(d->conf, *fresh);
	d->enforcer.conf = &d->conf;
	return 0;
}

static void reload(struct daemon *d)
{
	_cleanup_conf_ struct conf fresh = {0};
	struct failure failure = {0};
	int r = conf_file_load(d->conf_path, &fresh, &failure);

	if (r < 0) {
		log_err("%s; the config in force stays", failure.text);
		return;
	}
	r = apply_fresh(d, &fresh);
	if (r < 0) {
		log_err("%s: cannot be applied: %s; the config in force stays", d->conf_path, strerror(-r));
		return;
	}
	guardian_reload(&d->guardian);
	log_notice("config %s is in force, mode %s", d->conf_path, arming_text(&d->enforcer.arming, d->conf.mode));
}

static void on_signal(void *ctx, uint32_t number)
{
	struct daemon *d = ctx;

	if (number == SIGHUP) {
		notify_send(d->notify_fd, "RELOADING=1");
		reload(d);
		arm_deadline(d);
		notify_send(d->notify_fd, "READY=1");
		return;
	}
	log_notice("stopping; enforcement stays in place (take it off with jitgated --detach)");
	notify_send(d->notify_fd, "STOPPING=1");
	loop_stop(d->loop);
}

/* ------------------------------------------------------------ life */

static int open_timers(struct daemon *d)
{
	static const int signals[] = {SIGHUP, SIGTERM, SIGINT};
	int r = loop_add_signals(d->loop, signals, ARRAY_SIZE(signals), on_signal, d, NULL);

	if (r == 0)
		r = loop_add_timer(d->loop, on_deadline, d, &d->deadline_timer);
	if (r == 0)
		r = loop_add_timer(d->loop, on_refill, d, &d->refill_timer);
	if (r == 0)
		r = loop_add_timer(d->loop, on_watchdog, d, &d->watchdog_timer);
	if (r == 0)
		r = loop_add_clock_watch(d->loop, on_clock_set, d, NULL);
	return r;
}

static int open_events(struct daemon *d)
{
	int r = datapath_open_events(d->dp, on_event, d);

	if (r == 0)
		r = loop_add(d->loop, datapath_events_fd(d->dp), EPOLLIN, on_events_ready, d, NULL);
	if (r == 0)
		datapath_set_budget(d->dp, DAEMON_EVENT_BUDGET);
	return r;
}

int daemon_open(struct daemon *d, int feed_listen_fd, int control_listen_fd, uid_t feed_uid)
{
	_cleanup_close_ int feed_fd = feed_listen_fd;
	_cleanup_close_ int control_fd = control_listen_fd;
	int r = loop_new(&d->loop);

	if (r == 0)
		r = open_timers(d);
	if (r == 0)
		r = open_events(d);
	if (r == 0)
		r = feed_server_new(d->loop, feed_fd, feed_uid, d->conf.max_grants, &d->enforcer, on_feed_changed, d,
				    &d->feed);
	if (r == 0) {
		(void)TAKE_FD(feed_fd);
		r = control_server_new(d->loop, control_fd, on_request, d, &d->control);
	}
	if (r == 0)
		(void)TAKE_FD(control_fd);
	return r < 0 ? r : daemon_guardian_open(d);
}

int daemon_run(struct daemon *d)
{
	int r;

	enforcer_settle(&d->enforcer);
	d->watchdog_ms = notify_watchdog_ms();
	if (d->watchdog_ms)
		on_watchdog(d, 0);
	arm_deadline(d);
	r = notify_send(d->notify_fd, "READY=1");
	if (r < 0) {
		log_err("cannot tell the service manager that jitgated is ready: %s; what is attached goes on",
			strerror(-r));
		return EXIT_FAILED;
	}
	r = loop_run(d->loop);
	if (r < 0)
		log_err("the event loop failed: %s", strerror(-r));
	return r < 0 ? EXIT_FAILED : EXIT_OK;
}

void daemon_free(struct daemon *d)
{
	feed_server_free(&d->feed);
	control_server_free(&d->control);
	loop_free(&d->loop);
	enforcer_free(&d->enforcer);
	daemon_guardian_close(d);
	datapath_free(&d->dp);
	end_sockets_free(&d->ender);
	close_fd(&d->state_dir_fd);
	close_fd(&d->notify_fd);
	conf_free(&d->conf);
}
