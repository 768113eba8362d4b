// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See conf_read.h. libconfuse does no more here than take the text apart: conf_scan.c has refused what it would
 * let pass, and every value is read as a string, so none of its number parsing (octal, silent overflow) is in play.
 */
#include "conf_read.h"

#include <confuse.h>
#include <errno.h>
#include <string.h>

#include "conf_value.h"
#include "number.h"
#include "util.h"

/* ---- values, as text */

static cfg_t *section_of(const struct conf_reader *r, enum conf_key key)
{
	enum conf_section section = conf_keys[key].section;

	return section == CONF_TOP ? r->root : cfg_getsec(r->root, conf_section_names[section]);
}

/* Of sections that come more than once each has one value for each of its keys. */
static const char *value_of_section(const struct conf_reader *r, enum conf_key key, size_t nth)
{
	cfg_t *section = cfg_getnsec(r->root, conf_section_names[conf_keys[key].section], (unsigned int)nth);

	if (!section)
		return NULL;
	return *conf_keys[key].name ? cfg_getstr(section, conf_keys[key].name) : cfg_title(section);
}

const char *conf_read_nth(const struct conf_reader *r, enum conf_key key, size_t nth)
{
	const char *value = conf_keys[key].section == CONF_PORT
				    ? value_of_section(r, key, nth)
				    : cfg_getnstr(section_of(r, key), conf_keys[key].name, (unsigned int)nth);

	return value ? value : "";
}

const char *conf_read_value(const struct conf_reader *r, enum conf_key key)
{
	return conf_read_nth(r, key, 0);
}

size_t conf_read_count(const struct conf_reader *r, enum conf_key key)
{
	if (conf_keys[key].section == CONF_PORT)
		return cfg_size(r->root, conf_section_names[CONF_PORT]);
	return cfg_size(section_of(r, key), conf_keys[key].name);
}

/* "FILE:LINE: key: "VALUE" why". */
int conf_read_refuse(const struct conf_reader *r, enum conf_key key, size_t nth, const char *why)
{
	const char *value = conf_read_nth(r, key, nth);

	return conf_refuse(r->err, r->name, conf_scan_line(&r->scan, key, nth), "%s: \"%.*s\"%s %s",
			   conf_keys[key].full_name, CONF_READ_SHOWN, value,
			   strlen(value) > CONF_READ_SHOWN ? "..." : "", why);
}

int conf_read_refuse_key(const struct conf_reader *r, enum conf_key key, const char *why)
{
	return conf_refuse(r->err, r->name, conf_scan_line(&r->scan, key, 0), "%s: %s", conf_keys[key].full_name, why);
}

int conf_read_no_memory(const struct conf_reader *r)
{
	conf_refuse(r->err, r->name, 0, "out of memory");
	return -ENOMEM;
}

int conf_read_copy(const struct conf_reader *r, enum conf_key key, char **ret)
{
	return conf_read_copy_nth(r, key, 0, ret);
}

int conf_read_copy_nth(const struct conf_reader *r, enum conf_key key, size_t nth, char **ret)
{
	char *copy = strdup(conf_read_nth(r, key, nth));

	if (!copy)
		return conf_read_no_memory(r);
	*ret = copy;
	return 0;
}

/* ---- numbers, durations, words */

int conf_read_duration(const struct conf_reader *r, enum conf_key key, struct conf_duration_range range, uint32_t *ret)
{
	const char *value = conf_read_value(r, key);
	uint32_t s;

	if (duration_parse(value, strlen(value), &s) < 0)
		return conf_read_refuse(
			r, key, 0, "is not a duration; write a whole number and s, m, h or d, like \"90s\" or \"24h\"");
	if (s < range.min_s || s > range.max_s)
		return conf_read_refuse(r, key, 0, range.text);
	*ret = s;
	return 0;
}

int conf_read_number(const struct conf_reader *r, enum conf_key key, uint32_t min, uint32_t max, const char *why,
		     uint32_t *ret)
{
	const char *value = conf_read_value(r, key);
	uint64_t n;

	if (number_parse(value, strlen(value), max, &n) < 0 || n < min)
		return conf_read_refuse(r, key, 0, why);
	*ret = (uint32_t)n;
	return 0;
}

int conf_read_session(const struct conf_reader *r, enum conf_key key, size_t nth, uint64_t *ret_drain_ns)
{
	if (session_parse(conf_read_nth(r, key, nth), ret_drain_ns) < 0)
		return conf_read_refuse(r, key, nth,
					"must be cut, keep, or drain= and a duration of 1s to 7d, like \"drain=30m\"");
	return 0;
}

/* Which of the words; -EINVAL with the error filled when it is none. */
int conf_read_word(const struct conf_reader *r, enum conf_key key, const char *const words[], size_t n_words,
		   const char *why)
{
	for (size_t i = 0; i < n_words; i++)
		if (strcmp(conf_read_value(r, key), words[i]) == 0)
			return (int)i;
	return conf_read_refuse(r, key, 0, why);
}

int conf_read_path(const struct conf_reader *r, enum conf_key key, char **ret)
{
	if (!conf_is_path(conf_read_value(r, key)))
		return conf_read_refuse(
			r, key, 0, "is no path to use; it must begin with /, have no \"..\" and at most 1024 bytes");
	return conf_read_copy(r, key, ret);
}

/* ---- networks */

bool conf_network_add(struct cidr *networks, size_t *n, const struct cidr *network)
{
	for (size_t i = 0; i < *n; i++)
		if (cidr_compare(&networks[i], network) == 0)
			return false;
	networks[(*n)++] = *network;
	return true;
}

int conf_read_networks(const struct conf_reader *r, enum conf_key key, struct conf_networks_limit limit,
		       struct cidr **ret, size_t *ret_n)
{
	size_t n = conf_read_count(r, key), used = 0;
	_cleanup_free_ struct cidr *networks = NULL;

	if (n > limit.max)
		return conf_read_refuse_key(r, key, limit.text);
	if (n + limit.spare == 0)
		return 0;
	networks = calloc(n + limit.spare, sizeof(*networks));
	if (!networks)
		return conf_read_no_memory(r);
	for (size_t i = 0; i < n; i++) {
		const char *value = conf_read_nth(r, key, i);
		struct parse_error why = {0, "is no address"};
		struct cidr network;

		if (cidr_parse(value, strlen(value), &network, &why) < 0)
			return conf_refuse(r->err, r->name, conf_scan_line(&r->scan, key, i),
					   "%s: \"%.*s\": %s; write an address or prefix, like \"10.0.1.0/26\"",
					   conf_keys[key].full_name, CONF_READ_SHOWN, value, why.why);
		conf_network_add(networks, &used, &network);
	}
	*ret = TAKE_PTR(networks);
	*ret_n = used;
	return 0;
}

/* ---- libconfuse */

static void free_cfg(cfg_t **cfg)
{
	if (*cfg)
		cfg_free(*cfg);
}

/* libconfuse's own way is to print. */
static void keep_quiet(cfg_t *cfg, const char *format, va_list args)
{
	(void)cfg;
	(void)format;
	(void)args;
}

/* libconfuse copies what the options point at. */
static size_t fill_options(enum conf_section section, cfg_opt_t options[_CONF_KEY_MAX + 1])
{
	size_t n = 0;

	for (int i = 0; i < _CONF_KEY_MAX; i++) {
		const struct conf_key_info *info = &conf_keys[i];

		if (info->section != section || !*info->name)
			continue;
		options[n++] = info->is_list ? (cfg_opt_t)CFG_STR_LIST(info->name, (char *)info->fallback, CFGF_NONE)
					     : (cfg_opt_t)CFG_STR(info->name, info->fallback, CFGF_NONE);
	}
	return n;
}

static cfg_t *make_cfg(void)
{
	cfg_opt_t top[_CONF_KEY_MAX + _CONF_SECTION_MAX] = {0}, guard[_CONF_KEY_MAX + 1] = {0},
				      azure[_CONF_KEY_MAX + 1] = {0}, port[_CONF_KEY_MAX + 1] = {0};
	size_t n = fill_options(CONF_TOP, top);
	cfg_t *cfg;

	fill_options(CONF_GUARD, guard);
	fill_options(CONF_AZURE, azure);
	fill_options(CONF_PORT, port);
	top[n++] = (cfg_opt_t)CFG_SEC(conf_section_names[CONF_GUARD], guard, CFGF_NONE);
	top[n++] = (cfg_opt_t)CFG_SEC(conf_section_names[CONF_AZURE], azure, CFGF_NONE);
	top[n++] = (cfg_opt_t)CFG_SEC(conf_section_names[CONF_PORT], port, CFGF_MULTI | CFGF_TITLE);
	cfg = cfg_init(top, CFGF_NONE);
	if (cfg)
		cfg_set_error_function(cfg, keep_quiet);
	return cfg;
}

/* conf_scan and libconfuse must have seen the same text; if ever they have not, nothing of it counts. */
static int compare_views(const struct conf_reader *r)
{
	for (int i = 0; i < _CONF_KEY_MAX; i++)
		if (r->scan.key_line[i] && conf_scan_count(&r->scan, i) != conf_read_count(r, i))
			return conf_read_refuse_key(r, i, "cannot be read for certain; put each value in quotes");
	return 0;
}

int conf_read_open(const char *text, size_t len, const char *name, struct conf_error *err, struct conf_reader *ret)
{
	_cleanup_conf_scan_ struct conf_scan scan = {0};
	CLEANUP(free_cfg) cfg_t *cfg = NULL;
	struct conf_reader r = {.name = name, .err = err};
	int e = conf_scan(text, len, name, &scan, err);

	if (e < 0)
		return e;
	cfg = make_cfg();
	if (!cfg)
		return conf_read_no_memory(&r);
	if (cfg_parse_buf(cfg, scan.text) != CFG_SUCCESS)
		return conf_refuse(err, name, cfg->line, "cannot be parsed; see jitgate.conf(5)");
	r.root = cfg;
	r.scan = scan;
	e = compare_views(&r);
	if (e < 0)
		return e;
	*ret = r;
	cfg = NULL;
	scan = (struct conf_scan){0};
	return 0;
}

void conf_read_close(struct conf_reader *r)
{
	free_cfg(&r->root);
	conf_scan_free(&r->scan);
	*r = (struct conf_reader){0};
}
