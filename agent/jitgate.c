// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * TOP. The command for people: asks jitgated, and when that is dead, the pins. Changes nothing, ever. Owns its
 * arguments, its exit codes and what is said when there is no answer; what an answer looks like is in report*.c.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "ask.h"
#include "conf_file.h"
#include "conf_here.h"
#include "exit_codes.h"
#include "offline.h"
#include "report.h"
#include "show.h"
#include "util.h"

#define ASK_TIMEOUT_MS 10000
#define LABEL_COLUMNS 14

struct options {
	const char *conf_path;
	bool json;
	char **args; /* behind the command's name */
	size_t n_args;
};

static const char usage_text[] =
	"usage: jitgate [-c FILE] status [--json]\n"
	"       jitgate [-c FILE] list [--json]\n"
	"       jitgate [-c FILE] explain SOURCE PORT[/PROTO] [--json]\n"
	"       jitgate [-c FILE] check-config [FILE]\n"
	"       jitgate --help | --version\n"
	"\n"
	"  status        what is enforced, where, and how fresh that is; the first line is the verdict\n"
	"  list          the live grants\n"
	"  explain       what happens to a packet from SOURCE to PORT now, and why\n"
	"  check-config  read a config file and say what would be in force\n"
	"\n"
	"  -c, --config FILE  the config, default " CONF_PATH_DEFAULT "\n"
	"  -j, --json         for programs\n"
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

static void put_labelled(struct text *out, const char *label, const struct text *words)
{
	_cleanup_text_ struct text wrapped = {0};

	show_paragraph(&wrapped, words, LABEL_COLUMNS, LABEL_COLUMNS);
	if (wrapped.failed || wrapped.len < LABEL_COLUMNS)
		out->failed = 1;
	else
		text_printf(out, "  %-*s%s", LABEL_COLUMNS - 2, label, wrapped.data + LABEL_COLUMNS);
}

static void add_duration(struct text *words, uint32_t seconds)
{
	if (seconds % 3600 == 0)
		text_printf(words, "%" PRIu32 " h", seconds / 3600);
	else if (seconds % 60 == 0)
		text_printf(words, "%" PRIu32 " min", seconds / 60);
	else
		text_printf(words, "%" PRIu32 " s", seconds);
}

static void add_cidrs(struct text *words, const struct cidr *cidrs, size_t n)
{
	char buf[CIDR_TEXT_MAX];

	for (size_t i = 0; i < n; i++) {
		cidr_format(&cidrs[i], buf);
		text_printf(words, "%s%s", i ? ", " : "", buf);
	}
}

static void put_interfaces(struct text *out, const struct conf *conf)
{
	static const char *const modes[] = {
		[CONF_XDP_AUTO] = "native, else generic", [CONF_XDP_NATIVE] = "native", [CONF_XDP_GENERIC] = "generic"};
	_cleanup_text_ struct text words = {0};

	if (conf->interfaces_auto)
		text_printf(&words, "every uplink");
	for (size_t i = 0; !conf->interfaces_auto && i < conf->n_interfaces; i++)
		text_printf(&words, "%s%s", i ? ", " : "", conf->interfaces[i]);
	text_printf(&words, "; XDP %s", modes[conf->xdp_mode]);
	put_labelled(out, "interfaces", &words);
}

/* As the config writes it. */
static void add_rule(struct text *words, const struct port_rule *rule)
{
	char proto[PROTOS_TEXT_MAX];
	const char *comma = words->len ? ", " : "";

	if (rule->protos == PROTO_BITS_ALL) {
		text_printf(words, "%s%u/any", comma, rule->port);
		return;
	}
	FOR_EACH_PROTO_BIT (bit) {
		if (rule->protos & bit)
			text_printf(words, "%s%u/%s", words->len ? ", " : "", rule->port, protos_format(bit, proto));
	}
}

static void put_protect(struct text *out, const struct conf *conf)
{
	_cleanup_text_ struct text words = {0};

	if (conf->n_protect == 0)
		text_printf(&words, "nothing of its own: only what a feed names, and nothing before its first answer");
	for (size_t i = 0; i < conf->n_protect; i++)
		add_rule(&words, &conf->protect[i]);
	put_labelled(out, "protect", &words);
}

static void put_guard(struct text *out, const struct conf *conf)
{
	_cleanup_text_ struct text words = {0};

	text_printf(&words, "a grant lasts at most ");
	add_duration(&words, conf->guard.longest_s);
	text_printf(&words, ", is at widest /%u (IPv4) or /%u (IPv6), from ", conf->guard.widest_ipv4,
		    conf->guard.widest_ipv6);
	if (conf->guard.n_sources == 0)
		text_printf(&words, "anywhere");
	add_cidrs(&words, conf->guard.sources, conf->guard.n_sources);
	put_labelled(out, "guard", &words);
}

static void put_max_grants(struct text *out, const struct conf *conf)
{
	_cleanup_text_ struct text words = {0};

	text_printf(&words, "%" PRIu32 ", grants and allow together", conf->max_grants);
	put_labelled(out, "max_grants", &words);
}

static void put_azure(struct text *out, const struct conf_azure *azure)
{
	_cleanup_text_ struct text words = {0};

	text_printf(&words, "cloud %s, identity %s, asked every ", azure->cloud,
		    *azure->identity ? azure->identity : "of the machine");
	add_duration(&words, azure->poll_idle_s);
	text_printf(&words, ", while a grant is live every ");
	add_duration(&words, azure->poll_live_s);
	if (*azure->arm_endpoint)
		text_printf(&words, "; resource manager %s", azure->arm_endpoint);
	if (*azure->imds_endpoint)
		text_printf(&words, "; metadata service %s", azure->imds_endpoint);
	if (*azure->proxy)
		text_printf(&words, "; proxy %s", azure->proxy);
	put_labelled(out, "azure", &words);
}

static void put_places(struct text *out, const struct conf *conf)
{
	_cleanup_text_ struct text users = {0}, places = {0};

	text_printf(&users, "jitgated becomes %s, jitgate-azure runs as %s", conf->user, conf->azure.user);
	put_labelled(out, "users", &users);
	text_printf(&places, "%s (pins), %s (sockets), %s (state)", conf->pin_dir, conf->run_dir, conf->state_dir);
	put_labelled(out, "folders", &places);
}

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
	_cleanup_text_ struct text out = {0}, mode = {0}, allow = {0}, title = {0};
	_cleanup_conf_ struct conf conf = {0};
	int r = read_conf(path, &conf);

	if (r != EXIT_OK)
		return r;
	text_printf(&title, "%s: good; in force would be", path);
	show_paragraph(&out, &title, 0, 2);
	text_printf(&mode, conf.mode == JITGATE_AUDIT ? "AUDIT: nothing is dropped, only counted" : "enforce");
	put_labelled(&out, "mode", &mode);
	put_interfaces(&out, &conf);
	put_protect(&out, &conf);
	add_cidrs(&allow, conf.allow, conf.n_allow);
	put_labelled(&out, "allow", &allow);
	put_guard(&out, &conf);
	put_max_grants(&out, &conf);
	put_azure(&out, &conf.azure);
	put_places(&out, &conf);
	r = put_text(&out, EXIT_OK);
	if (r == EXIT_OK)
		warn_here(&conf, path);
	return r;
}

/* ---------------------------------------------------------------- arguments */

static const struct {
	const char *name;
	size_t min_args, max_args;
	bool json;
	int (*run)(const struct options *options);
} commands[] = {
	{"status", 0, 0, true, run_status},
	{"list", 0, 0, true, run_list},
	{"explain", 2, 2, true, run_explain},
	{"check-config", 0, 1, false, run_check_config},
};

static int run_command(const char *name, const struct options *options)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(name, commands[i].name) != 0)
			continue;
		if (options->n_args < commands[i].min_args)
			return complain_usage("arguments are missing for ", name);
		if (options->n_args > commands[i].max_args)
			return complain_usage("too many arguments for ", name);
		if (options->json && !commands[i].json)
			return complain_usage("no --json for ", name);
		return commands[i].run(options);
	}
	return complain_usage("no such command: ", name);
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"config", required_argument, NULL, 'c'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	struct options options = {.conf_path = CONF_PATH_DEFAULT};
	int c;

	while ((c = getopt_long(argc, argv, "c:jhV", long_options, NULL)) != -1) {
		switch (c) {
		case 'c':
			options.conf_path = optarg;
			break;
		case 'j':
			options.json = true;
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
