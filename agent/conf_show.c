// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See conf_show.h.
 */
#include "conf_show.h"

#include <inttypes.h>

#include "show.h"

#define LABEL_COLUMNS 14

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
	if (conf->conflict == CONF_CONFLICT_TC)
		text_printf(&words, ", or tc where another XDP program is");
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

static void put_session(struct text *out, const struct conf *conf)
{
	_cleanup_text_ struct text words = {0};
	char policy[SESSION_TEXT_MAX];
	bool cuts_all = conf->session.drain_ns == SESSION_CUT;

	session_format(conf->session.drain_ns, policy);
	text_printf(&words, "%s", policy);
	for (size_t i = 0; i < conf->session.n; i++) {
		const struct session_rule *rule = &conf->session.rules[i];

		cuts_all &= rule->drain_ns == SESSION_CUT;
		add_rule(&words, &(struct port_rule){.port = rule->port, .protos = rule->protos});
		session_format(rule->drain_ns, policy);
		text_printf(&words, " %s", policy);
	}
	if (!cuts_all)
		text_printf(&words, "; of SCTP and DCCP always cut");
	put_labelled(out, "session", &words);
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

static void put_end_sockets(struct text *out, const struct conf *conf)
{
	static const char *const texts[] = {
		[CONF_END_AUTO] = "auto: sockets end with their grant where that takes no privilege",
		[CONF_END_OFF] = "off: sockets outlive their grant, cut off",
		[CONF_END_ON] = "on: sockets end with their grant, with CAP_NET_ADMIN if need be"};
	_cleanup_text_ struct text words = {0};

	text_printf(&words, "%s", texts[conf->end_sockets]);
	put_labelled(out, "end_sockets", &words);
}

static void put_azure(struct text *out, const struct conf_azure *azure)
{
	_cleanup_text_ struct text words = {0};

	text_printf(&words, "cloud %s, identity %s, asked every ", azure->cloud,
		    *azure->identity ? azure->identity : "of the machine");
	add_duration(&words, azure->poll_idle_s);
	text_printf(&words, ", while a grant is live every ");
	add_duration(&words, azure->poll_live_s);
	for (size_t i = 0; i < azure->n_policies; i++)
		text_printf(&words, "; policies also of %s", azure->policies[i]);
	if (azure->n_translate) {
		text_printf(&words, "; with every grant also ");
		add_cidrs(&words, azure->translate, azure->n_translate);
	}
	if (azure->clock_tolerance_s) {
		text_printf(&words, "; clock wrong by ");
		add_duration(&words, azure->clock_tolerance_s);
		text_printf(&words, " tolerated");
	} else {
		text_printf(&words, "; any clock is believed");
	}
	if (*azure->audience)
		text_printf(&words, "; tokens for %s", azure->audience);
	if (*azure->arm_endpoint)
		text_printf(&words, "; resource manager %s", azure->arm_endpoint);
	if (*azure->ca_file)
		text_printf(&words, "; certificates of %s trusted", azure->ca_file);
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

static void put_mode(struct text *out, const struct conf *conf)
{
	_cleanup_text_ struct text words = {0};

	text_printf(&words, conf->mode == JITGATE_AUDIT ? "AUDIT: nothing is dropped, only counted" : "enforce");
	put_labelled(out, "mode", &words);
}

static void put_allow(struct text *out, const struct conf *conf)
{
	_cleanup_text_ struct text words = {0};

	add_cidrs(&words, conf->allow, conf->n_allow);
	put_labelled(out, "allow", &words);
}

void conf_show(const struct conf *conf, struct text *out)
{
	put_mode(out, conf);
	put_interfaces(out, conf);
	put_protect(out, conf);
	put_allow(out, conf);
	put_session(out, conf);
	put_guard(out, conf);
	put_end_sockets(out, conf);
	put_max_grants(out, conf);
	put_azure(out, &conf->azure);
	put_places(out, conf);
}
