// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Compression and chunks. Owns zlib.
 */
#include "transfer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "util.h"

#define GZIP_WINDOW (15 + 16) /* zlib's way to say: with gzip's header */
#define GZIP_FIRST 4096

struct gzip {
	z_stream stream;
	char *out;
	size_t size;
};

/* In place: zlib remembers where its stream is. */
static void gzip_begin(struct gzip *gzip)
{
	*gzip = (struct gzip){.out = must(malloc(GZIP_FIRST)), .size = GZIP_FIRST};
	if (deflateInit2(&gzip->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
}

static void gzip_add(struct gzip *gzip, const char *data, size_t len, bool last)
{
	int r = Z_OK;

	gzip->stream.next_in = (Bytef *)(uintptr_t)data;
	gzip->stream.avail_in = (uInt)len;
	while (last ? r != Z_STREAM_END : gzip->stream.avail_in > 0) {
		if (gzip->stream.total_out == gzip->size)
			gzip->out = must(realloc(gzip->out, gzip->size *= 2));
		gzip->stream.next_out = (Bytef *)gzip->out + gzip->stream.total_out;
		gzip->stream.avail_out = (uInt)(gzip->size - gzip->stream.total_out);
		r = deflate(&gzip->stream, last ? Z_FINISH : Z_NO_FLUSH);
		if (r == Z_STREAM_ERROR)
			abort();
	}
}

static char *gzip_end(struct gzip *gzip, size_t *ret_len)
{
	gzip_add(gzip, "", 0, true);
	*ret_len = gzip->stream.total_out;
	deflateEnd(&gzip->stream);
	return gzip->out;
}

char *transfer_bomb(size_t size, size_t *ret_len)
{
	static const char head[] = "{\"value\":[";
	struct gzip gzip;
	char blanks[4096];

	gzip_begin(&gzip);
	memset(blanks, ' ', sizeof(blanks));
	gzip_add(&gzip, head, strlen(head), false);
	for (; size >= sizeof(blanks); size -= sizeof(blanks))
		gzip_add(&gzip, blanks, sizeof(blanks), false);
	gzip_add(&gzip, blanks, size, false);
	return gzip_end(&gzip, ret_len);
}

/* "gzip" in the list, and not "gzip;q=0". */
static bool wants_gzip(const struct request *req)
{
	const char *accept = request_header(req, "Accept-Encoding"), *at = accept ? strcasestr(accept, "gzip") : NULL;

	if (!at)
		return false;
	at += strlen("gzip");
	while (isblank((unsigned char)*at) || *at == ';')
		at++;
	return strncmp(at, "q=0", 3) != 0 || strspn(at + 3, ".0") != strcspn(at + 3, ", ");
}

static bool has_header(const struct answer *answer, const char *name)
{
	for (size_t i = 0; i < answer->n_headers; i++)
		if (strcasecmp(answer->headers[i].name, name) == 0)
			return true;
	return false;
}

void transfer_apply(const struct transfer *transfer, const struct request *req, struct answer *answer)
{
	struct gzip gzip;
	char *plain = answer->body;

	answer->chunked = transfer->chunked;
	if (!plain || !transfer->gzip || !wants_gzip(req) || has_header(answer, "Content-Encoding"))
		return;
	gzip_begin(&gzip);
	gzip_add(&gzip, plain, answer->len, false);
	answer->body = gzip_end(&gzip, &answer->len);
	answer_header(answer, "Content-Encoding", "gzip");
	free(plain);
}
