// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Policies, written otherwise. Changes no meaning.
 */
#include "quirks.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http_util.h"
#include "service_time.h"
#include "util.h"

static const char *const id_cases[] = {
	[IDS_AS_WRITTEN] = "as-written",
	[IDS_LOWER] = "lower",
	[IDS_UPPER] = "upper",
	[IDS_SEGMENTS] = "segments",
};
_Static_assert(ARRAY_SIZE(id_cases) == _IDS_MAX, "every case needs a name");

static bool is_true(const cJSON *json, const char *name)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, name));
}

const char *quirks_parse(const cJSON *json, struct quirks *ret)
{
	const cJSON *digits = cJSON_GetObjectItemCaseSensitive(json, "fraction_digits");
	const char *ids = json_string(json, "ids"), *word = cJSON_GetStringValue(digits);
	const char *hidden = json_string(json, "subscription_hides");
	struct quirks quirks = {.nulls = is_true(json, "nulls"),
				.unknown = is_true(json, "unknown"),
				.empty_request_ids = is_true(json, "empty_request_ids")};

	while (ids && strcmp(id_cases[quirks.ids], ids) != 0)
		if (++quirks.ids == _IDS_MAX)
			return "\"ids\" must be as-written, lower, upper or segments";
	quirks.vary_digits = word && strcmp(word, "vary") == 0;
	quirks.exact_digits = cJSON_IsNumber(digits);
	if (digits && !quirks.vary_digits && !(quirks.exact_digits && digits->valueint >= 0 && digits->valueint <= 7))
		return "\"fraction_digits\" must be 0 to 7 or \"vary\"";
	quirks.digits = quirks.exact_digits ? digits->valueint : 0;
	snprintf(quirks.hidden, sizeof(quirks.hidden), "%s", hidden ? hidden : "");
	*ret = quirks;
	return NULL;
}

/* ---------------------------------------------------------------- ids */

static void lower_word(char *text, const char *word)
{
	char *at = strcasestr(text, word);

	for (size_t i = 0; at && i < strlen(word); i++)
		at[i] = (char)tolower((unsigned char)at[i]);
}

static void write_id(enum id_case ids, char *id)
{
	if (ids == IDS_SEGMENTS) {
		lower_word(id, "/resourceGroups/");
		lower_word(id, "/Microsoft.Compute/virtualMachines/");
		return;
	}
	for (; *id && ids != IDS_AS_WRITTEN; id++)
		*id = (char)(ids == IDS_LOWER ? tolower((unsigned char)*id) : toupper((unsigned char)*id));
}

/* ---------------------------------------------------------------- times */

static int next_digits(const struct quirks *quirks)
{
	static int turn;

	return quirks->vary_digits ? turn++ % 8 : quirks->digits;
}

/* So many digits behind the point, no more and no less; a time is never made later. */
static void write_time(const struct quirks *quirks, cJSON *item)
{
	char text[TICKS_TEXT_MAX], all[16];
	int64_t ticks;
	int digits;

	if (!cJSON_IsString(item) || ticks_parse(item->valuestring, &ticks))
		return;
	digits = next_digits(quirks);
	ticks_format(ticks / TICKS_PER_S * TICKS_PER_S, text);
	text[strlen(text) - 1] = '\0';
	snprintf(all, sizeof(all), "%07d", (int)(ticks % TICKS_PER_S));
	free(item->valuestring);
	item->valuestring = must_printf("%s%s%.*sZ", text, digits ? "." : "", digits, all);
}

/* ---------------------------------------------------------------- members */

static void add_nulls(cJSON *object)
{
	static const char *const optional[] = {"allowedSourceAddressPrefix", "allowedSourceAddressPrefixes"};

	if (cJSON_HasObjectItem(object, "requestor")) {
		if (!cJSON_HasObjectItem(object, "justification"))
			cJSON_AddNullToObject(object, "justification");
		return;
	}
	if (cJSON_HasObjectItem(object, "ports") && !cJSON_HasObjectItem(object, "publicIpAddress"))
		cJSON_AddNullToObject(object, "publicIpAddress");
	if (!cJSON_HasObjectItem(object, "number"))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(optional); i++)
		if (!cJSON_HasObjectItem(object, optional[i]))
			cJSON_AddNullToObject(object, optional[i]);
}

/* At the front, so that nobody gets away with reading members in their usual order. */
static void add_unknown(cJSON *object)
{
	cJSON *news = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(news, "list");

	cJSON_AddItemToArray(list, cJSON_CreateNumber(1.5));
	cJSON_AddItemToArray(list, cJSON_CreateNull());
	cJSON_AddStringToObject(news, "status", "Initiated");
	cJSON_AddItemToObject(object, "x-new", news);
	if (object->child != news) {
		news = cJSON_DetachItemFromObjectCaseSensitive(object, "x-new");
		cJSON_InsertItemInArray(object, 0, news);
	}
}

static void apply_to_object(const struct quirks *quirks, cJSON *object)
{
	bool dates = quirks->exact_digits || quirks->vary_digits;
	char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "id"));

	if (id)
		write_id(quirks->ids, id);
	if (dates)
		write_time(quirks, cJSON_GetObjectItemCaseSensitive(object, "startTimeUtc"));
	if (dates)
		write_time(quirks, cJSON_GetObjectItemCaseSensitive(object, "endTimeUtc"));
	if (quirks->nulls)
		add_nulls(object);
	if (quirks->unknown)
		add_unknown(object);
}

void quirks_apply(const struct quirks *quirks, cJSON *doc)
{
	cJSON *one;

	cJSON_ArrayForEach(one, doc)
	{
		if (cJSON_IsObject(one) || cJSON_IsArray(one))
			quirks_apply(quirks, one);
	}
	if (cJSON_IsObject(doc))
		apply_to_object(quirks, doc);
}
