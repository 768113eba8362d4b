/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. What came back over HTTP, as plain data: made by azure_http, read by whoever judges it.
 */
#ifndef AZURE_RESPONSE_H
#define AZURE_RESPONSE_H

#include <stddef.h>
#include <stdint.h>

#include "clockmap.h"

/* Starts as {0}; free with azure_http_response_free, which wipes the body: it may be a token. */
struct azure_http_response {
	long status;
	char *body; /* NUL-terminated behind `len`, unpacked */
	size_t len;
	uint32_t retry_after_s; /* 0: not said, or not understood */
	struct wall_time date;  /* ns 0: not said */
	int64_t remaining;      /* reads left, x-ms-ratelimit-remaining-subscription-resource-requests; -1: not said */
	char correlation[64];   /* x-ms-correlation-request-id, for a support case; "" */
	char request[64];       /* x-ms-request-id, which Azure leaves empty at times */
};

#endif
