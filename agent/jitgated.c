// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * TOP. main of the enforcer: arguments, the order of the start, exit codes.
 *
 * The order matters. What can fail without consequence comes first (config, users, interfaces, sockets, the new
 * filter's self-test); then the maps are brought up to date; only then the filter is switched and attached, so that it
 * never runs with maps that are not ready; root is given up last. A failure before the maps leaves all as it was; a
 * later one leaves the interfaces that were guarded before guarded, by the filter that was in force, and by the new
 * config when that filter works on the same maps.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "conf_file.h"
#include "daemon_guard.h"
#include "exit_codes.h"
#include "log.h"
#include "notify.h"
#include "sandbox.h"
#include "selftest_brief.h"
#include "step.h"
#include "sysctl.h"
#include "usock.h"
#include "util.h"

static const char usage_text[] =
	"usage: jitgated [-c FILE]\n"
	"       jitgated [-c FILE] --detach [--pin-dir DIR]\n"
	"       jitgated --help | --version\n"
	"\n"
	"Closes the protected ports of this machine to whoever has no live grant. Runs in the foreground.\n"
	"\n"
	"  -c, --config FILE   the config, " CONF_PATH_DEFAULT " if not given\n"
	"      --detach        take enforcement off (links and pins) and exit\n"
	"      --pin-dir DIR   with --detach: where the pins are, whatever the config says\n"
	"  -h, --help          this text\n"
	"  -V, --version       the version\n"
	"\n"
	"SIGHUP reads the config again. SIGTERM ends the daemon and leaves enforcement in place.\n";

struct options {
	const char *conf_path;
	const char *pin_dir;
	bool detach;
};

/* -1: go on; else the exit code. */
static int parse_options(int argc, char **argv, struct options *ret)
{
	enum { OPT_DETACH = 256, OPT_PIN_DIR };
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"detach", no_argument, NULL, OPT_DETACH},
		{"pin-dir", required_argument, NULL, OPT_PIN_DIR},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	int c;

	*ret = (struct options){.conf_path = CONF_PATH_DEFAULT};
	while ((c = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			ret->conf_path = optarg;
			break;
		case OPT_DETACH:
			ret->detach = true;
			break;
		case OPT_PIN_DIR:
			ret->pin_dir = optarg;
			break;
		case 'h':
			fputs(usage_text, stdout);
			return EXIT_OK;
		case 'V':
			puts("jitgated " JITGATE_VERSION);
			return EXIT_OK;
		default: /* getopt has said what is wrong */
			fputs("jitgated: see jitgated --help\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "jitgated: %s: no arguments are taken; see jitgated --help\n", argv[optind]);
		return EXIT_USAGE;
	}
	if (ret->pin_dir && !ret->detach) {
		fputs("jitgated: --pin-dir goes with --detach; see jitgated --help\n", stderr);
		return EXIT_USAGE;
	}
	return -1;
}

/* ------------------------------------------------------------ --detach */

/* Must work in any state of the rest: a locked-out owner runs this from the serial console. */
static int run_detach(const struct options *options)
{
	_cleanup_conf_ struct conf conf = {0};
	struct failure failure = {0};
	const char *pin_dir = options->pin_dir;
	size_t links = 0;

	if (!pin_dir) {
		if (conf_file_load(options->conf_path, &conf, &failure) < 0) {
			log_err("%s", failure.text);
			log_err("to take enforcement off all the same: jitgated --detach --pin-dir "
				"/sys/fs/bpf/jitgate");
			return EXIT_CONFIG;
		}
		pin_dir = conf.pin_dir;
	}
	if (datapath_detach(pin_dir, &links, &failure) < 0) {
		log_err("%s", failure.text);
		return EXIT_FAILED;
	}
	if (!links) {
		log_notice("nothing to take off: no interface is attached from %s", pin_dir);
		return EXIT_OK;
	}
	log_notice("enforcement is off: %zu interface(s) detached, pins in %s removed; a jitgated that still runs has "
		   "nothing to enforce until it is restarted",
		   links, pin_dir);
	return EXIT_OK;
}

/* ------------------------------------------------------------ start */

struct start {
	struct sandbox_user user, feed_user;
	int feed_fd, control_fd;
	bool taken_over;
	bool have_state; /* the state file could be read */
};

static void close_start(struct start *start)
{
	close_fd(&start->feed_fd);
	close_fd(&start->control_fd);
}

static int find_users(const struct conf *conf, struct start *start, struct failure *failure)
{
	int r = sandbox_find_user(conf->user, &start->user);

	if (r < 0)
		return failure_set(failure, r,
				   "user \"%s\": no such user, or it is root; make it (systemd-sysusers) or "
				   "name another in the config",
				   conf->user);
	r = sandbox_find_user(conf->azure.user, &start->feed_user);
	if (r < 0)
		return failure_set(failure, r,
				   "azure.user \"%s\": no such user, or it is root; make it "
				   "(systemd-sysusers) or name another in the config",
				   conf->azure.user);
	return 0;
}

/* A folder of ours, made when missing. Nobody but its owner may write in it. */
static int open_dir(const char *path, mode_t mode, int *ret_fd, struct failure *failure)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return failure_set(failure, -errno, "cannot make %s: %s", path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return failure_set(failure, -errno, "cannot open %s: %s", path, strerror(errno));
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return failure_set(failure, -EPERM,
				   "%s can be written by others than its owner; chmod go-w %s, or name another folder "
				   "in the config",
				   path, path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Root binds and sets modes by path in here, so no one else may own it. The sockets of a former run are replaced. */
static int open_run_dir(const char *path, struct failure *failure)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r = open_dir(path, 0755, &fd, failure);

	if (r == 0 && fstat(fd, &st) == 0 && st.st_uid != 0)
		r = failure_set(failure, -EPERM, "%s belongs to uid %u; chown root %s, or set another run_dir", path,
				st.st_uid, path);
	return r;
}

/* The user that jitgated becomes writes the state. On a disk that is read-only, what is right already will do. */
static int open_state_dir(const char *path, const struct sandbox_user *user, int *ret_fd, struct failure *failure)
{
	int r = open_dir(path, 0700, ret_fd, failure);
	struct stat st;

	if (r == 0 && fstat(*ret_fd, &st) == 0 && st.st_uid == user->uid && st.st_gid == user->gid)
		return 0;
	if (r == 0 && fchown(*ret_fd, user->uid, user->gid) < 0)
		r = failure_set(failure, -errno, "cannot hand %s to uid %u: %s", path, user->uid, strerror(errno));
	return r;
}

static int listen_at(const struct conf *conf, const char *name, int type, gid_t gid, int *ret_fd,
		     struct failure *failure)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", conf->run_dir, name);
	fd = usock_listen(path, type, 0660, gid);
	if (fd == -EADDRINUSE)
		return failure_set(failure, fd,
				   "%s is taken: another jitgated runs, or the file is not a socket; stop that one, "
				   "remove the file, or set another run_dir",
				   path);
	if (fd < 0)
		return failure_set(
			failure, fd, "cannot listen on %s: %s%s", path, strerror(-fd),
			fd == -ENAMETOOLONG ? "; a socket's path has at most 107 bytes, set a shorter run_dir" : "");
	*ret_fd = fd;
	return 0;
}

static int open_places(struct daemon *d, struct start *start, struct failure *failure)
{
	int r = open_run_dir(d->conf.run_dir, failure);

	if (r == 0)
		r = open_state_dir(d->conf.state_dir, &start->user, &d->state_dir_fd, failure);
	if (r == 0)
		r = listen_at(&d->conf, CONF_FEED_SOCKET, SOCK_SEQPACKET, start->feed_user.gid, &start->feed_fd,
			      failure);
	if (r == 0)
		r = listen_at(&d->conf, CONF_CONTROL_SOCKET, SOCK_STREAM, start->user.gid, &start->control_fd, failure);
	return r;
}

/* What was loaded has to judge as the verdict table says, or it is never put in force. */
static int try_filter(struct daemon *d, const struct start *start, struct failure *failure)
{
	bool tc = d->conf.conflict == CONF_CONFLICT_TC;
	uint8_t tag[8], tc_tag[8];
	size_t frames = 0;
	int r = datapath_filter_tag(d->dp, false, tag);

	if (r == 0 && tc)
		r = datapath_filter_tag(d->dp, true, tc_tag);
	if (r < 0)
		return failure_set(failure, r, "cannot ask for the new filter's tag: %s", strerror(-r));
	r = selftest_brief(tag, tc ? tc_tag : NULL, &frames, failure);
	if (r == 0)
		log_info("self-test: %zu frames, each judged as it has to be", frames);
	else if (!start->taken_over)
		log_err("no filter was in force before, and none is now: ALL PORTS ARE OPEN");
	return r;
}

/* Bring the maps up to date with config and state, before anything runs against them. */
static int fill_maps(struct daemon *d, struct start *start, struct failure *failure)
{
	_cleanup_snapshot_ struct snapshot saved = {0};
	int r;

	start->have_state = daemon_read_state(d, &saved);
	enforcer_init(&d->enforcer, &d->conf, &datapath_gate_ops, d->dp, &daemon_hooks, d);
	daemon_restore(d);
	d->enforcer.ends_sockets = end_sockets_means(d->ender) != END_MEANS_NONE;
	r = enforcer_start(&d->enforcer, start->have_state ? &saved : NULL);

	if (datapath_max_grants(d->dp) != d->conf.max_grants)
		log_warning("max_grants = %u: the pinned maps have room for %u; another size takes effect after "
			    "jitgated --detach",
			    d->conf.max_grants, datapath_max_grants(d->dp));
	if (r == -ENOSPC)
		return failure_set(
			failure, r,
			"protect and allow need more entries than max_grants = %u, or more than %d protected "
			"ports; raise max_grants or protect less",
			d->conf.max_grants, JITGATE_PORT_RULES_MAX);
	if (r < 0)
		return failure_set(failure, r, "cannot fill the maps: %s", strerror(-r));
	return 0;
}

/* While a name does not exist, which may be a typing error, what was guarded before stays so. */
static int keep_linked(struct daemon *d)
{
	_cleanup_free_ struct datapath_link *links = NULL;
	size_t n = 0;
	int r = guardian_misses(&d->guardian) ? datapath_linked(d->dp, &links, &n) : 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		struct netif netif;

		/* With a program: else its index is that of an interface in another network namespace. */
		if (links[i].ifindex && netif_get(links[i].ifindex, &netif) == 0 && (netif.xdp_program || links[i].tc))
			r = guardian_add(&d->guardian, &netif);
	}
	return r;
}

/* Whoever is not guarded any more is let go. */
static int let_others_go(struct daemon *d)
{
	struct guardian *g = &d->guardian;
	_cleanup_free_ struct netif *keep = calloc(g->n + 1, sizeof(*keep));
	size_t n = 0, detached;

	if (!keep)
		return -ENOMEM;
	for (size_t i = 0; i < g->n; i++) {
		if (g->v[i].now.ifindex)
			keep[n++] = g->v[i].now;
	}
	detached = datapath_detach_others(d->dp, keep, n);
	if (detached)
		log_warning("%zu interface(s) of the run before are no longer in `interfaces` and were detached: their "
			    "ports are open",
			    detached);
	return 0;
}

/* Nothing depends on it any more: that the old pins could not be removed is told, and done by the next start. */
static void end_upgrade(struct daemon *d)
{
	int r = datapath_commit(d->dp);

	if (r < 0)
		log_warning("%s: pins of another version cannot be removed: %s; they hold nothing open or closed",
			    d->conf.pin_dir, strerror(-r));
	if (datapath_carried_from(d->dp))
		log_notice("upgraded from ABI %lu to %d: the old filter was in force until the new one was, with all "
			   "ports and grants of the old maps",
			   datapath_carried_from(d->dp), JITGATE_ABI_VERSION);
}

/* Either all interfaces that are there are attached, or those that this start attached are let go again, and the old
 * filter is back. */
static int attach_all(struct daemon *d, struct failure *failure)
{
	struct guardian *g = &d->guardian;
	int r = datapath_activate(d->dp, failure);

	for (size_t i = 0; r == 0 && i < g->n; i++) {
		struct guardian_attached attached;

		if (!g->v[i].now.ifindex)
			continue;
		r = g->ops->attach(g->ctx, &g->v[i].now, &attached, failure);
		if (r == 0)
			guardian_adopt(g, &g->v[i], &attached);
	}
	if (r == 0) {
		r = let_others_go(d);
		if (r < 0)
			failure_set(failure, r, "%s", strerror(-r));
	}
	if (r < 0) {
		datapath_detach_new(d->dp);
		datapath_revert(d->dp);
		return r;
	}
	end_upgrade(d);
	return 0;
}

/* Not fatal: it costs an own connection from such a port its answers, it opens nothing. */
static void reserve_ports(struct daemon *d)
{
	_cleanup_free_ uint16_t *ports = calloc(65536, sizeof(*ports));
	size_t n = 0, reserved = 0;
	int r;

	for (uint32_t port = 1; ports && port < 65536; port++) {
		if (datapath_gate_ops.get_protected(d->dp, (uint16_t)port))
			ports[n++] = (uint16_t)port;
	}
	r = ports ? sysctl_reserve_ports(ports, n, &reserved) : -ENOMEM;
	if (r < 0)
		log_warning(
			"cannot reserve protected ports in net.ipv4.ip_local_reserved_ports: %s; own connections that "
			"happen to start from one of them get no answers",
			strerror(-r));
	else if (reserved)
		log_info("%zu protected ports lie in the ephemeral range and are reserved", reserved);
}

static int give_up_root(struct daemon *d, const struct start *start, struct failure *failure)
{
	unsigned int keep = SANDBOX_KEEP_BPF;
	int r = datapath_hand_over(d->dp, start->user.uid, start->user.gid, failure);

	if (r < 0)
		return r;
	if (end_sockets_means(d->ender) == END_MEANS_NETLINK)
		keep |= SANDBOX_KEEP_NET_ADMIN;
	r = sandbox_become(&start->user, keep);
	if (r < 0)
		return failure_set(failure, r, "cannot become user %s: %s", d->conf.user, strerror(-r));
	if (access(d->conf_path, R_OK) < 0)
		log_warning("%s cannot be read by user %s, so a reload will fail: %s; chmod 644 %s", d->conf_path,
			    d->conf.user, strerror(errno), d->conf_path);
	/* Since 5.19 a map that is held by descriptor needs no capability; asked of the kernel, not of its version. */
	r = sandbox_try_without_bpf(datapath_probe_hook, d->dp, keep);
	if (r < 0)
		return failure_set(failure, r, "cannot give capabilities up: %s", strerror(-r));
	if (r > 0)
		log_notice("this kernel lets maps be written only with CAP_BPF, which is kept");
	r = sandbox_seccomp(SANDBOX_JITGATED);
	if (r < 0)
		return failure_set(failure, r, "cannot install the system-call filter: %s", strerror(-r));
	return 0;
}

static int check_conflicts(struct daemon *d, struct failure *failure)
{
	int r = keep_linked(d);

	if (r < 0)
		return failure_set(failure, r, "cannot tell what was guarded before: %s", strerror(-r));
	for (size_t i = 0; r == 0 && i < d->guardian.n; i++)
		r = datapath_check_conflicts(d->dp, &d->guardian.v[i].now, 1, failure);
	return r;
}

static int prepare(struct daemon *d, struct start *start, struct failure *failure)
{
	int r;

	guardian_init(&d->guardian, &d->conf, &daemon_guardian_ops, d);
	r = guardian_choose(&d->guardian, failure);
	if (r == 0)
		r = open_places(d, start, failure);
	if (r == 0)
		r = datapath_open(d->conf.pin_dir, start->user.uid, d->conf.max_grants,
				  d->conf.conflict == CONF_CONFLICT_TC, &d->dp, &start->taken_over, failure);
	if (r == 0)
		r = check_conflicts(d, failure);
	STEP_TRY();
	if (r == 0 && STEP_TRIES())
		r = try_filter(d, start, failure);
	if (r == 0)
		daemon_open_ender(d);
	if (r == 0)
		r = fill_maps(d, start, failure);
	if (r == 0)
		r = attach_all(d, failure);
	return r;
}

/* A first start that failed leaves no pins behind; with pins of a former run, these stay as they are. */
static void clean_up(struct daemon *d, const struct start *start)
{
	struct failure failure;
	size_t links;

	if (!d->dp || start->taken_over)
		return;
	datapath_free(&d->dp); /* with it goes the lock, which would be taken for another jitgated's */
	if (datapath_detach(d->conf.pin_dir, &links, &failure) < 0)
		log_err("%s", failure.text);
}

static size_t count_attached(const struct daemon *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->guardian.n; i++)
		n += d->guardian.v[i].attached;
	return n;
}

static int run_daemon(const struct options *options)
{
	CLEANUP(daemon_free)
	struct daemon d = {.conf_path = options->conf_path, .state_dir_fd = -1, .notify_fd = -1, .netif_fd = -1};
	CLEANUP(close_start) struct start start = {.feed_fd = -1, .control_fd = -1};
	struct failure failure = {0};
	int r = conf_file_load(options->conf_path, &d.conf, &failure);

	if (r < 0) {
		log_err("%s", failure.text);
		return EXIT_CONFIG;
	}
	if (geteuid() != 0) {
		log_err("must be started as root, to attach the filter; it becomes user %s right after (systemctl "
			"start "
			"jitgated, or sudo)",
			d.conf.user);
		return EXIT_FAILED;
	}
	r = notify_open(&d.notify_fd);
	if (r < 0) {
		log_err("cannot open a socket to the service manager: %s", strerror(-r));
		return EXIT_FAILED;
	}
	if (find_users(&d.conf, &start, &failure) < 0) {
		log_err("%s", failure.text);
		return EXIT_CONFIG;
	}
	r = prepare(&d, &start, &failure);
	if (r < 0) {
		log_err("%s", failure.text);
		clean_up(&d, &start);
		return EXIT_FAILED;
	}
	log_notice("%s %s, mode %s, %zu interface(s)", start.taken_over ? "took over" : "started on", d.conf.pin_dir,
		   arming_text(&d.enforcer.arming, d.conf.mode), count_attached(&d));
	reserve_ports(&d);
	r = daemon_open(&d, TAKE_FD(start.feed_fd), TAKE_FD(start.control_fd), start.feed_user.uid);
	if (r < 0) {
		log_err("cannot set the event loop up: %s; what is attached goes on", strerror(-r));
		return EXIT_FAILED;
	}
	if (give_up_root(&d, &start, &failure) < 0) {
		log_err("%s", failure.text);
		return EXIT_FAILED;
	}
	daemon_sweep(&d);
	/* What only the maps knew would not outlive a reboot. By the user, whose folder it is. */
	if (!start.have_state)
		enforcer_keep(&d.enforcer);
	return daemon_run(&d);
}

/*
 * What a large snapshot took goes back to the kernel when it is freed: by default glibc learns from the first large
 * block to keep the next ones. Other C libraries have no such habit.
 */
static void keep_memory_small(void)
{
#ifdef M_MMAP_THRESHOLD
	mallopt(M_MMAP_THRESHOLD, 64 * 1024);
#endif
}

int main(int argc, char **argv)
{
	struct options options;
	int r = parse_options(argc, argv, &options);

	if (r >= 0)
		return r;
	STEP(); /* from here on it is ours, before it was the loader's */
	keep_memory_small();
	log_open("jitgated");
	/* A log reader that goes away must not take the enforcer with it. */
	signal(SIGPIPE, SIG_IGN);
	datapath_set_debug(log_shows(LOG_LEVEL_DEBUG));
	return options.detach ? run_detach(&options) : run_daemon(&options);
}
