// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The list of prepared answers. Sends nothing.
 */
#include "prepared.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

static void free_prepared(struct prepared *prepared)
{
	answer_clear(&prepared->answer);
	free(prepared);
}

static void free_prepared_ptr(struct prepared **prepared)
{
	if (*prepared)
		free_prepared(*prepared);
}

/* A string, a list of strings for as many headers, or null: the header that is usual is left out. */
static const char *take_header(struct answer *answer, const cJSON *header)
{
	const cJSON *one;

	if (cJSON_IsNull(header)) {
		answer_without_header(answer, header->string);
		return NULL;
	}
	if (cJSON_IsString(header)) {
		answer_header(answer, header->string, "%s", header->valuestring);
		return NULL;
	}
	if (!cJSON_IsArray(header))
		return "a header must be a string, a list of strings, or null";
	cJSON_ArrayForEach(one, header)
	{
		if (!cJSON_IsString(one))
			return "a header must be a string, a list of strings, or null";
		answer_header(answer, header->string, "%s", one->valuestring);
	}
	return NULL;
}

static const char *take_body(struct answer *answer, const cJSON *json, unsigned status)
{
	const cJSON *body = cJSON_GetObjectItemCaseSensitive(json, "body");
	const cJSON *text = cJSON_GetObjectItemCaseSensitive(json, "text");

	if (body && text)
		return "only one of \"body\" and \"text\"";
	if (text && !cJSON_IsString(text))
		return "\"text\" must be a string";
	if (text)
		answer_text(answer, status, "application/json; charset=utf-8", text->valuestring);
	else if (body && !cJSON_IsNull(body))
		answer_json(answer, status, cJSON_Duplicate(body, true));
	else
		answer_empty(answer, status);
	return NULL;
}

static const char *parse_prepared(const cJSON *json, struct prepared *ret)
{
	const cJSON *status = cJSON_GetObjectItemCaseSensitive(json, "status"), *header;
	const char *why = target_parse(json, &ret->target);

	if (why)
		return why;
	if (status && (!cJSON_IsNumber(status) || status->valueint < 200 || status->valueint > 599))
		return "\"status\" must be 200..599";
	ret->unchecked = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "unchecked"));
	why = take_body(&ret->answer, json, status ? (unsigned)status->valueint : 200);
	cJSON_ArrayForEach(header, cJSON_GetObjectItemCaseSensitive(json, "headers"))
	{
		if (!why)
			why = take_header(&ret->answer, header);
	}
	answer_fix_headers(&ret->answer);
	return why;
}

static void remove_prepared(struct prepared_list *list, size_t i)
{
	free_prepared(list->list[i]);
	memmove(&list->list[i], &list->list[i + 1], (list->n - i - 1) * sizeof(list->list[0]));
	list->n--;
}

const char *prepared_add(struct prepared_list *list, const cJSON *json)
{
	CLEANUP(free_prepared_ptr) struct prepared *prepared = must(calloc(1, sizeof(*prepared)));
	const char *why = parse_prepared(json, prepared);

	if (why)
		return why;
	for (size_t i = 0; i < list->n; i++)
		if (list->list[i]->target.left < 0 && target_same(&list->list[i]->target, &prepared->target))
			remove_prepared(list, i--);
	if (list->n == PREPARED_MAX)
		return "too many prepared answers";
	list->list[list->n++] = TAKE_PTR(prepared);
	return NULL;
}

void prepared_clear(struct prepared_list *list)
{
	while (list->n)
		remove_prepared(list, list->n - 1);
}

bool prepared_take(struct prepared_list *list, enum operation op, const char *path, bool unchecked,
		   struct answer *answer)
{
	for (size_t i = 0; i < list->n; i++) {
		struct prepared *prepared = list->list[i];

		if (prepared->unchecked != unchecked || !target_takes(&prepared->target, op, path))
			continue;
		answer_copy(answer, &prepared->answer);
		if (prepared->target.left == 0)
			remove_prepared(list, i);
		return true;
	}
	return false;
}

cJSON *prepared_render(const struct prepared_list *list)
{
	cJSON *out = cJSON_CreateArray();

	for (size_t i = 0; i < list->n; i++) {
		cJSON *one = cJSON_CreateObject();

		target_render(&list->list[i]->target, one);
		cJSON_AddNumberToObject(one, "status", list->list[i]->answer.status);
		cJSON_AddItemToArray(out, one);
	}
	return out;
}
