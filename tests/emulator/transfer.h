/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How a body goes over the wire: as it is or gzip, with a length or in chunks.
 */
#ifndef EMULATOR_TRANSFER_H
#define EMULATOR_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>

#include "http_util.h"

struct transfer {
	bool gzip;    /* when the client asks for it */
	bool chunked; /* no Content-Length */
};

/* As the settings and the request's Accept-Encoding say. An answer with a Content-Encoding of its own is left. */
void transfer_apply(const struct transfer *transfer, const struct request *req, struct answer *answer);

/* {"value":[ and then `size` blanks, gzip; the caller frees it. */
char *transfer_bomb(size_t size, size_t *ret_len);

#endif
