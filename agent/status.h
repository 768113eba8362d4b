/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * TOP. From the running daemon to a report: what the maps and the kernel say now, not what was once set up.
 */
#ifndef STATUS_H
#define STATUS_H

#include "control_req.h"
#include "daemon.h"

/* The answer to one control request; returns as control_answer. */
int status_answer(struct daemon *d, const struct control_request *request, struct text *out);

#endif
