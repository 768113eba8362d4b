// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Faults at work on answers. Runs outside the emulator's lock (but for a look at the fault generation), on the
 * thread of the connection it delays, so nobody else waits.
 */
#include "mangle.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "service_time.h"
#include "util.h"

#define HUGE_SIZE (100LL * 1000 * 1000)
#define TICK_MS 50
#define MISSING_BYTES 64

static const char html_page[] =
	"<!DOCTYPE html>\r\n<html><head><title>502 Bad Gateway</title></head>\r\n<body><center><h1>502 Bad "
	"Gateway</h1></center><hr><center>Microsoft-Azure-Application-Gateway/v2</center></body></html>\r\n";

static const char *arm_code(unsigned status)
{
	switch (status) {
	case 401:
		return "ExpiredAuthenticationToken";
	case 403:
		return "AuthorizationFailed";
	case 404:
		return "ResourceNotFound";
	case 409:
		return "Conflict";
	case 429:
		return "TooManyRequests";
	case 500:
		return "InternalServerError";
	case 503:
		return "ServiceUnavailable";
	default:
		return "Fault";
	}
}

static const char *arm_message(unsigned status)
{
	switch (status) {
	case 403:
		return "The client 'emulated' with object id '00000000-0000-0000-0000-000000000000' does not have "
		       "authorization to perform action 'Microsoft.Security/locations/jitNetworkAccessPolicies/read' "
		       "or the scope is invalid. If access was recently granted, please refresh your credentials.";
	case 429:
		return "The request is being throttled, as asked for.";
	default:
		return "Fault, as asked for.";
	}
}

/* All that an error of the resource manager may have. */
static void add_details(struct answer *answer)
{
	cJSON *body = must(cJSON_Parse(answer->body)), *error = cJSON_GetObjectItemCaseSensitive(body, "error");
	cJSON *details = cJSON_AddArrayToObject(error, "details"), *detail = cJSON_CreateObject();
	cJSON *infos = cJSON_AddArrayToObject(error, "additionalInfo"), *info = cJSON_CreateObject();

	cJSON_AddStringToObject(error, "target", "jitNetworkAccessPolicies");
	cJSON_AddItemToArray(details, detail);
	cJSON_AddStringToObject(detail, "code", "Detail");
	cJSON_AddStringToObject(detail, "message", "The error behind the error.");
	cJSON_AddItemToArray(infos, info);
	cJSON_AddStringToObject(info, "type", "PolicyViolation");
	cJSON_AddStringToObject(cJSON_AddObjectToObject(info, "info"), "policyDefinitionName", "emulated");
	answer_json(answer, answer->status, body);
}

static void replace_with_status(const struct fault *fault, enum operation op, struct answer *answer)
{
	const char *usual = fault->status >= 500 ? "unknown" : "invalid_request";

	if (operation_is_arm(op)) {
		answer_arm_error(answer, fault->status, fault->code[0] ? fault->code : arm_code(fault->status), "%s",
				 arm_message(fault->status));
		if (fault->details)
			add_details(answer);
	} else {
		token_answer_error(answer, fault->status, fault->code[0] ? fault->code : usual, "Fault, as asked for.");
	}
	if (fault->retry_after_s >= 0)
		answer_header(answer, "Retry-After", "%d", fault->retry_after_s);
}

void mangle_replace(const struct fault *fault, enum operation op, struct answer *answer)
{
	switch (fault->kind) {
	case FAULT_STATUS:
		replace_with_status(fault, op, answer);
		break;
	case FAULT_HTML:
		answer_text(answer, fault->status, "text/html", html_page);
		if (fault->retry_after_s >= 0)
			answer_header(answer, "Retry-After", "%d", fault->retry_after_s);
		break;
	case FAULT_NOT_JSON:
		answer_text(answer, 200, "application/json; charset=utf-8", "upstream said: all is well");
		break;
	case FAULT_HUGE:
	case FAULT_BOMB:
		answer_empty(answer, 200);
		answer->type = "application/json; charset=utf-8";
		if (fault->kind == FAULT_BOMB)
			answer_header(answer, "Content-Encoding", "gzip");
		break;
	default:
		answer_empty(answer, 200);
		break;
	}
}

/* ---------------------------------------------------------------- members twice */

/* text with every `what` preceded by `extra`. */
static char *insert_before_each(const char *text, const char *what, const char *extra)
{
	size_t what_len = strlen(what), size;
	_cleanup_free_ char *out = NULL;
	_cleanup_fclose_ FILE *f = must(open_memstream(&out, &size));
	const char *at;

	while ((at = strstr(text, what))) {
		fwrite(text, 1, (size_t)(at - text), f);
		fprintf(f, "%s%s", extra, what);
		text = at + what_len;
	}
	fputs(text, f);
	fclose(TAKE_PTR(f));
	return must(TAKE_PTR(out));
}

void mangle_double_members(struct answer *answer)
{
	_cleanup_free_ char *extra = NULL;
	const char *quote;
	char *doubled;

	if (!answer->body || answer->body[0] != '{' || answer->body[1] != '"')
		return;
	if (strstr(answer->body, "\"status\":")) {
		doubled = insert_before_each(answer->body, "\"status\":", "\"status\":\"Initiated\",");
	} else {
		quote = strchr(answer->body + 2, '"');
		extra = must_printf("{%.*s:null,", (int)(quote - answer->body), answer->body + 1);
		doubled = must_printf("%s%s", extra, answer->body + 1);
	}
	free(answer->body);
	answer->body = doubled;
	answer->len = strlen(doubled);
}

/* ---------------------------------------------------------------- waiting */

static unsigned fault_generation(struct emulator *em)
{
	unsigned generation;

	pthread_mutex_lock(&em->lock);
	generation = em->faults.generation;
	pthread_mutex_unlock(&em->lock);
	return generation;
}

static int connection_fd(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

enum wait_result mangle_wait(struct emulator *em, struct MHD_Connection *connection, int64_t ms)
{
	struct pollfd pfd = {.fd = connection_fd(connection), .events = POLLRDHUP};
	int64_t until = mono_ms() + ms, left = ms;
	unsigned generation = fault_generation(em);

	while (ms < 0 || left > 0) {
		if (poll(&pfd, 1, ms < 0 || left > TICK_MS ? TICK_MS : (int)left) > 0 || em->stopping)
			return WAIT_GONE;
		if (fault_generation(em) != generation)
			return WAIT_RELEASED;
		left = until - mono_ms();
	}
	return WAIT_OVER;
}

/* ---------------------------------------------------------------- streams */

struct stream {
	struct emulator *em;
	struct MHD_Connection *connection;
	char *body;
	size_t len;
	bool slow, released;
	bool fails; /* at its end */
};

static void free_stream(void *cls)
{
	struct stream *stream = cls;

	free(stream->body);
	free(stream);
}

static ssize_t read_slow(struct stream *stream, uint64_t at, char *buf, size_t max)
{
	enum wait_result wait = stream->released ? WAIT_RELEASED : mangle_wait(stream->em, stream->connection, 1000);
	size_t rest = stream->len - (size_t)at;

	if (wait == WAIT_GONE)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	stream->released = wait == WAIT_RELEASED;
	if (!stream->released)
		max = 1;
	if (max > rest)
		max = rest;
	memcpy(buf, stream->body + at, max);
	return (ssize_t)max;
}

/* The body, then its end or an error. */
static ssize_t read_stream(void *cls, uint64_t at, char *buf, size_t max)
{
	struct stream *stream = cls;
	size_t rest = at < stream->len ? stream->len - (size_t)at : 0;

	if (!rest)
		return stream->fails ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
	if (stream->slow)
		return read_slow(stream, at, buf, max);
	if (max > rest)
		max = rest;
	memcpy(buf, stream->body + at, max);
	return (ssize_t)max;
}

/* {"value":[{"id":"pad"},{"id":"pad"},...]} */
static ssize_t read_huge(void *cls, uint64_t at, char *buf, size_t max)
{
	static const char head[] = "{\"value\":[{\"id\":\"pad\"}", item[] = ",{\"id\":\"pad\"}";
	const size_t head_len = sizeof(head) - 1, item_len = sizeof(item) - 1;
	struct emulator *em = cls;
	size_t n = 0;

	if (em->stopping)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (at >= HUGE_SIZE)
		return MHD_CONTENT_READER_END_OF_STREAM;
	for (; n < max && at + n < HUGE_SIZE - 2; n++)
		buf[n] = at + n < head_len ? head[at + n] : item[(at + n - head_len) % item_len];
	for (; n < max && at + n < HUGE_SIZE; n++)
		buf[n] = at + n == HUGE_SIZE - 1 ? '}' : ']';
	return (ssize_t)n;
}

static struct MHD_Response *stream_response(struct emulator *em, const struct request *req, const struct answer *answer,
					    size_t announced, bool fails, bool slow)
{
	struct stream *stream = must(calloc(1, sizeof(*stream)));

	*stream = (struct stream){.em = em,
				  .connection = req->connection,
				  .body = must(malloc(answer->len + 1)),
				  .len = answer->len,
				  .fails = fails,
				  .slow = slow};
	if (answer->body)
		memcpy(stream->body, answer->body, answer->len);
	return MHD_create_response_from_callback(answer->chunked ? MHD_SIZE_UNKNOWN : announced, 16 * 1024, read_stream,
						 stream, free_stream);
}

static struct MHD_Response *bomb_response(void)
{
	size_t len;
	char *body = transfer_bomb(HUGE_SIZE, &len);

	return MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE);
}

/* A reset on the wire, not an orderly end: on Linux this is what connecting to nowhere does. */
static void reset_connection(struct MHD_Connection *connection)
{
	struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

	if (connect(connection_fd(connection), &nowhere, sizeof(nowhere)) < 0)
		perror("emulator: reset");
}

struct MHD_Response *mangle_response(struct emulator *em, const struct request *req, const struct fault *fault,
				     const struct answer *answer)
{
	switch (fault->kind) {
	case FAULT_HANG:
		mangle_wait(em, req->connection, -1);
		return NULL;
	case FAULT_RESET:
		reset_connection(req->connection);
		return NULL;
	case FAULT_HUGE:
		return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 64 * 1024, read_huge, em, NULL);
	case FAULT_BOMB:
		return bomb_response();
	case FAULT_TRUNCATED:
		return stream_response(em, req, answer, answer->len + MISSING_BYTES, true, false);
	case FAULT_SLOW:
		return stream_response(em, req, answer, answer->len, false, true);
	case FAULT_WRONG_LENGTH:
		/* Complete for HTTP, half for JSON. */
		return MHD_create_response_from_buffer(answer->len / 2, answer->body, MHD_RESPMEM_MUST_COPY);
	default:
		return answer->chunked
			       ? stream_response(em, req, answer, answer->len, false, false)
			       : MHD_create_response_from_buffer(answer->len, answer->body, MHD_RESPMEM_MUST_COPY);
	}
}
