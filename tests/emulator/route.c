// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Paths of the resource manager: cut up and told apart. Segment names are compared without case.
 */
#include "route.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http_util.h"
#include "util.h"

#define SEGMENTS_MAX 12

/* Newest first. */
static const char *const versions[_ROUTE_MAX][5] = {
	[ROUTE_POLICIES] = {"2020-01-01"},
	[ROUTE_INITIATE] = {"2020-01-01"},
	[ROUTE_PRICING] = {"2024-01-01", "2023-01-01", "2022-03-01", "2018-06-01"},
	[ROUTE_REGISTER] = {"2021-04-01"},
};

void route_free(struct route *route)
{
	free(route->text);
}

/* The path cut at its slashes; more segments than there is room for: -EINVAL. */
static int split_path(char *path, const char *segments[SEGMENTS_MAX])
{
	char *save = NULL;
	int n = 0;

	for (char *s = strtok_r(path, "/", &save); s; s = strtok_r(NULL, "/", &save)) {
		if (n == SEGMENTS_MAX)
			return -EINVAL;
		segments[n++] = s;
	}
	return n;
}

/* "name/VALUE" at *i: the value, or NULL and *i stays. */
static const char *take_pair(const char *const *segments, int n, int *i, const char *name)
{
	if (*i + 1 >= n || strcasecmp(segments[*i], name) != 0)
		return NULL;
	*i += 2;
	return segments[*i - 1];
}

static bool take_word(const char *const *segments, int n, int *i, const char *word)
{
	if (*i >= n || strcasecmp(segments[*i], word) != 0)
		return false;
	(*i)++;
	return true;
}

/* Behind ".../providers/Microsoft.Security": true when it is all there is, and known. */
static bool take_security(const char *const *segments, int n, int i, struct route *route)
{
	const char *pricing;

	if (!route->scope.group && take_word(segments, n, &i, "register")) {
		route->kind = ROUTE_REGISTER;
		return i == n;
	}
	pricing = route->scope.group ? NULL : take_pair(segments, n, &i, "pricings");
	if (pricing) {
		route->kind = ROUTE_PRICING;
		route->scope.name = pricing;
		return i == n;
	}
	route->scope.location = take_pair(segments, n, &i, "locations");
	if (!take_word(segments, n, &i, "jitNetworkAccessPolicies"))
		return false;
	if (i < n && route->scope.group && route->scope.location)
		route->scope.name = segments[i++];
	if (route->scope.name && take_word(segments, n, &i, "initiate"))
		route->kind = ROUTE_INITIATE;
	return i == n;
}

int route_parse(const char *path, struct route *ret)
{
	CLEANUP(route_free) struct route route = {.text = must_copy(path)};
	const char *segments[SEGMENTS_MAX], *provider;
	int n = split_path(route.text, segments), i = 0;

	route.scope.subscription = take_pair(segments, n, &i, "subscriptions");
	route.scope.group = take_pair(segments, n, &i, "resourceGroups");
	provider = take_pair(segments, n, &i, "providers");
	if (!route.scope.subscription || !provider || strcasecmp(provider, "Microsoft.Security") != 0)
		return -EINVAL;
	if (!take_security(segments, n, i, &route))
		return -EINVAL;
	*ret = route;
	route.text = NULL;
	return 0;
}

enum operation route_operation(const struct route *route, const char *method)
{
	if (route->kind == ROUTE_INITIATE)
		return strcmp(method, "POST") == 0 ? OP_INITIATE : OP_ARM_OTHER;
	if (route->kind != ROUTE_POLICIES)
		return OP_ARM_OTHER;
	if (strcmp(method, "GET") == 0 && !route->scope.name)
		return route->scope.location ? OP_LIST_LOCATION : OP_LIST_WIDE;
	if (!route->scope.name)
		return OP_ARM_OTHER;
	if (strcmp(method, "GET") == 0)
		return OP_GET;
	if (strcmp(method, "PUT") == 0)
		return OP_PUT;
	return strcmp(method, "DELETE") == 0 ? OP_DELETE : OP_ARM_OTHER;
}

bool route_knows_version(const struct route *route, const char *version)
{
	for (size_t i = 0; versions[route->kind][i]; i++)
		if (strcmp(versions[route->kind][i], version) == 0)
			return true;
	return false;
}

const char *route_version(const struct route *route)
{
	return versions[route->kind][0];
}
