// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Sessions over a long and wild time: the packet program's own text, apply and what it does to flows, in random worlds,
 * against an oracle that knows when each source was last allowed. After every single write packets come, and none
 * passes that its drain does not cover; when all is written, those that it does cover pass.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "apply.h"
#include "fake_gate.h"
#include "flows.h"
#include "oracle.h"
#include "random.h"

#define ROUNDS 2000
#define TUPLES 24
#define DRAIN_NS ((uint64_t)(90 * ORACLE_S))

/* ------------------------------------------------------------ the program, on the fake gate */

static struct fake_gate gate;
static uint64_t clock_ns;
static volatile uint16_t protected_v1[65536];
static volatile uint8_t sources_v1[2][JITGATE_SOURCES_BYTES];
static volatile struct gate_session sessions_v1[JITGATE_SESSION_CLASSES];
static int grants_v1, state_v1, flows_v1;

static struct gate_flow *find_flow(const struct flow_key *key)
{
	for (size_t i = 0; i < gate.n_flows; i++) {
		if (memcmp(&gate.flows[i].key, key, sizeof(*key)) == 0)
			return &gate.flows[i].flow;
	}
	return NULL;
}

static void lose(const struct flow_key *key);

static void *bpf_map_lookup_elem(const void *map, const void *key)
{
	static struct gate_grant found;

	if (map == &flows_v1)
		return find_flow(key);
	if (map == &state_v1)
		return &gate.state;
	return fake_lookup(&gate, key, &found) == 0 ? &found : NULL;
}

static void bpf_map_update_elem(const void *map, const void *key, const void *value, uint64_t flags)
{
	struct gate_flow *flow = find_flow(key);

	assert_ptr_equal(map, &flows_v1);
	assert_int_equal(flags, 0);
	if (!flow) {
		/* Full: one goes, whichever. */
		size_t at = gate.n_flows < FAKE_FLOWS_MAX ? gate.n_flows++ : random_below(FAKE_FLOWS_MAX);

		lose(&gate.flows[at].key);
		memcpy(&gate.flows[at].key, key, sizeof(struct flow_key));
		flow = &gate.flows[at].flow;
	}
	memcpy(flow, value, sizeof(*flow));
}

#define BPF_ANY 0

static uint64_t bpf_ktime_get_boot_ns(void)
{
	return clock_ns;
}

#pragma GCC diagnostic ignored "-Wunknown-pragmas" /* clang unrolls loops when told */
#include "gate_session.h"

/* What the gate is made of, as the program sees it. */
static void show_gate(uint16_t port)
{
	protected_v1[htons(port)] = (uint16_t)(gate.protected[port] | gate.class[port] << PROTECTED_CLASS_SHIFT);
	memcpy((void *)sources_v1, &gate.sources, sizeof(sources_v1));
	memcpy((void *)sessions_v1, gate.sessions, sizeof(sessions_v1));
}

/* gate() without counters. */
static int judge(const struct packet *pkt)
{
	struct match match = {0};
	int reason;

	if (!is_protected(pkt))
		return REASON_UNPROTECTED;
	reason = judge_grant(pkt, &match);
	if (protected_v1[pkt->dport_be] & PROTECTED_CLASS_MASK && judge_flow(pkt, reason, &match))
		return REASON_ESTABLISHED;
	return reason;
}

/* ------------------------------------------------------------ who sends, and what is known of him */

struct tuple {
	struct cidr source;
	uint16_t port, sport;
	uint8_t proto_bit;
	uint64_t last_allowed_ns; /* 0: never; the oracle's word */
	uint64_t sure_until_ns;   /* of the end that its flow has at least; 0: nothing is sure */
};

static struct tuple tuples[TUPLES];
static struct truth before, after;
static struct session_rules rules_before, rules_after;
static struct session_rule rule_list[2][TRUTH_PORTS * 3];
static uint64_t n_established, n_late, n_granted, n_drained, n_writes;

/* Its flow was forgotten for want of room. */
static void lose(const struct flow_key *key)
{
	for (size_t i = 0; i < TUPLES; i++) {
		if (htons(tuples[i].sport) == key->sport_be && memcmp(tuples[i].source.addr, key->saddr, 16) == 0)
			tuples[i].sure_until_ns = 0;
	}
}

static struct question question_of(const struct tuple *t, uint64_t boot_ns)
{
	return (struct question){.source = t->source,
				 .port = t->port,
				 .proto_bit = t->proto_bit,
				 .from_boot_ns = boot_ns,
				 .to_boot_ns = boot_ns};
}

static uint64_t boot_of(const struct truth *t, struct wall_time wall)
{
	return t->clock.boot.ns + (uint64_t)(wall.ns - t->clock.wall.ns);
}

/* The last moment up to `boot_ns` at which a truth that is in force since its clock's time allows it. */
static uint64_t last_allowed(const struct truth *truth, const struct tuple *t, uint64_t boot_ns)
{
	struct question q = question_of(t, boot_ns);
	uint64_t last = 0;

	if (!(oracle_closed(truth, t->port) & t->proto_bit))
		return 0; /* open to all is no grant */
	if (oracle_allows(truth, &q, boot_ns))
		return boot_ns;
	for (size_t i = 0; i < truth->n_grants; i++) {
		uint64_t end = boot_of(truth, truth->grants[i].until);

		if (oracle_is_about(&truth->grants[i], &q) && !oracle_refuses(truth, &truth->grants[i]) &&
		    truth->grants[i].until.ns > truth->clock.wall.ns && end <= boot_ns && end > last)
			last = end;
	}
	return last;
}

static void note_allowed(const struct truth *truth, uint64_t boot_ns)
{
	for (size_t i = 0; i < TUPLES; i++) {
		uint64_t last = last_allowed(truth, &tuples[i], boot_ns);

		if (last > tuples[i].last_allowed_ns)
			tuples[i].last_allowed_ns = last;
	}
}

/* When the last live grant of it ends; 0: none is live. */
static uint64_t end_of(const struct truth *truth, const struct tuple *t, uint64_t boot_ns)
{
	struct question q = question_of(t, boot_ns);
	uint64_t end = 0;

	for (size_t i = 0; i < truth->n_allow; i++) {
		if (oracle_inside(&truth->allow[i], &q.source))
			return JITGATE_NO_DEADLINE;
	}
	for (size_t i = 0; i < truth->n_grants; i++) {
		uint64_t until = boot_of(truth, truth->grants[i].until);

		if (oracle_is_about(&truth->grants[i], &q) && !oracle_refuses(truth, &truth->grants[i]) &&
		    until > boot_ns && until > end)
			end = until;
	}
	return end;
}

static uint64_t drain_in(const struct session_rules *rules, const struct tuple *t)
{
	return session_of_port(rules, t->port).drain_ns[__builtin_ctz(t->proto_bit)];
}

static bool covers(const struct tuple *t, uint64_t drain_ns)
{
	return drain_ns == SESSION_KEEP || (drain_ns && clock_ns < t->last_allowed_ns + drain_ns);
}

static int send_packet(struct tuple *t, uint16_t flags)
{
	struct packet pkt = {.saddr = t->source.addr,
			     .daddr = (const uint8_t *)"0123456789abcdef",
			     .family = t->source.family,
			     .proto = proto_number(t->proto_bit),
			     .proto_index = (uint8_t)__builtin_ctz(t->proto_bit),
			     .sport_be = htons(t->sport),
			     .dport_be = htons(t->port),
			     .flags = flags};

	show_gate(t->port);
	return judge(&pkt);
}

static void check_packet(struct tuple *t, bool at_rest)
{
	static const uint16_t goes_on[] = {GATE_TCP_ACK, GATE_TCP_ACK, GATE_TCP_FIN | GATE_TCP_ACK, GATE_TCP_RST};
	bool begins = random_below(4) == 0;
	uint64_t drain_ns = drain_in(&rules_after, t);
	struct question q = question_of(t, clock_ns);
	int reason;

	if (t->proto_bit != PROTO_BIT_TCP)
		begins = false;
	/* Some of it may be forged: what says that a session is over ends none. */
	reason = send_packet(t, begins ? GATE_TCP_SYN : goes_on[random_below(ARRAY_SIZE(goes_on))]);
	if (reason == REASON_ESTABLISHED) {
		n_established++;
		assert_false(begins);
		assert_true(t->last_allowed_ns > 0);
		if (!covers(t, drain_in(&rules_before, t)) && !covers(t, drain_ns))
			fail_msg("a packet passes %lld ns after the end of its grant, with a drain of %llu",
				 (long long)(clock_ns - t->last_allowed_ns), (unsigned long long)drain_ns);
	} else if (reason != REASON_GRANTED && reason != REASON_UNPROTECTED) {
		n_late++;
		if (at_rest && !begins && t->sure_until_ns && drain_ns &&
		    (drain_ns == SESSION_KEEP || clock_ns < t->sure_until_ns + drain_ns))
			fail_msg("a packet is dropped %lld ns from its grant's end, with a drain of %llu, protocol %u",
				 (long long)(clock_ns - t->sure_until_ns), (unsigned long long)drain_ns, t->proto_bit);
		n_drained += t->last_allowed_ns > 0;
		if (!at_rest && oracle_wrong(&before, &after, &q, false))
			fail_msg("a source that is granted before and after is shut out between two writes");
	} else if (reason == REASON_GRANTED) {
		n_granted++;
		/* Only what has been answered, ever, is sure to be remembered for hours. */
		t->sure_until_ns =
			at_rest && drain_ns && (!begins || t->sure_until_ns) ? end_of(&after, t, clock_ns) : 0;
	}
}

/* A sender for each of the tuples that were not heard of for long enough. */
static void meet_new(struct tuple *t)
{
	static uint16_t sport = 1024; /* each its own, for as long as one is remembered */
	struct question q = truth_question(&after, clock_ns);

	*t = (struct tuple){.source = q.source,
			    .port = q.port,
			    .sport = ++sport,
			    .proto_bit = one_in(3) ? PROTO_BIT_UDP : PROTO_BIT_TCP};
}

static void check_between(void *ctx)
{
	(void)ctx;
	n_writes++;
	note_allowed(&after, clock_ns);
	for (int i = 0; i < 6; i++)
		check_packet(&tuples[random_below(TUPLES)], false);
}

/* ------------------------------------------------------------ the run */

static void change_rules(void)
{
	static unsigned int side;

	rules_after = rules_before;
	if (!one_in(6))
		return;
	side ^= 1;
	rules_after = (struct session_rules){.rules = rule_list[side]};
	for (size_t i = 0; i < TRUTH_PORTS; i++) {
		static const uint8_t bits[] = {PROTO_BIT_TCP, PROTO_BIT_UDP, PROTO_BIT_UDPLITE};

		for (size_t j = 0; j < ARRAY_SIZE(bits); j++)
			rules_after.rules[rules_after.n++] =
				(struct session_rule){.port = truth_ports[i],
						      .protos = bits[j],
						      .drain_ns = one_in(3)   ? SESSION_CUT
								  : one_in(3) ? SESSION_KEEP
									      : DRAIN_NS * (1 + random_below(3))};
	}
}

/* What a change leaves sure: the new end, or that it ended now. What else may be meant is left open. */
static void follow_change(void)
{
	for (size_t i = 0; i < TUPLES; i++) {
		struct tuple *t = &tuples[i];
		struct question q = question_of(t, clock_ns);
		uint64_t end = end_of(&after, t, clock_ns);
		bool closed = oracle_closed(&before, t->port) & oracle_closed(&after, t->port) & t->proto_bit;

		bool carried = closed && drain_in(&rules_after, t) && drain_in(&rules_before, t);

		if (carried && t->sure_until_ns && end)
			t->sure_until_ns = end;
		else if (!carried || oracle_matches(&after, &q)) /* an end in the past, or refused */
			t->sure_until_ns = 0;
		else if (t->sure_until_ns > clock_ns)
			t->sure_until_ns = clock_ns;
		/* What is over by the new policy is forgotten, and no later one brings it back. */
		if (drain_in(&rules_after, t) != SESSION_KEEP &&
		    clock_ns >= t->sure_until_ns + drain_in(&rules_after, t))
			t->sure_until_ns = 0;
	}
}

static size_t apply(struct truth *truth)
{
	struct truth_input input;
	struct apply_input in = {.conf = &input.conf,
				 .snapshot = &input.snapshot,
				 .learned = &input.learned,
				 .now = truth->clock,
				 .gate = &fake_gate_ops,
				 .gate_ctx = &gate};
	size_t failed = 0;

	truth_tell(truth, &input);
	input.conf.session = rules_after;
	assert_int_equal(apply_wanted(&in, &failed), 0);
	return failed;
}

/* The wall clock is set now and then; what is sure of a flow then is nothing. */
static struct clock_pair pass_time(void)
{
	static const int64_t spans[] = {1, ORACLE_S / 100, ORACLE_S, 40 * ORACLE_S, 200 * ORACLE_S};
	struct clock_pair clock = before.clock;
	uint64_t gone = random_bits() % (uint64_t)spans[random_below(ARRAY_SIZE(spans))];

	/* In steps, so that flows are heard of before they are too old. */
	for (int i = 0; i < 4; i++) {
		clock_ns += gone / 4;
		note_allowed(&before, clock_ns);
		for (int k = 0; k < TUPLES; k++)
			check_packet(&tuples[k], true);
	}
	clock.wall.ns += (int64_t)(clock_ns - clock.boot.ns);
	clock.boot.ns = clock_ns;
	if (one_in(12)) {
		clock.wall.ns += (int64_t)random_below(7200) * ORACLE_S * (one_in(2) ? 1 : -1);
		for (size_t i = 0; i < TUPLES; i++)
			tuples[i].sure_until_ns = 0;
	}
	return clock;
}

static void no_packet_outlives_its_grant_and_drain(void **state)
{
	(void)state;
	memset(&gate, 0, sizeof(gate));
	gate.capacity = 512;
	gate.changed = check_between;
	before = (struct truth){
		.clock = {{1800000000 * ORACLE_S}, {1000000 * ORACLE_S}}, .guard.longest_s = 7200, .max_grants = 256};
	after = before;
	clock_ns = before.clock.boot.ns;
	for (size_t i = 0; i < TUPLES; i++)
		meet_new(&tuples[i]);
	for (int round = 0; round < ROUNDS; round++) {
		truth_change(&before, pass_time(), &after);
		after.max_grants = 256;
		change_rules();
		follow_change();
		assert_int_equal(apply(&after), 0);
		before = after;
		rules_before = rules_after;
		for (int i = 0; i < 3; i++)
			meet_new(&tuples[random_below(TUPLES)]);
	}
	printf("# %d rounds, %llu writes: %llu granted, %llu established, %llu dropped, %llu of these once granted\n",
	       ROUNDS, (unsigned long long)n_writes, (unsigned long long)n_granted, (unsigned long long)n_established,
	       (unsigned long long)n_late, (unsigned long long)n_drained);
	assert_true(n_granted > 1000 && n_established > 1000 && n_drained > 1000);
}

/* ------------------------------------------------------------ one flow */

#define NOW_NS 1000000000000ULL

static const struct flow_key one_key = {
	.saddr = {192, 0, 2, 77}, .sport_be = 0x409c, .dport_be = 0x1600, .proto = IPPROTO_TCP, .family = JITGATE_IPV4};

/* Port 22 is closed, with a policy, and one flow is known. */
static void one_flow(uint64_t drain_ns, uint64_t end_boot_ns)
{
	memset(&gate, 0, sizeof(gate));
	gate.capacity = 16;
	fake_search_everywhere(&gate);
	gate.protected[22] = PROTO_BIT_TCP;
	gate.class[22] = 3;
	gate.sessions[3].drain_ns[PROTO_INDEX_TCP] = drain_ns;
	gate.flows[0].key = one_key;
	gate.flows[0].flow =
		(struct gate_flow){.end_boot_ns = end_boot_ns, .last_seen_boot_ns = NOW_NS, .state = FLOW_ANSWERED};
	gate.n_flows = 1;
}

static void put_entry(uint64_t expires_boot_ns)
{
	struct cidr source = flow_source(&one_key);
	struct gate_entry entry = {.key = entry_key(&source, 22, IPPROTO_TCP),
				   .grant.expires_boot_ns = expires_boot_ns};

	fake_put(&gate, &entry);
}

/* The end of the flow after the review; 0: it was deleted. */
static uint64_t reviewed(void)
{
	assert_int_equal(flows_review(&fake_gate_ops, &gate, NOW_NS), 0);
	return gate.n_flows ? gate.flows[0].flow.end_boot_ns : 0;
}

static void a_flow_without_an_entry_has_ended_now_at_the_latest(void **state)
{
	(void)state;
	one_flow(1000, NOW_NS + 5000);
	assert_int_equal(reviewed(), NOW_NS);
	one_flow(1000, NOW_NS - 999);
	assert_int_equal(reviewed(), NOW_NS - 999);
	one_flow(1000, NOW_NS - 1000);
	assert_int_equal(reviewed(), 0);
	one_flow(SESSION_KEEP, JITGATE_NO_DEADLINE);
	assert_int_equal(reviewed(), NOW_NS);
}

static void a_flow_has_the_end_of_its_entry(void **state)
{
	(void)state;
	one_flow(1000, NOW_NS + 5000);
	put_entry(NOW_NS + 7);
	assert_int_equal(reviewed(), NOW_NS + 7);
	one_flow(1000, NOW_NS + 5000);
	put_entry(JITGATE_NO_DEADLINE);
	assert_int_equal(reviewed(), JITGATE_NO_DEADLINE);
	one_flow(1000, NOW_NS - 500);
	put_entry(NOW_NS + 7);
	assert_int_equal(reviewed(), NOW_NS + 7);
	/* An entry that has ended gives nothing back. */
	one_flow(1000, NOW_NS - 500);
	put_entry(NOW_NS - 3);
	assert_int_equal(reviewed(), NOW_NS - 500);
	one_flow(1000, NOW_NS + 500);
	put_entry(NOW_NS - 3);
	assert_int_equal(reviewed(), NOW_NS - 3);
}

static void a_flow_of_a_port_that_cuts_is_deleted(void **state)
{
	(void)state;
	one_flow(SESSION_CUT, NOW_NS + 5000);
	assert_int_equal(reviewed(), 0);
	one_flow(SESSION_KEEP, NOW_NS + 5000);
	gate.class[22] = 0;
	gate.sessions[0] = gate.sessions[3];
	assert_int_equal(reviewed(), 0);
	one_flow(SESSION_KEEP, NOW_NS + 5000);
	gate.protected[22] = PROTO_BIT_UDP;
	assert_int_equal(reviewed(), 0);
}

static void a_flow_goes_on_to_the_last_nanosecond(void **state)
{
	struct gate_flow flow = {.end_boot_ns = NOW_NS, .last_seen_boot_ns = NOW_NS, .state = FLOW_ANSWERED};
	struct flow_key udp = one_key;

	(void)state;
	udp.proto = IPPROTO_UDP;
	assert_true(flow_goes_on(&one_key, &flow, 1000, NOW_NS + 999));
	assert_false(flow_goes_on(&one_key, &flow, 1000, NOW_NS + 1000));
	assert_false(flow_goes_on(&one_key, &flow, SESSION_CUT, NOW_NS));
	assert_true(flow_goes_on(&one_key, &flow, SESSION_KEEP, NOW_NS + JITGATE_FLOW_TCP_IDLE_NS - 1));
	assert_false(flow_goes_on(&one_key, &flow, SESSION_KEEP, NOW_NS + JITGATE_FLOW_TCP_IDLE_NS));
	assert_true(flow_goes_on(&udp, &flow, SESSION_KEEP, NOW_NS + JITGATE_FLOW_UDP_IDLE_NS - 1));
	assert_false(flow_goes_on(&udp, &flow, SESSION_KEEP, NOW_NS + JITGATE_FLOW_UDP_IDLE_NS));
	flow.state |= FLOW_CLOSING; /* whoever said so */
	assert_true(flow_goes_on(&one_key, &flow, SESSION_KEEP, NOW_NS + JITGATE_FLOW_TCP_IDLE_NS - 1));
	assert_false(flow_goes_on(&one_key, &flow, SESSION_KEEP, NOW_NS + JITGATE_FLOW_TCP_IDLE_NS));
	assert_true(flow_counts(&one_key, &flow, SESSION_KEEP, NOW_NS + JITGATE_FLOW_CLOSED_NS - 1));
	assert_false(flow_counts(&one_key, &flow, SESSION_KEEP, NOW_NS + JITGATE_FLOW_CLOSED_NS));
	assert_false(flow_counts(&one_key, &flow, 1000, NOW_NS + 1000));
	flow.state = 0;
	assert_true(flow_goes_on(&one_key, &flow, SESSION_KEEP, NOW_NS + JITGATE_FLOW_OPENING_NS - 1));
	assert_false(flow_goes_on(&one_key, &flow, SESSION_KEEP, NOW_NS + JITGATE_FLOW_OPENING_NS));
}

/* The entry is what says when the grant was lost: it stays until the flows know, also if that takes a second try. */
static void what_is_revoked_is_deleted_when_the_flows_know(void **state)
{
	struct port_rule protect = {.port = 22, .protos = PROTO_BIT_TCP};
	struct conf conf = {.protect = &protect, .n_protect = 1, .max_grants = 16, .session.drain_ns = 1000};
	struct learned learned = {0};
	struct snapshot snapshot = {0};
	struct apply_input in = {.conf = &conf,
				 .snapshot = &snapshot,
				 .learned = &learned,
				 .now = {{NOW_NS}, {NOW_NS}},
				 .gate = &fake_gate_ops,
				 .gate_ctx = &gate};
	size_t failed_writes = 0;

	(void)state;
	one_flow(1000, NOW_NS + 5000);
	gate.capacity = 64;
	put_entry(NOW_NS + 5000);
	gate.fail_walks = 1;
	assert_int_equal(apply_wanted(&in, &failed_writes), 0);
	assert_int_equal(failed_writes, 1);
	assert_int_equal(gate.n, 1);
	assert_int_equal(gate.entries[0].grant.expires_boot_ns, NOW_NS);
	in.now.boot.ns = in.now.wall.ns = NOW_NS + 600;
	in.again = true;
	assert_int_equal(apply_wanted(&in, &failed_writes), 0);
	assert_int_equal(failed_writes, 0);
	assert_int_equal(gate.n, 0);
	assert_int_equal(gate.flows[0].flow.end_boot_ns, NOW_NS); /* not 600 ns later */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flow_without_an_entry_has_ended_now_at_the_latest),
		cmocka_unit_test(a_flow_has_the_end_of_its_entry),
		cmocka_unit_test(a_flow_of_a_port_that_cuts_is_deleted),
		cmocka_unit_test(a_flow_goes_on_to_the_last_nanosecond),
		cmocka_unit_test(what_is_revoked_is_deleted_when_the_flows_know),
		cmocka_unit_test(no_packet_outlives_its_grant_and_drain),
	};

	return cmocka_run_group_tests(tests, seed_random, NULL);
}
