// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Which sockets are ended, and when: an enforcer with a data path, a clock and sockets of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ended_index.h"
#include "enforcer.h"
#include "fake_gate.h"
#include "flows.h"
#include "random.h"
#include "session.h"
#include "util.h"

#define MINUTE (60 * NS_PER_S)
#define HOUR (60 * MINUTE)
#define SOCKETS_MAX 128
#define ELSEWHERE 7 /* of a socket that is bound there: an interface that is not guarded */
#define NOT_KNOWN 8 /* of one whose way cannot be told, as long as `unknown_error` says so */

struct world {
	struct fake_gate gate;
	struct conf conf;
	struct clock_pair clock;
	struct enforcer e;
	struct open_socket sockets[SOCKETS_MAX];
	bool is_open[SOCKETS_MAX];
	size_t n;
	unsigned int lists, ends;
	int list_error, guard_error, unknown_error, end_error, result;
	char log[32768];
};

static struct world w;

static struct clock_pair world_now(void *ctx)
{
	(void)ctx;
	return w.clock;
}

static void world_log(void *ctx, enum log_level level, const char *line)
{
	size_t used = strlen(w.log);

	(void)ctx;
	snprintf(w.log + used, sizeof(w.log) - used, "<%d>%s\n", level, line);
}

static int world_save(void *ctx, const struct snapshot *snapshot)
{
	(void)ctx;
	(void)snapshot;
	return 0;
}

static void world_ask(void *ctx, const struct knock *knock)
{
	(void)ctx;
	(void)knock;
}

static int world_list(void *ctx, uint16_t port, struct open_sockets *ret)
{
	(void)ctx;
	w.lists++;
	for (size_t i = 0; i < w.n; i++) {
		if (w.is_open[i] && (!port || w.sockets[i].port == port))
			assert_int_equal(open_sockets_add(ret, &w.sockets[i]), 0);
	}
	return w.list_error;
}

static int world_is_guarded(void *ctx, const struct open_socket *socket)
{
	(void)ctx;
	if (socket->bound_ifindex == NOT_KNOWN && w.unknown_error)
		return w.unknown_error;
	return w.guard_error ? w.guard_error : socket->bound_ifindex != ELSEWHERE;
}

static int world_save_armed(void *ctx, bool armed)
{
	(void)ctx;
	(void)armed;
	return 0;
}

static int world_end(void *ctx, struct open_sockets *sockets)
{
	(void)ctx;
	w.ends++;
	for (size_t i = 0; i < sockets->n && !w.end_error; i++) {
		sockets->v[i].result = w.result;
		if (w.result == 0)
			w.is_open[sockets->v[i].cookie] = false;
	}
	return w.end_error;
}

static const struct enforcer_hooks hooks = {
	.now = world_now,
	.log = world_log,
	.save = world_save,
	.ask = world_ask,
	.save_armed = world_save_armed,
	.list_sockets = world_list,
	.is_guarded = world_is_guarded,
	.end_sockets = world_end,
};

static struct port_rule protect_22 = {.port = 22, .protos = PROTO_BIT_TCP};

static int fresh_world(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.gate.capacity = 512;
	w.clock = (struct clock_pair){.wall.ns = 1800000000 * NS_PER_S, .boot.ns = 1000 * NS_PER_S};
	w.conf = (struct conf){
		.protect = &protect_22, .n_protect = 1, .max_grants = 256, .guard = {.longest_s = 24 * 3600}};
	enforcer_init(&w.e, &w.conf, &fake_gate_ops, &w.gate, &hooks, &w);
	w.e.ends_sockets = true;
	return 0;
}

static int end_world(void **state)
{
	(void)state;
	enforcer_free(&w.e);
	return 0;
}

static struct cidr source(const char *text)
{
	struct cidr c;

	assert_int_equal(cidr_parse(text, strlen(text), &c, NULL), 0);
	return c;
}

/* A session to a local port; the number to ask is_open with. */
static size_t session(const char *from, uint16_t port)
{
	w.sockets[w.n] = (struct open_socket){.local = source(strchr(from, ':') ? "2001:db8::1" : "10.9.9.9"),
					      .peer = source(from),
					      .port = port,
					      .peer_port = (uint16_t)(50000 + w.n),
					      .cookie = w.n};
	w.is_open[w.n] = true;
	return w.n++;
}

/* One that the packet program has seen under a grant, which ends at `end_boot_ns` by what it knows. */
static size_t flowing(const char *from, uint16_t port, uint64_t end_boot_ns)
{
	size_t s = session(from, port);
	const struct open_socket *socket = &w.sockets[s];

	w.gate.flows[w.gate.n_flows].key =
		flow_of_socket(&socket->peer, socket->peer_port, &socket->local, port, PROTO_BIT_TCP);
	w.gate.flows[w.gate.n_flows++].flow = (struct gate_flow){
		.end_boot_ns = end_boot_ns, .last_seen_boot_ns = w.clock.boot.ns, .state = FLOW_ANSWERED};
	return s;
}

static void advance(int64_t ns)
{
	uint64_t end = w.clock.boot.ns + (uint64_t)ns;

	while (enforcer_next(&w.e).ns <= end) {
		uint64_t next = enforcer_next(&w.e).ns;
		uint64_t step = next > w.clock.boot.ns ? next - w.clock.boot.ns : 0;

		w.clock.boot.ns += step;
		w.clock.wall.ns += (int64_t)step;
		enforcer_tick(&w.e);
	}
	w.clock.wall.ns += (int64_t)(end - w.clock.boot.ns);
	w.clock.boot.ns = end;
}

struct wish {
	const char *from;
	int64_t for_ns;
	uint16_t port;
};

/* One answer of a feed, with these grants and no other. */
static void feed(const struct wish *wishes, size_t n)
{
	struct snapshot s = {.taken = w.clock.wall, .fresh_for_s = 600};

	for (size_t i = 0; i < n; i++) {
		struct grant grant = {.source = source(wishes[i].from),
				      .port = wishes[i].port,
				      .protos = PROTO_BIT_TCP,
				      .until.ns = w.clock.wall.ns + wishes[i].for_ns};

		assert_int_equal(grant_set_add(&s.grants, &grant, "alice", "", "test"), 0);
	}
	assert_int_equal(enforcer_take_snapshot(&w.e, &s), 0);
	snapshot_free(&s);
}
#define FEED(...) \
	feed((const struct wish[]){__VA_ARGS__}, sizeof((const struct wish[]){__VA_ARGS__}) / sizeof(struct wish))

static void start(void)
{
	assert_int_equal(enforcer_start(&w.e, NULL), 0);
}

static size_t count_lines(const char *begin)
{
	size_t n = 0;

	for (const char *at = w.log; (at = strstr(at, begin)); at += strlen(begin))
		n++;
	return n;
}

/* ------------------------------------------------------------ what ends */

static void a_session_ends_at_its_grants_deadline_and_not_before(void **state)
{
	size_t s;

	(void)state;
	start();
	FEED({"10.0.0.1", HOUR, 22});
	s = session("10.0.0.1", 22);
	advance(HOUR - 1);
	assert_true(w.is_open[s]);
	assert_int_equal(w.lists, 0);
	advance(1);
	assert_false(w.is_open[s]);
	assert_non_null(strstr(w.log, "<5>ended source=10.0.0.1 source_port=50000 port=22/tcp id="));
	assert_non_null(strstr(w.log, " requestor=\"alice\"\n"));
	assert_int_equal(count_lines("<5>ended "), 1);
}

static void one_of_an_ipv6_prefix_too(void **state)
{
	size_t in, out;

	(void)state;
	start();
	FEED({"2001:db8::/64", HOUR, 22});
	in = session("2001:db8::5", 22);
	out = session("2001:db8:0:1::5", 22); /* was never let in by a grant: there before jitgate was */
	advance(HOUR);
	assert_false(w.is_open[in]);
	assert_true(w.is_open[out]);
}

static void a_revoked_grants_sessions_end_with_the_answer(void **state)
{
	size_t gone, stays;

	(void)state;
	start();
	FEED({"10.0.0.1", HOUR, 22}, {"10.0.0.2", HOUR, 22});
	gone = session("10.0.0.1", 22);
	stays = session("10.0.0.2", 22);
	advance(MINUTE);
	FEED({"10.0.0.2", HOUR, 22});
	assert_false(w.is_open[gone]);
	assert_true(w.is_open[stays]);
}

static void a_reload_that_refuses_a_grant_ends_its_sessions(void **state)
{
	struct cidr only = source("10.0.0.2");
	struct conf narrow;
	size_t gone, stays;

	(void)state;
	start();
	FEED({"10.0.0.1", HOUR, 22}, {"10.0.0.2", HOUR, 22});
	gone = session("10.0.0.1", 22);
	stays = session("10.0.0.2", 22);
	narrow = w.conf;
	narrow.guard.sources = &only;
	narrow.guard.n_sources = 1;
	assert_int_equal(enforcer_reload(&w.e, &narrow), 0);
	assert_false(w.is_open[gone]);
	assert_true(w.is_open[stays]);
}

static void a_source_taken_out_of_allow_loses_its_sessions_at_every_protected_port(void **state)
{
	struct cidr allow[] = {source("10.0.0.0/24"), source("10.0.1.0/24")};
	struct conf fewer;
	size_t gone, elsewhere, other;

	(void)state;
	w.conf.allow = allow;
	w.conf.n_allow = 2;
	start();
	gone = session("10.0.0.1", 22);
	elsewhere = session("10.0.0.1", 80);
	other = session("10.0.1.1", 22);
	fewer = w.conf;
	fewer.allow = &allow[1];
	fewer.n_allow = 1;
	assert_int_equal(enforcer_reload(&w.e, &fewer), 0);
	assert_false(w.is_open[gone]);
	assert_true(w.is_open[elsewhere]); /* not a protected port */
	assert_true(w.is_open[other]);
	assert_non_null(strstr(w.log, "requestor=\"allow\""));
}

static void a_port_that_keeps_sessions_ends_them_when_it_is_made_to_cut(void **state)
{
	struct conf cutting;
	size_t over, granted;

	(void)state;
	w.conf.session.drain_ns = SESSION_KEEP;
	start();
	FEED({"10.0.0.1", HOUR, 22}, {"10.0.0.2", 2 * HOUR, 22});
	over = flowing("10.0.0.1", 22, w.clock.boot.ns + HOUR);
	granted = flowing("10.0.0.2", 22, w.clock.boot.ns + 2 * HOUR);
	advance(HOUR + MINUTE);
	assert_true(w.is_open[over]);
	cutting = w.conf;
	cutting.session.drain_ns = SESSION_CUT;
	assert_int_equal(enforcer_reload(&w.e, &cutting), 0);
	assert_false(w.is_open[over]);
	assert_true(w.is_open[granted]);
}

static void what_ended_while_the_daemon_was_dead_ends_when_it_is_back(void **state)
{
	size_t s;

	(void)state;
	start();
	FEED({"10.0.0.1", HOUR, 22});
	s = session("10.0.0.1", 22);
	enforcer_free(&w.e);
	w.clock.boot.ns += 2 * HOUR;
	w.clock.wall.ns += 2 * HOUR;
	assert_true(w.is_open[s]);
	enforcer_init(&w.e, &w.conf, &fake_gate_ops, &w.gate, &hooks, &w);
	w.e.ends_sockets = true;
	start();
	assert_int_equal(w.ends, 0); /* nothing is attached yet */
	advance(1);
	assert_false(w.is_open[s]);
}

static void a_packet_still_under_way_at_the_end_is_no_way_in(void **state)
{
	size_t late;

	(void)state;
	start();
	FEED({"10.0.0.1", HOUR, 22});
	late = session("10.0.0.1", 22);
	w.sockets[late].half_open = true;
	advance(HOUR);
	assert_int_equal(w.ends, 0);
	w.sockets[late].half_open = false; /* its last packet of the handshake was let in just before the end */
	advance(ENDED_AGAIN_NS);
	assert_false(w.is_open[late]);
	assert_int_equal(w.e.ended.n, 0);
}

static void where_nothing_is_there_nothing_wakes_up_again(void **state)
{
	(void)state;
	start();
	FEED({"10.0.0.1", HOUR, 22});
	session("10.0.0.2", 22);
	advance(HOUR);
	assert_int_equal(w.lists, 1);
	assert_int_equal(w.e.ended.n, 0);
}

/* ------------------------------------------------------------ what lives */

static void what_may_still_talk_lives(void **state)
{
	size_t renewed, covered, other_port, other_source, own;

	(void)state;
	start();
	FEED({"10.0.0.1", MINUTE, 22}, {"10.0.0.2", MINUTE, 22}, {"10.0.0.0/31", HOUR, 22}, {"10.0.0.3", HOUR, 22});
	covered = session("10.0.0.1", 22);
	renewed = session("10.0.0.2", 22);
	other_source = session("10.0.0.3", 22);
	other_port = session("10.0.0.2", 23);
	own = session("10.0.0.2", 49152); /* the machine's own connection to that peer's port 22 */
	advance(MINUTE - 1);
	FEED({"10.0.0.1", 1, 22}, {"10.0.0.2", HOUR, 22}, {"10.0.0.0/31", HOUR, 22}, {"10.0.0.3", HOUR, 22});
	advance(10 * MINUTE);
	assert_true(w.lists > 0); /* it was looked for them */
	assert_int_equal(w.ends, 0);
	assert_true(w.is_open[covered] && w.is_open[renewed] && w.is_open[other_source] && w.is_open[other_port] &&
		    w.is_open[own]);
}

static void a_grant_of_another_port_or_protocol_ends_nothing_here(void **state)
{
	struct snapshot s = {.taken = w.clock.wall, .fresh_for_s = 600};
	struct grant grant = {.source = source("10.0.0.1"), .port = 22, .protos = PROTO_BIT_UDP};
	size_t before;

	(void)state;
	start();
	before = session("10.0.0.1", 22); /* older than the protection: no grant of it has ended */
	grant.until.ns = w.clock.wall.ns + MINUTE;
	assert_int_equal(grant_set_add(&s.grants, &grant, "alice", "", "test"), 0);
	assert_int_equal(enforcer_take_snapshot(&w.e, &s), 0);
	snapshot_free(&s);
	advance(HOUR);
	assert_int_equal(w.lists, 0);
	FEED({"10.0.0.1", MINUTE, 23});
	advance(HOUR);
	assert_int_equal(w.lists, 1);
	assert_true(w.is_open[before]);
}

static struct ended_grant *found(struct ended_list *list, const struct open_socket *socket, struct boot_time now)
{
	CLEANUP(ended_index_free) struct ended_index index = {0};

	assert_int_equal(ended_index_build(list, socket->port, now, &index), 0);
	return ended_index_find(&index, &socket->peer, socket->port);
}

/* The same by a walk. */
static struct ended_grant *found_by_walk(struct ended_list *list, const struct open_socket *socket,
					 struct boot_time now)
{
	for (size_t i = list->n; i-- > 0;) {
		struct ended_grant *ended = &list->v[i];

		if (ended->due.ns <= now.ns && (!ended->port || ended->port == socket->port) &&
		    ended->protos & PROTO_BIT_TCP && cidr_covers(&ended->source, &socket->peer))
			return ended;
	}
	return NULL;
}

/* Of few addresses, so that many lie in one another. */
static struct cidr random_source(bool whole)
{
	struct cidr c = {.family = random_below(3) ? JITGATE_IPV4 : JITGATE_IPV6};
	unsigned int bits = c.family == JITGATE_IPV4 ? 32 : 128;

	c.prefix_len = (uint8_t)bits;
	c.addr[0] = (uint8_t)(10 + random_below(2));
	c.addr[bits / 8 - 1] = (uint8_t)random_below(8);
	return cidr_cut(&c, (uint8_t)(whole || random_below(2) ? bits : random_below(bits + 1)));
}

static void the_index_finds_what_a_walk_finds(void **state)
{
	size_t hits = 0, misses = 0;

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct ended_list list = {0};
		const struct boot_time at = {.ns = 10};

		for (uint32_t n = random_below(40); n > 0; n--) {
			struct grant grant = {.source = random_source(false),
					      .port = (uint16_t)random_below(4),
					      .protos = (uint8_t)(random_below(4) ? PROTO_BIT_TCP : PROTO_BIT_UDP)};

			assert_int_equal(ended_add(&list, &grant, "x", at), 0);
			list.v[list.n - 1].due.ns = random_below(14);
		}
		for (int i = 0; i < 50; i++) {
			struct open_socket socket = {.peer = random_source(true),
						     .port = (uint16_t)(1 + random_below(4))};
			struct ended_grant *expected = found_by_walk(&list, &socket, at);

			assert_ptr_equal(found(&list, &socket, at), expected);
			hits += expected != NULL;
			misses += expected == NULL;
		}
		ended_free(&list);
	}
	assert_true(hits > 1000 && misses > 1000);
}

#define CROWD 16000

/* Each source twice, at two times; every other one to another port. */
static int each_of_a_crowd(void *ctx, flow_visitor visit, void *visit_ctx)
{
	(void)ctx;
	for (uint32_t i = 0; i < 2 * CROWD; i++) {
		uint32_t host = i * 7919 % CROWD;
		struct flow_key key = {.saddr = {10, 20, (uint8_t)(host >> 8), (uint8_t)host},
				       .daddr = {10, 9, 0, 1},
				       .sport_be = htons((uint16_t)(1024 + i / CROWD)),
				       .dport_be = htons(host % 2 ? 22 : 23),
				       .proto = IPPROTO_TCP,
				       .family = JITGATE_IPV4};
		struct gate_flow flow = {.end_boot_ns = 1000 + i};

		visit(visit_ctx, &key, &flow);
	}
	return 0;
}

static void a_crowd_of_flows_is_noted_once_each_and_in_no_time(void **state)
{
	struct gate_ops gate = fake_gate_ops;
	uint8_t seen[CROWD] = {0};
	clock_t began;

	(void)state;
	gate.each_flow = each_of_a_crowd;
	w.e.gate = &gate;
	began = clock();
	enforcer_note_flows(&w.e);
	for (size_t i = 0; i < w.e.ended.n; i++)
		w.e.ended.v[i].due.ns = ENDED_NEVER; /* they wait */
	enforcer_note_flows(&w.e);
	assert_true(clock() - began < CLOCKS_PER_SEC * 3 / 10);
	assert_int_equal(w.e.ended.n, CROWD);
	for (size_t i = 0; i < CROWD; i++) {
		const struct ended_grant *ended = &w.e.ended.v[i];
		uint32_t host = ended->source.addr[2] * 256U + ended->source.addr[3];

		assert_int_equal(ended->port, host % 2 ? 22 : 23);
		assert_true(ended->since.ns >= 1000 + CROWD); /* when its last one lost its grant */
		assert_int_equal(ended->due.ns, w.clock.boot.ns);
		assert_int_equal(seen[host]++, 0);
	}
	w.e.gate = &fake_gate_ops;
}

static void a_socket_is_of_the_grant_with_its_source_port_and_protocol(void **state)
{
	const struct open_socket of_22 = {.peer = source("10.0.0.1"), .port = 22};
	struct grant grant = {.source = source("10.0.0.0/24"), .port = 22, .protos = PROTO_BIT_UDP};
	struct ended_list list = {0};
	const struct grant allowed = {.source = source("10.0.0.0/8"), .protos = PROTO_BITS_ALL};
	const struct boot_time at = {.ns = 1};

	(void)state;
	assert_int_equal(ended_add(&list, &grant, "udp", at), 0);
	assert_null(found(&list, &of_22, at));
	grant.port = 23;
	grant.protos = PROTO_BIT_TCP;
	assert_int_equal(ended_add(&list, &grant, "another port", at), 0);
	assert_null(found(&list, &of_22, at));
	grant.port = 22;
	assert_int_equal(ended_add(&list, &grant, "this", at), 0);
	assert_string_equal(found(&list, &of_22, at)->requestor, "this");
	assert_int_equal(ended_add(&list, &allowed, "allow", at), 0);
	assert_string_equal(found(&list, &of_22, at)->requestor, "allow");
	assert_int_equal(ended_next_port(&list, -1, at), 0);
	assert_int_equal(ended_next_port(&list, 0, at), 22);
	assert_int_equal(ended_next_port(&list, 22, at), 23);
	assert_int_equal(ended_next_port(&list, 23, at), -1);
	list.v[3].due.ns = at.ns + 1; /* the allowed one waits */
	assert_string_equal(found(&list, &of_22, at)->requestor, "this");
	assert_int_equal(ended_next_port(&list, -1, at), 22);
	ended_free(&list);
}

static void whoever_comes_another_way_lives(void **state)
{
	size_t s;

	(void)state;
	start();
	FEED({"10.0.0.0/24", HOUR, 22});
	s = session("10.0.0.1", 22);
	w.sockets[s].bound_ifindex = ELSEWHERE;
	advance(HOUR + MINUTE);
	assert_true(w.is_open[s]);
}

static void nothing_ends_in_audit_mode(void **state)
{
	size_t s;

	(void)state;
	w.conf.mode = JITGATE_AUDIT;
	start();
	FEED({"10.0.0.1", HOUR, 22});
	s = session("10.0.0.1", 22);
	advance(HOUR + MINUTE);
	assert_true(w.is_open[s]);
}

static void nothing_is_looked_at_when_it_is_off(void **state)
{
	size_t s;

	(void)state;
	w.e.ends_sockets = false;
	start();
	FEED({"10.0.0.1", HOUR, 22});
	s = session("10.0.0.1", 22);
	advance(HOUR + MINUTE);
	assert_true(w.is_open[s]);
	assert_int_equal(w.lists, 0);
}

/* ------------------------------------------------------------ what goes on for a while */

/* Sessions go on for ten minutes; one of 10.0.0.1, whose grant ends in an hour. */
static size_t start_drain(void)
{
	w.conf.session.drain_ns = 10 * MINUTE;
	start();
	FEED({"10.0.0.1", HOUR, 22});
	return flowing("10.0.0.1", 22, w.clock.boot.ns + HOUR);
}

static void a_drained_session_ends_with_its_drain_and_not_before(void **state)
{
	size_t s = start_drain(), stranger = session("10.0.0.2", 22);
	unsigned int lists;

	(void)state;
	advance(HOUR + NS_PER_S);
	assert_true(w.is_open[s]);
	lists = w.lists;
	advance(10 * MINUTE - NS_PER_S - 1);
	assert_true(w.is_open[s]);
	assert_int_equal(w.lists, lists); /* nothing wakes up for it meanwhile */
	advance(1);
	assert_false(w.is_open[s]);
	assert_true(w.is_open[stranger]);
	assert_int_equal(count_lines("<5>ended source=10.0.0.1 source_port=50000 port=22/tcp id="), 1);
	assert_int_equal(count_lines(" requestor=\"alice\"\n"), 1);
	advance(MINUTE);
	assert_int_equal(w.e.ended.n, 0);
}

static void each_of_several_ends_with_its_own_drain(void **state)
{
	size_t early, late;

	(void)state;
	w.conf.session.drain_ns = 10 * MINUTE;
	start();
	FEED({"10.0.0.0/24", HOUR, 22});
	early = flowing("10.0.0.1", 22, w.clock.boot.ns + HOUR);
	late = flowing("10.0.0.2", 22, w.clock.boot.ns + HOUR);
	advance(HOUR);
	w.gate.flows[0].flow.end_boot_ns -= 5 * MINUTE;
	advance(NS_PER_S); /* the second look, which sees that */
	advance(5 * MINUTE - NS_PER_S - 1);
	assert_true(w.is_open[early] && w.is_open[late]);
	advance(1);
	assert_false(w.is_open[early]);
	advance(5 * MINUTE - 1);
	assert_true(w.is_open[late]);
	advance(1);
	assert_false(w.is_open[late]);
}

static void a_drained_session_that_is_granted_again_lives(void **state)
{
	size_t s = start_drain();

	(void)state;
	advance(HOUR + MINUTE);
	FEED({"10.0.0.1", HOUR, 22});
	advance(59 * MINUTE);
	assert_true(w.is_open[s]);
	assert_int_equal(w.ends, 0);
	w.gate.flows[0].flow.last_seen_boot_ns = w.clock.boot.ns;
	advance(MINUTE + 10 * MINUTE - 1);
	assert_true(w.is_open[s]);
	advance(1);
	assert_false(w.is_open[s]);
}

/* The program knows it under the address that it was sent to, the socket has another one. */
static void a_session_that_is_known_under_another_address_has_its_drain_too(void **state)
{
	size_t s = start_drain();

	(void)state;
	w.gate.flows[0].key.daddr[3] ^= 1;
	advance(HOUR + 10 * MINUTE - 1);
	assert_true(w.is_open[s]);
	advance(1);
	assert_false(w.is_open[s]);
}

static void and_is_never_ended_where_it_is_kept(void **state)
{
	size_t s;

	(void)state;
	w.conf.session.drain_ns = SESSION_KEEP;
	start();
	FEED({"10.0.0.1", HOUR, 22});
	s = session("10.0.0.1", 22);
	advance(9 * HOUR);
	assert_true(w.is_open[s]);
}

static void a_session_that_is_kept_is_never_ended(void **state)
{
	size_t s;

	(void)state;
	w.conf.session.drain_ns = SESSION_KEEP;
	start();
	FEED({"10.0.0.1", HOUR, 22});
	s = flowing("10.0.0.1", 22, w.clock.boot.ns + HOUR);
	advance(3 * HOUR - 1);
	assert_true(w.is_open[s]);
	assert_int_equal(w.e.ended.n, 0);
}

static void reload_drain(struct conf *conf, uint64_t drain_ns)
{
	*conf = w.conf;
	conf->session.drain_ns = drain_ns;
	assert_int_equal(enforcer_reload(&w.e, conf), 0);
}

static void another_drain_counts_at_once_for_what_goes_on(void **state)
{
	size_t s = start_drain();
	struct conf conf[3];

	(void)state;
	advance(HOUR + MINUTE);
	reload_drain(&conf[0], 20 * MINUTE);
	advance(10 * MINUTE);
	assert_true(w.is_open[s]);
	reload_drain(&conf[1], SESSION_KEEP);
	advance(10 * MINUTE);
	assert_true(w.is_open[s]);
	reload_drain(&conf[2], 22 * MINUTE);
	advance(MINUTE - 1);
	assert_true(w.is_open[s]);
	advance(1);
	assert_false(w.is_open[s]);
}

static void a_drain_that_is_over_by_a_reload_is_over_at_once(void **state)
{
	size_t s = start_drain();
	struct conf conf;

	(void)state;
	advance(HOUR + 5 * MINUTE);
	reload_drain(&conf, 2 * MINUTE);
	assert_false(w.is_open[s]);
	assert_int_equal(count_lines("<5>ended "), 1);
}

static void restart(void)
{
	enforcer_free(&w.e);
	enforcer_init(&w.e, &w.conf, &fake_gate_ops, &w.gate, &hooks, &w);
	w.e.ends_sockets = true;
	start();
}

static void a_drain_is_followed_over_a_restart(void **state)
{
	size_t s = start_drain(), never = session("10.0.0.7", 22);

	(void)state;
	advance(HOUR + 5 * MINUTE); /* nothing but the flow tells of the grant any more */
	restart();
	advance(5 * MINUTE - 1);
	assert_true(w.is_open[s]);
	advance(1);
	assert_false(w.is_open[s]);
	assert_true(w.is_open[never]);
}

static void a_drain_that_ended_while_the_daemon_was_dead_ends_when_it_is_back(void **state)
{
	size_t s = start_drain();

	(void)state;
	advance(HOUR + MINUTE);
	w.clock.boot.ns += 10 * MINUTE;
	w.clock.wall.ns += 10 * MINUTE;
	assert_true(w.is_open[s]);
	restart();
	advance(1);
	assert_false(w.is_open[s]);
}

static void flows_that_cannot_be_read_at_a_start_are_said(void **state)
{
	(void)state;
	w.gate.fail_walks = 1;
	start();
	assert_int_equal(count_lines("<4>cannot read which sessions go on after their grant"), 1);
}

static void a_flow_that_cannot_be_looked_at_is_looked_at_again(void **state)
{
	size_t s = start_drain();

	(void)state;
	advance(HOUR + 10 * MINUTE - 1);
	w.gate.fail_flows = 1;
	advance(1 + NS_PER_S / 2);
	assert_true(w.is_open[s]);
	assert_int_equal(count_lines("cannot end the sockets of a grant that ended"), 1);
	advance(NS_PER_S);
	assert_false(w.is_open[s]);
}

/* ------------------------------------------------------------ audit, and what comes after */

struct audited {
	size_t over, never, granted;
};

/* In audit mode a grant has ended, another lives, and one session was under none. */
static struct audited start_audit(void)
{
	struct audited is;

	w.conf.mode = JITGATE_AUDIT;
	start();
	FEED({"10.0.0.1", HOUR, 22}, {"10.0.0.2", 9 * HOUR, 22});
	is = (struct audited){session("10.0.0.1", 22), session("10.0.0.9", 22), session("10.0.0.2", 22)};
	advance(HOUR + MINUTE);
	assert_true(w.is_open[is.over]);
	return is;
}

static void arm(void)
{
	struct failure failure;

	assert_int_equal(enforcer_arm(&w.e, 300, &failure), 0);
}

static void expect_all_ended(struct audited is)
{
	assert_false(w.is_open[is.over] || w.is_open[is.never]);
	assert_true(w.is_open[is.granted]);
	assert_int_equal(count_lines("<5>ended "), 2);
	assert_int_equal(count_lines(" requestor=\"enforced from now on\""), 2);
}

static void a_trial_ends_nobody_and_its_lapse_spares_them(void **state)
{
	struct audited is = start_audit();
	size_t during;

	(void)state;
	FEED({"10.0.0.3", MINUTE, 22}, {"10.0.0.2", HOUR, 22});
	during = session("10.0.0.3", 22);
	arm();
	advance(4 * MINUTE); /* a grant has ended meanwhile */
	assert_true(w.is_open[is.over] && w.is_open[is.never] && w.is_open[is.granted] && w.is_open[during]);
	advance(10 * MINUTE);
	assert_true(w.is_open[is.over] && w.is_open[is.never] && w.is_open[is.granted] && w.is_open[during]);
	assert_int_equal(w.ends, 0);
	assert_int_equal(w.e.ended.n, 0);
}

static void what_is_confirmed_ends_who_is_cut_by_it(void **state)
{
	struct audited is = start_audit();
	struct failure failure;

	(void)state;
	arm();
	assert_int_equal(w.ends, 0);
	assert_int_equal(enforcer_confirm(&w.e, &failure), 0);
	expect_all_ended(is);
	assert_int_equal(enforcer_confirm(&w.e, &failure), 0); /* once more is nothing new */
	assert_int_equal(w.ends, 1);
}

static void what_the_config_enforces_after_audit_ends_who_is_cut_by_it(void **state)
{
	struct audited is = start_audit();
	struct conf enforce = w.conf;

	(void)state;
	enforce.mode = JITGATE_ENFORCE;
	assert_int_equal(enforcer_reload(&w.e, &enforce), 0);
	expect_all_ended(is);
}

static void also_by_a_restart(void **state)
{
	struct audited is = start_audit();

	(void)state;
	w.conf.mode = JITGATE_ENFORCE;
	restart();
	advance(1);
	expect_all_ended(is);
}

static void a_session_that_is_older_than_the_service_lives(void **state)
{
	struct conf same;
	size_t s;

	(void)state;
	s = session("10.0.0.9", 22);
	start();
	same = w.conf;
	assert_int_equal(enforcer_reload(&w.e, &same), 0);
	FEED({"10.0.0.1", HOUR, 22});
	restart();
	advance(2 * HOUR);
	assert_true(w.is_open[s]);
}

/* It waited for a first answer, with nothing to close, when the config gave it something. */
static void so_does_one_that_a_first_protect_cuts(void **state)
{
	struct conf waits, protects;
	size_t s = session("10.0.0.9", 22);

	(void)state;
	protects = waits = w.conf;
	waits.n_protect = 0;
	w.conf = waits;
	start();
	assert_int_equal(w.gate.state.mode, JITGATE_AUDIT);
	w.conf = protects;
	restart();
	advance(MINUTE);
	assert_int_equal(w.gate.state.mode, JITGATE_ENFORCE);
	assert_true(w.is_open[s]);
}

static void also_by_a_reload(void **state)
{
	struct conf waits, protects;
	size_t s = session("10.0.0.9", 22);

	(void)state;
	protects = waits = w.conf;
	waits.n_protect = 0;
	w.conf = waits;
	start();
	assert_int_equal(enforcer_reload(&w.e, &protects), 0);
	assert_int_equal(w.gate.state.mode, JITGATE_ENFORCE);
	advance(MINUTE);
	assert_true(w.is_open[s]);
}

static void so_does_one_that_a_first_answer_cuts(void **state)
{
	size_t s;

	(void)state;
	w.conf.n_protect = 0;
	start();
	assert_int_equal(w.gate.state.mode, JITGATE_AUDIT);
	s = session("10.0.0.9", 22);
	w.conf.n_protect = 1;
	FEED({"10.0.0.1", HOUR, 22});
	assert_int_equal(w.gate.state.mode, JITGATE_ENFORCE);
	advance(MINUTE);
	assert_true(w.is_open[s]);
}

/* ------------------------------------------------------------ what fails */

static void expect_another_try(int *error, int value)
{
	size_t s;

	start();
	FEED({"10.0.0.1", HOUR, 22});
	s = session("10.0.0.1", 22);
	*error = value;
	advance(HOUR + NS_PER_S / 2);
	assert_true(w.is_open[s]);
	assert_int_equal(count_lines("cannot end the sockets of a grant that ended"), 1);
	assert_int_equal(count_lines("<5>ended "), 0);
	*error = 0;
	advance(NS_PER_S);
	assert_false(w.is_open[s]);
	assert_int_equal(count_lines("<5>ended "), 1);
}

static void a_list_that_cannot_be_read_is_read_again(void **state)
{
	(void)state;
	expect_another_try(&w.list_error, -ENOMEM);
}

static void a_way_that_cannot_be_asked_is_asked_again(void **state)
{
	(void)state;
	expect_another_try(&w.guard_error, -EMFILE);
}

static void one_whose_way_cannot_be_told_holds_up_no_other(void **state)
{
	size_t before, unknown, after;

	(void)state;
	start();
	FEED({"10.0.0.0/24", HOUR, 22});
	before = session("10.0.0.1", 22);
	unknown = session("10.0.0.2", 22);
	after = session("10.0.0.3", 22);
	w.sockets[unknown].bound_ifindex = NOT_KNOWN;
	w.unknown_error = -ENODEV;
	advance(HOUR);
	assert_false(w.is_open[before] || w.is_open[after]);
	assert_true(w.is_open[unknown]);
	assert_int_equal(count_lines("<4>cannot end the sockets of a grant that ended: No such device"), 1);
	w.unknown_error = 0;
	advance(NS_PER_S);
	assert_false(w.is_open[unknown]);
	assert_int_equal(count_lines("<5>ended "), 3);
}

static void an_end_that_fails_is_tried_again(void **state)
{
	(void)state;
	expect_another_try(&w.end_error, -EPERM);
}

static void a_socket_that_cannot_be_ended_is_tried_again(void **state)
{
	(void)state;
	expect_another_try(&w.result, -EBUSY);
}

static void what_fails_for_good_is_given_up_loudly_and_enforcement_goes_on(void **state)
{
	struct cidr from = source("10.0.0.1");

	(void)state;
	start();
	FEED({"10.0.0.1", HOUR, 22});
	session("10.0.0.1", 22);
	w.end_error = -EPERM;
	advance(HOUR + MINUTE);
	assert_int_equal(w.ends, ENDED_TRIES_MAX);
	assert_int_equal(count_lines("<3>cannot end the sockets of 1 grants"), 1);
	assert_int_equal(count_lines("<4>cannot end"), 1);
	assert_false(fake_passes(&w.gate, &from, 22, 6, w.clock.boot.ns));
}

static void who_went_by_itself_is_no_failure_and_no_line(void **state)
{
	(void)state;
	start();
	FEED({"10.0.0.1", HOUR, 22});
	session("10.0.0.1", 22);
	w.result = -ENOENT;
	advance(HOUR + MINUTE);
	assert_int_equal(count_lines("ended source"), 0);
	assert_int_equal(count_lines("cannot end"), 0);
}

static void many_sessions_are_a_bounded_number_of_lines(void **state)
{
	(void)state;
	start();
	FEED({"10.0.0.0/24", HOUR, 22});
	for (int i = 0; i < 100; i++)
		session("10.0.0.1", 22);
	advance(HOUR);
	assert_int_equal(count_lines("<5>ended source="), ENFORCER_ENDED_LINES);
	assert_non_null(strstr(w.log, "<5>50 more sockets were ended"));
	for (int i = 0; i < 100; i++)
		assert_false(w.is_open[i]);
}

#define world_test(f) cmocka_unit_test_setup_teardown(f, fresh_world, end_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(a_session_ends_at_its_grants_deadline_and_not_before),
		world_test(one_of_an_ipv6_prefix_too),
		world_test(a_revoked_grants_sessions_end_with_the_answer),
		world_test(a_port_that_keeps_sessions_ends_them_when_it_is_made_to_cut),
		world_test(a_reload_that_refuses_a_grant_ends_its_sessions),
		world_test(a_source_taken_out_of_allow_loses_its_sessions_at_every_protected_port),
		world_test(what_ended_while_the_daemon_was_dead_ends_when_it_is_back),
		world_test(a_packet_still_under_way_at_the_end_is_no_way_in),
		world_test(where_nothing_is_there_nothing_wakes_up_again),
		world_test(what_may_still_talk_lives),
		world_test(a_grant_of_another_port_or_protocol_ends_nothing_here),
		world_test(the_index_finds_what_a_walk_finds),
		world_test(a_crowd_of_flows_is_noted_once_each_and_in_no_time),
		world_test(a_socket_is_of_the_grant_with_its_source_port_and_protocol),
		world_test(whoever_comes_another_way_lives),
		world_test(nothing_ends_in_audit_mode),
		world_test(nothing_is_looked_at_when_it_is_off),
		world_test(a_drained_session_ends_with_its_drain_and_not_before),
		world_test(each_of_several_ends_with_its_own_drain),
		world_test(a_drained_session_that_is_granted_again_lives),
		world_test(a_session_that_is_known_under_another_address_has_its_drain_too),
		world_test(and_is_never_ended_where_it_is_kept),
		world_test(a_session_that_is_kept_is_never_ended),
		world_test(another_drain_counts_at_once_for_what_goes_on),
		world_test(a_drain_that_is_over_by_a_reload_is_over_at_once),
		world_test(a_drain_is_followed_over_a_restart),
		world_test(a_drain_that_ended_while_the_daemon_was_dead_ends_when_it_is_back),
		world_test(flows_that_cannot_be_read_at_a_start_are_said),
		world_test(a_flow_that_cannot_be_looked_at_is_looked_at_again),
		world_test(a_trial_ends_nobody_and_its_lapse_spares_them),
		world_test(what_is_confirmed_ends_who_is_cut_by_it),
		world_test(what_the_config_enforces_after_audit_ends_who_is_cut_by_it),
		world_test(also_by_a_restart),
		world_test(a_session_that_is_older_than_the_service_lives),
		world_test(so_does_one_that_a_first_protect_cuts),
		world_test(also_by_a_reload),
		world_test(so_does_one_that_a_first_answer_cuts),
		world_test(a_list_that_cannot_be_read_is_read_again),
		world_test(a_way_that_cannot_be_asked_is_asked_again),
		world_test(one_whose_way_cannot_be_told_holds_up_no_other),
		world_test(an_end_that_fails_is_tried_again),
		world_test(a_socket_that_cannot_be_ended_is_tried_again),
		world_test(what_fails_for_good_is_given_up_loudly_and_enforcement_goes_on),
		world_test(who_went_by_itself_is_no_failure_and_no_line),
		world_test(many_sessions_are_a_bounded_number_of_lines),
	};

	return cmocka_run_group_tests(tests, seed_random, NULL);
}
