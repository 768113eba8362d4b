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

static bool has_target(const struct control_request *request)
{
	return request->kind == CONTROL_EXPLAIN || request->kind == CONTROL_OPEN || request->kind == CONTROL_CLOSE;
}

static size_t write_target(const struct control_request *request, char *out, size_t room)
{
	char source[CIDR_TEXT_MAX], protos[PROTOS_TEXT_MAX];

	cidr_format(&request->source, source);
	return (size_t)snprintf(out, room, " %s %u %s", source, request->port, protos_format(request->protos, protos));
}

static size_t write_canonical(const struct control_request *request, char out[CONTROL_LINE_MAX])
{
	static const char *const names[_CONTROL_MAX] = {
		[CONTROL_STATUS] = "status", [CONTROL_LIST] = "list",       [CONTROL_EXPLAIN] = "explain",
		[CONTROL_ARM] = "arm",       [CONTROL_CONFIRM] = "confirm", [CONTROL_DISARM] = "disarm",
		[CONTROL_OPEN] = "open",     [CONTROL_CLOSE] = "close",
	};
	size_t n =
		(size_t)snprintf(out, CONTROL_LINE_MAX, "%s %s", names[request->kind], request->json ? "json" : "text");
	char uid[16] = "-";

	if (has_target(request))
		n += write_target(request, out + n, CONTROL_LINE_MAX - n);
	if (request->kind == CONTROL_ARM)
		n += (size_t)snprintf(out + n, CONTROL_LINE_MAX - n, " %u", request->seconds);
	if (request->kind != CONTROL_OPEN)
		return n;
	if (request->uid != CONTROL_NO_UID)
		snprintf(uid, sizeof(uid), "%u", request->uid);
	return n + (size_t)snprintf(out + n, CONTROL_LINE_MAX - n, " %u %s %s %s", request->seconds,
				    request->beyond ? "beyond" : "within", uid, request->reason);
}

static bool is_same(const struct control_request *a, const struct control_request *b)
{
	return a->kind == b->kind && a->json == b->json && memcmp(&a->source, &b->source, sizeof(a->source)) == 0 &&
	       a->port == b->port && a->protos == b->protos && a->seconds == b->seconds && a->beyond == b->beyond &&
	       a->uid == b->uid && memcmp(a->reason, b->reason, sizeof(a->reason)) == 0;
}

static void check_target(const struct control_request *request)
{
	if (!has_target(request)) {
		HOLDS(!request->port && !request->protos && !request->source.family);
		return;
	}
	HOLDS(request->port > 0 && request->protos && !(request->protos & ~PROTO_BITS_ALL));
	if (request->kind != CONTROL_EXPLAIN)
		return;
	HOLDS(__builtin_popcount(request->protos) == 1);
	HOLDS(request->source.prefix_len == (request->source.family == JITGATE_IPV4 ? 32 : 128));
}

/* One line, whoever reads it, and no longer than it has room. */
static void check_reason(const struct control_request *request)
{
	size_t len = strnlen(request->reason, sizeof(request->reason));

	HOLDS(len < sizeof(request->reason));
	HOLDS((len > 0) == (request->kind == CONTROL_OPEN));
	HOLDS(fuzz_is_utf8(request->reason, len));
	for (size_t i = 0; i < sizeof(request->reason); i++)
		HOLDS(i < len ? (uint8_t)request->reason[i] >= 0x20 && request->reason[i] != 0x7f
			      : !request->reason[i]);
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
	HOLDS(request.kind < _CONTROL_MAX);
	HOLDS(control_req_changes(request.kind) == (request.kind > CONTROL_EXPLAIN));
	check_target(&request);
	check_reason(&request);
	if (request.kind == CONTROL_OPEN)
		HOLDS(request.seconds >= 60 && request.seconds <= 604800);
	else if (request.kind == CONTROL_ARM)
		HOLDS(request.seconds >= 1 && request.seconds <= 86400);
	else
		HOLDS(!request.seconds && !request.beyond && !request.uid);
	HOLDS(control_req_parse(canonical, write_canonical(&request, canonical), &again, NULL) == 0);
	HOLDS(is_same(&request, &again));
	return 0;
}
