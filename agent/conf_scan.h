/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. The strict half of the config: which keys there are, where each one stands in the text, and everything that
 * libconfuse would take without a word: a key given twice, a list appended to, ${ENVIRONMENT}, stray characters.
 * Knows no meaning of any value; conf.c does.
 */
#ifndef CONF_SCAN_H
#define CONF_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf.h"

enum conf_section {
	CONF_TOP = 0,
	CONF_GUARD,
	CONF_AZURE,
	_CONF_SECTION_MAX,
};

enum conf_key {
	CONF_KEY_INTERFACES = 0,
	CONF_KEY_MODE,
	CONF_KEY_XDP_MODE,
	CONF_KEY_PROTECT,
	CONF_KEY_ALLOW,
	CONF_KEY_SESSION,
	CONF_KEY_MAX_GRANTS,
	CONF_KEY_USER,
	CONF_KEY_PIN_DIR,
	CONF_KEY_RUN_DIR,
	CONF_KEY_STATE_DIR,
	CONF_KEY_LONGEST,
	CONF_KEY_WIDEST_IPV4,
	CONF_KEY_WIDEST_IPV6,
	CONF_KEY_SOURCES,
	CONF_KEY_CLOUD,
	CONF_KEY_IDENTITY,
	CONF_KEY_POLICIES,
	CONF_KEY_POLL_IDLE,
	CONF_KEY_POLL_LIVE,
	CONF_KEY_ARM_ENDPOINT,
	CONF_KEY_IMDS_ENDPOINT,
	CONF_KEY_CA_FILE,
	CONF_KEY_PROXY,
	CONF_KEY_TRANSLATE,
	CONF_KEY_AZURE_USER,
	_CONF_KEY_MAX,
};

struct conf_key_info {
	enum conf_section section;
	const char *name;
	const char *full_name; /* for messages: "guard.longest" */
	bool is_list;
	const char *fallback; /* the default; of a list in libconfuse's syntax */
};

extern const struct conf_key_info conf_keys[_CONF_KEY_MAX];
extern const char *const conf_section_names[_CONF_SECTION_MAX]; /* "" for the top */

/* One value in the text; those of a list follow each other. */
struct conf_place {
	enum conf_key key;
	int line;
};

struct conf_scan {
	int key_line[_CONF_KEY_MAX];         /* 0: the key is not in the text */
	int section_line[_CONF_SECTION_MAX]; /* 0: the same */
	struct conf_place *values;
	size_t n_values, cap_values;
	char *text; /* NUL-terminated copy with the comments blanked, line by line the same */
};

/* Check `len` bytes. 0 with *ret filled, else -EINVAL or -ENOMEM with err filled and *ret untouched. */
int conf_scan(const char *text, size_t len, const char *name, struct conf_scan *ret, struct conf_error *err);
void conf_scan_free(struct conf_scan *scan);
#define _cleanup_conf_scan_ __attribute__((cleanup(conf_scan_free)))

/* The line of the nth value of a key, or of the key itself when it has no such value; 0: the key is not in the text. */
int conf_scan_line(const struct conf_scan *scan, enum conf_key key, size_t nth);

/* How many values the text gives the key. */
size_t conf_scan_count(const struct conf_scan *scan, enum conf_key key);

/* Fill *err with "NAME:LINE: what", or "NAME: what" for line 0. Returns -EINVAL. */
int conf_refuse(struct conf_error *err, const char *name, int line, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
