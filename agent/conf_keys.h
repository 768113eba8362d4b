/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Which config keys there are. A new key: here, in conf.c, in packaging/jitgate.conf and in jitgate.conf(5).
 */
#ifndef CONF_KEYS_H
#define CONF_KEYS_H

#include <stdbool.h>
#include <stddef.h>

enum conf_section {
	CONF_TOP = 0,
	CONF_GUARD,
	CONF_AZURE,
	CONF_PORT, /* port "22/tcp" { ... }: may come any number of times, each with another title */
	_CONF_SECTION_MAX,
};

enum conf_key {
	CONF_KEY_INTERFACES = 0,
	CONF_KEY_MODE,
	CONF_KEY_XDP_MODE,
	CONF_KEY_CONFLICT,
	CONF_KEY_PROTECT,
	CONF_KEY_ALLOW,
	CONF_KEY_SESSION,
	CONF_KEY_END_SOCKETS,
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
	CONF_KEY_AUDIENCE,
	CONF_KEY_POLICIES,
	CONF_KEY_POLL_IDLE,
	CONF_KEY_POLL_LIVE,
	CONF_KEY_ARM_ENDPOINT,
	CONF_KEY_IMDS_ENDPOINT,
	CONF_KEY_CA_FILE,
	CONF_KEY_PROXY,
	CONF_KEY_TRANSLATE,
	CONF_KEY_CLOCK_TOLERANCE,
	CONF_KEY_AZURE_USER,
	CONF_KEY_PORT_TITLE, /* no key: the nth section's title, and what it has */
	CONF_KEY_PORT_SESSION,
	_CONF_KEY_MAX,
};

struct conf_key_info {
	enum conf_section section;
	const char *name;      /* "" for a section's title, which no key can have */
	const char *full_name; /* for messages: "guard.longest" */
	bool is_list;
	const char *fallback; /* the default; of a list in libconfuse's syntax */
};

extern const struct conf_key_info conf_keys[_CONF_KEY_MAX];
extern const char *const conf_section_names[_CONF_SECTION_MAX]; /* "" for the top */

/* Names are `len` bytes of text. The key, or section, of this name; -1: there is none. */
int conf_key_find(enum conf_section section, const char *text, size_t len);
int conf_section_find(const char *text, size_t len);

/* Another section that has a key of this name; -1: there is none. */
int conf_key_elsewhere(enum conf_section section, const char *text, size_t len);

/* The closest name in the section that is at most two letters off, or NULL. */
const char *conf_key_closest(enum conf_section section, const char *text, size_t len);

#endif
