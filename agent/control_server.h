/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * TOP. The control socket: one line in, one answer out, at most a few clients, none of which can hold the daemon up.
 * Who may connect, and so may read, is the file mode's business; what changes anything is for root alone.
 */
#ifndef CONTROL_SERVER_H
#define CONTROL_SERVER_H

#include "control_req.h"
#include "loop.h"
#include "text.h"

struct control_server;

/*
 * Write the answer to one request into *out. 0; 1 when all is not as it should be and the answer says what (an
 * interface that should be guarded is not verified; what was done could not be saved), which the client is told beside
 * the answer; or -errno with *out what could not be done, in one line. A request that changes something is root's.
 */
typedef int (*control_answer)(void *ctx, const struct control_request *request, struct text *out);

/* Takes listen_fd over. */
int control_server_new(struct loop *loop, int listen_fd, control_answer answer, void *ctx, struct control_server **ret);
void control_server_free(struct control_server **server);

#endif
