/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. The one line that a client may say on the control socket.
 *
 *   status text|json
 *   list text|json
 *   explain text|json SOURCE PORT PROTO
 */
#ifndef CONTROL_REQ_H
#define CONTROL_REQ_H

#include <stdbool.h>

#include "cidr.h"

#define CONTROL_LINE_MAX 256 /* with its newline */

enum control_kind { CONTROL_STATUS, CONTROL_LIST, CONTROL_EXPLAIN };

struct control_request {
	enum control_kind kind;
	bool json;
	struct cidr source; /* explain: a single address */
	uint16_t port;
	uint8_t proto_bit;
};

/* `line` has no newline. 0, or -EINVAL with err->why and *ret untouched. */
int control_req_parse(const char *line, size_t len, struct control_request *ret, struct parse_error *err);

#endif
