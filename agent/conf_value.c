// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. One value of the config at a time: is this text a duration, a path, a user, a URL. Must not know
 * keys, files or messages.
 */
#include "conf_value.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "conf.h"
#include "jitgate_abi.h"
#include "number.h"

#define MINUTE_S 60
#define HOUR_S 3600
#define DAY_S 86400

#define PATH_BYTES_MAX 1024
#define USER_BYTES_MAX 32
#define IDENTITY_BYTES_MAX 512
#define URL_BYTES_MAX 512
#define INTERFACE_BYTES_MAX 15 /* IFNAMSIZ - 1 */

int duration_parse(const char *text, size_t len, uint32_t *ret_s)
{
	static const struct {
		char unit;
		uint32_t seconds;
	} units[] = {{'s', 1}, {'m', MINUTE_S}, {'h', HOUR_S}, {'d', DAY_S}};
	uint64_t n;

	if (len < 2)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (text[len - 1] != units[i].unit)
			continue;
		if (number_parse(text, len - 1, UINT32_MAX / units[i].seconds, &n) < 0)
			return -EINVAL;
		*ret_s = (uint32_t)n * units[i].seconds;
		return 0;
	}
	return -EINVAL;
}

bool conf_is_interface(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len <= INTERFACE_BYTES_MAX && !strpbrk(name, "/: \t") && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

bool conf_is_path(const char *path)
{
	bool named = false;

	if (path[0] != '/' || strlen(path) > PATH_BYTES_MAX)
		return false;
	for (const char *p = path; *p; p += strcspn(p, "/")) {
		p += strspn(p, "/");
		if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == 0))
			return false;
		named |= *p != 0;
	}
	return named;
}

bool conf_is_user(const char *user)
{
	size_t len = strlen(user);
	bool first = (user[0] >= 'a' && user[0] <= 'z') || (user[0] >= 'A' && user[0] <= 'Z') || user[0] == '_';

	if (!first || len > USER_BYTES_MAX)
		return false;
	return strspn(user, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == len;
}

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool conf_is_identity(const char *text)
{
	static const char *const kinds[] = {"client_id=", "object_id=", "resource_id=/"};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t len = strlen(kinds[i]);

		if (has_prefix(text, kinds[i]) && text[len])
			return !strpbrk(text, " \"'") && strlen(text) <= IDENTITY_BYTES_MAX;
	}
	return !text[0];
}

bool conf_is_audience(const char *text)
{
	static const char https[] = "https://";

	if (!text[0])
		return true;
	return has_prefix(text, https) && text[strlen(https)] && text[strlen(https)] != '/' &&
	       strlen(text) <= URL_BYTES_MAX && !strpbrk(text, " \"'?#");
}

static bool is_host(const struct conf_url *url, bool literal6)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
	struct cidr address;

	if (literal6) /* '/' would make it a prefix */
		return !memchr(url->host, '/', url->host_len) &&
		       cidr_parse(url->host, url->host_len, &address, NULL) == 0 && address.family == JITGATE_IPV6;
	return url->host_len > 0 && url->host[0] != '-' && url->host[0] != '.' &&
	       strspn(url->host, letters) >= url->host_len;
}

int conf_url_parse(const char *text, struct conf_url *ret)
{
	struct conf_url url = {.tls = has_prefix(text, "https://")};
	const char *end, *rest;
	uint64_t port;

	if (strlen(text) > URL_BYTES_MAX || (!url.tls && !has_prefix(text, "http://")))
		return -EINVAL;
	url.host = text + (url.tls ? strlen("https://") : strlen("http://"));
	if (url.host[0] == '[') {
		url.host++;
		end = strchr(url.host, ']');
		rest = end ? end + 1 : NULL;
	} else {
		end = url.host + strcspn(url.host, ":");
		rest = end;
	}
	if (!end)
		return -EINVAL;
	url.host_len = (size_t)(end - url.host);
	if (!is_host(&url, url.host[-1] == '['))
		return -EINVAL;
	if (*rest && (*rest != ':' || number_parse(rest + 1, strlen(rest + 1), 65535, &port) < 0 || port == 0))
		return -EINVAL;
	*ret = url;
	return 0;
}

bool conf_url_is_loopback(const struct conf_url *url)
{
	static const struct cidr loopback4 = {.family = JITGATE_IPV4, .prefix_len = 8, .addr = {127}};
	static const struct cidr loopback6 = {.family = JITGATE_IPV6, .prefix_len = 128, .addr = {[15] = 1}};
	struct cidr host;

	if (url->host_len == strlen("localhost") && strncasecmp(url->host, "localhost", url->host_len) == 0)
		return true;
	if (cidr_parse(url->host, url->host_len, &host, NULL) < 0)
		return false;
	return cidr_covers(&loopback4, &host) || cidr_covers(&loopback6, &host);
}
