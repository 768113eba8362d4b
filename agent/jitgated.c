// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * TOP. main of the enforcer: arguments, exit codes, and what a start is to the outside. Its steps are in startup.c.
 */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf_file.h"
#include "daemon.h"
#include "exit_codes.h"
#include "log.h"
#include "notify.h"
#include "startup.h"
#include "step.h"
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
	CLEANUP(startup_close) struct startup start = {.feed_fd = -1, .control_fd = -1};
	struct failure failure = {0};
	int r = conf_file_load(options->conf_path, &d.conf, &failure);

	if (r < 0) {
		log_err("%s", failure.text);
		return EXIT_CONFIG;
	}
	if (geteuid() != 0) {
		log_err("must be started as root, to attach the filter; it becomes user %s right after (systemctl "
			"start jitgated, or sudo)",
			d.conf.user);
		return EXIT_FAILED;
	}
	r = notify_open(&d.notify_fd);
	if (r < 0) {
		log_err("cannot open a socket to the service manager: %s", strerror(-r));
		return EXIT_FAILED;
	}
	if (startup_find_users(&d.conf, &start, &failure) < 0) {
		log_err("%s", failure.text);
		return EXIT_CONFIG;
	}
	r = startup_prepare(&d, &start, &failure);
	if (r < 0) {
		log_err("%s", failure.text);
		startup_undo(&d, &start);
		return EXIT_FAILED;
	}
	log_notice("%s %s, mode %s, %zu interface(s)", start.taken_over ? "took over" : "started on", d.conf.pin_dir,
		   arming_text(&d.enforcer.arming, d.conf.mode), count_attached(&d));
	startup_reserve_ports(&d);
	r = daemon_open(&d, TAKE_FD(start.feed_fd), TAKE_FD(start.control_fd), start.feed_user.uid);
	if (r < 0) {
		log_err("cannot set the event loop up: %s; what is attached goes on", strerror(-r));
		return EXIT_FAILED;
	}
	if (startup_give_up_root(&d, &start, &failure) < 0) {
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
