// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. Owns libcurl. Each request has a handle of its own and leaves nothing behind. The transfer runs on the multi
 * interface for one reason: its poll can also watch `stop_fd`, so that the end does not wait for a server.
 */
#include "azure_http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "number.h"
#include "timefmt.h"
#include "util.h"

#define BODY_START 16384
#define RETRY_AFTER_MAX_S 86400

static void cleanup_easy(CURL **easy)
{
	curl_easy_cleanup(*easy);
}

static void cleanup_multi(CURLM **multi)
{
	curl_multi_cleanup(*multi);
}

/* Headers may hold a token, and libcurl has its own copy of each. */
static void cleanup_headers(struct curl_slist **headers)
{
	for (struct curl_slist *h = *headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(*headers);
}

#define _cleanup_easy_ CLEANUP(cleanup_easy)
#define _cleanup_multi_ CLEANUP(cleanup_multi)
#define _cleanup_headers_ CLEANUP(cleanup_headers)

int azure_http_open(void)
{
	/* libcurl would write TLS keys to this file. */
	unsetenv("SSLKEYLOGFILE");
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -EIO;
}

void azure_http_close(void)
{
	curl_global_cleanup();
}

/* ---------------------------------------------------------------- what comes in */

struct body {
	char *data;
	size_t len, cap, max;
	size_t headers_len;
	bool too_large, no_memory;
};

static void wipe_free(char *data, size_t len)
{
	if (data)
		explicit_bzero(data, len);
	free(data);
}

static void cleanup_body(struct body *body)
{
	wipe_free(body->data, body->len);
}

#define _cleanup_body_ CLEANUP(cleanup_body)

void azure_http_response_free(struct azure_http_response *response)
{
	wipe_free(response->body, response->len);
	*response = (struct azure_http_response){0};
}

/* Not realloc, which leaves the old bytes where they were. */
static bool grow_body(struct body *body, size_t need)
{
	size_t cap = body->cap ? body->cap : BODY_START;
	char *data;

	while (cap < need)
		cap *= 2;
	data = malloc(cap);
	if (!data)
		return false;
	if (body->len)
		memcpy(data, body->data, body->len);
	wipe_free(body->data, body->len);
	body->data = data;
	body->cap = cap;
	return true;
}

/* Called by libcurl; anything but `size * n` ends the transfer. */
static size_t take_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct body *body = arg;

	(void)size; /* always 1 */
	if (n > body->max - body->len) {
		body->too_large = true;
		return 0;
	}
	if (body->len + n + 1 > body->cap && !grow_body(body, body->len + n + 1)) {
		body->no_memory = true;
		return 0;
	}
	memcpy(body->data + body->len, bytes, n);
	body->len += n;
	return n;
}

/* libcurl bounds each header, but not their number. */
static size_t count_header(char *bytes, size_t size, size_t n, void *arg)
{
	struct body *body = arg;

	(void)bytes;
	(void)size;
	body->headers_len += n;
	if (body->headers_len > AZURE_HTTP_HEADERS_MAX) {
		body->too_large = true;
		return 0;
	}
	return n;
}

/* ---------------------------------------------------------------- what is asked */

static int add_header(struct curl_slist **headers, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*headers, line);

	if (!longer)
		return -ENOMEM;
	*headers = longer;
	return 0;
}

static int add_bearer(struct curl_slist **headers, const struct azure_token *token)
{
	CLEANUP(azure_token_free_header) char *line = azure_token_header(token);

	return line ? add_header(headers, line) : -ENOMEM;
}

static int make_headers(const struct azure_http_request *request, struct curl_slist **headers)
{
	int r = add_header(headers, "Accept: application/json");

	if (!r && request->header)
		r = add_header(headers, request->header);
	if (!r && request->bearer)
		r = add_bearer(headers, request->bearer);
	return r;
}

/* Where the request may go, and who may answer. */
static CURLcode set_route(CURL *easy, const struct azure_http_request *request)
{
	bool https = strncmp(request->url, "https://", strlen("https://")) == 0;
	const char *proxy = https ? request->proxy : "";
	CURLcode r = CURLE_OK;

	r |= curl_easy_setopt(easy, CURLOPT_URL, request->url);
	r |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, request->allow_http ? "http,https" : "https");
	r |= curl_easy_setopt(easy, CURLOPT_PROXY, proxy); /* "" also shuts out the environment's */
	r |= curl_easy_setopt(easy, CURLOPT_NOPROXY, *proxy ? "" : "*");
	r |= curl_easy_setopt(easy, CURLOPT_HEADEROPT, CURLHEADER_SEPARATE); /* no token for the proxy */
	r |= curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	r |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	r |= curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	r |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	r |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	r |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	if (*request->ca_file) {
		r |= curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file);
		r |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	return r;
}

static CURLcode set_limits(CURL *easy)
{
	CURLcode r = CURLE_OK;

	r |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)AZURE_HTTP_CONNECT_S);
	r |= curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)AZURE_HTTP_TOTAL_S);
	r |= curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)AZURE_HTTP_SLOW_BYTES);
	r |= curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)AZURE_HTTP_SLOW_S);
	r |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	r |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* do not wait for a name that nobody wants any more */
	return r;
}

static CURLcode set_transfer(CURL *easy, bool gzip, struct curl_slist *headers, struct body *body, char *error)
{
	CURLcode r = CURLE_OK;

	r |= curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	r |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	r |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "jitgate-azure/" JITGATE_VERSION);
	r |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	r |= curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, gzip ? "gzip" : NULL);
	r |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	r |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, body);
	r |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, count_header);
	r |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, body);
	r |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
	return r;
}

/* ---------------------------------------------------------------- the transfer */

/* 0 with libcurl's verdict, -ECANCELED, or -EIO. */
static int transfer(CURLM *multi, int stop_fd, CURLcode *ret)
{
	struct curl_waitfd stop = {.fd = stop_fd, .events = CURL_WAIT_POLLIN};
	const CURLMsg *message;
	int running = 1, left;

	while (running) {
		if (curl_multi_perform(multi, &running))
			return -EIO;
		if (!running)
			break;
		if (curl_multi_poll(multi, &stop, stop_fd >= 0, 1000, NULL))
			return -EIO;
		if (stop_fd >= 0 && stop.revents)
			return -ECANCELED;
	}
	message = curl_multi_info_read(multi, &left);
	if (!message || message->msg != CURLMSG_DONE)
		return -EIO;
	*ret = message->data.result;
	return 0;
}

static int perform(CURL *easy, int stop_fd, CURLcode *ret)
{
	_cleanup_multi_ CURLM *multi = curl_multi_init();
	int r;

	if (!multi)
		return -ENOMEM;
	if (curl_multi_add_handle(multi, easy))
		return -EIO;
	r = transfer(multi, stop_fd, ret);
	curl_multi_remove_handle(multi, easy);
	return r;
}

static int say(char *error, int r, const char *why)
{
	snprintf(error, AZURE_HTTP_ERROR_MAX, "%s", why);
	return r;
}

/* libcurl's verdict as ours. Its own texts name hosts, ports and reasons, never a header. */
static int judge(CURLcode code, const struct body *body, const char *detail, char *error)
{
	if (body->too_large)
		return say(error, -EFBIG, "answer too large");
	if (body->no_memory || code == CURLE_OUT_OF_MEMORY)
		return say(error, -ENOMEM, "out of memory");
	if (code == CURLE_PEER_FAILED_VERIFICATION) {
		snprintf(error, AZURE_HTTP_ERROR_MAX, "%s; azure.ca_file names whose certificates are trusted",
			 *detail ? detail : curl_easy_strerror(code));
		return -EIO;
	}
	if (code == CURLE_PARTIAL_FILE)
		return say(error, -EIO, "answer cut short");
	if (code == CURLE_BAD_CONTENT_ENCODING)
		return say(error, -EIO, "answer cannot be unpacked");
	if (code != CURLE_OK)
		return say(error, code == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -EIO,
			   *detail ? detail : curl_easy_strerror(code));
	return 0;
}

/* ---------------------------------------------------------------- headers */

static const char *header_of(CURL *easy, const char *name)
{
	struct curl_header *header;

	if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header))
		return NULL;
	return header->value;
}

static bool read_number(CURL *easy, const char *name, uint64_t max, uint64_t *ret)
{
	const char *text = header_of(easy, name);

	return text && !number_parse(text, strlen(text), max, ret);
}

/* Seconds, or a date, which counts from the answer's own. More than a day is a day. */
static uint32_t read_retry_after(CURL *easy, struct wall_time date)
{
	const char *text = header_of(easy, "Retry-After");
	struct wall_time until;
	uint64_t s = 0;

	if (!text)
		return 0;
	if (number_parse(text, strlen(text), UINT64_MAX, &s)) {
		if (!date.ns || timefmt_parse_http_date(text, strlen(text), &until, NULL) || until.ns <= date.ns)
			return 0;
		s = (uint64_t)(until.ns - date.ns) / NS_PER_S;
	}
	return s < RETRY_AFTER_MAX_S ? (uint32_t)s : RETRY_AFTER_MAX_S;
}

/* libcurl leaves the carriage return in the value of a header that is empty. */
static void read_text(CURL *easy, const char *name, char *out, size_t size)
{
	const char *text = header_of(easy, name);

	snprintf(out, size, "%.*s", text ? (int)strcspn(text, "\r\n") : 0, text ? text : "");
}

static void read_headers(CURL *easy, struct azure_http_response *response)
{
	const char *date = header_of(easy, "Date");
	uint64_t remaining;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &response->status);
	if (date)
		timefmt_parse_http_date(date, strlen(date), &response->date, NULL);
	response->retry_after_s = read_retry_after(easy, response->date);
	response->remaining = -1;
	if (read_number(easy, "x-ms-ratelimit-remaining-subscription-resource-requests", INT64_MAX, &remaining))
		response->remaining = (int64_t)remaining;
	read_text(easy, "x-ms-correlation-request-id", response->correlation, sizeof(response->correlation));
	read_text(easy, "x-ms-request-id", response->request, sizeof(response->request));
}

int azure_http_get(const struct azure_http_request *request, struct azure_http_response *ret,
		   char error[AZURE_HTTP_ERROR_MAX])
{
	_cleanup_body_ struct body body = {.max = request->body_max};
	_cleanup_headers_ struct curl_slist *headers = NULL;
	_cleanup_easy_ CURL *easy = curl_easy_init();
	char detail[CURL_ERROR_SIZE] = "";
	CURLcode code = CURLE_OK;
	int r;

	if (!easy || make_headers(request, &headers) || !grow_body(&body, 1))
		return say(error, -ENOMEM, "out of memory");
	if (set_route(easy, request) || set_limits(easy) || set_transfer(easy, request->gzip, headers, &body, detail))
		return say(error, -EIO, "libcurl refuses an option that is needed");
	r = perform(easy, request->stop_fd, &code);
	if (r)
		return say(error, r, r == -ECANCELED ? "stopped" : "libcurl cannot run the transfer");
	r = judge(code, &body, detail, error);
	if (r)
		return r;
	*ret = (struct azure_http_response){0};
	read_headers(easy, ret);
	body.data[body.len] = '\0';
	ret->len = body.len;
	ret->body = TAKE_PTR(body.data);
	return 0;
}
