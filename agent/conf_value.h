/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. The forms of single config values. All take text that ends in NUL, unless a length is given; the forms are
 * those of jitgate.conf(5).
 */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "90s", "10m", "24h", "1d": whole number and unit, no sum. 0, or -EINVAL with *ret_s untouched. */
int duration_parse(const char *text, size_t len, uint32_t *ret_s);

/* 1 to 15 bytes that the kernel would take for an interface's name. */
bool conf_is_interface(const char *name);

/* Absolute, at most 1024 bytes, not "/" alone, and no ".." that would make it another place than it seems to be. */
bool conf_is_path(const char *path);

/* The name of a user, not a number: at most 32 letters, digits, '_', '.' and '-'. */
bool conf_is_user(const char *user);

/* "", or a kind of managed identity, '=' and its id. */
bool conf_is_identity(const char *text);

/* "", or https:// and what a token may be asked for: visible, without quotes, at most 512 bytes. */
bool conf_is_audience(const char *text);

struct conf_url {
	bool tls;
	const char *host; /* in the text that was parsed; without the brackets of an IPv6 literal */
	size_t host_len;
};

/* "http[s]://HOST[:PORT]" and nothing else, at most 512 bytes. 0, or -EINVAL with *ret untouched. */
int conf_url_parse(const char *text, struct conf_url *ret);

/* The host is "localhost" or an address of the loopback network. No name is resolved. */
bool conf_url_is_loopback(const struct conf_url *url);

#endif
