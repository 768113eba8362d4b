/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. The audit trail's lines: key=value, remote strings quoted so that a requestor's name cannot forge a line.
 */
#ifndef AUDIT_H
#define AUDIT_H

#include "grant.h"
#include "jitgate_abi.h"
#include "open_socket.h"
#include "text.h"

/* `granted id=5f3a91c2 source=… port=22/tcp until=… requestor="…" reason="…" origin="…"`; `why` only with refused. */
void audit_line(struct text *out, const char *what, const struct grant_set *set, const struct grant *grant,
		const char *why);

/*
 * `denied source=… port=22/tcp source_port=50123 reason=no_grant interface=2`, or `admitted …`, `would-deny …`. Without
 * an address: `source=none`.
 */
void audit_event(struct text *out, const struct event *event);

/* `ended source=… source_port=50123 port=22/tcp id=5f3a91c2 requestor="…"`: a socket, and the grant that it was of. */
void audit_socket(struct text *out, const struct open_socket *socket, uint32_t grant_id, const char *requestor);

/* What `id=` is: the same for the same (source, port, protocols), on every machine and after every restart. */
uint32_t audit_grant_id(const struct grant *grant);

#endif
