// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. The local end of a session that is over: which sockets are to be ended, and what is said of it. See enforcer.h.
 *
 * The rule: never a socket that may still talk. A socket is ended when it was under a grant that has ended and the
 * packet program would drop what comes for it now, by the maps it reads; so a wider grant, a renewal, a drain that is
 * not over, audit mode, a port that is no longer protected, and a way that leads past the program each keep it. Nothing
 * here changes what the program does.
 *
 * Nor one that may talk again by itself: on trial nothing is ended. Once that is confirmed, all that is cut by it is
 * ended, whether it ever was under a grant: somebody was shown the list of them, tried it, and said that it shall last.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "ended_index.h"
#include "enforcer_internal.h"
#include "flows.h"

static struct boot_time boot_now(struct enforcer *e)
{
	return e->hooks->now(e->hooks_ctx).boot;
}

static void note(struct enforcer *e, const struct grant *grant, const char *requestor, struct boot_time since)
{
	if (ended_add(&e->ended, grant, requestor, since) < 0)
		enforcer_say(e, LOG_LEVEL_ERR,
			     "out of memory: the sockets of a grant that ended are not ended; nothing that comes for "
			     "them is let in");
}

void enforcer_note_ended(struct enforcer *e, const struct grant_set *set, const struct grant *grant)
{
	if (e->ends_sockets && grant->protos & PROTO_BIT_TCP)
		note(e, grant, grant_set_text(set, grant->requestor), boot_now(e));
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
		const struct grant grant = {.source = old->allow[i], .protos = PROTO_BITS_ALL};

		if (!is_allowed(e->conf, &old->allow[i]))
			note(e, &grant, "allow", boot_now(e));
	}
}

static uint64_t drain_of(const struct conf *conf, uint16_t port)
{
	return session_of_port(&conf->session, port).drain_ns[PROTO_INDEX_TCP];
}

/* Whatever was let in to it at one time or another; who still may talk is asked of each socket. */
static void note_port(struct enforcer *e, uint16_t port, const char *why)
{
	static const struct cidr everywhere[] = {{.family = JITGATE_IPV4}, {.family = JITGATE_IPV6}};

	for (size_t i = 0; i < ARRAY_SIZE(everywhere); i++) {
		struct grant grant = {.source = everywhere[i], .port = port, .protos = PROTO_BIT_TCP};

		note(e, &grant, why, boot_now(e));
	}
}

static void note_policy(struct enforcer *e, const struct conf *old, uint16_t port)
{
	if (drain_of(old, port) != SESSION_CUT && drain_of(e->conf, port) == SESSION_CUT)
		note_port(e, port, "session = cut");
}

void enforcer_note_cut(struct enforcer *e, const struct conf *old)
{
	for (size_t i = 0; e->ends_sockets && i < e->conf->n_protect; i++)
		note_policy(e, old, e->conf->protect[i].port);
	for (size_t i = 0; e->ends_sockets && i < e->learned.n; i++)
		note_policy(e, old, e->learned.ports[i].port);
}

void enforcer_note_all(struct enforcer *e)
{
	static const char why[] = "enforced from now on";

	for (size_t i = 0; e->ends_sockets && i < e->conf->n_protect; i++) {
		if (e->conf->protect[i].protos & PROTO_BIT_TCP)
			note_port(e, e->conf->protect[i].port, why);
	}
	for (size_t i = 0; e->ends_sockets && i < e->learned.n; i++) {
		if (e->learned.ports[i].proto_bit & PROTO_BIT_TCP)
			note_port(e, e->learned.ports[i].port, why);
	}
}

/* The sources of flows, each once for a port; `since`: when the last of its flows lost its grant. Starts as {0}. */
struct crowd {
	struct crowd_source {
		struct cidr source;
		uint16_t port;
		uint64_t since;
	} * v;
	size_t n, cap;
	struct boot_time now;
	int error; /* 0 or -ENOMEM: not all are in */
};

static void free_crowd(struct crowd *crowd)
{
	free(crowd->v);
}

/* The latest of one source comes first. */
static int compare_sources(const void *a, const void *b)
{
	const struct crowd_source *x = a, *y = b;
	int r = (x->port > y->port) - (x->port < y->port);

	if (r == 0)
		r = cidr_compare(&x->source, &y->source);
	return r ? r : (x->since < y->since) - (x->since > y->since);
}

static void sort_crowd(struct crowd *crowd)
{
	size_t kept = 0;

	if (crowd->n)
		qsort(crowd->v, crowd->n, sizeof(*crowd->v), compare_sources);
	for (size_t i = 0; i < crowd->n; i++) {
		const struct crowd_source *this = &crowd->v[i], *before = kept ? &crowd->v[kept - 1] : NULL;

		if (!before || before->port != this->port || cidr_compare(&before->source, &this->source) != 0)
			crowd->v[kept++] = *this;
	}
	crowd->n = kept;
}

/* Room for one more; memory goes with the sources, not with the flows. */
static int grow_crowd(struct crowd *crowd)
{
	size_t wanted = crowd->cap ? crowd->cap * 2 : 256;
	void *grown;

	if (crowd->n < crowd->cap)
		return 0;
	sort_crowd(crowd);
	if (crowd->cap && crowd->n <= crowd->cap / 2)
		return 0;
	grown = reallocarray(crowd->v, wanted, sizeof(*crowd->v));
	if (!grown)
		return -ENOMEM;
	crowd->v = grown;
	crowd->cap = wanted;
	return 0;
}

static enum flow_step collect_flow(void *ctx, const struct flow_key *key, struct gate_flow *flow)
{
	struct crowd *crowd = ctx;
	uint64_t now = crowd->now.ns;

	if (key->proto != IPPROTO_TCP)
		return FLOW_LEAVE;
	if (grow_crowd(crowd) < 0)
		crowd->error = -ENOMEM;
	else
		crowd->v[crowd->n++] =
			(struct crowd_source){.source = flow_source(key),
					      .port = ntohs(key->dport_be),
					      .since = flow->end_boot_ns < now ? flow->end_boot_ns : now};
	return FLOW_LEAVE;
}

/* What waits already is due now; the rest is new. 0 or -ENOMEM. */
static int note_crowd(struct enforcer *e, const struct crowd *crowd)
{
	CLEANUP(ended_index_free) struct ended_index index = {0};
	int r = crowd->n ? ended_index_build(&e->ended, 0, (struct boot_time){.ns = ENDED_NEVER}, &index) : 0;

	for (size_t i = 0; i < crowd->n && r == 0; i++) {
		const struct crowd_source *this = &crowd->v[i];
		struct grant grant = {.source = this->source, .port = this->port, .protos = PROTO_BIT_TCP};
		struct ended_grant *waiting = ended_index_find(&index, &this->source, this->port);

		if (waiting)
			waiting->due = crowd->now;
		else
			r = ended_add(&e->ended, &grant, "known from before", (struct boot_time){.ns = this->since});
	}
	return r;
}

void enforcer_note_flows(struct enforcer *e)
{
	CLEANUP(free_crowd) struct crowd crowd = {.now = boot_now(e)};
	int r = e->ends_sockets ? e->gate->each_flow(e->gate_ctx, collect_flow, &crowd) : 0, noted;

	sort_crowd(&crowd);
	noted = note_crowd(e, &crowd);
	if (r == 0)
		r = crowd.error ? crowd.error : noted;
	if (r < 0)
		enforcer_say(e, LOG_LEVEL_WARNING,
			     "cannot read which sessions go on after their grant: %s; when that is over nothing that "
			     "comes for them is let in, but their sockets may live on",
			     strerror(-r));
}

/* By a grant, or because nothing is dropped. */
static bool may_talk(struct enforcer *e, const struct open_socket *socket)
{
	enum reason reason = enforcer_judge(e, &socket->peer, socket->port, PROTO_BIT_TCP);

	return reason != REASON_NO_GRANT && reason != REASON_EXPIRED;
}

/*
 * 1: its session goes on without a grant; `ended` is told until when. 0, or -errno. One that is not known may be known
 * under another address (DNAT): it has the time that it would have then.
 */
static int goes_on(struct enforcer *e, const struct open_socket *socket, struct boot_time now,
		   struct ended_grant *ended)
{
	uint64_t drain_ns = drain_of(e->conf, socket->port), until;
	const struct gate_flow like = {.end_boot_ns = ended->since.ns};
	struct flow_key key =
		flow_of_socket(&socket->peer, socket->peer_port, &socket->local, socket->port, PROTO_BIT_TCP);
	int r;

	if (drain_ns == SESSION_CUT)
		return 0;
	r = flow_look(e->gate, e->gate_ctx, &key, drain_ns, now.ns, &until);
	if (r == -ENOENT)
		until = flow_until_boot_ns(&like, drain_ns);
	else if (r < 0)
		return r;
	if (until <= now.ns)
		return 0;
	if (until < ended->drained.ns)
		ended->drained.ns = until;
	return 1;
}

/* 1: to be ended; 0: not; or -errno: it cannot be told. */
static int is_doomed(struct enforcer *e, const struct open_socket *socket, struct boot_time now,
		     struct ended_grant *ended)
{
	int r;

	if (socket->half_open || may_talk(e, socket))
		return 0;
	r = goes_on(e, socket, now, ended);
	if (r != 0)
		return r < 0 ? r : 0;
	return e->hooks->is_guarded(e->hooks_ctx, socket);
}

/*
 * Those of `all` that are to be ended, each with the number of its grant; moved to the front. One of which it is not
 * known is not among them, and holds up no other: 0, or the first error.
 */
static int keep_doomed(struct enforcer *e, const struct ended_index *index, struct boot_time now,
		       struct open_sockets *all)
{
	size_t kept = 0;
	int first_error = 0;

	for (size_t i = 0; i < all->n; i++) {
		struct open_socket socket = all->v[i];
		struct ended_grant *ended = ended_index_find(index, &socket.peer, socket.port);
		int r;

		if (!ended)
			continue;
		ended->seen = true;
		r = is_doomed(e, &socket, now, ended);
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
static int end_at_port(struct enforcer *e, uint16_t port, struct boot_time now)
{
	_cleanup_open_sockets_ struct open_sockets sockets = {0};
	CLEANUP(ended_index_free) struct ended_index index = {0};
	int r = e->hooks->list_sockets(e->hooks_ctx, port, &sockets), ended, told;

	if (r == 0)
		r = ended_index_build(&e->ended, port, now, &index);
	if (r < 0)
		return r;
	r = keep_doomed(e, &index, now, &sockets);
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

struct boot_time enforcer_end_due(const struct enforcer *e)
{
	return e->arming.confirm_until.ns ? (struct boot_time){.ns = ENDED_NEVER} : ended_due(&e->ended);
}

void enforcer_end_sessions(struct enforcer *e)
{
	struct boot_time now = boot_now(e);
	bool failed = false;

	if (now.ns < enforcer_end_due(e).ns)
		return;
	for (int port = -1; (port = ended_next_port(&e->ended, port, now)) >= 0;) {
		int r = end_at_port(e, (uint16_t)port, now);
		size_t given_up = ended_looked(&e->ended, (uint16_t)port, r < 0, now);

		if (r < 0)
			say_failed(e, given_up, r);
		failed |= r < 0;
	}
	if (!failed)
		e->end_failure_said = false;
}
