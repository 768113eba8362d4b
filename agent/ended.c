// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See ended.h and open_socket.h.
 */
#include "ended.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"

/* Room for one more, in an array that doubles. */
static int grow(void **v, size_t n, size_t *cap, size_t size)
{
	size_t wanted = *cap ? *cap * 2 : 16;
	void *grown;

	if (n < *cap)
		return 0;
	grown = reallocarray(*v, wanted, size);
	if (!grown)
		return -ENOMEM;
	*v = grown;
	*cap = wanted;
	return 0;
}

int open_sockets_add(struct open_sockets *sockets, const struct open_socket *socket)
{
	void *v = sockets->v;
	int r = grow(&v, sockets->n, &sockets->cap, sizeof(*sockets->v));

	sockets->v = v;
	if (r == 0)
		sockets->v[sockets->n++] = *socket;
	return r;
}

void open_sockets_free(struct open_sockets *sockets)
{
	free(sockets->v);
	*sockets = (struct open_sockets){0};
}

static int add(struct ended_list *list, const struct ended_grant *ended)
{
	void *v = list->v;
	int r = grow(&v, list->n, &list->cap, sizeof(*list->v));

	list->v = v;
	if (r == 0)
		list->v[list->n++] = *ended;
	return r;
}

int ended_add(struct ended_list *list, const struct grant *grant, const char *requestor, struct boot_time since)
{
	struct ended_grant ended = {.source = grant->source,
				    .port = grant->port,
				    .protos = grant->protos,
				    .since = since,
				    .drained.ns = ENDED_NEVER};

	ended.id = audit_grant_id(grant);
	snprintf(ended.requestor, sizeof(ended.requestor), "%s", requestor);
	return add(list, &ended);
}

void ended_free(struct ended_list *list)
{
	free(list->v);
	*list = (struct ended_list){0};
}

static bool is_due(const struct ended_grant *ended, struct boot_time now)
{
	return ended->due.ns <= now.ns;
}

int ended_next_port(const struct ended_list *list, int port, struct boot_time now)
{
	int next = -1;

	for (size_t i = 0; i < list->n; i++) {
		int this = list->v[i].port;

		if (is_due(&list->v[i], now) && this > port && (next < 0 || this < next))
			next = this;
	}
	return next;
}

struct boot_time ended_due(const struct ended_list *list)
{
	struct boot_time due = {.ns = ENDED_NEVER};

	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i].due.ns < due.ns)
			due = list->v[i].due;
	}
	return due;
}

/* Whether it stays, and until when. */
static bool count_look(struct ended_grant *ended, bool failed, struct boot_time now)
{
	struct boot_time drained = ended->drained;
	bool seen = ended->seen;

	ended->seen = false;
	ended->drained.ns = ENDED_NEVER;
	ended->due.ns = now.ns + ENDED_AGAIN_NS;
	if (drained.ns < ended->due.ns)
		ended->due = drained;
	if (failed)
		return ++ended->failures < ENDED_TRIES_MAX;
	if (seen && ++ended->looks < ENDED_LOOKS)
		return true;
	ended->looks = ended->failures = 0;
	ended->due = drained;
	return drained.ns != ENDED_NEVER;
}

size_t ended_looked(struct ended_list *list, uint16_t port, bool failed, struct boot_time now)
{
	size_t kept = 0, dropped;

	for (size_t i = 0; i < list->n; i++) {
		struct ended_grant *ended = &list->v[i];

		if (ended->port != port || !is_due(ended, now) || count_look(ended, failed, now))
			list->v[kept++] = *ended;
	}
	dropped = list->n - kept;
	list->n = kept;
	return failed ? dropped : 0;
}
