// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * TOP. See inquire.h.
 */
#include "inquire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "cli.h"
#include "exit_codes.h"
#include "offline.h"
#include "report.h"
#include "util.h"

#define ASK_TIMEOUT_MS 10000

static int offline(const struct conf *conf, const char *why, bool json,
		   void (*write_text)(const struct report *, struct text *),
		   void (*write_json)(const struct report *, struct text *))
{
	_cleanup_text_ struct text out = {0};
	struct report *report = NULL;
	struct failure failure = {0};
	int r = offline_report(conf, &report, &failure);

	if (r == -ENOENT)
		return cli_complain(
			EXIT_FAILED,
			"jitgated does not run (%s), and nothing is pinned in %s: NOTHING IS FILTERED; start it", why,
			conf->pin_dir);
	if (r == -ENODATA)
		return cli_complain(
			EXIT_FAILED,
			"jitgated does not run (%s), and %s: what it filtered before goes on as long as the "
			"rest is in place, which cannot be shown; start jitgated: it pins anew",
			why, failure.text);
	if (r < 0)
		return cli_complain(EXIT_FAILED, "jitgated does not run (%s), and its pins cannot be read: %s", why,
				    failure.text);
	report->agent_why = why;
	(json ? write_json : write_text)(report, &out);
	offline_free(report);
	return cli_put_text(&out, EXIT_FAILED);
}

/* Nobody listens, or the caller may not ask. */
static int complain_unheard(const struct conf *conf, int r, const char *why)
{
	if (geteuid() == 0 && r != -EACCES)
		return cli_complain(EXIT_FAILED, "jitgated does not run (%s); start it: systemctl start jitgated", why);
	return cli_complain(EXIT_FAILED, "%s; run as root, or join the group of user \"%s\"", why, conf->user);
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
static int run_report(const char *conf_path, bool json, const char *name,
		      void (*write_text)(const struct report *, struct text *),
		      void (*write_json)(const struct report *, struct text *))
{
	_cleanup_conf_ struct conf conf = {0};
	_cleanup_free_ char *answer = NULL;
	struct failure failure = {0};
	char path[256], question[64];
	size_t len = 0;
	int r = cli_read_places(conf_path, &conf);

	if (r != EXIT_OK)
		return r;
	socket_path(&conf, path, sizeof(path));
	snprintf(question, sizeof(question), "%s %s", name, json ? "json" : "text");
	r = ask_agent(path, question, ASK_TIMEOUT_MS, &answer, &len, &failure);
	if (r >= 0)
		return cli_put(answer, len, r == ASK_OPEN ? EXIT_FAILED : EXIT_OK);
	if (is_unheard(r) && r != -EACCES && geteuid() == 0)
		return offline(&conf, failure.text, json, write_text, write_json);
	if (is_unheard(r))
		return complain_unheard(&conf, r, failure.text);
	return cli_complain(EXIT_FAILED, "%s", failure.text);
}

int inquire_status(const char *conf_path, bool json)
{
	return run_report(conf_path, json, "status", report_status_text, report_status_json);
}

int inquire_list(const char *conf_path, bool json)
{
	return run_report(conf_path, json, "list", report_list_text, report_list_json);
}

/* The two arguments, checked before anybody is asked. 0 or the exit code, after a complaint. */
static int parse_explain(const char *source, const char *port, struct cidr *ret_source, struct port_rule *ret_port)
{
	struct parse_error err = {0};

	if (cidr_parse(source, strlen(source), ret_source, &err) < 0)
		return cli_complain(EXIT_USAGE, "SOURCE \"%s\": %s; give one IPv4 or IPv6 address", source, err.why);
	if (ret_source->prefix_len != (ret_source->family == JITGATE_IPV4 ? 32 : 128))
		return cli_complain(EXIT_USAGE, "SOURCE \"%s\" is a network; give one address", source);
	if (port_rule_parse(port, strlen(port), ret_port, &err) < 0)
		return cli_complain(EXIT_USAGE,
				    "PORT \"%s\": %s; give 1 to 65535, and a protocol if it is not tcp, like 53/udp",
				    port, err.why);
	if (ret_port->protos & (ret_port->protos - 1))
		return cli_complain(EXIT_USAGE, "PORT \"%s\": a packet has one protocol; name it, like %u/tcp", port,
				    ret_port->port);
	return EXIT_OK;
}

int inquire_explain(const char *conf_path, bool json, const char *source, const char *port)
{
	char path[256], question[128], address_text[CIDR_TEXT_MAX], proto[PROTOS_TEXT_MAX];
	_cleanup_conf_ struct conf conf = {0};
	_cleanup_free_ char *answer = NULL;
	struct failure failure = {0};
	struct cidr address = {0};
	struct port_rule rule = {0};
	size_t len = 0;
	int r = parse_explain(source, port, &address, &rule);

	if (r == EXIT_OK)
		r = cli_read_places(conf_path, &conf);
	if (r != EXIT_OK)
		return r;
	cidr_format(&address, address_text);
	socket_path(&conf, path, sizeof(path));
	snprintf(question, sizeof(question), "explain %s %s %u %s", json ? "json" : "text", address_text, rule.port,
		 protos_format(rule.protos, proto));
	r = ask_agent(path, question, ASK_TIMEOUT_MS, &answer, &len, &failure);
	if (r >= 0)
		return cli_put(answer, len, r == ASK_OPEN ? EXIT_FAILED : EXIT_OK);
	if (is_unheard(r))
		return complain_unheard(&conf, r, failure.text);
	return cli_complain(EXIT_FAILED, "%s", failure.text);
}
