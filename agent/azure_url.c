// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. Clouds, ids and addresses of Azure. Everything that comes from outside is percent-encoded before it becomes
 * part of an address.
 */
#include "azure_url.h"

#include <errno.h>
#include <string.h>

#include "azure_json.h"

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

/* ---------------------------------------------------------------- the VM's id */

/* The text between two slashes. */
struct segment {
	const char *at;
	size_t len;
};

/* How many there are; more than `max` when they are not all in *segments. Of a text that begins with none: 0. */
static size_t split_id(const char *id, struct segment *segments, size_t max)
{
	size_t n = 0;

	while (*id == '/' && n < max) {
		segments[n].at = ++id;
		segments[n].len = strcspn(id, "/");
		id += segments[n++].len;
	}
	return n == max && *id ? max + 1 : n;
}

static char *copy_segment(const struct segment *segment)
{
	return strndup(segment->at, segment->len);
}

static bool segment_is(const struct segment *segment, const char *word)
{
	char copy[32];

	if (!segment->len || segment->len >= sizeof(copy))
		return !segment->len && !*word;
	memcpy(copy, segment->at, segment->len);
	copy[segment->len] = '\0';
	return azure_id_equal(copy, word);
}

/* Not empty, no control character, no step up: they become parts of addresses and log lines. */
static bool is_plain(const struct segment *segment)
{
	if (segment_is(segment, ".") || segment_is(segment, ".."))
		return false;
	for (size_t i = 0; i < segment->len; i++) {
		if ((unsigned char)segment->at[i] < 0x20 || segment->at[i] == 0x7f)
			return false;
	}
	return segment->len > 0;
}

void azure_vm_free(struct azure_vm *vm)
{
	free(vm->id);
	free(vm->subscription);
	free(vm->group);
	free(vm->name);
	*vm = (struct azure_vm){0};
}

int azure_vm_parse(const char *resource_id, struct azure_vm *ret, struct parse_error *err)
{
	static const char *const words[] = {
		"subscriptions", NULL, "resourceGroups", NULL, "providers", "Microsoft.Compute", NULL, NULL};
	struct segment s[16];
	size_t n = split_id(resource_id, s, ARRAY_SIZE(s));
	struct azure_vm vm;

	if (n < ARRAY_SIZE(words))
		return parse_fail(err, 0, "not the resource id of a VM");
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!is_plain(&s[i]) || (words[i] && !segment_is(&s[i], words[i])))
			return parse_fail(err, 0, "not the resource id of a VM");
	}
	if (segment_is(&s[6], "virtualMachineScaleSets"))
		return parse_fail(err, 0, "an instance of a scale set: just-in-time access knows VMs only");
	if (n != ARRAY_SIZE(words) || !segment_is(&s[6], "virtualMachines"))
		return parse_fail(err, 0, "not the resource id of a VM");
	vm = (struct azure_vm){
		.id = strdup(resource_id),
		.subscription = copy_segment(&s[1]),
		.group = copy_segment(&s[3]),
		.name = copy_segment(&s[7]),
	};
	if (!vm.id || !vm.subscription || !vm.group || !vm.name) {
		azure_vm_free(&vm);
		return -ENOMEM;
	}
	*ret = vm;
	return 0;
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

void azure_url_list(struct text *out, const char *arm, const struct azure_vm *vm)
{
	text_append(out, arm, endpoint_length(arm));
	text_printf(out, "/subscriptions/");
	append_encoded(out, vm->subscription);
	text_printf(out, "/resourceGroups/");
	append_encoded(out, vm->group);
	text_printf(out, "/providers/Microsoft.Security/jitNetworkAccessPolicies?api-version=" JIT_VERSION);
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
