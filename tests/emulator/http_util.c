// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Requests, answers and JSON helpers. Sends nothing itself: server.c does.
 */
#include "http_util.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "util.h"

void *must(void *p)
{
	if (!p) {
		fprintf(stderr, "emulator: out of memory\n");
		abort();
	}
	return p;
}

char *must_copy(const char *text)
{
	return must(strdup(text));
}

char *must_vprintf(const char *format, va_list args)
{
	char *text = NULL;

	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	return must(text);
}

char *must_printf(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = must_vprintf(format, args);
	va_end(args);
	return text;
}

void json_free(cJSON **json)
{
	cJSON_Delete(*json);
}

const char *json_string(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

int text_number(const char *text, long most, long *ret)
{
	char *end;
	long value;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || *end || value > most)
		return -EINVAL;
	*ret = value;
	return 0;
}

cJSON *request_json(const struct request *req)
{
	cJSON *json = req->body ? cJSON_ParseWithLengthOpts(req->body, req->body_len + 1, NULL, true) : NULL;

	if (!cJSON_IsObject(json)) {
		cJSON_Delete(json);
		return NULL;
	}
	return json;
}

const char *request_query(const struct request *req, const char *name)
{
	return MHD_lookup_connection_value(req->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *request_header(const struct request *req, const char *name)
{
	return MHD_lookup_connection_value(req->connection, MHD_HEADER_KIND, name);
}

struct count_arg {
	const char *name;
	unsigned count;
};

static enum MHD_Result count_key(void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct count_arg *arg = cls;

	(void)kind;
	(void)value;
	arg->count += strcasecmp(key, arg->name) == 0;
	return MHD_YES;
}

unsigned request_query_count(const struct request *req, const char *name)
{
	struct count_arg arg = {.name = name};

	MHD_get_connection_values(req->connection, MHD_GET_ARGUMENT_KIND, count_key, &arg);
	return arg.count;
}

void answer_clear(struct answer *answer)
{
	free(answer->body);
	*answer = (struct answer){0};
}

void answer_copy(struct answer *to, const struct answer *from)
{
	answer_clear(to);
	*to = *from;
	if (from->body) {
		to->body = must(malloc(from->len + 1));
		memcpy(to->body, from->body, from->len + 1);
	}
}

void answer_empty(struct answer *answer, unsigned status)
{
	answer_clear(answer);
	answer->status = status;
}

void answer_text(struct answer *answer, unsigned status, const char *type, const char *body)
{
	answer_clear(answer);
	answer->status = status;
	answer->type = type;
	answer->body = must_copy(body);
	answer->len = strlen(body);
}

void answer_json(struct answer *answer, unsigned status, cJSON *json)
{
	_cleanup_free_ char *text = must(cJSON_PrintUnformatted(json));

	answer_text(answer, status, "application/json; charset=utf-8", text);
	cJSON_Delete(json);
}

static bool is_fixed(const struct answer *answer, const char *name)
{
	for (size_t i = 0; i < answer->n_fixed; i++)
		if (strcasecmp(answer->headers[i].name, name) == 0)
			return true;
	return false;
}

/* NULL: fixed, or there is no room. */
static struct header *new_header(struct answer *answer, const char *name)
{
	struct header *h = &answer->headers[answer->n_headers];

	if (answer->n_headers == ARRAY_SIZE(answer->headers) || is_fixed(answer, name))
		return NULL;
	answer->n_headers++;
	*h = (struct header){.left_out = false};
	snprintf(h->name, sizeof(h->name), "%s", name);
	return h;
}

void answer_header(struct answer *answer, const char *name, const char *format, ...)
{
	struct header *h = new_header(answer, name);
	va_list args;

	if (!h)
		return;
	va_start(args, format);
	vsnprintf(h->value, sizeof(h->value), format, args);
	va_end(args);
}

void answer_without_header(struct answer *answer, const char *name)
{
	struct header *h = new_header(answer, name);

	if (h)
		h->left_out = true;
}

void answer_fix_headers(struct answer *answer)
{
	answer->n_fixed = answer->n_headers;
}

void answer_arm_error(struct answer *answer, unsigned status, const char *code, const char *format, ...)
{
	cJSON *body = cJSON_CreateObject(), *error = cJSON_AddObjectToObject(body, "error");
	_cleanup_free_ char *message = NULL;
	va_list args;

	va_start(args, format);
	message = must_vprintf(format, args);
	va_end(args);
	cJSON_AddStringToObject(error, "code", code);
	cJSON_AddStringToObject(error, "message", message);
	answer_json(answer, status, body);
}

static void random_bytes(uint8_t *out, size_t len)
{
	/* Up to 256 bytes come whole, once the kernel's generator is seeded. */
	if (getrandom(out, len, 0) != (ssize_t)len)
		abort();
}

void random_hex(char *out, size_t bytes)
{
	uint8_t raw[64];

	if (bytes > sizeof(raw))
		bytes = sizeof(raw);
	random_bytes(raw, bytes);
	for (size_t i = 0; i < bytes; i++)
		snprintf(out + 2 * i, 3, "%02x", raw[i]);
}

void random_guid(char out[GUID_TEXT_MAX])
{
	uint8_t r[16];

	random_bytes(r, sizeof(r));
	r[6] = (uint8_t)((r[6] & 0x0f) | 0x40);
	r[8] = (uint8_t)((r[8] & 0x3f) | 0x80);
	snprintf(out, GUID_TEXT_MAX, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1],
		 r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14], r[15]);
}
