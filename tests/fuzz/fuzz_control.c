// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The line on the control socket: what is accepted comes back from its canonical form, which holds only words that are
 * in the protocol.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdio.h>

#include "control_req.h"
#include "grant.h"

static size_t write_canonical(const struct control_request *request, char out[CONTROL_LINE_MAX])
{
	static const char *const names[] = {
		[CONTROL_STATUS] = "status", [CONTROL_LIST] = "list", [CONTROL_EXPLAIN] = "explain"};
	char source[CIDR_TEXT_MAX], protos[PROTOS_TEXT_MAX];
	int n = snprintf(out, CONTROL_LINE_MAX, "%s %s", names[request->kind], request->json ? "json" : "text");

	if (request->kind == CONTROL_EXPLAIN) {
		cidr_format(&request->source, source);
		n += snprintf(out + n, CONTROL_LINE_MAX - (size_t)n, " %s %u %s", source, request->port,
			      protos_format(request->proto_bit, protos));
	}
	return (size_t)n;
}

static bool is_same(const struct control_request *a, const struct control_request *b)
{
	return a->kind == b->kind && a->json == b->json && memcmp(&a->source, &b->source, sizeof(a->source)) == 0 &&
	       a->port == b->port && a->proto_bit == b->proto_bit;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_request request, again;
	struct parse_error err = FUZZ_NO_ERROR;
	char canonical[CONTROL_LINE_MAX];
	int r;

	FILL(request);
	r = control_req_parse((const char *)data, size, &request, &err);
	if (r < 0) {
		HOLDS(r == -EINVAL && IS_FILLED(request) && IS_REFUSAL(err, size));
		return 0;
	}
	HOLDS(request.kind == CONTROL_STATUS || request.kind == CONTROL_LIST || request.kind == CONTROL_EXPLAIN);
	if (request.kind == CONTROL_EXPLAIN) {
		HOLDS(request.port > 0 && __builtin_popcount(request.proto_bit) == 1);
		HOLDS(request.source.prefix_len == (request.source.family == JITGATE_IPV4 ? 32 : 128));
	} else {
		HOLDS(!request.port && !request.proto_bit && !request.source.family);
	}
	HOLDS(control_req_parse(canonical, write_canonical(&request, canonical), &again, NULL) == 0);
	HOLDS(is_same(&request, &again));
	return 0;
}
