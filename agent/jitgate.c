// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * TOP. main of the command for people: its arguments, and what asks nobody. What asks is in inquire.c, what changes
 * anything (arm, open and the like) in operate.c.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "conf_file.h"
#include "conf_here.h"
#include "conf_show.h"
#include "datapath.h"
#include "exit_codes.h"
#include "inquire.h"
#include "log.h"
#include "operate.h"
#include "selftest_run.h"
#include "show.h"
#include "util.h"

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

/* ---------------------------------------------------------------- asking */

static int run_status(const struct options *options)
{
	return inquire_status(options->conf_path, options->json);
}

static int run_list(const struct options *options)
{
	return inquire_list(options->conf_path, options->json);
}

static int run_explain(const struct options *options)
{
	return inquire_explain(options->conf_path, options->json, options->args[0], options->args[1]);
}

/* ---------------------------------------------------------------- check-config */

/* 0 or the exit code, after a complaint. */
static int read_conf(const char *path, struct conf *ret)
{
	struct failure failure = {0};

	if (conf_file_load(path, ret, &failure) < 0)
		return cli_complain(EXIT_CONFIG, "%s", failure.text);
	return EXIT_OK;
}

/* On stderr, behind the answer: the config is good, this machine is not ready for it. */
static void warn_here(const struct conf *conf, const char *path)
{
	_cleanup_text_ struct text lines = {0};

	conf_here_warn(conf, path, &lines);
	if (lines.failed)
		cli_complain(EXIT_FAILED, "out of memory");
	for (char *line = lines.failed ? NULL : lines.data, *end; line && (end = strchr(line, '\n')); line = end + 1)
		cli_complain(EXIT_OK, "warning: %.*s", (int)(end - line), line);
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
	r = cli_put_text(&out, EXIT_OK);
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
	int r = cli_read_places(options->conf_path, &conf);

	if (r != EXIT_OK)
		return r;
	log_open("jitgate");
	datapath_set_debug(log_shows(LOG_LEVEL_DEBUG));
	if (selftest_run(&conf, options->verbose, &test, &failure) < 0)
		return cli_complain(EXIT_FAILED, "selftest: %s", failure.text);
	(options->json ? selftest_json : selftest_text)(&test, options->verbose, &out);
	return cli_put_text(&out, selftest_is_good(&test) ? EXIT_OK : EXIT_FAILED);
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
	int code = cli_read_places(options->conf_path, &conf);

	if (code != EXIT_OK)
		return code;
	given.json = options->json;
	given.port = options->n_args ? options->args[0] : NULL;
	code = run(&conf, &given, &out, &failure);
	if (out.len || out.failed)
		code = cli_put_text(&out, code);
	return failure.text[0] ? cli_complain(code, "%s", failure.text) : code;
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

static int complain_usage(const char *what, const char *which)
{
	return cli_complain(EXIT_USAGE, "%s%s; see jitgate --help", what, which);
}

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
			return cli_complain(EXIT_USAGE, "no --%s for %s; see jitgate --help", foreign, name);
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
			return cli_put(usage_text, strlen(usage_text), EXIT_OK);
		case 'V':
			printf("jitgate %s\n", JITGATE_VERSION);
			return EXIT_OK;
		default:
			return cli_complain(EXIT_USAGE, "see jitgate --help"); /* getopt has named it */
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
