// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. Config text -> struct conf: what each key takes, and what the keys mean together. How a value is got out of the
 * text is conf_read.c's. Reads no file.
 */
#include "conf.h"

#include <errno.h>
#include <string.h>
#include <sys/un.h>

#include "conf_azure.h"
#include "conf_read.h"
#include "conf_value.h"
#include "jitgate_abi.h"
#include "number.h"

#define MINUTE_S 60
#define DAY_S 86400

#define MAX_GRANTS_MIN 16

/* The longest name that is put into run_dir. */
#define LONGEST_SOCKET "/" CONF_CONTROL_SOCKET
_Static_assert(sizeof(CONF_CONTROL_SOCKET) >= sizeof(CONF_FEED_SOCKET), "the other one is the longest");

/* ---- names and paths */

static int check_interface(const struct conf_reader *r, size_t nth)
{
	const char *name = conf_read_nth(r, CONF_KEY_INTERFACES, nth);

	if (strcmp(name, "auto") == 0)
		return conf_read_refuse(r, CONF_KEY_INTERFACES, nth, "stands alone; drop it or the other names");
	if (!conf_is_interface(name))
		return conf_read_refuse(r, CONF_KEY_INTERFACES, nth,
					"is no interface name; 1 to 15 characters without / : and blanks");
	for (size_t i = 0; i < nth; i++)
		if (strcmp(name, conf_read_nth(r, CONF_KEY_INTERFACES, i)) == 0)
			return conf_read_refuse(r, CONF_KEY_INTERFACES, nth, "is listed twice; drop one");
	return 0;
}

static int read_interfaces(const struct conf_reader *r, struct conf *conf)
{
	size_t n = conf_read_count(r, CONF_KEY_INTERFACES);

	if (n == 1 && strcmp(conf_read_value(r, CONF_KEY_INTERFACES), "auto") == 0) {
		conf->interfaces_auto = true;
		return 0;
	}
	if (n == 0 || n > CONF_INTERFACES_MAX)
		return conf_read_refuse_key(r, CONF_KEY_INTERFACES,
					    "1 to 64 names are needed, or {\"auto\"} for every uplink");
	for (size_t i = 0; i < n; i++)
		if (check_interface(r, i) < 0)
			return -EINVAL;
	conf->interfaces = calloc(n, sizeof(*conf->interfaces));
	if (!conf->interfaces)
		return conf_read_no_memory(r);
	for (size_t i = 0; i < n; i++) {
		int e = conf_read_copy_nth(r, CONF_KEY_INTERFACES, i, &conf->interfaces[i]);

		if (e < 0)
			return e;
		conf->n_interfaces++;
	}
	return 0;
}

static int read_run_dir(const struct conf_reader *r, char **ret)
{
	const size_t room = sizeof(((struct sockaddr_un *)NULL)->sun_path);
	size_t len = strlen(conf_read_value(r, CONF_KEY_RUN_DIR));

	if (len + sizeof(LONGEST_SOCKET) > room)
		return conf_refuse(r->err, r->name, conf_scan_line(&r->scan, CONF_KEY_RUN_DIR, 0),
				   "run_dir: %zu bytes are too long, the socket path with \"%s\" must fit %zu; use at "
				   "most %zu",
				   len, LONGEST_SOCKET, room - 1, room - sizeof(LONGEST_SOCKET));
	return conf_read_path(r, CONF_KEY_RUN_DIR, ret);
}

static int read_user(const struct conf_reader *r, enum conf_key key, char **ret)
{
	const char *user = conf_read_value(r, key);
	uint64_t uid;
	bool is_number = number_parse(user, strlen(user), UINT32_MAX, &uid) == 0;

	if (strcmp(user, "root") == 0 || (is_number && uid == 0))
		return conf_read_refuse(r, key, 0,
					"is the superuser; name an ordinary user, made for this program alone");
	/* (uid_t)-1 means "leave it" to the kernel; a leading 0 would make two spellings of one user. */
	if (is_number ? uid == UINT32_MAX || user[0] == '0' : !conf_is_user(user))
		return conf_read_refuse(r, key, 0,
					"is no user name or number; letters, digits, _ . - and at most 32 of them");
	return conf_read_copy(r, key, ret);
}

static int read_users(const struct conf_reader *r, struct conf *conf)
{
	int e = read_user(r, CONF_KEY_USER, &conf->user);

	if (e == 0)
		e = read_user(r, CONF_KEY_AZURE_USER, &conf->azure.user);
	if (e < 0 || strcmp(conf->user, conf->azure.user) != 0)
		return e;
	return conf_read_refuse(
		r, r->scan.key_line[CONF_KEY_AZURE_USER] ? CONF_KEY_AZURE_USER : CONF_KEY_USER, 0,
		"is both user and azure.user; they must differ, so that neither can reach into the other");
}

/* ---- ports and networks */

static size_t count_pairs(const struct port_rule *rules, size_t n)
{
	size_t pairs = 0;

	for (size_t i = 0; i < n; i++)
		pairs += protos_count(rules[i].protos);
	return pairs;
}

static void merge_rule(struct conf *conf, const struct port_rule *rule)
{
	for (size_t i = 0; i < conf->n_protect; i++) {
		if (conf->protect[i].port == rule->port) {
			conf->protect[i].protos |= rule->protos;
			return;
		}
	}
	conf->protect[conf->n_protect++] = *rule;
}

static int refuse_port(const struct conf_reader *r, enum conf_key key, size_t nth)
{
	const char *value = conf_read_nth(r, key, nth);
	size_t digits = strspn(value, "0123456789");

	if (digits && (value[digits] == '-' || value[digits] == ':'))
		return conf_read_refuse(
			r, key, nth,
			key == CONF_KEY_PROTECT
				? "is no port; no ranges here, list each port, like {\"20/tcp\", \"21/tcp\"}"
				: "is no port; no ranges here, each port has its own section");
	return conf_read_refuse(r, key, nth, "is no port; write PORT/PROTO, like \"22/tcp\" or \"5985/any\"");
}

static int read_protect(const struct conf_reader *r, struct conf *conf)
{
	size_t n = conf_read_count(r, CONF_KEY_PROTECT);

	if (n == 0)
		return 0;
	/* One slot for each pair that may be, and one for the rule that is too many. */
	conf->protect = calloc(JITGATE_PORT_RULES_MAX + 1, sizeof(*conf->protect));
	if (!conf->protect)
		return conf_read_no_memory(r);
	for (size_t i = 0; i < n; i++) {
		const char *value = conf_read_nth(r, CONF_KEY_PROTECT, i);
		struct port_rule rule = {0};

		if (port_rule_parse(value, strlen(value), &rule, NULL) < 0)
			return refuse_port(r, CONF_KEY_PROTECT, i);
		merge_rule(conf, &rule);
		if (count_pairs(conf->protect, conf->n_protect) > JITGATE_PORT_RULES_MAX)
			return conf_read_refuse(
				r, CONF_KEY_PROTECT, i,
				"is one too many; at most 1024 pairs of port and protocol (any counts as 5)");
	}
	return 0;
}

/* The rule of the nth section. */
static int read_port_session(const struct conf_reader *r, struct session_rules *rules, size_t nth)
{
	const char *title = conf_read_nth(r, CONF_KEY_PORT_TITLE, nth);
	struct session_rule *rule = &rules->rules[nth];
	struct port_rule port = {0};
	int e;

	if (port_rule_parse(title, strlen(title), &port, NULL) < 0)
		return refuse_port(r, CONF_KEY_PORT_TITLE, nth);
	for (size_t i = 0; i < nth; i++)
		if (rules->rules[i].port == port.port && rules->rules[i].protos & port.protos)
			return conf_refuse(r->err, r->name, conf_scan_line(&r->scan, CONF_KEY_PORT_TITLE, nth),
					   "port: \"%.*s\" has a section already, on line %d; keep one",
					   CONF_READ_SHOWN, title, conf_scan_line(&r->scan, CONF_KEY_PORT_TITLE, i));
	*rule = (struct session_rule){.port = port.port, .protos = port.protos};
	e = conf_read_session(r, CONF_KEY_PORT_SESSION, nth, &rule->drain_ns);
	if (e == 0 && rule->drain_ns != SESSION_CUT && !(port.protos & SESSION_PROTOS))
		return conf_read_refuse(r, CONF_KEY_PORT_TITLE, nth,
					"has no sessions that could go on: those of SCTP and DCCP are always cut");
	rules->n++;
	return e;
}

/* A port that is never closed may have a section: a feed may name it one day. */
static int read_sessions(const struct conf_reader *r, struct session_rules *rules)
{
	size_t n = conf_read_count(r, CONF_KEY_PORT_TITLE);
	int e = conf_read_session(r, CONF_KEY_SESSION, 0, &rules->drain_ns);

	if (e < 0)
		return e;
	if (n > JITGATE_PORT_RULES_MAX)
		return conf_read_refuse(r, CONF_KEY_PORT_TITLE, JITGATE_PORT_RULES_MAX,
					"is one too many; at most 1024 sections");
	rules->rules = calloc(n + 1, sizeof(*rules->rules));
	if (!rules->rules)
		return conf_read_no_memory(r);
	for (size_t i = 0; i < n; i++) {
		e = read_port_session(r, rules, i);
		if (e == 0 && session_kinds(rules) > SESSION_KINDS_MAX)
			e = conf_read_refuse(r, CONF_KEY_PORT_SESSION, i,
					     "is one policy too many; at most 15 that differ");
		if (e < 0)
			return e;
	}
	return 0;
}

static const struct conf_networks_limit networks_limit = {
	.max = CONF_NETWORKS_MAX, .text = "more than 1024 networks; join neighbours to wider prefixes"};

/* The platform itself: health probes, DNS and DHCP answers, instance metadata. Without them the machine is lost. */
static const struct cidr always_allowed[] = {
	{.family = JITGATE_IPV4, .prefix_len = 32, .addr = {168, 63, 129, 16}},
	{.family = JITGATE_IPV4, .prefix_len = 32, .addr = {169, 254, 169, 254}},
};

static int read_allow(const struct conf_reader *r, struct conf *conf)
{
	struct conf_networks_limit limit = networks_limit;
	int e;

	limit.spare = ARRAY_SIZE(always_allowed);
	e = conf_read_networks(r, CONF_KEY_ALLOW, limit, &conf->allow, &conf->n_allow);

	if (e < 0)
		return e;
	for (size_t i = 0; i < ARRAY_SIZE(always_allowed); i++)
		conf_network_add(conf->allow, &conf->n_allow, &always_allowed[i]);
	return 0;
}

/* ---- the rest, and all together */

static int read_guard(const struct conf_reader *r, struct guard *guard)
{
	uint32_t widest_ipv4 = 0, widest_ipv6 = 0;
	int e = conf_read_duration(r, CONF_KEY_LONGEST,
				   (struct conf_duration_range){MINUTE_S, 7 * DAY_S, "is out of range; 1m to 7d"},
				   &guard->longest_s);

	if (e == 0)
		e = conf_read_number(r, CONF_KEY_WIDEST_IPV4, 0, 32, "must be a prefix length, 0 to 32", &widest_ipv4);
	if (e == 0)
		e = conf_read_number(r, CONF_KEY_WIDEST_IPV6, 0, 128, "must be a prefix length, 0 to 128",
				     &widest_ipv6);
	guard->widest_ipv4 = (uint8_t)widest_ipv4;
	guard->widest_ipv6 = (uint8_t)widest_ipv6;
	return e < 0 ? e : conf_read_networks(r, CONF_KEY_SOURCES, networks_limit, &guard->sources, &guard->n_sources);
}

static int read_end_sockets(const struct conf_reader *r, struct conf *conf)
{
	static const char *const words[] = {"auto", "off", "on"};
	_Static_assert(CONF_END_AUTO == 0 && CONF_END_OFF == 1 && CONF_END_ON == 2,
		       "the words are in the order of their values");
	int word = conf_read_word(r, CONF_KEY_END_SOCKETS, words, ARRAY_SIZE(words), "must be auto, on or off");

	if (word < 0)
		return word;
	conf->end_sockets = (enum conf_end_sockets)word;
	return 0;
}

static int read_modes(const struct conf_reader *r, struct conf *conf)
{
	static const char *const modes[] = {"enforce", "audit"}, *const xdp_modes[] = {"auto", "native", "generic"},
				 *const conflicts[] = {"fail", "tc"};
	_Static_assert(JITGATE_ENFORCE == 0 && JITGATE_AUDIT == 1 && CONF_XDP_NATIVE == 1 && CONF_XDP_GENERIC == 2 &&
			       CONF_CONFLICT_TC == 1,
		       "the words are in the order of their values");
	int mode = conf_read_word(r, CONF_KEY_MODE, modes, ARRAY_SIZE(modes), "must be enforce or audit"), xdp,
	    conflict;

	if (mode < 0)
		return mode;
	xdp = conf_read_word(r, CONF_KEY_XDP_MODE, xdp_modes, ARRAY_SIZE(xdp_modes), "must be auto, native or generic");
	if (xdp < 0)
		return xdp;
	conflict = conf_read_word(r, CONF_KEY_CONFLICT, conflicts, ARRAY_SIZE(conflicts), "must be fail or tc");
	if (conflict < 0)
		return conflict;
	conf->mode = (uint32_t)mode;
	conf->xdp_mode = (enum conf_xdp_mode)xdp;
	conf->conflict = (enum conf_conflict)conflict;
	return 0;
}

/* Every always-allowed network takes one entry per protected port: see at once when that alone cannot fit. */
static int check_room(const struct conf_reader *r, const struct conf *conf)
{
	size_t entries = conf->n_allow * count_pairs(conf->protect, conf->n_protect);

	if (entries <= conf->max_grants)
		return 0;
	return conf_refuse(
		r->err, r->name,
		conf_scan_line(&r->scan, r->scan.key_line[CONF_KEY_MAX_GRANTS] ? CONF_KEY_MAX_GRANTS : CONF_KEY_PROTECT,
			       0),
		"max_grants: %u is too few, `allow` (%zu networks) times `protect` takes %zu; raise it",
		conf->max_grants, conf->n_allow, entries);
}

static int read_all(const struct conf_reader *r, struct conf *conf)
{
	int e = read_interfaces(r, conf);

	if (e == 0)
		e = read_modes(r, conf);
	if (e == 0)
		e = read_end_sockets(r, conf);
	if (e == 0)
		e = read_protect(r, conf);
	if (e == 0)
		e = read_allow(r, conf);
	if (e == 0)
		e = read_sessions(r, &conf->session);
	if (e == 0)
		e = read_guard(r, &conf->guard);
	if (e == 0)
		e = conf_read_number(r, CONF_KEY_MAX_GRANTS, MAX_GRANTS_MIN, JITGATE_GRANTS_MAX,
				     "must be a number from 16 to 131072", &conf->max_grants);
	if (e == 0)
		e = check_room(r, conf);
	if (e == 0)
		e = conf_azure_read(r, &conf->azure);
	if (e == 0)
		e = read_users(r, conf);
	if (e == 0)
		e = conf_read_path(r, CONF_KEY_PIN_DIR, &conf->pin_dir);
	if (e == 0)
		e = read_run_dir(r, &conf->run_dir);
	if (e == 0)
		e = conf_read_path(r, CONF_KEY_STATE_DIR, &conf->state_dir);
	return e;
}

int conf_parse(const char *text, size_t len, const char *name, struct conf *ret, struct conf_error *err)
{
	_cleanup_conf_reader_ struct conf_reader reader = {0};
	_cleanup_conf_ struct conf conf = {0};
	int e = conf_read_open(text, len, name, err, &reader);

	if (e == 0)
		e = read_all(&reader, &conf);
	if (e < 0)
		return e;
	*ret = conf;
	conf = (struct conf){0};
	return 0;
}

static void free_strings(char **strings, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(strings[i]);
	free(strings);
}

void conf_free(struct conf *conf)
{
	free_strings(conf->interfaces, conf->n_interfaces);
	free(conf->protect);
	free(conf->allow);
	free(conf->session.rules);
	free(conf->guard.sources);
	conf_azure_free(&conf->azure);
	free(conf->user);
	free(conf->pin_dir);
	free(conf->run_dir);
	free(conf->state_dir);
	*conf = (struct conf){0};
}
