// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See azure_compute.h.
 */
#include "azure_compute.h"

#include <errno.h>
#include <string.h>

#include "json_member.h"

void azure_compute_free(struct azure_compute *compute)
{
	free(compute->resource_id);
	free(compute->environment);
	free(compute->location);
	*compute = (struct azure_compute){0};
}

static int copy_or_empty(const struct cJSON *object, const char *key, const char *why, char **ret,
			 struct parse_error *err)
{
	int r = json_member_copy(object, key, false, why, ret, err);

	if (!r && !*ret && !(*ret = strdup("")))
		return -ENOMEM;
	return r;
}

int azure_compute_parse(const char *bytes, size_t len, struct azure_compute *ret, struct parse_error *err)
{
	_cleanup_json_ struct cJSON *tree = NULL;
	_cleanup_azure_compute_ struct azure_compute compute = {0};
	int r = json_parse(bytes, len, &tree, err);

	if (r)
		return r;
	if (json_expect_object(tree, "the instance data are not an object", err))
		return -EINVAL;
	r = json_member_copy(tree, "resourceId", true, "resourceId is not a text", &compute.resource_id, err);
	if (r)
		return r;
	if (!*compute.resource_id)
		return parse_fail(err, 0, "resourceId is empty");
	r = copy_or_empty(tree, "azEnvironment", "azEnvironment is not a text", &compute.environment, err);
	if (!r)
		r = copy_or_empty(tree, "location", "location is not a text", &compute.location, err);
	if (r)
		return r;
	ret->resource_id = TAKE_PTR(compute.resource_id);
	ret->environment = TAKE_PTR(compute.environment);
	ret->location = TAKE_PTR(compute.location);
	return 0;
}
