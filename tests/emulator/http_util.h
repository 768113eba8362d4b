/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the handlers see of HTTP: a request that is complete, an answer that is not sent yet, and small
 * helpers for JSON. Nothing here knows Azure.
 */
#ifndef EMULATOR_HTTP_UTIL_H
#define EMULATOR_HTTP_UTIL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <microhttpd.h>
#include <netinet/in.h>

#define REQUEST_BODY_MAX (1024 * 1024)

struct request {
	struct MHD_Connection *connection;
	const char *method;
	char *path; /* percent-decoded, without the query */
	char *body; /* NUL-terminated */
	size_t body_len;
	bool body_too_big;
	char client[INET6_ADDRSTRLEN];
};

struct header {
	char name[64];
	char value[256];
	bool left_out; /* it only keeps others of its name away */
};

struct answer {
	unsigned status;
	const char *type; /* NULL: no content type */
	char *body;       /* NULL: empty */
	size_t len;
	bool chunked; /* sent without its length */
	struct header headers[40];
	size_t n_headers;
	size_t n_fixed; /* of these: nobody adds one of the same name */
};

/* Memory: a test tool has nothing better to do than to stop when there is none. */
void *must(void *p);
char *must_copy(const char *text);
char *must_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *must_vprintf(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

void json_free(cJSON **json);
#define _cleanup_json_ __attribute__((cleanup(json_free)))

/* The member's string, or NULL when it is missing or something else. */
const char *json_string(const cJSON *object, const char *name);

/* A decimal number of 0 to `most` and nothing else. -EINVAL, ret untouched. */
int text_number(const char *text, long most, long *ret);

/* The whole body as one JSON object, or NULL. The caller frees it. */
cJSON *request_json(const struct request *req);

/* The first value of a query argument or header; NULL when it is not there. */
const char *request_query(const struct request *req, const char *name);
const char *request_header(const struct request *req, const char *name);

/* How often a query argument occurs. */
unsigned request_query_count(const struct request *req, const char *name);

void answer_clear(struct answer *answer);

/* `to` is overwritten. */
void answer_copy(struct answer *to, const struct answer *from);

/* Compact JSON; frees json. */
void answer_json(struct answer *answer, unsigned status, cJSON *json);
void answer_empty(struct answer *answer, unsigned status);
void answer_text(struct answer *answer, unsigned status, const char *type, const char *body);
void answer_header(struct answer *answer, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* What was added so far stays as it is: a header of a name that is there is not added again, nor is one that is to be
 * left out. */
void answer_fix_headers(struct answer *answer);
void answer_without_header(struct answer *answer, const char *name);

/* The error body of the resource manager: {"error":{"code","message"}}. */
void answer_arm_error(struct answer *answer, unsigned status, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* "7399f689-ddf5-4ade-b65c-43eecf2b0292", random. */
#define GUID_TEXT_MAX 37
void random_guid(char out[GUID_TEXT_MAX]);

/* `bytes` random bytes as hexadecimal text with its NUL: out holds 2 * bytes + 1. */
void random_hex(char *out, size_t bytes);

#endif
