// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The config. What is accepted keeps the ranges of jitgate.conf(5), and comes back the same from a text that is written
 * from it; what is refused leaves nothing and is told in one line.
 */
#include "fuzz.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "conf.h"
#include "conf_scan.h"
#include "text.h"

#define NAME "test.conf"
#define BIG 65536

/* ---- refusals */

static void check_refusal(const char *text, const struct conf_error *err)
{
	int lines = 1;

	for (; *text; text++)
		lines += *text == '\n';
	HOLDS(memchr(err->message, '\0', sizeof(err->message)));
	HOLDS(strncmp(err->message, NAME ":", strlen(NAME ":")) == 0 && strlen(err->message) > strlen(NAME ": "));
	HOLDS(err->line >= 0 && err->line <= lines);
	for (const char *p = err->message; *p; p++)
		HOLDS(*p >= ' ' && *p <= '~');
}

/* ---- what is accepted */

static void check_path(const char *path)
{
	HOLDS(path[0] == '/' && strlen(path) <= 1024 && !strstr(path, "/../"));
}

static void check_networks(const struct cidr *networks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i && n < 64; j++)
			HOLDS(cidr_compare(&networks[i], &networks[j]) != 0);
	}
}

static void check_allow(const struct conf *conf)
{
	static const uint8_t platform[2][4] = {{168, 63, 129, 16}, {169, 254, 169, 254}};

	for (size_t i = 0; i < 2; i++) {
		bool found = false;

		for (size_t j = 0; j < conf->n_allow; j++)
			found |= conf->allow[j].prefix_len == 32 && memcmp(conf->allow[j].addr, platform[i], 4) == 0;
		HOLDS(found);
	}
	HOLDS(conf->n_allow <= CONF_NETWORKS_MAX + 2);
}

static size_t check_protect(const struct conf *conf)
{
	size_t pairs = 0;

	for (size_t i = 0; i < conf->n_protect; i++) {
		HOLDS(conf->protect[i].port && protos_count(conf->protect[i].protos));
		pairs += protos_count(conf->protect[i].protos);
		for (size_t j = 0; j < i && conf->n_protect < 64; j++)
			HOLDS(conf->protect[i].port != conf->protect[j].port);
	}
	return pairs;
}

static void check_azure(const struct conf_azure *azure)
{
	HOLDS(azure->poll_idle_s >= 10 && azure->poll_idle_s <= 86400);
	HOLDS(azure->poll_live_s >= 5 && azure->poll_live_s <= 3600);
	HOLDS(!azure->arm_endpoint[0] || strncmp(azure->arm_endpoint, "https://", 8) == 0 ||
	      strncmp(azure->arm_endpoint, "http://127.", 11) == 0 ||
	      strncmp(azure->arm_endpoint, "http://[", 8) == 0 ||
	      strncasecmp(azure->arm_endpoint, "http://localhost", 16) == 0);
	HOLDS(!azure->imds_endpoint[0] || strncmp(azure->imds_endpoint, "http://", 7) == 0);
	HOLDS(!azure->ca_file[0] || azure->ca_file[0] == '/');
}

static void check_ranges(const struct conf *conf)
{
	HOLDS(conf->interfaces_auto ? conf->n_interfaces == 0
				    : conf->n_interfaces >= 1 && conf->n_interfaces <= CONF_INTERFACES_MAX);
	for (size_t i = 0; i < conf->n_interfaces; i++)
		HOLDS(conf->interfaces[i][0] && strlen(conf->interfaces[i]) < 16 && !strchr(conf->interfaces[i], '/'));
	HOLDS(conf->mode == JITGATE_ENFORCE || conf->mode == JITGATE_AUDIT);
	HOLDS(conf->xdp_mode <= CONF_XDP_GENERIC);
	HOLDS(conf->conflict <= CONF_CONFLICT_TC);
	HOLDS(conf->max_grants >= 16 && conf->max_grants <= JITGATE_GRANTS_MAX);
	HOLDS(check_protect(conf) <= JITGATE_PORT_RULES_MAX);
	HOLDS(check_protect(conf) * conf->n_allow <= conf->max_grants);
	check_allow(conf);
	check_networks(conf->allow, conf->n_allow);
	check_networks(conf->guard.sources, conf->guard.n_sources);
	HOLDS(conf->guard.longest_s >= 60 && conf->guard.longest_s <= 7 * 86400);
	HOLDS(conf->guard.widest_ipv4 <= 32 && conf->guard.widest_ipv6 <= 128);
	HOLDS(strcmp(conf->user, "root") != 0 && strcmp(conf->azure.user, "root") != 0);
	HOLDS(strcmp(conf->user, conf->azure.user) != 0);
	check_azure(&conf->azure);
	check_path(conf->pin_dir);
	check_path(conf->run_dir);
	check_path(conf->state_dir);
	HOLDS(strlen(conf->run_dir) + strlen("/" CONF_CONTROL_SOCKET) < 108);
}

/* ---- the way back */

/* No string holds the quote that it stands in: it may hold the other. */
static void write_string(struct text *out, const char *value)
{
	char quote = strchr(value, '"') ? '\'' : '"';

	text_printf(out, "%c%s%c", quote, value, quote);
}

static void write_key(struct text *out, const char *key, const char *value)
{
	text_printf(out, "%s = ", key);
	write_string(out, value);
	text_printf(out, "\n");
}

static void write_networks(struct text *out, const char *key, const struct cidr *networks, size_t n)
{
	char cidr[CIDR_TEXT_MAX];

	text_printf(out, "%s = {", key);
	for (size_t i = 0; i < n; i++) {
		cidr_format(&networks[i], cidr);
		text_printf(out, "%s\"%s\"", i ? ", " : "", cidr);
	}
	text_printf(out, "}\n");
}

static void write_lists(struct text *out, const struct conf *conf)
{
	text_printf(out, "interfaces = {");
	for (size_t i = 0; i < conf->n_interfaces; i++) {
		write_string(out, conf->interfaces[i]);
		text_printf(out, ",");
	}
	text_printf(out, "%s}\nprotect = {", conf->interfaces_auto ? "\"auto\"" : "");
	for (size_t i = 0; i < conf->n_protect; i++) {
		FOR_EACH_PROTO_BIT (bit) {
			char proto[PROTOS_TEXT_MAX];

			if (conf->protect[i].protos & bit)
				text_printf(out, "\"%u/%s\",", conf->protect[i].port, protos_format(bit, proto));
		}
	}
	text_printf(out, "}\n");
	write_networks(out, "allow", conf->allow, conf->n_allow);
}

static void write_azure(struct text *out, const struct conf_azure *azure)
{
	text_printf(out, "azure {\npoll_idle = %us\npoll_live = %us\n", azure->poll_idle_s, azure->poll_live_s);
	write_key(out, "cloud", azure->cloud);
	write_key(out, "identity", azure->identity);
	write_key(out, "arm_endpoint", azure->arm_endpoint);
	write_key(out, "imds_endpoint", azure->imds_endpoint);
	write_key(out, "ca_file", azure->ca_file);
	write_key(out, "proxy", azure->proxy);
	write_key(out, "user", azure->user);
	text_printf(out, "}\n");
}

static void write_conf(struct text *out, const struct conf *conf)
{
	static const char *const modes[] = {"enforce", "audit"}, *const xdp_modes[] = {"auto", "native", "generic"};

	write_lists(out, conf);
	write_key(out, "mode", modes[conf->mode]);
	write_key(out, "xdp_mode", xdp_modes[conf->xdp_mode]);
	write_key(out, "conflict", conf->conflict == CONF_CONFLICT_TC ? "tc" : "fail");
	text_printf(out, "max_grants = %u\n", conf->max_grants);
	write_key(out, "user", conf->user);
	write_key(out, "pin_dir", conf->pin_dir);
	write_key(out, "run_dir", conf->run_dir);
	write_key(out, "state_dir", conf->state_dir);
	text_printf(out, "guard {\nlongest = %us\nwidest_ipv4 = %u\nwidest_ipv6 = %u\n", conf->guard.longest_s,
		    conf->guard.widest_ipv4, conf->guard.widest_ipv6);
	write_networks(out, "sources", conf->guard.sources, conf->guard.n_sources);
	text_printf(out, "}\n");
	write_azure(out, &conf->azure);
}

/* Written twice: what differs in the structs differs in the texts, and what is in neither is in no key. */
static void check_way_back(const struct conf *conf)
{
	_cleanup_text_ struct text text = {0}, again = {0};
	_cleanup_conf_ struct conf copy = {0};
	struct conf_error err;

	write_conf(&text, conf);
	HOLDS(!text.failed);
	if (conf_parse(text.data, text.len, NAME, &copy, &err) < 0)
		fuzz_broken(err.message, __FILE__, __LINE__);
	write_conf(&again, &copy);
	HOLDS(text.len == again.len && memcmp(text.data, again.data, text.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_conf_ struct conf conf = {0};
	_cleanup_free_ char *text = fuzz_text(data, size);
	struct conf_error err;
	int r;

	FILL(err);
	FILL(conf);
	r = conf_parse((const char *)data, size, NAME, &conf, &err);
	if (r < 0) {
		HOLDS(r == -EINVAL && IS_FILLED(conf));
		conf = (struct conf){0};
		check_refusal(text, &err);
		HOLDS(conf_parse((const char *)data, size, NAME, &conf, NULL) == r);
		return 0;
	}
	check_ranges(&conf);
	check_way_back(&conf);
	return 0;
}

/* ---- long texts: none takes long */

static void add_repeated(fuzz_add *add, const char *name, const char *begin, const char *middle, const char *end)
{
	_cleanup_text_ struct text text = {0};

	text_printf(&text, "%s", begin);
	while (text.len + strlen(middle) + strlen(end) + 8 < BIG)
		text_printf(&text, "%s", middle);
	text_printf(&text, "%s", end);
	add(name, text.data, text.len);
}

/* All different, as many as there may be. */
static void add_networks(fuzz_add *add)
{
	_cleanup_text_ struct text text = {0};

	text_printf(&text, "guard { sources = {");
	for (unsigned int i = 0; i < CONF_NETWORKS_MAX; i++)
		text_printf(&text, "\"10.%u.%u.0/24\",", i / 256, i % 256);
	text_printf(&text, "} }\n");
	add("big-networks", text.data, text.len);
}

/* One more than there may be, and all of them. */
static void add_interfaces(fuzz_add *add, const char *name, unsigned int n)
{
	_cleanup_text_ struct text text = {0};

	text_printf(&text, "interfaces = {");
	for (unsigned int i = 0; i < n; i++)
		text_printf(&text, "eth%u,", i);
	text_printf(&text, "}\n");
	add(name, text.data, text.len);
}

void fuzz_seeds(fuzz_add *add)
{
	add_interfaces(add, "most-interfaces", CONF_INTERFACES_MAX);
	add_interfaces(add, "too-many-interfaces", CONF_INTERFACES_MAX + 1);
	add_repeated(add, "big-comments", "", "#\n", "");
	add_repeated(add, "big-one-comment", "#", "#", "");
	add_repeated(add, "big-protect", "protect = {", "1/tcp,", "}");
	add_repeated(add, "big-interfaces", "interfaces = {", "'eth0',", "}");
	add_repeated(add, "big-string", "user = \"", "a", "\"");
	add_repeated(add, "big-word", "", "a", "");
	add_repeated(add, "big-braces", "protect = ", "{", "");
	add_repeated(add, "big-words-on-lines", "protect = {", "a\n", "");
	add_repeated(add, "big-keys", "", "mode\n", "");
	add_repeated(add, "big-blanks", "", " \t\r\n", "mode = audit\n");
	add_repeated(add, "big-path", "pin_dir = \"", "/a", "\"");
	add_networks(add);
}
