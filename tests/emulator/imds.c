// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The instance metadata service: its checks, how often it may be asked, the instance documents.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "emulator.h"
#include "service_time.h"
#include "util.h"

static const char *const api_versions[] = {
	"2017-03-01", "2017-04-02", "2017-08-01", "2017-10-01", "2017-12-01", "2018-02-01", "2018-04-02",
	"2018-10-01", "2019-02-01", "2019-03-11", "2019-04-30", "2019-06-01", "2019-06-04", "2019-08-01",
	"2019-08-15", "2019-11-01", "2020-06-01", "2020-07-15", "2020-09-01", "2020-10-01", "2020-12-01",
	"2021-01-01", "2021-02-01", "2021-03-01", "2021-05-01", "2021-10-01", "2021-11-01", "2021-11-15",
	"2021-12-13", "2023-07-01", "2023-11-15", "2024-03-15", "2024-07-17", "2025-04-07",
};

#define INSTANCE_PATH "/metadata/instance"
#define TOKEN_PATH "/metadata/identity/oauth2/token"
#define VERSIONS_PATH "/metadata/versions"

/* `path` is `prefix` or lies below it; the rest (without its slash) is what is returned, else NULL. */
static const char *below(const char *path, const char *prefix)
{
	size_t len = strlen(prefix);

	if (strncasecmp(path, prefix, len) != 0 || (path[len] && path[len] != '/'))
		return NULL;
	return path[len] ? path + len + 1 : path + len;
}

enum operation imds_operation(const struct request *req)
{
	const char *leaf = below(req->path, INSTANCE_PATH);

	if (leaf && below(leaf, "network"))
		return OP_NETWORK;
	if (leaf)
		return OP_COMPUTE;
	if (below(req->path, TOKEN_PATH))
		return OP_TOKEN;
	if (below(req->path, VERSIONS_PATH))
		return OP_VERSIONS;
	return OP_IMDS_OTHER;
}

/* Newest first; n = 0: all of them. */
static cJSON *version_list(size_t n)
{
	cJSON *list = cJSON_CreateArray();
	size_t count = n ? n : ARRAY_SIZE(api_versions);

	for (size_t i = 0; i < count; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(api_versions[ARRAY_SIZE(api_versions) - 1 - i]));
	return list;
}

static bool known_version(const char *version)
{
	for (size_t i = 0; version && i < ARRAY_SIZE(api_versions); i++)
		if (strcmp(api_versions[i], version) == 0)
			return true;
	return false;
}

static void answer_imds_error(struct answer *answer, unsigned status, const char *error)
{
	cJSON *body = cJSON_CreateObject();

	cJSON_AddStringToObject(body, "error", error);
	answer_json(answer, status, body);
}

static void answer_bad_version(struct answer *answer)
{
	cJSON *body = cJSON_CreateObject();

	cJSON_AddStringToObject(body, "error",
				"Bad request. api-version is invalid or was not specified in the request. For more "
				"information refer to aka.ms/azureimds");
	cJSON_AddItemToObject(body, "newest-versions", version_list(3));
	answer_json(answer, 400, body);
}

/* The name behind the last slash. */
static const char *last_segment(const char *id)
{
	const char *slash = strrchr(id, '/');

	return slash ? slash + 1 : id;
}

static cJSON *compute_document(const struct emulator *em, const char *version)
{
	const char *vm = em->vm.id;
	char subscription[128] = "", group[128] = "";
	cJSON *doc = cJSON_CreateObject(), *set;

	resource_scope(vm, subscription, group, sizeof(group));
	if (strcmp(version, "2018-10-01") >= 0)
		cJSON_AddStringToObject(doc, "azEnvironment", em->vm.environment);
	cJSON_AddStringToObject(doc, "location", em->vm.location);
	cJSON_AddStringToObject(doc, "name", last_segment(vm));
	cJSON_AddStringToObject(doc, "offer", "debian-12");
	cJSON_AddStringToObject(doc, "osType", "Linux");
	cJSON_AddStringToObject(doc, "placementGroupId", "");
	cJSON_AddStringToObject(doc, "publisher", "Debian");
	cJSON_AddStringToObject(doc, "resourceGroupName", group);
	if (strcmp(version, "2019-03-11") >= 0)
		cJSON_AddStringToObject(doc, "resourceId", vm);
	cJSON_AddStringToObject(doc, "sku", "12-gen2");
	cJSON_AddStringToObject(doc, "subscriptionId", subscription);
	cJSON_AddStringToObject(doc, "tags", "");
	cJSON_AddArrayToObject(doc, "tagsList");
	cJSON_AddStringToObject(doc, "version", "0.20260101.1");
	set = cJSON_AddObjectToObject(doc, "virtualMachineScaleSet");
	cJSON_AddStringToObject(set, "id", "");
	cJSON_AddStringToObject(doc, "vmId", "02aab8a4-74ef-476e-8182-f6d2ba4166a6");
	cJSON_AddStringToObject(doc, "vmScaleSetName", "");
	cJSON_AddStringToObject(doc, "vmSize", "Standard_D2s_v5");
	cJSON_AddStringToObject(doc, "zone", "");
	return doc;
}

static cJSON *network_document(void)
{
	static const char text[] =
		"{\"interface\":[{\"ipv4\":{\"ipAddress\":[{\"privateIpAddress\":\"10.1.0.4\",\"publicIpAddress\":\"\"}"
		"],"
		"\"subnet\":[{\"address\":\"10.1.0.0\",\"prefix\":\"24\"}]},\"ipv6\":{\"ipAddress\":[]},"
		"\"macAddress\":\"000D3AF806EC\"}]}";

	return must(cJSON_Parse(text));
}

/* "compute/name" or "network/interface/0/macAddress" inside the document; NULL when there is no such thing. */
static cJSON *walk_down(cJSON *doc, const char *leaf)
{
	_cleanup_free_ char *copy = must_copy(leaf);
	char *save = NULL;
	long index;

	for (char *name = strtok_r(copy, "/", &save); name && doc; name = strtok_r(NULL, "/", &save)) {
		if (!cJSON_IsArray(doc))
			doc = cJSON_GetObjectItem(doc, name);
		else
			doc = text_number(name, 1000, &index) == 0 ? cJSON_GetArrayItem(doc, (int)index) : NULL;
	}
	return doc;
}

static void answer_instance(struct emulator *em, const struct request *req, struct answer *answer)
{
	const char *version = request_query(req, "api-version"), *format = request_query(req, "format");
	_cleanup_json_ cJSON *doc = cJSON_CreateObject();
	bool as_text = format && strcasecmp(format, "text") == 0;
	cJSON *found;

	cJSON_AddItemToObject(doc, "compute", compute_document(em, version));
	cJSON_AddItemToObject(doc, "network", network_document());
	found = walk_down(doc, below(req->path, INSTANCE_PATH));
	if (!found)
		answer_imds_error(answer, 404, "Not found");
	else if (cJSON_IsString(found) && as_text)
		answer_text(answer, 200, "text/plain; charset=utf-8", found->valuestring);
	else if (cJSON_IsString(found) || as_text)
		answer_imds_error(answer, 400, "Bad request. A leaf needs format=text, everything else format=json");
	else
		answer_json(answer, 200, cJSON_Duplicate(found, true));
}

static void answer_versions(struct answer *answer)
{
	cJSON *body = cJSON_CreateObject();

	cJSON_AddItemToObject(body, "apiVersions", version_list(0));
	answer_json(answer, 200, body);
}

/* The checks that stand before every path. False: answered. */
static bool request_allowed(const struct request *req, enum operation op, struct answer *answer)
{
	const char *metadata = request_header(req, "Metadata");

	if (strcmp(req->method, MHD_HTTP_METHOD_GET) != 0) {
		answer_imds_error(answer, 405, "Method not allowed");
		return false;
	}
	if (!metadata || strcmp(metadata, "true") != 0) {
		if (op == OP_TOKEN)
			token_answer_error(answer, 400, "bad_request_102", "Required metadata header not specified");
		else
			answer_imds_error(answer, 400, "Bad request. Required metadata header not specified");
		return false;
	}
	if (request_header(req, "X-Forwarded-For")) {
		answer_imds_error(answer, 400, "Bad request. The request must not be forwarded");
		return false;
	}
	if (op == OP_IMDS_OTHER) {
		answer_imds_error(answer, 404, "Not found");
		return false;
	}
	if (op != OP_VERSIONS &&
	    (request_query_count(req, "api-version") != 1 || !known_version(request_query(req, "api-version")))) {
		answer_bad_version(answer);
		return false;
	}
	return true;
}

/* False: answered. */
static bool spend(struct imds_limit *limit, bool identity, struct answer *answer)
{
	int64_t now = mono_ms(), *most = identity ? &limit->identity_per_s : &limit->per_s,
		*used = &limit->used[identity];

	if (now - limit->since_mono_ms >= 1000) {
		limit->since_mono_ms = now;
		limit->used[false] = limit->used[true] = 0;
	}
	if (*most && ++*used > *most) {
		answer_imds_error(answer, 429, "Too many requests");
		return false;
	}
	return true;
}

void imds_answer(struct emulator *em, const struct request *req, enum operation op, struct answer *answer)
{
	if (!spend(&em->imds_limit, op == OP_TOKEN, answer) || !request_allowed(req, op, answer) ||
	    prepared_take(&em->prepared, op, req->path, false, answer))
		return;
	if (op == OP_TOKEN)
		token_answer(em, req, answer);
	else if (op == OP_VERSIONS)
		answer_versions(answer);
	else
		answer_instance(em, req, answer);
}
