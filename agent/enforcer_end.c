// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. The local end of a session whose grant has ended: which sockets are to be ended, and what is said of it. See
 * enforcer.h.
 *
 * The rule: never a socket that may still talk. A socket is ended when it was under a grant that has ended and the
 * packet program would drop what comes for it now, by the maps it reads; so a wider grant, a renewal, audit mode, a
 * port that is no longer protected, and a way that leads past the program each keep it. Nothing here changes what the
 * program does.
 */
#include <errno.h>
#include <string.h>

#include "audit.h"
#include "enforcer_internal.h"

bool enforcer_should_end(const struct enforcer *e, uint16_t port, uint8_t proto_bit)
{
	const struct gate_session session = session_of_port(&e->conf->session, port);

	return session.drain_ns[__builtin_ctz(proto_bit)] == SESSION_CUT;
}

static void note(struct enforcer *e, int r)
{
	if (r < 0)
		enforcer_say(e, LOG_LEVEL_ERR,
			     "out of memory: the sockets of a grant that ended are not ended; nothing that comes for "
			     "them is let in");
	e->end_at = e->hooks->now(e->hooks_ctx).boot;
}

void enforcer_note_ended(struct enforcer *e, const struct grant_set *set, const struct grant *grant)
{
	if (e->ends_sockets && grant->protos & PROTO_BIT_TCP)
		note(e, ended_add(&e->ended, grant, grant_set_text(set, grant->requestor)));
}

static bool is_allowed(const struct conf *conf, const struct cidr *source)
{
	for (size_t i = 0; i < conf->n_allow; i++) {
		if (cidr_compare(&conf->allow[i], source) == 0)
			return true;
	}
	return false;
}

void enforcer_note_disallowed(struct enforcer *e, const struct conf *old)
{
	for (size_t i = 0; e->ends_sockets && i < old->n_allow; i++) {
		if (!is_allowed(e->conf, &old->allow[i]))
			note(e, ended_add_allowed(&e->ended, &old->allow[i]));
	}
}

static bool is_cut(const struct conf *conf, uint16_t port)
{
	return session_of_port(&conf->session, port).drain_ns[PROTO_INDEX_TCP] == SESSION_CUT;
}

/* Whatever was let in to it at one time or another; who still may talk is asked of each socket. */
static void note_port(struct enforcer *e, const struct conf *old, uint16_t port)
{
	static const struct cidr everywhere[] = {{.family = JITGATE_IPV4}, {.family = JITGATE_IPV6}};

	if (is_cut(old, port) || !is_cut(e->conf, port))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(everywhere); i++) {
		struct grant grant = {.source = everywhere[i], .port = port, .protos = PROTO_BIT_TCP};

		note(e, ended_add(&e->ended, &grant, "session = cut"));
	}
}

void enforcer_note_cut(struct enforcer *e, const struct conf *old)
{
	for (size_t i = 0; e->ends_sockets && i < e->conf->n_protect; i++)
		note_port(e, old, e->conf->protect[i].port);
	for (size_t i = 0; e->ends_sockets && i < e->learned.n; i++)
		note_port(e, old, e->learned.ports[i].port);
}

static bool may_talk(struct enforcer *e, const struct open_socket *socket)
{
	enum reason reason = enforcer_explain(e, &socket->peer, socket->port, PROTO_BIT_TCP).reason;

	return reason != REASON_NO_GRANT && reason != REASON_EXPIRED;
}

/*
 * Those of `all` that are to be ended, each with the number of its grant; moved to the front. One of which it is not
 * known is not among them, and holds up no other: 0, or the first error.
 */
static int keep_doomed(struct enforcer *e, struct open_sockets *all)
{
	size_t kept = 0;
	int first_error = 0;

	for (size_t i = 0; i < all->n; i++) {
		struct open_socket socket = all->v[i];
		struct ended_grant *ended = ended_find(&e->ended, &socket);
		int r;

		if (!ended)
			continue;
		ended->seen = true;
		if (socket.half_open || !enforcer_should_end(e, socket.port, PROTO_BIT_TCP) || may_talk(e, &socket))
			continue;
		r = e->hooks->is_guarded(e->hooks_ctx, &socket);
		if (r < 0 && first_error == 0)
			first_error = r;
		if (r <= 0)
			continue;
		socket.grant = (uint32_t)(ended - e->ended.v);
		socket.result = OPEN_SOCKET_UNTOUCHED;
		all->v[kept++] = socket;
	}
	all->n = kept;
	return first_error;
}

static void say_ended(struct enforcer *e, const struct open_socket *socket)
{
	_cleanup_text_ struct text line = {0};
	const struct ended_grant *ended = &e->ended.v[socket->grant];

	audit_socket(&line, socket, ended->id, ended->requestor);
	if (!line.failed)
		e->hooks->log(e->hooks_ctx, LOG_LEVEL_NOTICE, line.data);
}

/* One line for each, up to a limit; the number is always said. 0, or why the last that could not be ended was not. */
static int tell_results(struct enforcer *e, const struct open_sockets *sockets)
{
	size_t ended = 0;
	int r = 0;

	for (size_t i = 0; i < sockets->n; i++) {
		const struct open_socket *socket = &sockets->v[i];

		if (socket->result == 0 && ended++ < ENFORCER_ENDED_LINES)
			say_ended(e, socket);
		if (socket->result != 0 && socket->result != -ENOENT)
			r = socket->result < 0 ? socket->result : -EIO;
	}
	if (ended > ENFORCER_ENDED_LINES)
		enforcer_say(e, LOG_LEVEL_NOTICE, "%zu more sockets were ended", ended - ENFORCER_ENDED_LINES);
	return r;
}

/* 0 or -errno; what can be ended has been ended. */
static int end_at_port(struct enforcer *e, uint16_t port)
{
	_cleanup_open_sockets_ struct open_sockets sockets = {0};
	int r = e->hooks->list_sockets(e->hooks_ctx, port, &sockets), ended, told;

	if (r < 0)
		return r;
	r = keep_doomed(e, &sockets);
	if (!sockets.n)
		return r;
	ended = e->hooks->end_sockets(e->hooks_ctx, &sockets);
	told = tell_results(e, &sockets);
	if (r < 0)
		return r;
	return ended < 0 ? ended : told;
}

static void say_failed(struct enforcer *e, size_t given_up, int error)
{
	if (given_up)
		enforcer_say(e, LOG_LEVEL_ERR,
			     "cannot end the sockets of %zu grants that ended: %s; given up after %d tries. Nothing "
			     "that comes for them is let in, but what they belong to lives on: see ss -tnp",
			     given_up, strerror(-error), ENDED_TRIES_MAX);
	else if (!e->end_failure_said)
		enforcer_say(e, LOG_LEVEL_WARNING,
			     "cannot end the sockets of a grant that ended: %s; trying again. Nothing that comes for "
			     "them is let in",
			     strerror(-error));
	e->end_failure_said = true;
}

void enforcer_end_sessions(struct enforcer *e)
{
	struct boot_time now = e->hooks->now(e->hooks_ctx).boot;
	bool failed = false;

	if (!e->ended.n || now.ns < e->end_at.ns)
		return;
	for (int port = ended_next_port(&e->ended, -1); port >= 0; port = ended_next_port(&e->ended, port)) {
		int r = end_at_port(e, (uint16_t)port);
		size_t given_up = ended_looked(&e->ended, (uint16_t)port, r < 0);

		if (r < 0)
			say_failed(e, given_up, r);
		failed |= r < 0;
	}
	if (!failed)
		e->end_failure_said = false;
	e->end_at.ns = now.ns + ENDED_AGAIN_NS;
}
