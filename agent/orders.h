/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * TOP. The control requests that change something: from the request to the enforcer, and what became of it, in words or
 * JSON. Who may ask is control_server.c's business.
 */
#ifndef ORDERS_H
#define ORDERS_H

#include "control_req.h"
#include "daemon.h"

/* `unverified`: an interface where none of it holds, or NULL. Returns as control_answer. */
int orders_answer(struct daemon *d, const struct control_request *request, const struct report_interface *unverified,
		  struct text *out);

#endif
