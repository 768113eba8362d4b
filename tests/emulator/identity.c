// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Managed identities: read from the command line, choose.
 */
#include "identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http_util.h"
#include "util.h"

static bool take_id(struct identity *identity, const char *name, const char *value)
{
	const struct {
		const char *name;
		char *to;
		size_t size;
	} members[] = {{"client_id", identity->client_id, sizeof(identity->client_id)},
		       {"object_id", identity->object_id, sizeof(identity->object_id)},
		       {"msi_res_id", identity->resource_id, sizeof(identity->resource_id)}};

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (strcmp(members[i].name, name) == 0)
			return *value && snprintf(members[i].to, members[i].size, "%s", value) < (int)members[i].size;
	return false;
}

bool identities_add(struct identities *identities, const char *text)
{
	_cleanup_free_ char *copy = must_copy(text);
	struct identity identity = {.system = strcmp(text, "system") == 0};
	char *save = NULL;

	if (identities->n == IDENTITIES_MAX || !*text)
		return false;
	for (char *part = strtok_r(copy, ",", &save); part && !identity.system; part = strtok_r(NULL, ",", &save)) {
		char *equals = strchr(part, '=');

		if (!equals)
			return false;
		*equals = '\0';
		if (!take_id(&identity, part, equals + 1))
			return false;
	}
	identities->list[identities->n++] = identity;
	return true;
}

static int choose_without_id(const struct identities *identities, const char **ret_why)
{
	for (size_t i = 0; i < identities->n; i++)
		if (identities->list[i].system)
			return (int)i;
	if (identities->n == 1)
		return 0;
	*ret_why = identities->n ? "Multiple user assigned identities exist, please specify the clientId / resourceId "
				   "of the identity in the token request"
				 : "Identity not found";
	return -1;
}

static bool is_meant(const char *asked, const char *has)
{
	return asked && *has && strcasecmp(asked, has) == 0;
}

int identities_choose(const struct identities *identities, const char *client_id, const char *object_id,
		      const char *resource_id, const char **ret_why)
{
	if (!client_id && !object_id && !resource_id)
		return choose_without_id(identities, ret_why);
	if (!!client_id + !!object_id + !!resource_id > 1) {
		*ret_why = "Only one of client_id, object_id and msi_res_id can be given";
		return -1;
	}
	for (size_t i = 0; i < identities->n; i++) {
		const struct identity *identity = &identities->list[i];

		if (is_meant(client_id, identity->client_id) || is_meant(object_id, identity->object_id) ||
		    is_meant(resource_id, identity->resource_id))
			return (int)i;
	}
	*ret_why = "Identity not found";
	return -1;
}
