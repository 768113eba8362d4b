// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * TOP. The command for people: asks jitgated, and when that is dead, the pins. Owns its arguments, its exit codes and
 * what is said when there is no answer; what an answer looks like is in report*.c, and what changes anything (arm, open
 * and the like) in operate.c.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "ask.h"
#include "conf_file.h"
#include "conf_here.h"
#include "conf_show.h"
#include "datapath.h"
#include "exit_codes.h"
#include "log.h"
#include "offline.h"
#include "operate.h"
#include "report.h"
#include "selftest_run.h"
#include "show.h"
#include "util.h"

#define ASK_TIMEOUT_MS 10000

struct options {
	const char *conf_path;
	bool json;
	bool verbose;
	struct operate_options operate;
	char **args; /* behind the command's name */
	size_t n_args;
};

static const char usage_text[] =
	"usage: jitgate [-c FILE] status [--json]\n"
	"       jitgate [-c FILE] list [--json]\n"
	"       jitgate [-c FILE] explain SOURCE PORT[/PROTO] [--json]\n"
	"       jitgate [-c FILE] check-config [FILE]\n"
	"       jitgate [-c FILE] selftest [--json] [--verbose]\n"
	"       jitgate [-c FILE] arm [--confirm TIME] [--force] [--json]\n"
	"       jitgate [-c FILE] confirm [--json]\n"
	"       jitgate [-c FILE] disarm [--json]\n"
	"       jitgate [-c FILE] open PORT[/PROTO] --from SOURCE --for TIME --reason TEXT [--override] [--json]\n"
	"       jitgate [-c FILE] close PORT[/PROTO] --from SOURCE [--json]\n"
	"       jitgate --help | --version\n"
	"\n"
	"  status        what is enforced, where, and how fresh that is; the first line is the verdict\n"
	"  list          the live grants\n"
	"  explain       what happens to a packet from SOURCE to PORT now, and why\n"
	"  check-config  read a config file and say what would be in force\n"
	"  selftest      does this kernel judge packets as it should: tried on a private copy, beside the traffic\n"
	"\n"
	"As root:\n"
	"  arm           out of audit mode, on trial: enforce for TIME (5m), then audit again by itself\n"
	"  confirm       make the trial last\n"
	"  disarm        back to audit mode\n"
	"  open          in an emergency: let SOURCE in for TIME, whatever Azure says\n"
	"  close         end what open opened\n"
	"\n"
	"  -c, --config FILE  the config, default " CONF_PATH_DEFAULT "\n"
	"  -j, --json         for programs\n"
	"  -v, --verbose      selftest: every frame\n"
	"      --confirm TIME arm: how long the trial lasts, 1s to 1d\n"
	"      --force        arm: although that cuts the session of who asks\n"
	"      --from SOURCE  open, close: an address or a network\n"
	"      --for TIME     open: 1m to 7d\n"
	"      --reason TEXT  open: for the log\n"
	"      --override     open: past the guard rails of the config\n"
	"  -h, --help         this text\n"
	"  -V, --version      the version\n"
	"\n"
	"Exit codes: 0, 1 failed, 2 usage, 78 config. See jitgate(1).\n";

/* ---------------------------------------------------------------- output */

/* One line on stderr, whatever the bytes. Returns `code`. */
__attribute__((format(printf, 2, 3))) static int complain(int code, const char *format, ...)
{
	char message[1024];
	_cleanup_text_ struct text line = {0};
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	show_cut(&line, message, sizeof(message));
	fprintf(stderr, "jitgate: %s\n", line.data ? line.data : "out of memory");
	return code;
}

static int complain_usage(const char *what, const char *which)
{
	return complain(EXIT_USAGE, "%s%s; see jitgate --help", what, which);
}

/* All of it to stdout, or EXIT_FAILED: a full disk must not look like an empty list. */
static int put(const char *bytes, size_t len, int code)
{
	if (fwrite(bytes, 1, len, stdout) != len || fflush(stdout) != 0)
		return complain(EXIT_FAILED, "cannot write the answer: %s", strerror(errno));
	return code;
}

static int put_text(const struct text *text, int code)
{
	if (text->failed)
		return complain(EXIT_FAILED, "out of memory");
	return put(text->data ? text->data : "", text->len, code);
}

/* ---------------------------------------------------------------- config */

/* 0 or the exit code, after a complaint. */
static int read_conf(const char *path, struct conf *ret)
{
	struct failure failure = {0};

	if (conf_file_load(path, ret, &failure) < 0)
		return complain(EXIT_CONFIG, "%s", failure.text);
	return EXIT_OK;
}

/*
 * A broken config must not hide what is in force: questions are asked all the same, at the default places. But only for
 * the default config: whoever names another file means another instance. 0 or the exit code.
 */
static int read_places(const char *path, struct conf *ret)
{
	struct failure failure = {0};

	if (conf_file_load(path, ret, &failure) == 0)
		return EXIT_OK;
	if (strcmp(path, CONF_PATH_DEFAULT) != 0)
		return complain(EXIT_CONFIG, "%s", failure.text);
	if (conf_parse("", 0, path, ret, NULL) < 0)
		return complain(EXIT_FAILED, "out of memory");
	complain(EXIT_CONFIG, "warning: %s", failure.text);
	complain(EXIT_CONFIG, "warning: going on with the default run_dir %s and pin_dir %s", ret->run_dir,
		 ret->pin_dir);
	return EXIT_OK;
}

/* ---------------------------------------------------------------- asking */

static int offline(const struct conf *conf, const char *why, bool json,
		   void (*write_text)(const struct report *, struct text *),
		   void (*write_json)(const struct report *, struct text *))
{
	_cleanup_text_ struct text out = {0};
	struct report *report = NULL;
	struct failure failure = {0};
	int r = offline_report(conf, &report, &failure);

	if (r == -ENOENT)
		return complain(
			EXIT_FAILED,
			"jitgated does not run (%s), and nothing is pinned in %s: NOTHING IS FILTERED; start it", why,
			conf->pin_dir);
	if (r == -ENODATA)
		return complain(EXIT_FAILED,
				"jitgated does not run (%s), and %s: what it filtered before goes on as long as the "
				"rest is in place, which cannot be shown; start jitgated: it pins anew",
				why, failure.text);
	if (r < 0)
		return complain(EXIT_FAILED, "jitgated does not run (%s), and its pins cannot be read: %s", why,
				failure.text);
	report->agent_why = why;
	(json ? write_json : write_text)(report, &out);
	offline_free(report);
	return put_text(&out, EXIT_FAILED);
}

/* Nobody listens, or the caller may not ask. */
static int complain_unheard(const struct conf *conf, int r, const char *why)
{
	if (geteuid() == 0 && r != -EACCES)
		return complain(EXIT_FAILED, "jitgated does not run (%s); start it: systemctl start jitgated", why);
	return complain(EXIT_FAILED, "%s; run as root, or join the group of user \"%s\"", why, conf->user);
}

static bool is_unheard(int r)
{
	return r == -ENOENT || r == -ECONNREFUSED || r == -EACCES;
}

static void socket_path(const struct conf *conf, char *out, size_t size)
{
	snprintf(out, size, "%s/" CONF_CONTROL_SOCKET, conf->run_dir);
}

/* Status and list: from the pins when jitgated does not run and the caller may read them. */
static int run_report(const struct options *options, const char *name,
		      void (*write_text)(const struct report *, struct text *),
		      void (*write_json)(const struct report *, struct text *))
{
	_cleanup_conf_ struct conf conf = {0};
	_cleanup_free_ char *answer = NULL;
	struct failure failure = {0};
	char path[256], question[64];
	size_t len = 0;
	int r = read_places(options->conf_path, &conf);

	if (r != EXIT_OK)
		return r;
	socket_path(&conf, path, sizeof(path));
	snprintf(question, sizeof(question), "%s %s", name, options->json ? "json" : "text");
	r = ask_agent(path, question, ASK_TIMEOUT_MS, &answer, &len, &failure);
	if (r >= 0)
		return put(answer, len, r == ASK_OPEN ? EXIT_FAILED : EXIT_OK);
	if (is_unheard(r) && r != -EACCES && geteuid() == 0)
		return offline(&conf, failure.text, options->json, write_text, write_json);
	if (is_unheard(r))
		return complain_unheard(&conf, r, failure.text);
	return complain(EXIT_FAILED, "%s", failure.text);
}

static int run_status(const struct options *options)
{
	return run_report(options, "status", report_status_text, report_status_json);
}

static int run_list(const struct options *options)
{
	return run_report(options, "list", report_list_text, report_list_json);
}

/* The two arguments, checked before anybody is asked. 0 or the exit code, after a complaint. */
static int parse_explain(const struct options *options, struct cidr *ret_source, struct port_rule *ret_port)
{
	const char *source = options->args[0], *port = options->args[1];
	struct parse_error err = {0};

	if (cidr_parse(source, strlen(source), ret_source, &err) < 0)
		return complain(EXIT_USAGE, "SOURCE \"%s\": %s; give one IPv4 or IPv6 address", source, err.why);
	if (ret_source->prefix_len != (ret_source->family == JITGATE_IPV4 ? 32 : 128))
		return complain(EXIT_USAGE, "SOURCE \"%s\" is a network; give one address", source);
	if (port_rule_parse(port, strlen(port), ret_port, &err) < 0)
		return complain(EXIT_USAGE,
				"PORT \"%s\": %s; give 1 to 65535, and a protocol if it is not tcp, like 53/udp", port,
				err.why);
	if (ret_port->protos & (ret_port->protos - 1))
		return complain(EXIT_USAGE, "PORT \"%s\": a packet has one protocol; name it, like %u/tcp", port,
				ret_port->port);
	return EXIT_OK;
}

static int run_explain(const struct options *options)
{
	char path[256], question[128], source_text[CIDR_TEXT_MAX], proto[PROTOS_TEXT_MAX];
	_cleanup_conf_ struct conf conf = {0};
	_cleanup_free_ char *answer = NULL;
	struct failure failure = {0};
	struct cidr source = {0};
	struct port_rule port = {0};
	size_t len = 0;
	int r = parse_explain(options, &source, &port);

	if (r == EXIT_OK)
		r = read_places(options->conf_path, &conf);
	if (r != EXIT_OK)
		return r;
	cidr_format(&source, source_text);
	socket_path(&conf, path, sizeof(path));
	snprintf(question, sizeof(question), "explain %s %s %u %s", options->json ? "json" : "text", source_text,
		 port.port, protos_format(port.protos, proto));
	r = ask_agent(path, question, ASK_TIMEOUT_MS, &answer, &len, &failure);
	if (r >= 0)
		return put(answer, len, r == ASK_OPEN ? EXIT_FAILED : EXIT_OK);
	if (is_unheard(r))
		return complain_unheard(&conf, r, failure.text);
	return complain(EXIT_FAILED, "%s", failure.text);
}

/* ---------------------------------------------------------------- check-config */

/* On stderr, behind the answer: the config is good, this machine is not ready for it. */
static void warn_here(const struct conf *conf, const char *path)
{
	_cleanup_text_ struct text lines = {0};

	conf_here_warn(conf, path, &lines);
	if (lines.failed)
		complain(EXIT_FAILED, "out of memory");
	for (char *line = lines.failed ? NULL : lines.data, *end; line && (end = strchr(line, '\n')); line = end + 1)
		complain(EXIT_OK, "warning: %.*s", (int)(end - line), line);
}

static int run_check_config(const struct options *options)
{
	const char *path = options->n_args ? options->args[0] : options->conf_path;
	_cleanup_text_ struct text out = {0}, title = {0};
	_cleanup_conf_ struct conf conf = {0};
	int r = read_conf(path, &conf);

	if (r != EXIT_OK)
		return r;
	text_printf(&title, "%s: good; in force would be", path);
	show_paragraph(&out, &title, 0, 2);
	conf_show(&conf, &out);
	r = put_text(&out, EXIT_OK);
	if (r == EXIT_OK)
		warn_here(&conf, path);
	return r;
}

/* ---------------------------------------------------------------- selftest */

static int run_selftest(const struct options *options)
{
	_cleanup_selftest_ struct selftest test = {0};
	_cleanup_text_ struct text out = {0};
	_cleanup_conf_ struct conf conf = {0};
	struct failure failure = {0};
	int r = read_places(options->conf_path, &conf);

	if (r != EXIT_OK)
		return r;
	log_open("jitgate");
	datapath_set_debug(log_shows(LOG_LEVEL_DEBUG));
	if (selftest_run(&conf, options->verbose, &test, &failure) < 0)
		return complain(EXIT_FAILED, "selftest: %s", failure.text);
	(options->json ? selftest_json : selftest_text)(&test, options->verbose, &out);
	return put_text(&out, selftest_is_good(&test) ? EXIT_OK : EXIT_FAILED);
}

/* ---------------------------------------------------------------- what changes something */

static int operate(const struct options *options,
		   int (*run)(const struct conf *conf, const struct operate_options *options, struct text *out,
			      struct failure *failure))
{
	struct operate_options given = options->operate;
	_cleanup_text_ struct text out = {0};
	_cleanup_conf_ struct conf conf = {0};
	struct failure failure = {0};
	int code = read_places(options->conf_path, &conf);

	if (code != EXIT_OK)
		return code;
	given.json = options->json;
	given.port = options->n_args ? options->args[0] : NULL;
	code = run(&conf, &given, &out, &failure);
	if (out.len || out.failed)
		code = put_text(&out, code);
	return failure.text[0] ? complain(code, "%s", failure.text) : code;
}

static int run_arm(const struct options *options)
{
	return operate(options, operate_arm);
}

static int run_confirm(const struct options *options)
{
	return operate(options, operate_confirm);
}

static int run_disarm(const struct options *options)
{
	return operate(options, operate_disarm);
}

static int run_open(const struct options *options)
{
	return operate(options, operate_open);
}

static int run_close(const struct options *options)
{
	return operate(options, operate_close);
}

/* ---------------------------------------------------------------- arguments */

enum { OPT_CONFIRM = 256, OPT_FORCE, OPT_FROM, OPT_FOR, OPT_REASON, OPT_OVERRIDE };

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},      {"json", no_argument, NULL, 'j'},
	{"verbose", no_argument, NULL, 'v'},           {"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},           {"confirm", required_argument, NULL, OPT_CONFIRM},
	{"force", no_argument, NULL, OPT_FORCE},       {"from", required_argument, NULL, OPT_FROM},
	{"for", required_argument, NULL, OPT_FOR},     {"reason", required_argument, NULL, OPT_REASON},
	{"override", no_argument, NULL, OPT_OVERRIDE}, {NULL, 0, NULL, 0},
};

static const struct {
	const char *name;
	size_t min_args, max_args;
	bool json, verbose;
	const char *own[5]; /* long options of its own */
	int (*run)(const struct options *options);
} commands[] = {
	{"status", 0, 0, true, false, {NULL}, run_status},
	{"list", 0, 0, true, false, {NULL}, run_list},
	{"explain", 2, 2, true, false, {NULL}, run_explain},
	{"check-config", 0, 1, false, false, {NULL}, run_check_config},
	{"selftest", 0, 0, true, true, {NULL}, run_selftest},
	{"arm", 0, 0, true, false, {"confirm", "force", NULL}, run_arm},
	{"confirm", 0, 0, true, false, {NULL}, run_confirm},
	{"disarm", 0, 0, true, false, {NULL}, run_disarm},
	{"open", 1, 1, true, false, {"from", "for", "reason", "override", NULL}, run_open},
	{"close", 1, 1, true, false, {"from", NULL}, run_close},
};

/* An option that was given and is none of this command's; NULL: there is none. */
static const char *foreign_option(const struct operate_options *given, const char *const *own)
{
	const struct {
		const char *name;
		bool given;
	} all[] = {
		{"confirm", given->confirm}, {"force", given->force},   {"from", given->from},
		{"for", given->length},      {"reason", given->reason}, {"override", given->override},
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		const char *const *found = own;

		while (*found && strcmp(*found, all[i].name) != 0)
			found++;
		if (all[i].given && !*found)
			return all[i].name;
	}
	return NULL;
}

static int run_command(const char *name, const struct options *options)
{
	const char *foreign;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(name, commands[i].name) != 0)
			continue;
		if (options->n_args < commands[i].min_args)
			return complain_usage("arguments are missing for ", name);
		if (options->n_args > commands[i].max_args)
			return complain_usage("too many arguments for ", name);
		if (options->json && !commands[i].json)
			return complain_usage("no --json for ", name);
		if (options->verbose && !commands[i].verbose)
			return complain_usage("no --verbose for ", name);
		foreign = foreign_option(&options->operate, commands[i].own);
		if (foreign)
			return complain(EXIT_USAGE, "no --%s for %s; see jitgate --help", foreign, name);
		return commands[i].run(options);
	}
	return complain_usage("no such command: ", name);
}

/* Options with a value, and those of a single command; false: another one. */
static bool take_operate_option(int c, char *value, struct operate_options *operate)
{
	switch (c) {
	case OPT_CONFIRM:
		operate->confirm = value;
		return true;
	case OPT_FORCE:
		operate->force = true;
		return true;
	case OPT_FROM:
		operate->from = value;
		return true;
	case OPT_FOR:
		operate->length = value;
		return true;
	case OPT_REASON:
		operate->reason = value;
		return true;
	case OPT_OVERRIDE:
		operate->override = true;
		return true;
	default:
		return false;
	}
}

int main(int argc, char **argv)
{
	struct options options = {.conf_path = CONF_PATH_DEFAULT};
	int c;

	while ((c = getopt_long(argc, argv, "c:jvhV", long_options, NULL)) != -1) {
		if (take_operate_option(c, optarg, &options.operate))
			continue;
		switch (c) {
		case 'c':
			options.conf_path = optarg;
			break;
		case 'j':
			options.json = true;
			break;
		case 'v':
			options.verbose = true;
			break;
		case 'h':
			return put(usage_text, strlen(usage_text), EXIT_OK);
		case 'V':
			printf("jitgate %s\n", JITGATE_VERSION);
			return EXIT_OK;
		default:
			return complain(EXIT_USAGE, "see jitgate --help"); /* getopt has named it */
		}
	}
	if (optind == argc) {
		fputs(usage_text, stderr);
		return EXIT_USAGE;
	}
	options.args = argv + optind + 1;
	options.n_args = (size_t)(argc - optind - 1);
	return run_command(argv[optind], &options);
}
