// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. Clouds and addresses of Azure. Everything that comes from outside is percent-encoded before it becomes
 * part of an address.
 */
#include "azure_url.h"

#include <string.h>

#define COMPUTE_VERSION "2021-02-01"
#define TOKEN_VERSION "2018-02-01"
#define JIT_VERSION "2020-01-01"

static const struct azure_cloud clouds[] = {
	{"public", "AzurePublicCloud", "https://management.azure.com", "https://management.azure.com/"},
	{"usgov", "AzureUSGovernmentCloud", "https://management.usgovcloudapi.net",
	 "https://management.usgovcloudapi.net/"},
	{"china", "AzureChinaCloud", "https://management.chinacloudapi.cn", "https://management.chinacloudapi.cn/"},
};

const struct azure_cloud *azure_cloud_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(clouds); i++) {
		if (azure_id_equal(name, clouds[i].name) || azure_id_equal(name, clouds[i].environment))
			return &clouds[i];
	}
	return NULL;
}

/* ---------------------------------------------------------------- addresses */

static bool is_unreserved(char ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
	       strchr("-._~", ch) != NULL;
}

static void append_encoded(struct text *out, const char *s)
{
	for (; *s; s++) {
		if (is_unreserved(*s))
			text_append(out, s, 1);
		else
			text_printf(out, "%%%02X", (unsigned char)*s);
	}
}

static size_t endpoint_length(const char *endpoint)
{
	size_t len = strlen(endpoint);

	while (len && endpoint[len - 1] == '/')
		len--;
	return len;
}

void azure_url_compute(struct text *out, const char *imds)
{
	text_append(out, imds, endpoint_length(imds));
	text_printf(out, "/metadata/instance/compute?api-version=" COMPUTE_VERSION);
}

void azure_url_token(struct text *out, const char *imds, const char *audience, const char *identity)
{
	static const struct {
		const char *key, *query;
	} kinds[] = {{"client_id=", "client_id"}, {"object_id=", "object_id"}, {"resource_id=", "msi_res_id"}};

	text_append(out, imds, endpoint_length(imds));
	text_printf(out, "/metadata/identity/oauth2/token?api-version=" TOKEN_VERSION "&resource=");
	append_encoded(out, audience);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t len = strlen(kinds[i].key);

		if (strncmp(identity, kinds[i].key, len) == 0) {
			text_printf(out, "&%s=", kinds[i].query);
			append_encoded(out, identity + len);
		}
	}
}

void azure_url_policies(struct text *out, const char *arm, const struct azure_scope *scope, const char *region)
{
	text_append(out, arm, endpoint_length(arm));
	text_printf(out, "/subscriptions/");
	append_encoded(out, scope->subscription);
	if (scope->group) {
		text_printf(out, "/resourceGroups/");
		append_encoded(out, scope->group);
	}
	text_printf(out, "/providers/Microsoft.Security");
	if (scope->region)
		region = scope->region;
	if (region) {
		text_printf(out, "/locations/");
		append_encoded(out, region);
	}
	text_printf(out, "/jitNetworkAccessPolicies");
	if (scope->name) {
		text_printf(out, "/");
		append_encoded(out, scope->name);
	}
	text_printf(out, "?api-version=" JIT_VERSION);
}

static char lower(char ch)
{
	return ch >= 'A' && ch <= 'Z' ? (char)(ch + ('a' - 'A')) : ch;
}

/* The default port may be written out: ARM does so in some answers. */
static const char *skip_default_port(const char *endpoint, size_t len, const char *rest)
{
	const char *port = lower(endpoint[4]) == 's' ? ":443" : ":80";
	const char *host = memchr(endpoint, '/', len);
	const char *bracket = host ? memchr(host, ']', (size_t)(endpoint + len - host)) : NULL;

	host = bracket ? bracket : host ? host + 2 : endpoint;
	if (memchr(host, ':', (size_t)(endpoint + len - host)))
		return rest; /* the endpoint names a port, and so it has been compared */
	return strncmp(rest, port, strlen(port)) == 0 ? rest + strlen(port) : rest;
}

bool azure_url_same_origin(const char *endpoint, const char *link)
{
	size_t len = endpoint_length(endpoint);

	if (len < strlen("http://x"))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (lower(link[i]) != lower(endpoint[i])) /* ends at the link's NUL too */
			return false;
	}
	link = skip_default_port(endpoint, len, link + len);
	if (*link != '/')
		return false;
	for (; *link; link++) {
		if (*link < 0x21 || *link > 0x7e || *link == '\\' || *link == '#')
			return false;
	}
	return true;
}
