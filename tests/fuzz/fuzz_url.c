// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Addresses in Azure. An input is lines: a resource id, an endpoint as the config gives it, a link as an answer gives
 * it, an identity. What we say of a URL is held against what libcurl will make of it, since it is libcurl that sends
 * the token.
 */
#include "fuzz.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "azure_url.h"
#include "conf_value.h"

#define AUDIENCE "https://management.azure.com/"

static void free_curlu(CURLU **url)
{
	curl_url_cleanup(*url);
}

static void free_curl_text(char **text)
{
	curl_free(*text);
}

/* NULL when libcurl does not take it. */
static CURLU *parse_by_curl(const char *text)
{
	CURLU *url = curl_url();

	if (!url)
		abort();
	if (curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK)
		return url;
	curl_url_cleanup(url);
	return NULL;
}

static bool is_same_part(CURLU *a, CURLU *b, CURLUPart part)
{
	CLEANUP(free_curl_text) char *x = NULL;
	CLEANUP(free_curl_text) char *y = NULL;

	if (curl_url_get(a, part, &x, CURLU_DEFAULT_PORT) || curl_url_get(b, part, &y, CURLU_DEFAULT_PORT))
		return false;
	return strcasecmp(x, y) == 0;
}

/* Both go to the same scheme, host and port, and neither names a user. */
static bool is_same_place(const char *endpoint, const char *link)
{
	CLEANUP(free_curlu) CURLU *a = parse_by_curl(endpoint);
	CLEANUP(free_curlu) CURLU *b = parse_by_curl(link);
	CLEANUP(free_curl_text) char *user = NULL;

	if (!a || !b) /* then nothing is sent */
		return true;
	return is_same_part(a, b, CURLUPART_SCHEME) && is_same_part(a, b, CURLUPART_HOST) &&
	       is_same_part(a, b, CURLUPART_PORT) && curl_url_get(b, CURLUPART_USER, &user, 0) != CURLUE_OK;
}

static void check_endpoint(const char *text)
{
	CLEANUP(free_curlu) CURLU *parsed = NULL;
	CLEANUP(free_curl_text) char *host = NULL;
	struct conf_url url;
	size_t at;

	FILL(url);
	if (conf_url_parse(text, &url) < 0) {
		HOLDS(IS_FILLED(url));
		return;
	}
	HOLDS(url.host > text && url.host + url.host_len <= text + strlen(text) && url.host_len > 0);
	conf_url_is_loopback(&url);
	parsed = parse_by_curl(text);
	if (!parsed || curl_url_get(parsed, CURLUPART_HOST, &host, 0))
		return;
	/* libcurl writes addresses in one form of its own, and keeps the brackets. */
	at = host[0] == '[';
	if (!at && !isdigit((unsigned char)url.host[0]))
		HOLDS(strlen(host) == url.host_len && strncasecmp(host, url.host, url.host_len) == 0);
	HOLDS((url.host[-1] == '[') == at);
}

static void check_link(const char *endpoint, const char *link)
{
	struct conf_url url;

	if (conf_url_parse(endpoint, &url) == 0 && azure_url_same_origin(endpoint, link)) {
		HOLDS(is_same_place(endpoint, link));
		for (const char *p = link; *p; p++)
			HOLDS(*p > ' ' && *p <= '~');
	}
}

static size_t count(const char *text, char ch)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == ch;
	return n;
}

/* Nothing from outside adds a step, a query or a line to an address. */
static void check_address(const struct text *address, size_t slashes, size_t ands)
{
	HOLDS(!address->failed && strncmp(address->data, "https://x/", 10) == 0);
	HOLDS(count(address->data, '/') == slashes && count(address->data, '?') == 1);
	HOLDS(count(address->data, '&') == ands && !count(address->data, '#'));
	HOLDS(!strstr(address->data, "/../") && !strstr(address->data, "/./"));
	for (const char *p = address->data; *p; p++)
		HOLDS(*p > ' ' && *p <= '~');
}

static void check_vm(const char *id, const char *identity)
{
	_cleanup_text_ struct text token = {0};
	struct parse_error err = FUZZ_NO_ERROR;
	struct azure_vm vm;
	int r;

	FILL(vm);
	azure_url_token(&token, "https://x", AUDIENCE, identity);
	check_address(&token, 6, token.data && strstr(token.data, "_id=") ? 2 : 1);
	r = azure_vm_parse(id, identity, &vm, &err);
	if (r < 0) {
		HOLDS(r == -EINVAL && IS_FILLED(vm) && IS_REFUSAL(err, strlen(id)));
		return;
	}
	HOLDS(strcmp(vm.id, id) == 0 && vm.subscription[0] && vm.group[0] && vm.name[0]);
	HOLDS(!strchr(vm.subscription, '/') && !strchr(vm.group, '/') && !strchr(vm.name, '/'));
	HOLDS(!strpbrk(vm.region, "/ .?&") && strlen(vm.region) <= strlen(identity));
	azure_vm_free(&vm);
}

/* The addresses of what the config may name. */
static void check_scope(const char *id)
{
	_cleanup_text_ struct text wide = {0}, narrow = {0};
	struct parse_error err = FUZZ_NO_ERROR;
	struct azure_scope scope;
	size_t slashes;
	int r;

	FILL(scope);
	r = azure_scope_parse(id, &scope, &err);
	if (r < 0) {
		HOLDS(r == -EINVAL && IS_FILLED(scope) && IS_REFUSAL(err, strlen(id)));
		return;
	}
	slashes = 7 + (scope.group ? 2 : 0);
	HOLDS(azure_scope_equal(&scope, &scope) && !scope.name == !scope.region && (scope.group || !scope.name));
	azure_url_policies(&wide, "https://x", &scope, NULL);
	check_address(&wide, slashes + (scope.name ? 3 : 0), 0);
	azure_url_policies(&narrow, "https://x", &scope, "r");
	check_address(&narrow, slashes + (scope.name ? 3 : 2), 0);
	azure_scope_free(&scope);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);
	char *rest = text, *lines[4];

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		lines[i] = strsep(&rest, "\n");
		if (!lines[i])
			lines[i] = text + strlen(text);
	}
	check_vm(lines[0], lines[3]);
	check_scope(lines[0]);
	check_endpoint(lines[1]);
	check_link(lines[1], lines[2]);
	return 0;
}
