// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * TOP. The Azure feed: asks Azure by its schedule and when jitgated says so, sends jitgated the snapshot. Holds no
 * power over packets: at worst it says nothing, and grants run out at their own ends. Decides and logs; asking is
 * azure_poll's.
 */
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
#include "clock.h"
#include "conf_file.h"
#include "exit_codes.h"
#include "feed_client.h"
#include "feed_msg.h"
#include "files.h"
#include "log.h"
#include "notify.h"
#include "pace.h"
#include "sandbox.h"

#define CA_BYTES_MAX (16 * 1024 * 1024)
#define CLOCK_SKEW_MAX_S 30   /* worth a line: grants end by our clock */
#define CLOCK_SKEW_AGAIN_S 10 /* and another one when it has changed by so much */

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
	struct azure_jit good;          /* the last good answer */
	bool has_good, silent;          /* silent: Azure does not answer as it should */
	char trouble[FEED_TROUBLE_MAX]; /* "" when the last poll was good */
	struct wall_time trouble_at;
	int64_t skew_s; /* as last logged */

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

/* ---------------------------------------------------------------- what Azure said */

static bool was_refused(const struct azure_jit *jit, const struct azure_refused *refused)
{
	for (size_t i = 0; i < jit->n_refused; i++) {
		if (azure_refused_equal(&jit->refused[i], refused))
			return true;
	}
	return false;
}

static void log_refused(const struct azure_refused *refused)
{
	_cleanup_text_ struct text line = {0};

	text_printf(&line, "refused port=%u source=", refused->port);
	text_quoted(&line, refused->source);
	text_printf(&line, " until=");
	text_quoted(&line, refused->until);
	text_printf(&line, " requestor=");
	text_quoted(&line, refused->requestor);
	text_printf(&line, " policy=");
	text_quoted(&line, refused->policy);
	text_printf(&line, " reason=");
	text_quoted(&line, refused->why);
	if (!line.failed)
		log_notice("%s", line.data);
}

/* One line when there is something new, one for each refusal that was not there before. */
static void log_answer(const struct agent *a, const struct azure_answer *answer)
{
	const struct azure_jit *jit = &answer->jit, *before = &a->good;
	bool same = a->has_good && !a->silent && jit->n_policies == before->n_policies &&
		    jit->snapshot.n_ports == before->snapshot.n_ports &&
		    jit->snapshot.grants.n == before->snapshot.grants.n && jit->n_refused == before->n_refused;

	if (!same)
		log_info("Azure lists policies=%zu for_this_vm=%zu ports=%zu grants=%zu refused=%zu%s",
			 answer->n_policies, jit->n_policies, jit->snapshot.n_ports, jit->snapshot.grants.n,
			 jit->n_refused, jit->n_policies ? "" : "; no policy names this VM");
	for (size_t i = 0; i < jit->n_refused; i++) {
		if (!was_refused(before, &jit->refused[i]))
			log_refused(&jit->refused[i]);
	}
}

/* Grants end by this machine's clock. */
static void log_skew(struct agent *a, struct wall_time azure)
{
	int64_t skew_s, change_s;

	if (!azure.ns)
		return;
	skew_s = (clock_now().wall.ns - azure.ns) / NS_PER_S;
	change_s = skew_s > a->skew_s ? skew_s - a->skew_s : a->skew_s - skew_s;
	if (skew_s <= CLOCK_SKEW_MAX_S && skew_s >= -CLOCK_SKEW_MAX_S) {
		a->skew_s = 0;
		return;
	}
	if (change_s < CLOCK_SKEW_AGAIN_S)
		return;
	log_warning("this machine's clock is %" PRId64 " s %s Azure's, so grants end too %s; set it right",
		    skew_s > 0 ? skew_s : -skew_s, skew_s > 0 ? "ahead of" : "behind", skew_s > 0 ? "early" : "late");
	a->skew_s = skew_s;
}

static void show_status(const struct agent *a, struct boot_time now)
{
	char line[512];
	uint32_t next_s = seconds_until(pace_next(&a->pace), now);

	if (*a->trouble)
		snprintf(line, sizeof(line), "STATUS=%s", a->trouble);
	else
		snprintf(line, sizeof(line), "STATUS=%zu ports, %zu grants, asking again in %" PRIu32 " s",
			 a->good.snapshot.n_ports, a->good.snapshot.grants.n, next_s);
	notify_send(a->notify_fd, line);
}

static void take_good(struct agent *a, struct azure_answer *answer)
{
	log_answer(a, answer);
	log_skew(a, answer->date);
	azure_jit_free(&a->good);
	a->good = answer->jit;
	answer->jit = (struct azure_jit){0};
	a->good.snapshot.fresh_for_s = pace_fresh_for_s(&a->pace);
	a->has_good = true;
	a->silent = false;
	a->trouble[0] = '\0';
	feed_client_send_snapshot(&a->feed, &a->good.snapshot);
}

/* Nothing is granted, extended or taken away by this; jitgated is told, so that status can say it. */
static void take_trouble(struct agent *a, const struct azure_answer *answer, struct clock_pair now)
{
	const char *why = answer->why.data && !answer->why.failed ? answer->why.data : "out of memory";
	const char *detail = answer->detail.data && !answer->detail.failed ? answer->detail.data : "";

	uint32_t next_s = seconds_until(pace_next(&a->pace), now.boot);

	snprintf(a->trouble, sizeof(a->trouble), "%s; asking again in %" PRIu32 " s", why, next_s);
	a->trouble_at = now.wall;
	a->silent = true;
	log_warning("%s; what is granted goes on to its own end, asking again in %" PRIu32 " s%s", why, next_s, detail);
	feed_client_send_trouble(&a->feed, a->trouble_at, a->trouble);
}

static void poll_azure(struct agent *a)
{
	_cleanup_azure_answer_ struct azure_answer answer = {0};
	struct clock_pair now = clock_now();
	struct pace_result result = {0};
	int r;

	pace_begin(&a->pace, now.boot);
	r = azure_poll(&a->asker, now, &answer);
	if (r == -ECANCELED)
		return;
	result = (struct pace_result){
		.good = !r,
		.live = answer.jit.snapshot.grants.n > 0,
		.initiating = answer.jit.initiating,
		.retry_after_s = answer.retry_after_s,
	};
	now = clock_now();
	pace_end(&a->pace, now.boot, &result, draw_chance());
	if (r)
		take_trouble(a, &answer, now);
	else
		take_good(a, &answer);
	log_debug("reads left: %" PRId64 ", next in %" PRIu32 " s", answer.remaining,
		  seconds_until(pace_next(&a->pace), now.boot));
	show_status(a, now.boot);
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

/* A new jitgated gets the last good snapshot, with the time it was taken at, and the trouble since. */
static void tell_all(struct agent *a)
{
	if (a->has_good)
		feed_client_send_snapshot(&a->feed, &a->good.snapshot);
	if (*a->trouble)
		feed_client_send_trouble(&a->feed, a->trouble_at, a->trouble);
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
		if (fds[1].revents && feed_client_read(&a->feed))
			pace_ask(&a->pace);
		now = clock_now().boot;
		if (feed_client_connect(&a->feed, now))
			tell_all(a);
		if (now.ns >= pace_next(&a->pace).ns)
			poll_azure(a);
	}
}

static void free_agent(struct agent *a)
{
	azure_asker_free(&a->asker);
	azure_jit_free(&a->good);
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
		.asker = {.conf = &conf->azure, .max_grants = conf->max_grants, .stop_fd = stop_fd},
		.feed = {.fd = -1},
	};
	int code;

	if (a.timer_fd < 0 || feed_client_init(&a.feed, conf->run_dir, "azure", stop_fd) < 0) {
		log_err("cannot start: %s", a.timer_fd < 0 ? strerror(errno) : "out of memory");
		return EXIT_FAILED;
	}
	pace_init(&a.pace, conf->azure.poll_idle_s, conf->azure.poll_live_s, clock_now().boot);
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
		.conf = &conf->azure, .max_grants = conf->max_grants, .stop_fd = stop_fd};
	_cleanup_azure_answer_ struct azure_answer answer = {0};
	_cleanup_text_ struct text out = {0};
	int r = azure_poll(&asker, clock_now(), &answer);

	if (r) {
		log_err("%s%s", r == -ECANCELED || !answer.why.data ? "stopped" : answer.why.data,
			answer.detail.data ? answer.detail.data : "");
		return EXIT_FAILED;
	}
	azure_jit_report(&answer.jit, asker.vm.id, &out);
	if (out.failed || fwrite(out.data, 1, out.len, stdout) != out.len || fflush(stdout)) {
		log_err("cannot write the answer: %s", out.failed ? "out of memory" : strerror(errno));
		return EXIT_FAILED;
	}
	return EXIT_OK;
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
	r = sandbox_become(&user, false);
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
	_cleanup_close_ int notify_fd = options->once ? -1 : notify_open();
	_cleanup_close_ int stop_fd = open_stop_fd();
	int code;

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
