/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. The one line that a client may say on the control socket.
 *
 *   status text|json
 *   list text|json
 *   explain text|json SOURCE PORT PROTO
 *
 * These change something, and take root:
 *
 *   arm text|json SECONDS
 *   confirm text|json
 *   disarm text|json
 *   open text|json SOURCE PORT PROTO SECONDS within|beyond UID|- REASON...
 *   close text|json SOURCE PORT PROTO
 *
 * The reason is the rest of the line, blanks and all, so nothing in it has to be quoted: 1 to 200 bytes of UTF-8
 * without control characters, neither beginning nor ending in a blank.
 */
#ifndef CONTROL_REQ_H
#define CONTROL_REQ_H

#include <stdbool.h>

#include "cidr.h"
#include "opened.h"

#define CONTROL_LINE_MAX 512 /* with its newline */

enum control_kind {
	CONTROL_STATUS = 0,
	CONTROL_LIST,
	CONTROL_EXPLAIN,
	CONTROL_ARM,
	CONTROL_CONFIRM,
	CONTROL_DISARM,
	CONTROL_OPEN,
	CONTROL_CLOSE,
	_CONTROL_MAX,
};

#define CONTROL_NO_UID UINT32_MAX

struct control_request {
	enum control_kind kind;
	bool json;
	struct cidr source; /* explain: a single address */
	uint16_t port;
	uint8_t protos;                 /* explain: a single bit */
	uint32_t seconds;               /* arm, open: within their ranges */
	bool beyond;                    /* open: past the guard rails */
	uint32_t uid;                   /* open: who says to have asked (sudo); CONTROL_NO_UID: not said */
	char reason[OPENED_REASON_MAX]; /* open; rest 0 */
};

/* `line` has no newline. 0, or -EINVAL with err->why and *ret untouched. */
int control_req_parse(const char *line, size_t len, struct control_request *ret, struct parse_error *err);

/* Whether a request of this kind changes anything. */
bool control_req_changes(enum control_kind kind);

/* Whether this is a reason as above; `text` need not end in NUL. */
bool control_req_is_reason(const char *text, size_t len);

#endif
