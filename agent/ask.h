/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. One question to jitgated over its control socket, and the whole answer or none.
 *
 *   question: one line, then the sending side is shut down
 *   answer:   "OK <bytes>\n" and exactly that many bytes, "OPEN <bytes>\n" when an interface that should be guarded is
 *             not verified, or "ERR <message>\n"
 */
#ifndef ASK_H
#define ASK_H

#include <stddef.h>
#include <stdint.h>

#include "failure.h"

#define ASK_OPEN 1 /* the answer is whole, but not all that should be guarded is */
#define ASK_ANSWER_MAX (256u * 1024 * 1024)

/*
 * `question` is without its newline. The deadline covers all of it. 0, or ASK_OPEN, with *ret malloc'ed and
 * NUL-terminated behind *ret_len, or -errno with *failure filled and both untouched: errno of connect (-ENOENT,
 * -ECONNREFUSED: nobody listens), -EREMOTEIO: jitgated said no, the failure is its message; -EPROTO, -EPIPE: not an
 * answer, or cut short; -ETIMEDOUT.
 */
int ask_agent(const char *socket_path, const char *question, uint32_t timeout_ms, char **ret, size_t *ret_len,
	      struct failure *failure);

/* The same over a stream socket that is connected and does not block; it stays the caller's. `name` is for messages. */
int ask_on_fd(int fd, const char *name, const char *question, uint32_t timeout_ms, char **ret, size_t *ret_len,
	      struct failure *failure);

#endif
