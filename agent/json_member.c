// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See json_member.h.
 */
#include "json_member.h"

#include <errno.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "json_scan.h"
#include "number.h"

void json_free(cJSON **tree)
{
	cJSON_Delete(*tree);
}

/* Not deeper than json_scan lets through. */
void json_wipe(cJSON *tree)
{
	for (cJSON *item = tree ? tree->child : NULL; item; item = item->next) {
		if (cJSON_IsString(item))
			explicit_bzero(item->valuestring, strlen(item->valuestring));
		json_wipe(item);
	}
}

static bool is_space(char ch)
{
	return ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r';
}

int json_parse(const char *bytes, size_t len, cJSON **ret, struct parse_error *err)
{
	_cleanup_json_ cJSON *tree = NULL;
	const char *end = NULL;

	if (json_scan(bytes, len, err))
		return -EINVAL;
	if (!len)
		return parse_fail(err, 0, "empty answer");
	tree = cJSON_ParseWithLengthOpts(bytes, len, &end, false);
	if (!tree)
		return parse_fail(err, end ? (size_t)(end - bytes) : 0, "not JSON, or cut short");
	while (end < bytes + len && is_space(*end))
		end++;
	if (end != bytes + len)
		return parse_fail(err, (size_t)(end - bytes), "something behind the answer");
	*ret = TAKE_PTR(tree);
	return 0;
}

int json_expect_object(const cJSON *item, const char *why, struct parse_error *err)
{
	size_t n = 0;

	if (!cJSON_IsObject(item))
		return parse_fail(err, 0, why);
	for (const cJSON *a = item->child; a; a = a->next) {
		if (++n > JSON_MEMBERS_MAX)
			return parse_fail(err, 0, "an object has too many members");
		for (const cJSON *b = item->child; b != a; b = b->next) {
			if (!strcmp(a->string, b->string))
				return parse_fail(err, 0, "an object has the same key twice");
		}
	}
	return 0;
}

/* NULL for a member that is not there or null. */
static const cJSON *member_of(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsNull(item) ? NULL : item;
}

int json_member_object(const cJSON *object, const char *key, const char *why, const cJSON **ret,
		       struct parse_error *err)
{
	const cJSON *item = member_of(object, key);

	if (json_expect_object(item, why, err))
		return -EINVAL;
	*ret = item;
	return 0;
}

int json_member_array(const cJSON *object, const char *key, bool required, const char *why, const cJSON **ret,
		      struct parse_error *err)
{
	const cJSON *item = member_of(object, key);

	if (item ? !cJSON_IsArray(item) : required)
		return parse_fail(err, 0, why);
	*ret = item;
	return 0;
}

int json_member_text(const cJSON *object, const char *key, bool required, const char *why, const char **ret,
		     struct parse_error *err)
{
	const cJSON *item = member_of(object, key);

	if (item ? !cJSON_IsString(item) : required)
		return parse_fail(err, 0, why);
	*ret = item ? item->valuestring : NULL;
	return 0;
}

int json_member_copy(const cJSON *object, const char *key, bool required, const char *why, char **ret,
		     struct parse_error *err)
{
	const char *text;
	char *copy;

	if (json_member_text(object, key, required, why, &text, err))
		return -EINVAL;
	if (!text)
		return 0;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

bool json_member_count(const cJSON *object, const char *key, uint64_t max, uint64_t *ret)
{
	const cJSON *item = member_of(object, key);

	if (cJSON_IsString(item))
		return number_parse(item->valuestring, strlen(item->valuestring), max, ret) == 0;
	if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= (double)max) ||
	    item->valuedouble != (double)(uint64_t)item->valuedouble)
		return false;
	*ret = (uint64_t)item->valuedouble;
	return true;
}

/* A text of digits, as people write it into templates. */
static bool is_digits(const cJSON *item, uint64_t *ret)
{
	const char *text = cJSON_IsString(item) ? item->valuestring : "";

	if (!*text || (text[0] == '0' && text[1]))
		return false;
	return number_parse(text, strlen(text), UINT16_MAX, ret) == 0;
}

/* valueint truncates and saturates, so the double is what is tested. */
int json_member_port(const cJSON *object, const char *why, uint16_t *ret, struct parse_error *err)
{
	const cJSON *item = member_of(object, "number");
	uint64_t number;

	if (is_digits(item, &number)) {
		*ret = (uint16_t)number;
		return 0;
	}
	if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= 65535) ||
	    item->valuedouble != (double)(uint16_t)item->valuedouble)
		return parse_fail(err, 0, why);
	*ret = (uint16_t)item->valuedouble;
	return 0;
}
