/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. The strict half of the config: where each key stands in the text, and everything that libconfuse would take
 * without a word: a key given twice, a list appended to, ${ENVIRONMENT}, stray characters. Knows no meaning of any
 * value; conf.c does.
 */
#ifndef CONF_SCAN_H
#define CONF_SCAN_H

#include <stddef.h>

#include "conf.h"
#include "conf_keys.h"
#include "util.h"

/* One value in the text; those of a list follow each other. */
struct conf_place {
	enum conf_key key;
	int line;
	const char *text; /* in what was scanned */
	size_t len;
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
#define _cleanup_conf_scan_ CLEANUP(conf_scan_free)

/* The line of the nth value of a key, or of the key itself when it has no such value; 0: the key is not in the text. */
int conf_scan_line(const struct conf_scan *scan, enum conf_key key, size_t nth);

/* How many values the text gives the key. */
size_t conf_scan_count(const struct conf_scan *scan, enum conf_key key);

#endif
