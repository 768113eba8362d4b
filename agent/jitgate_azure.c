// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * TOP. The Azure feed: asks Azure by its schedule and when jitgated says so, sends jitgated the snapshot. Holds no
 * power over packets: at worst it says nothing, and grants run out at their own ends. Decides when; asking is
 * azure_poll's, what was said is kept and told by azure_said.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "azure_http.h"
#include "azure_poll.h"
#include "azure_said.h"
#include "clock.h"
#include "conf_file.h"
#include "exit_codes.h"
#include "feed_client.h"
#include "files.h"
#include "log.h"
#include "notify.h"
#include "pace.h"
#include "sandbox.h"

#define CA_BYTES_MAX (16 * 1024 * 1024)

static const char usage_text[] = "usage: jitgate-azure [-c FILE]\n"
				 "       jitgate-azure [-c FILE] --once\n"
				 "       jitgate-azure --help | --version\n"
				 "\n"
				 "Tells jitgated which just-in-time grants Azure has given to this VM.\n"
				 "\n"
				 "  -c, --config FILE  the config, default " CONF_PATH_DEFAULT "\n"
				 "      --once         ask Azure once, print what it says as JSON, send nothing\n"
				 "  -h, --help         this text\n"
				 "  -V, --version      the version\n"
				 "\n"
				 "Exit codes: 0, 1 failed, 2 usage, 78 config. See jitgate-azure(8).\n";

struct options {
	const char *conf_path;
	bool once;
};

struct agent {
	int stop_fd, notify_fd;
	int timer_fd; /* in boot time: the clock of poll(2) stands still in a suspended VM */
	struct azure_asker asker;
	struct pace pace;
	struct azure_said said;
	struct feed_client feed;
};

/* ---------------------------------------------------------------- chance */

/* From 0 to 1, so that many VMs do not ask in step. */
static double draw_chance(void)
{
	uint32_t n;

	if (getrandom(&n, sizeof(n), GRND_NONBLOCK) != sizeof(n))
		return 0.5;
	return n / (double)UINT32_MAX;
}

static uint32_t seconds_until(struct boot_time at, struct boot_time now)
{
	return at.ns > now.ns ? (uint32_t)((at.ns - now.ns + NS_PER_S - 1) / NS_PER_S) : 0;
}

/* ---------------------------------------------------------------- a poll */

/* What the poll could do without, once for each that went missing. */
static void tell_news(const struct azure_answer *answer)
{
	if (answer->news.len && !answer->news.failed)
		log_warning("%s", answer->news.data);
}

static void poll_azure(struct agent *a)
{
	_cleanup_azure_answer_ struct azure_answer answer = {0};
	struct clock_pair now = clock_now();
	struct pace_result result = {0};
	char why[PACE_WHY_MAX];
	uint32_t next_s;
	int r;

	pace_begin(&a->pace, now.boot);
	a->asker.before = a->said.has_good ? &a->said.good : NULL;
	r = azure_poll(&a->asker, now, &answer);
	if (r == -ECANCELED)
		return;
	result = (struct pace_result){
		.good = !r,
		.live = answer.jit.snapshot.grants.n > 0,
		.initiating = answer.jit.initiating,
		.retry_after_s = answer.retry_after_s,
		.remaining = answer.remaining,
		.n_reads = answer.n_reads,
		.granted = &answer.jit.snapshot.grants,
	};
	tell_news(&answer);
	now = clock_now();
	pace_end(&a->pace, now.boot, &result, draw_chance());
	next_s = seconds_until(pace_next(&a->pace), now.boot);
	if (r)
		azure_said_trouble(&a->said, &answer, now.wall, next_s, &a->feed);
	else
		azure_said_good(&a->said, &answer, pace_fresh_for_s(&a->pace), &a->feed);
	pace_say_why(&a->pace, why);
	log_debug("reads left: %" PRId64 ", next in %" PRIu32 " s (%s)", answer.remaining, next_s, why);
	azure_said_status(&a->said, next_s, why, a->notify_fd);
}

/* ---------------------------------------------------------------- the service */

/* Wake up when there is something to do next, and not before. */
static void arm_timer(const struct agent *a)
{
	struct boot_time at = pace_next(&a->pace), connect_at = feed_client_next(&a->feed);
	struct itimerspec spec = {0};

	if (connect_at.ns < at.ns)
		at = connect_at;
	if (at.ns == 0) /* would disarm */
		at.ns = 1;
	spec.it_value.tv_sec = (time_t)(at.ns / NS_PER_S);
	spec.it_value.tv_nsec = (long)(at.ns % NS_PER_S);
	timerfd_settime(a->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static void hear_knocks(struct agent *a, struct boot_time now)
{
	char addr[INET6_ADDRSTRLEN];
	struct knock knock;

	while (feed_client_read(&a->feed, &knock)) {
		inet_ntop(knock.family == JITGATE_IPV4 ? AF_INET : AF_INET6, knock.addr, addr, sizeof(addr));
		log_debug("knock source=%s port=%u proto=%u", addr, knock.port, knock.proto);
		pace_knock(&a->pace, &knock, now);
	}
}

/* Until SIGTERM or SIGINT. */
static int serve(struct agent *a)
{
	for (;;) {
		struct pollfd fds[] = {{.fd = a->stop_fd, .events = POLLIN},
				       {.fd = a->feed.fd, .events = POLLIN},
				       {.fd = a->timer_fd, .events = POLLIN}};
		struct boot_time now;

		arm_timer(a);
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR) {
			log_err("poll: %s", strerror(errno));
			return EXIT_FAILED;
		}
		if (fds[0].revents)
			return EXIT_OK;
		now = clock_now().boot;
		if (fds[1].revents)
			hear_knocks(a, now);
		if (feed_client_connect(&a->feed, now))
			azure_said_again(&a->said, &a->feed);
		if (now.ns >= pace_next(&a->pace).ns)
			poll_azure(a);
	}
}

static void free_agent(struct agent *a)
{
	azure_asker_free(&a->asker);
	azure_said_free(&a->said);
	feed_client_free(&a->feed);
	close_fd(&a->timer_fd);
}

static int run_service(const struct conf *conf, int stop_fd, int notify_fd)
{
	CLEANUP(free_agent)
	struct agent a = {
		.stop_fd = stop_fd,
		.notify_fd = notify_fd,
		.timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK),
		.asker = {.conf = &conf->azure,
			  .guard = &conf->guard,
			  .max_grants = conf->max_grants,
			  .stop_fd = stop_fd},
		.feed = {.fd = -1},
	};
	int code;

	if (a.timer_fd < 0 || feed_client_init(&a.feed, conf->run_dir, "azure", stop_fd) < 0) {
		log_err("cannot start: %s", a.timer_fd < 0 ? strerror(errno) : "out of memory");
		return EXIT_FAILED;
	}
	pace_init(&a.pace, conf->azure.poll_idle_s, conf->azure.poll_live_s, clock_now().boot, draw_chance());
	notify_send(notify_fd, "READY=1\nSTATUS=asking Azure for the first time");
	code = serve(&a);
	notify_send(notify_fd, "STOPPING=1");
	log_info("stopped; what is granted goes on to its own end");
	return code;
}

/* ---------------------------------------------------------------- --once */

static int run_once(const struct conf *conf, int stop_fd)
{
	_cleanup_azure_asker_ struct azure_asker asker = {
		.conf = &conf->azure, .guard = &conf->guard, .max_grants = conf->max_grants, .stop_fd = stop_fd};
	_cleanup_azure_answer_ struct azure_answer answer = {0};
	int r = azure_poll(&asker, clock_now(), &answer);

	tell_news(&answer);
	return azure_said_once(r, &answer, asker.vm.id) ? EXIT_FAILED : EXIT_OK;
}

/* ---------------------------------------------------------------- start */

/* As the user that will read it: better now, in words, than with every question. 0 or the exit code. */
static int check_ca_file(const struct conf_azure *conf, bool was_root)
{
	_cleanup_free_ char *bytes = NULL;
	size_t len;
	int r = *conf->ca_file ? files_read(conf->ca_file, CA_BYTES_MAX, 0, &bytes, &len) : 0;

	if (r == 0)
		return EXIT_OK;
	if (r == -EACCES && was_root)
		log_err("azure.ca_file %s: Permission denied for user %s", conf->ca_file, conf->user);
	else
		log_err("azure.ca_file %s: %s", conf->ca_file, r == -EINVAL ? "not a regular file" : strerror(-r));
	return EXIT_CONFIG;
}

static int complain_powers(int r)
{
	log_err("cannot give up powers: %s; not starting with them", strerror(-r));
	return EXIT_FAILED;
}

/* An ordinary user stays who it is. 0 or the exit code. */
static int give_up_powers(const struct conf_azure *conf)
{
	struct sandbox_user user = {.uid = geteuid(), .gid = getegid()};
	bool was_root = user.uid == 0;
	int r;

	if (was_root && sandbox_find_user(conf->user, &user)) {
		log_err("azure.user \"%s\": no such user, or it is root; make it (systemd-sysusers) or name another in "
			"the config",
			conf->user);
		return EXIT_CONFIG;
	}
	r = sandbox_become(&user, 0);
	if (r)
		return complain_powers(r);
	if (check_ca_file(conf, was_root))
		return EXIT_CONFIG;
	r = sandbox_seccomp(SANDBOX_AZURE);
	return r ? complain_powers(r) : EXIT_OK;
}

/* SIGPIPE: a reader that went away is an error to handle. SIGHUP: there is nothing to reload, a restart loses nothing.
 */
static void ignore_signals(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

/* Readable when it is time to go. */
static int open_stop_fd(void)
{
	sigset_t stop;
	int fd;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	if (sigprocmask(SIG_BLOCK, &stop, NULL))
		return -errno;
	fd = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static int start(const struct options *options, const struct conf *conf)
{
	_cleanup_close_ int notify_fd = -1;
	_cleanup_close_ int stop_fd = open_stop_fd();
	int r = options->once ? 0 : notify_open(&notify_fd);
	int code;

	if (r < 0) {
		log_err("cannot open a socket to the service manager: %s", strerror(-r));
		return EXIT_FAILED;
	}
	if (stop_fd < 0 || azure_http_open()) {
		log_err("cannot start: %s", stop_fd < 0 ? strerror(-stop_fd) : "libcurl does not");
		return EXIT_FAILED;
	}
	code = give_up_powers(&conf->azure);
	if (!code)
		code = options->once ? run_once(conf, stop_fd) : run_service(conf, stop_fd, notify_fd);
	azure_http_close();
	return code;
}

/* Whether to go on; if not, *ret_code is the exit code. */
static bool parse_options(int argc, char **argv, struct options *ret, int *ret_code)
{
	enum { OPTION_ONCE = 256 };
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"once", no_argument, NULL, OPTION_ONCE},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	int option;

	*ret = (struct options){.conf_path = CONF_PATH_DEFAULT};
	while ((option = getopt_long(argc, argv, "c:hV", longs, NULL)) != -1) {
		if (option == 'c') {
			ret->conf_path = optarg;
		} else if (option == OPTION_ONCE) {
			ret->once = true;
		} else {
			*ret_code = option == '?' ? EXIT_USAGE : EXIT_OK; /* getopt has said what is wrong */
			if (option == '?')
				fputs("jitgate-azure: see jitgate-azure --help\n", stderr);
			else if (option == 'V')
				puts("jitgate-azure " JITGATE_VERSION);
			else if (option == 'h')
				fputs(usage_text, stdout);
			return false;
		}
	}
	if (optind == argc)
		return true;
	fprintf(stderr, "jitgate-azure: %s: no arguments are taken; see jitgate-azure --help\n", argv[optind]);
	*ret_code = EXIT_USAGE;
	return false;
}

int main(int argc, char **argv)
{
	_cleanup_conf_ struct conf conf = {0};
	struct failure failure = {0};
	struct options options;
	int code = EXIT_OK;

	log_open("jitgate-azure");
	ignore_signals();
	if (!parse_options(argc, argv, &options, &code))
		return code;
	if (conf_file_load(options.conf_path, &conf, &failure)) {
		log_err("%s", failure.text);
		return EXIT_CONFIG;
	}
	return start(&options, &conf);
}
