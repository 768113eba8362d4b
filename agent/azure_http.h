/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. libcurl: one bounded GET. No redirect, no cookie, no .netrc, no proxy but the one that is named; TLS 1.2 or
 * later, verified; every size and time has an end. Knows nothing of Azure but a few header names. Never writes a secret
 * anywhere.
 */
#ifndef AZURE_HTTP_H
#define AZURE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "azure_response.h"
#include "azure_token.h"
#include "util.h"

#define AZURE_HTTP_CONNECT_S 5
#define AZURE_HTTP_TOTAL_S 30
#define AZURE_HTTP_SLOW_S 15 /* as long with less than AZURE_HTTP_SLOW_BYTES a second: given up */
#define AZURE_HTTP_SLOW_BYTES 16
#define AZURE_HTTP_HEADERS_MAX (64 * 1024)
#define AZURE_HTTP_ERROR_MAX 256

struct azure_http_request {
	const char *url;
	const char *header;               /* one more header, "Metadata: true"; NULL: none */
	const struct azure_token *bearer; /* NULL: none */
	const char *proxy;                /* "": none, whatever the environment says. Never used for http */
	const char *ca_file;              /* "": the system's */
	bool gzip;                        /* ask for it; an answer that was not asked to be packed is not unpacked */
	size_t body_max;                  /* of the unpacked body */
	bool allow_http;                  /* else https only */
	int stop_fd;                      /* given up with -ECANCELED as soon as this is readable; -1: none */
};

/* Once per process, before powers are given up. 0 or -EIO. */
int azure_http_open(void);
void azure_http_close(void);

/*
 * 0 with *ret filled, whatever the status; else a negative errno with *ret untouched and a line for people in `error`:
 * -ECANCELED, -ETIMEDOUT, -EFBIG, -ENOMEM, -EIO for all the rest (name, connection, certificate, a body shorter than
 * announced).
 */
int azure_http_get(const struct azure_http_request *request, struct azure_http_response *ret,
		   char error[AZURE_HTTP_ERROR_MAX]);
void azure_http_response_free(struct azure_http_response *response);
#define _cleanup_azure_http_response_ CLEANUP(azure_http_response_free)

#endif
