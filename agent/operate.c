// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * TOP. See operate.h.
 */
#include "operate.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "ask.h"
#include "caller.h"
#include "clock.h"
#include "conf_value.h"
#include "control_req.h"
#include "datapath.h"
#include "exit_codes.h"
#include "number.h"
#include "show.h"
#include "sock_diag.h"
#include "util.h"

#define ASK_TIMEOUT_MS 10000

static int fail(int code, const struct failure *why, struct failure *failure)
{
	*failure = *why;
	return code;
}

/* ------------------------------------------------------------ asking */

/* jitgated's answer behind what is in *out already. */
static int ask(const struct conf *conf, const char *question, struct text *out, struct failure *failure)
{
	_cleanup_free_ char *answer = NULL;
	struct failure why = {0};
	char path[256];
	size_t len = 0;
	int r;

	snprintf(path, sizeof(path), "%s/" CONF_CONTROL_SOCKET, conf->run_dir);
	r = ask_agent(path, question, ASK_TIMEOUT_MS, &answer, &len, &why);
	if (r >= 0) {
		text_append(out, answer, len);
		return r == ASK_OPEN ? EXIT_FAILED : EXIT_OK;
	}
	if (r == -ENOENT || r == -ECONNREFUSED)
		failure_set(failure, r, "jitgated does not run (%.400s); start it: systemctl start jitgated", why.text);
	else if (r == -EACCES)
		failure_set(failure, r, "%.400s; run as root", why.text);
	else
		fail(0, &why, failure);
	return EXIT_FAILED;
}

/* Before anything is looked at or asked. */
static int need_root(struct failure *failure)
{
	if (geteuid() == 0)
		return EXIT_OK;
	failure_set(failure, -EPERM, "only root may change anything; use sudo");
	return EXIT_FAILED;
}

/* ------------------------------------------------------------ arguments */

static int parse_length(const char *option, const char *text, uint32_t min, uint32_t max, const char *range,
			uint32_t *ret_s, struct failure *failure)
{
	if (text && duration_parse(text, strlen(text), ret_s) == 0 && *ret_s >= min && *ret_s <= max)
		return EXIT_OK;
	if (text)
		failure_set(failure, -EINVAL, "%s \"%s\": give %s, as 90s, 30m or 8h", option, text, range);
	else
		failure_set(failure, -EINVAL, "%s is missing: give %s, as 90s, 30m or 8h", option, range);
	return EXIT_USAGE;
}

struct target {
	char source[CIDR_TEXT_MAX];
	uint16_t port;
	char protos[PROTOS_TEXT_MAX];
};

static int parse_target(const struct operate_options *options, struct target *ret, struct failure *failure)
{
	const char *port = options->port, *from = options->from;
	struct parse_error err = {0};
	struct port_rule rule;
	struct cidr source;

	if (port_rule_parse(port, strlen(port), &rule, &err) < 0) {
		failure_set(failure, -EINVAL,
			    "PORT \"%s\": %s; give 1 to 65535, and a protocol if it is not tcp, like 53/udp", port,
			    err.why);
		return EXIT_USAGE;
	}
	if (!from) {
		failure_set(failure, -EINVAL, "--from is missing: the address that is to be let in, or its network");
		return EXIT_USAGE;
	}
	if (cidr_parse(from, strlen(from), &source, &err) < 0) {
		failure_set(failure, -EINVAL, "--from \"%s\": %s; give an IPv4 or IPv6 address or network", from,
			    err.why);
		return EXIT_USAGE;
	}
	cidr_format(&source, ret->source);
	ret->port = rule.port;
	protos_format(rule.protos, ret->protos);
	return EXIT_OK;
}

/* ------------------------------------------------------------ arm */

static int list_connections(struct connections *ret, struct failure *failure)
{
	_cleanup_open_sockets_ struct open_sockets sockets = {0};
	int r = sock_diag_list(PROTO_BIT_TCP, 0, &sockets);

	if (r == 0)
		r = sock_diag_list(PROTO_BIT_UDP, 0, &sockets);
	if (r == 0)
		r = connections_add_sockets(ret, &sockets);
	if (r == -ENOENT)
		return failure_set(failure, r,
				   "this kernel does not list connected sockets: modprobe tcp_diag udp_diag inet_diag");
	return r < 0 ? failure_set(failure, r, "cannot list the connected sockets: %s", strerror(-r)) : 0;
}

/* Who is connected, by the kernel and by the maps that are in force; *ret_audit: nothing is dropped now. */
static int find_sessions(const struct conf *conf, struct connections *ret, bool *ret_audit, struct failure *failure)
{
	_cleanup_datapath_ struct datapath *dp = NULL;
	_cleanup_caller_ struct caller caller = {0};
	struct connection_hints hints;
	struct failure why = {0};
	struct gate_state state;
	int r = datapath_open_readonly(conf->pin_dir, &dp, &why);

	if (r == -ENOENT)
		return failure_set(failure, r, "%.400s: nothing is in force; systemctl restart jitgated", why.text);
	if (r == 0)
		r = list_connections(ret, &why);
	if (r < 0)
		return fail(r, &why, failure);
	r = caller_find("/proc", getpid(), &caller);
	if (r < 0)
		return failure_set(failure, r, "cannot find out whose session this is: %s", strerror(-r));
	hints = (struct connection_hints){caller.inodes, caller.n_inodes, caller.ssh, caller.n_ssh};
	connections_judge(ret, &datapath_gate_ops, dp, clock_now().boot, &hints);
	datapath_gate_ops.get_state(dp, &state);
	*ret_audit = arming_in_force(&state, clock_now().boot) == JITGATE_AUDIT;
	return 0;
}

static const struct connection *first_own_cut(const struct connections *sessions)
{
	for (size_t i = 0; i < sessions->n; i++) {
		if (sessions->v[i].cut && sessions->v[i].own)
			return &sessions->v[i];
	}
	return NULL;
}

static void refuse_arming(const struct connection *own, struct failure *failure)
{
	char peer[CIDR_TEXT_MAX], proto[PROTOS_TEXT_MAX];

	cidr_format(&own->peer, peer);
	protos_format(own->proto_bit, proto);
	failure_set(failure, -EPERM,
		    "refused: your own session, from %s to %u/%s, would be cut. Get a grant for it first (by a "
		    "just-in-time access request, or jitgate open %u/%s --from %s --for 1h --reason ...), or put its "
		    "network into `allow`; --force arms all the same",
		    peer, own->port, proto, own->port, proto, peer);
}

static void print_sessions(const struct connections *sessions, struct text *out)
{
	_cleanup_text_ struct text words = {0};
	size_t own, cut = connections_count_cut(sessions, &own);

	connections_text(sessions, out);
	if (cut && !connections_has_own(sessions)) {
		text_printf(&words,
			    "which of them is yours, if any, cannot be told from here (a console? tmux?): one that "
			    "would be cut stands still on trial and comes back after it, and jitgate confirm ends it");
		show_paragraph(out, &words, 0, 2);
	}
	text_printf(out, "\n");
}

/* {"sessions": [...], "answer": what jitgated says or null} */
static int arm_json(const struct conf *conf, const char *question, bool refused, const struct connections *sessions,
		    struct text *out, struct failure *failure)
{
	_cleanup_text_ struct text answer = {0};
	int code = refused ? EXIT_FAILED : ask(conf, question, &answer, failure);

	text_printf(out, "{\"sessions\":");
	connections_json(sessions, out);
	text_printf(out, ",\"answer\":");
	if (answer.len)
		text_append(out, answer.data, answer.len - 1); /* without its newline */
	else
		text_printf(out, "null");
	text_printf(out, "}\n");
	return code;
}

int operate_arm(const struct conf *conf, const struct operate_options *options, struct text *out,
		struct failure *failure)
{
	_cleanup_connections_ struct connections sessions = {0};
	uint32_t seconds = ARMING_DEFAULT_S;
	const struct connection *own;
	bool audit = false, refused;
	char question[64];
	int code = options->confirm ? parse_length("--confirm", options->confirm, ARMING_SHORTEST_S, ARMING_LONGEST_S,
						   "1s to 1d", &seconds, failure)
				    : EXIT_OK;

	if (code == EXIT_OK)
		code = need_root(failure);
	if (code != EXIT_OK)
		return code;
	if (find_sessions(conf, &sessions, &audit, failure) < 0)
		return EXIT_FAILED;
	/* What is dropped already is no session any more. */
	own = audit ? first_own_cut(&sessions) : NULL;
	refused = own && !options->force;
	if (refused)
		refuse_arming(own, failure);
	snprintf(question, sizeof(question), "arm %s %" PRIu32, options->json ? "json" : "text", seconds);
	if (options->json)
		return arm_json(conf, question, refused, &sessions, out, failure);
	print_sessions(&sessions, out);
	return refused ? EXIT_FAILED : ask(conf, question, out, failure);
}

/* ------------------------------------------------------------ confirm, disarm, open, close */

static int ask_simply(const struct conf *conf, const char *name, bool json, struct text *out, struct failure *failure)
{
	char question[64];
	int code = need_root(failure);

	snprintf(question, sizeof(question), "%s %s", name, json ? "json" : "text");
	return code == EXIT_OK ? ask(conf, question, out, failure) : code;
}

int operate_confirm(const struct conf *conf, const struct operate_options *options, struct text *out,
		    struct failure *failure)
{
	return ask_simply(conf, "confirm", options->json, out, failure);
}

int operate_disarm(const struct conf *conf, const struct operate_options *options, struct text *out,
		   struct failure *failure)
{
	return ask_simply(conf, "disarm", options->json, out, failure);
}

/* Who is behind root, as sudo says: a hint for the log, no proof. */
static const char *sudo_uid(void)
{
	const char *uid = getenv("SUDO_UID");
	uint64_t number;

	if (!uid || number_parse(uid, strlen(uid), CONTROL_NO_UID - 1, &number) < 0 || (uid[0] == '0' && uid[1]))
		return "-";
	return uid;
}

int operate_open(const struct conf *conf, const struct operate_options *options, struct text *out,
		 struct failure *failure)
{
	char question[CONTROL_LINE_MAX];
	struct target target;
	uint32_t seconds;
	int code = parse_target(options, &target, failure);

	if (code == EXIT_OK)
		code = parse_length("--for", options->length, OPENED_SHORTEST_S, OPENED_LONGEST_S, "1m to 7d", &seconds,
				    failure);
	if (code != EXIT_OK)
		return code;
	if (!options->reason || !control_req_is_reason(options->reason, strlen(options->reason))) {
		failure_set(
			failure, -EINVAL,
			"--reason %s: say why, for the log, in 1 to %d bytes on one line, without blanks at its ends",
			options->reason ? "is no text for it" : "is missing", OPENED_REASON_MAX - 1);
		return EXIT_USAGE;
	}
	code = need_root(failure);
	if (code != EXIT_OK)
		return code;
	snprintf(question, sizeof(question), "open %s %s %u %s %" PRIu32 " %s %s %s", options->json ? "json" : "text",
		 target.source, target.port, target.protos, seconds, options->override ? "beyond" : "within",
		 sudo_uid(), options->reason);
	return ask(conf, question, out, failure);
}

int operate_close(const struct conf *conf, const struct operate_options *options, struct text *out,
		  struct failure *failure)
{
	char question[256];
	struct target target;
	int code = parse_target(options, &target, failure);

	if (code == EXIT_OK)
		code = need_root(failure);
	if (code != EXIT_OK)
		return code;
	snprintf(question, sizeof(question), "close %s %s %u %s", options->json ? "json" : "text", target.source,
		 target.port, target.protos);
	return ask(conf, question, out, failure);
}
