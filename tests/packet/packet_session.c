// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What goes on after its grant, by BPF_PROG_RUN: what makes a flow, what it lets pass and for how long, and that
 * nothing else ever passes by it. The program's clock cannot be set, so that time passes by flows that say they are
 * older.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "packet/tap.h"

#define FIN 0x01U
#define SYN 0x02U
#define RST 0x04U
#define ACK 0x10U
#define TCP_FLAGS_AT 13

#define MINUTE (60 * NS_PER_S)
#define HOUR (60 * MINUTE)
#define MARGIN (5 * NS_PER_S) /* more than any pause between setting a flow and asking */
#define KEEP_FLOW JITGATE_NO_DEADLINE

static uint16_t gated_port(void)
{
	return case_ports[0].gated;
}

static struct frame frame_of(int family, uint8_t proto, uint32_t flags)
{
	struct corpus_case c = {.family = family, .rule = {.frame = {IP, L4(proto, FRAME_SPORT, GATED)}}};
	struct frame frame;

	must(corpus_build(&c, &case_ports[0], &frame), &failed);
	if (proto == IPPROTO_TCP)
		frame.data[frame.l4_at + TCP_FLAGS_AT] = (uint8_t)flags;
	return frame;
}

/* The first of several; `l4` bytes of TCP are in it. */
static struct frame first_fragment(int family, uint32_t flags, uint32_t l4)
{
	struct corpus_case c = {.family = family, .rule = {.frame = {IP, FRAG(0, 1), TCP(GATED), KEEP(l4)}}};
	struct frame frame;

	must(corpus_build(&c, &case_ports[0], &frame), &failed);
	if (l4 > TCP_FLAGS_AT)
		frame.data[frame.l4_at + TCP_FLAGS_AT] = (uint8_t)flags;
	return frame;
}

/* By the frame's bytes, as jitgate_abi.h has it. */
static struct flow_key key_of(const struct frame *frame)
{
	const uint8_t *ip = frame->data + frame->ips[0].at;
	bool is4 = frame->ips[0].family == 4;
	struct flow_key key = {.proto = frame->l4_proto, .family = is4 ? JITGATE_IPV4 : JITGATE_IPV6};

	memcpy(key.saddr, ip + (is4 ? 12 : 8), is4 ? 4 : 16);
	memcpy(key.daddr, ip + (is4 ? 16 : 24), is4 ? 4 : 16);
	memcpy(&key.sport_be, frame->data + frame->l4_at, 2);
	memcpy(&key.dport_be, frame->data + frame->l4_at + 2, 2);
	return key;
}

/* The port closed for TCP and UDP, with one policy for both. */
static void close_port(struct trial *trial, uint64_t drain_ns)
{
	const struct gate_session session = {.drain_ns = {drain_ns, drain_ns, 0, 0, drain_ns}};

	must(trial_reset(trial, &failed), &failed);
	trial_protect(trial, gated_port(), PROTO_BITS_ALL);
	trial_set_session(trial, &session);
	trial_set_mode(trial, JITGATE_ENFORCE, BUDGET);
}

static void grant(struct trial *trial, int family, uint8_t proto, uint64_t end_boot_ns)
{
	must(trial_grant(trial, family == 4 ? FRAME_SOURCE4 : FRAME_SOURCE6, gated_port(), proto, end_boot_ns, 3,
			 &failed),
	     &failed);
}

static int run(struct trial *trial, const struct frame *frame)
{
	return must(trial_run(trial, false, frame->data, frame->len, &failed), &failed);
}

/* Of one frame: passed, or why it was dropped, told apart by the counter. */
static void expect(struct trial *trial, const struct frame *frame, int reason, const char *what)
{
	struct effect before, after;
	int verdict;

	must(trial_read(trial, &before, &failed), &failed);
	verdict = run(trial, frame);
	must(trial_read(trial, &after, &failed), &failed);
	if (after.stats[reason].packets != before.stats[reason].packets + 1)
		wrong("%s: not counted as reason %d (verdict %d)", what, reason, verdict);
	if ((verdict == XDP_PASS) !=
	    (reason == REASON_GRANTED || reason == REASON_ESTABLISHED || reason == REASON_AUDIT))
		wrong("%s: verdict %d", what, verdict);
}

static void put_flow(struct trial *trial, const struct frame *frame, uint64_t end_boot_ns, uint64_t silent_ns,
		     uint32_t state)
{
	const struct flow_key key = key_of(frame);
	const struct gate_flow flow = {
		.end_boot_ns = end_boot_ns, .last_seen_boot_ns = trial_now_boot_ns() - silent_ns, .state = state};

	must(trial_put_flow(trial, &key, &flow, &failed), &failed);
}

static struct gate_flow flow_of(struct trial *trial, const struct frame *frame, const char *what)
{
	const struct flow_key key = key_of(frame);
	struct gate_flow flow = {0};

	if (trial_get_flow(trial, &key, &flow) < 0)
		wrong("%s: the flow is not known", what);
	return flow;
}

static void expect_flows(struct trial *trial, size_t n, const char *what)
{
	size_t is = 0;

	must(trial_count_flows(trial, &is, &failed), &failed);
	if (is != n)
		wrong("%s: %zu flows, not %zu", what, is, n);
}

/* ---------------------------------------------------------------- what makes a flow */

static void learns_from_granted_packets(struct trial *trial, int family)
{
	static const struct {
		uint8_t proto;
		uint32_t flags, state;
	} packets[] = {
		{IPPROTO_TCP, SYN, 0},
		{IPPROTO_TCP, ACK, FLOW_ANSWERED},
		{IPPROTO_TCP, SYN | ACK, FLOW_ANSWERED},
		{IPPROTO_TCP, FIN | ACK, FLOW_ANSWERED | FLOW_CLOSING},
		{IPPROTO_TCP, RST, FLOW_ANSWERED | FLOW_CLOSING},
		{IPPROTO_UDP, 0, FLOW_ANSWERED},
		{IPPROTO_UDPLITE, 0, FLOW_ANSWERED},
	};

	for (size_t i = 0; i < ARRAY_SIZE(packets); i++) {
		struct frame frame = frame_of(family, packets[i].proto, packets[i].flags);
		uint64_t before = trial_now_boot_ns(), end = before + HOUR;
		struct gate_flow flow;

		close_port(trial, HOUR);
		grant(trial, family, packets[i].proto, end);
		expect(trial, &frame, REASON_GRANTED, "granted");
		flow = flow_of(trial, &frame, "learned");
		expect_flows(trial, 1, "learned");
		if (flow.end_boot_ns != end || flow.state != packets[i].state || flow.reserved)
			wrong("packet %zu: a flow with end %+lld ns, state %u", i, (long long)(flow.end_boot_ns - end),
			      flow.state);
		if (flow.last_seen_boot_ns < before || flow.last_seen_boot_ns > trial_now_boot_ns())
			wrong("packet %zu: seen at a wrong time", i);
	}
	end_test("a granted packet makes a flow, with its state and the grant's end, IPv%d", family);
}

static void learns_from_nothing_else(struct trial *trial, int family)
{
	struct frame ack = frame_of(family, IPPROTO_TCP, ACK), part = first_fragment(family, ACK, 16),
		     sctp = frame_of(family, IPPROTO_SCTP, 0), dccp = frame_of(family, IPPROTO_DCCP, 0);

	close_port(trial, KEEP_FLOW);
	expect(trial, &ack, REASON_NO_GRANT, "no grant");
	expect_flows(trial, 0, "a packet without a grant");
	trial_set_mode(trial, JITGATE_AUDIT, BUDGET);
	expect(trial, &ack, REASON_AUDIT, "audited");
	expect_flows(trial, 0, "a packet that audit lets pass");
	trial_set_mode(trial, JITGATE_ENFORCE, BUDGET);
	grant(trial, family, IPPROTO_TCP, trial_now_boot_ns() - 1);
	expect(trial, &ack, REASON_EXPIRED, "expired");
	expect_flows(trial, 0, "a packet with a grant that has ended");
	grant(trial, family, IPPROTO_TCP, KEEP_FLOW);
	expect(trial, &part, REASON_GRANTED, "fragment");
	expect_flows(trial, 0, "a first fragment");
	grant(trial, family, IPPROTO_SCTP, KEEP_FLOW);
	grant(trial, family, IPPROTO_DCCP, KEEP_FLOW);
	expect(trial, &sctp, REASON_GRANTED, "SCTP");
	expect(trial, &dccp, REASON_GRANTED, "DCCP");
	expect_flows(trial, 0, "SCTP and DCCP");
	expect(trial, &ack, REASON_GRANTED, "granted");
	expect_flows(trial, 1, "a granted packet");
	close_port(trial, 0);
	grant(trial, family, IPPROTO_TCP, KEEP_FLOW);
	expect(trial, &ack, REASON_GRANTED, "granted");
	expect_flows(trial, 0, "a port that cuts");
	end_test("nothing but a whole granted packet to a port that does not cut makes a flow, IPv%d", family);
}

static void follows_its_grant(struct trial *trial)
{
	struct frame syn = frame_of(4, IPPROTO_TCP, SYN), ack = frame_of(4, IPPROTO_TCP, ACK),
		     fin = frame_of(4, IPPROTO_TCP, FIN | ACK);
	uint64_t end = trial_now_boot_ns() + HOUR;

	close_port(trial, HOUR);
	grant(trial, 4, IPPROTO_TCP, end);
	expect(trial, &syn, REASON_GRANTED, "SYN");
	expect(trial, &ack, REASON_GRANTED, "ACK");
	if (flow_of(trial, &ack, "ACK").state != FLOW_ANSWERED)
		wrong("an ACK does not answer");
	grant(trial, 4, IPPROTO_TCP, end + HOUR);
	expect(trial, &fin, REASON_GRANTED, "FIN");
	if (flow_of(trial, &fin, "renewed").end_boot_ns != end + HOUR)
		wrong("the renewed end is not taken over");
	grant(trial, 4, IPPROTO_TCP, end - MINUTE);
	expect(trial, &ack, REASON_GRANTED, "ACK");
	if (flow_of(trial, &ack, "shortened").end_boot_ns != end - MINUTE)
		wrong("the shortened end is not taken over");
	if (flow_of(trial, &ack, "closing").state != (FLOW_ANSWERED | FLOW_CLOSING))
		wrong("the FIN is forgotten");
	expect(trial, &syn, REASON_GRANTED, "SYN");
	if (flow_of(trial, &syn, "anew").state != FLOW_ANSWERED)
		wrong("a SYN does not begin anew, or takes more than the FIN back");
	expect_flows(trial, 1, "one flow");
	end_test("a flow follows its grant's end, keeps its state, and begins anew with a SYN");
}

/* ---------------------------------------------------------------- what it lets pass */

static void passes_what_goes_on(struct trial *trial, int family)
{
	struct frame ack = frame_of(family, IPPROTO_TCP, ACK), syn = frame_of(family, IPPROTO_TCP, SYN),
		     answer = frame_of(family, IPPROTO_TCP, SYN | ACK), odd = frame_of(family, IPPROTO_TCP, SYN | FIN);
	struct effect effect;

	close_port(trial, HOUR);
	grant(trial, family, IPPROTO_TCP, trial_now_boot_ns() + HOUR);
	expect(trial, &ack, REASON_GRANTED, "granted");
	grant(trial, family, IPPROTO_TCP, trial_now_boot_ns() - 1);
	expect(trial, &ack, REASON_ESTABLISHED, "with an entry that has ended");
	expect(trial, &syn, REASON_EXPIRED, "a SYN of a known flow");
	expect(trial, &odd, REASON_EXPIRED, "a SYN with FIN of a known flow");
	expect(trial, &answer, REASON_ESTABLISHED, "SYN and ACK");
	must(trial_read(trial, &effect, &failed), &failed);
	if (effect.ports[0].granted_packets != 3 || effect.ports[0].granted_bytes != 3 * ack.len ||
	    effect.ports[0].ungranted_packets != 2)
		wrong("the port's counters are wrong");
	/* The look at its grant set the usage to 0. */
	if (effect.usage[3].packets != 0 || effect.n_events != 3)
		wrong("%llu uses, %zu events", (unsigned long long)effect.usage[3].packets, effect.n_events);
	if (effect.stats[REASON_ESTABLISHED].bytes != 2 * ack.len)
		wrong("bytes are not counted");

	close_port(trial, HOUR);
	put_flow(trial, &ack, trial_now_boot_ns() - 1, 0, FLOW_ANSWERED);
	expect(trial, &ack, REASON_ESTABLISHED, "without an entry");
	expect(trial, &syn, REASON_NO_GRANT, "a SYN without an entry");
	trial_set_mode(trial, JITGATE_AUDIT, BUDGET);
	expect(trial, &ack, REASON_ESTABLISHED, "in audit mode");
	expect(trial, &syn, REASON_AUDIT, "a SYN in audit mode");
	expect_flows(trial, 1, "one flow");
	end_test("a known flow goes on after its grant, but begins nothing, IPv%d", family);
}

/* A drain that fits into the time for which this machine is up, which may be seconds. */
static uint64_t short_drain(void)
{
	return trial_now_boot_ns() / 2;
}

static void ends_with_its_drain(struct trial *trial, int family, uint8_t proto)
{
	struct frame frame = frame_of(family, proto, ACK);
	uint64_t drain = short_drain(), now = trial_now_boot_ns();

	close_port(trial, drain);
	put_flow(trial, &frame, now - drain + MARGIN, 0, FLOW_ANSWERED);
	expect(trial, &frame, REASON_ESTABLISHED, "just before the end of the drain");
	put_flow(trial, &frame, now - drain, 0, FLOW_ANSWERED);
	expect(trial, &frame, REASON_NO_GRANT, "at the end of the drain");
	put_flow(trial, &frame, 0, 0, FLOW_ANSWERED);
	expect(trial, &frame, REASON_NO_GRANT, "long after the end of the drain");
	put_flow(trial, &frame, KEEP_FLOW, 0, FLOW_ANSWERED);
	expect(trial, &frame, REASON_ESTABLISHED, "under a grant without end");
	put_flow(trial, &frame, now + MARGIN, 0, FLOW_ANSWERED);
	expect(trial, &frame, REASON_ESTABLISHED, "just ended");
	if (flow_of(trial, &frame, "established").end_boot_ns != now + MARGIN)
		wrong("an established packet has moved the end");
	close_port(trial, KEEP_FLOW);
	put_flow(trial, &frame, 0, 0, FLOW_ANSWERED);
	expect(trial, &frame, REASON_ESTABLISHED, "kept for ever");
	close_port(trial, now + 2 * HOUR);
	put_flow(trial, &frame, 0, 0, FLOW_ANSWERED);
	expect(trial, &frame, REASON_ESTABLISHED, "a drain longer than this machine is up");
	end_test("a flow ends when its drain is over, kept ones do not, IPv%d, protocol %u", family, proto);
}

/* By BPF_PROG_RUN in a loop across the very moment. */
static void ends_in_that_moment(struct trial *trial)
{
	struct frame ack = frame_of(4, IPPROTO_TCP, ACK);
	const uint64_t drain = 50 * NS_PER_MS;
	int passed = 0, dropped = 0;
	uint64_t end;

	close_port(trial, drain);
	end = trial_now_boot_ns() + 50 * NS_PER_MS;
	grant(trial, 4, IPPROTO_TCP, end);
	while (trial_now_boot_ns() < end + drain + (dropped ? 5 * NS_PER_MS : 2 * NS_PER_S)) {
		uint64_t before = trial_now_boot_ns();
		int verdict = run(trial, &ack);
		uint64_t after = trial_now_boot_ns();

		if (verdict == XDP_PASS ? before >= end + drain : after < end + drain)
			wrong("verdict %d between %lld and %lld ns after grant and drain", verdict,
			      (long long)(before - end - drain), (long long)(after - end - drain));
		passed += verdict == XDP_PASS;
		dropped += verdict == XDP_DROP;
	}
	if (!passed || !dropped)
		wrong("%d passed, %d dropped", passed, dropped);
	end_test("a flow ends at its grant's end and the drain, not before and not after");
}

static void fragments_wait(struct trial *trial, int family)
{
	struct frame part = first_fragment(family, ACK, 16), opening = first_fragment(family, SYN, 16),
		     short_ = first_fragment(family, 0, 8), ack = frame_of(family, IPPROTO_TCP, ACK);
	uint64_t drain = short_drain(), now = trial_now_boot_ns();

	close_port(trial, drain);
	put_flow(trial, &ack, now - drain + MINUTE + MARGIN, 0, FLOW_ANSWERED);
	expect(trial, &part, REASON_ESTABLISHED, "more than a minute before the end");
	expect(trial, &opening, REASON_NO_GRANT, "a SYN");
	expect(trial, &short_, REASON_NO_GRANT, "a fragment without flags");
	put_flow(trial, &ack, now - drain + MINUTE, 0, FLOW_ANSWERED);
	expect(trial, &part, REASON_NO_GRANT, "less than a minute before the end");
	expect(trial, &ack, REASON_ESTABLISHED, "a whole packet then");
	close_port(trial, KEEP_FLOW);
	put_flow(trial, &ack, 0, 0, FLOW_ANSWERED);
	expect(trial, &part, REASON_ESTABLISHED, "kept");
	short_.data[short_.l4_at + TCP_FLAGS_AT] = ACK;
	short_.len = short_.l4_at + 18;
	expect(trial, &short_, REASON_NO_GRANT, "a fragment of 8 bytes whose padding says ACK");
	end_test("a first fragment passes only when its datagram has the time to become whole, IPv%d", family);
}

static void ends_when_silent(struct trial *trial)
{
	static const struct {
		uint8_t proto;
		uint32_t state;
		uint64_t idle_ns;
	} flows[] = {
		{IPPROTO_TCP, FLOW_ANSWERED, JITGATE_FLOW_TCP_IDLE_NS},
		{IPPROTO_TCP, 0, JITGATE_FLOW_OPENING_NS},
		{IPPROTO_TCP, FLOW_ANSWERED | FLOW_CLOSING, JITGATE_FLOW_TCP_IDLE_NS},
		{IPPROTO_UDP, FLOW_ANSWERED, JITGATE_FLOW_UDP_IDLE_NS},
		{IPPROTO_UDPLITE, FLOW_ANSWERED, JITGATE_FLOW_UDP_IDLE_NS},
	};

	for (size_t i = 0; i < ARRAY_SIZE(flows); i++) {
		struct frame frame = frame_of(4, flows[i].proto, ACK);

		close_port(trial, KEEP_FLOW);
		put_flow(trial, &frame, 0, flows[i].idle_ns, flows[i].state);
		expect(trial, &frame, REASON_NO_GRANT, "too long silent");
		put_flow(trial, &frame, 0, flows[i].idle_ns - MARGIN, flows[i].state);
		expect(trial, &frame, REASON_ESTABLISHED, "silent");
		if (trial_now_boot_ns() - flow_of(trial, &frame, "seen").last_seen_boot_ns > MARGIN)
			wrong("flow %zu is not seen", i);
	}
	end_test("a flow ends when it is silent for longer than its state allows");
}

static void is_told_what_it_saw(struct trial *trial)
{
	struct frame ack = frame_of(4, IPPROTO_TCP, ACK), fin = frame_of(4, IPPROTO_TCP, FIN | ACK),
		     rst = frame_of(4, IPPROTO_TCP, RST);
	uint64_t seen;

	close_port(trial, KEEP_FLOW);
	put_flow(trial, &ack, 0, 0, 0);
	seen = flow_of(trial, &ack, "put").last_seen_boot_ns;
	expect(trial, &ack, REASON_ESTABLISHED, "ACK");
	if (flow_of(trial, &ack, "ACK").last_seen_boot_ns != seen &&
	    trial_now_boot_ns() - seen < JITGATE_FLOW_SEEN_STEP_NS)
		wrong("written for each packet");
	if (flow_of(trial, &ack, "ACK").state != FLOW_ANSWERED)
		wrong("an ACK does not answer");
	expect(trial, &fin, REASON_ESTABLISHED, "FIN");
	if (flow_of(trial, &fin, "FIN").state != (FLOW_ANSWERED | FLOW_CLOSING))
		wrong("a FIN does not close");
	put_flow(trial, &ack, 0, 0, FLOW_ANSWERED);
	expect(trial, &rst, REASON_ESTABLISHED, "RST");
	if (flow_of(trial, &rst, "RST").state != (FLOW_ANSWERED | FLOW_CLOSING))
		wrong("a RST does not close");
	end_test("a flow that goes on still sees FIN and RST");
}

/* With the addresses and ports of a session anybody may send these; it was quiet, and goes on being quiet for an hour.
 */
static void outlives_a_forgery(struct trial *trial, int family)
{
	static const uint32_t forged[] = {RST, RST | ACK, FIN, FIN | ACK, SYN, SYN | RST, SYN | FIN, SYN | RST | ACK};
	struct frame ack = frame_of(family, IPPROTO_TCP, ACK), syn = frame_of(family, IPPROTO_TCP, SYN);

	for (size_t i = 0; i < ARRAY_SIZE(forged); i++) {
		struct frame bad = frame_of(family, IPPROTO_TCP, forged[i]);

		for (int granted = 0; granted < 2; granted++) {
			struct gate_flow flow;

			close_port(trial, KEEP_FLOW);
			put_flow(trial, &ack, 0, 0, FLOW_ANSWERED);
			if (granted)
				grant(trial, family, IPPROTO_TCP, trial_now_boot_ns() + HOUR);
			run(trial, &bad);
			grant(trial, family, IPPROTO_TCP, trial_now_boot_ns() - 1);
			flow = flow_of(trial, &ack, "forged");
			put_flow(trial, &ack, flow.end_boot_ns, HOUR, flow.state);
			expect(trial, &ack, REASON_ESTABLISHED, granted ? "forged under its grant" : "forged after it");
			expect(trial, &syn, REASON_EXPIRED, "a SYN all the same");
		}
	}
	end_test("a forged RST, FIN or SYN ends no session, IPv%d", family);
}

/* ---------------------------------------------------------------- and nobody else */

/* One bit of each field is another: none of them is known. */
static void is_one_flow(struct trial *trial, int family)
{
	struct frame ack = frame_of(family, IPPROTO_TCP, ACK);
	size_t ip = ack.ips[0].at, address = family == 4 ? 4 : 16, saddr = ip + (family == 4 ? 12 : 8);

	close_port(trial, KEEP_FLOW);
	put_flow(trial, &ack, 0, 0, FLOW_ANSWERED);
	expect(trial, &ack, REASON_ESTABLISHED, "the flow itself");
	for (size_t i = 0; i < 2 * address; i++) {
		struct frame other = ack;

		other.data[saddr + i] ^= 0x10;
		expect(trial, &other, REASON_NO_GRANT, i < address ? "another source" : "another destination");
	}
	for (size_t i = 0; i < 2; i++) {
		struct frame other = ack;

		other.data[ack.l4_at + i] ^= 0x10;
		expect(trial, &other, REASON_NO_GRANT, "another source port");
	}
	for (size_t i = 0; i < 2; i++) {
		static const uint8_t protos[] = {IPPROTO_UDP, IPPROTO_UDPLITE};
		struct frame other = frame_of(family, protos[i], 0);

		expect(trial, &other, REASON_NO_GRANT, "another protocol");
	}
	end_test("a flow is one source, destination, port, protocol, and no other, IPv%d", family);
}

static void is_of_its_port(struct trial *trial)
{
	const struct gate_session udp_only = {.drain_ns = {0, KEEP_FLOW}}, none = {{0}};
	struct frame ack = frame_of(4, IPPROTO_TCP, ACK), udp = frame_of(4, IPPROTO_UDP, 0),
		     sctp = frame_of(4, IPPROTO_SCTP, 0), other = ack;
	struct flow_key key;

	close_port(trial, KEEP_FLOW);
	memcpy(other.data + ack.l4_at + 2, &(uint16_t){htons(case_ports[0].other)}, 2);
	put_flow(trial, &other, 0, 0, FLOW_ANSWERED);
	key = key_of(&other);
	if (ntohs(key.dport_be) != case_ports[0].other)
		wrong("not another port");
	expect(trial, &ack, REASON_NO_GRANT, "a flow to another port");
	put_flow(trial, &sctp, 0, 0, FLOW_ANSWERED);
	expect(trial, &sctp, REASON_NO_GRANT, "SCTP");
	put_flow(trial, &ack, 0, 0, FLOW_ANSWERED);
	put_flow(trial, &udp, 0, 0, FLOW_ANSWERED);
	expect(trial, &ack, REASON_ESTABLISHED, "TCP");
	trial_set_session(trial, &udp_only);
	expect(trial, &ack, REASON_NO_GRANT, "TCP is cut");
	expect(trial, &udp, REASON_ESTABLISHED, "UDP is not");
	trial_set_session(trial, &none);
	expect(trial, &udp, REASON_NO_GRANT, "all is cut");
	close_port(trial, KEEP_FLOW);
	trial_protect(trial, gated_port(), PROTO_BIT_TCP); /* without a class */
	put_flow(trial, &ack, 0, 0, FLOW_ANSWERED);
	expect(trial, &ack, REASON_NO_GRANT, "a port without a class");
	end_test("a flow is of no use to another port, and to none that cuts");
}

/* More than once, so that each seems to be in use. */
static void send_from(struct trial *trial, struct frame *frame, uint32_t n)
{
	const uint16_t sport_be = htons((uint16_t)(1024 + n % 60000));

	memcpy(frame->data + frame->l4_at, &sport_be, 2);
	frame->data[frame->ips[0].at + 19] = (uint8_t)(n / 60000 + 1);
	for (int i = 0; i < 3; i++)
		run(trial, frame);
}

/* Whoever is granted can fill the table. What another loses by it is closed; nobody gains. */
static void garbage_opens_nothing(struct trial *trial)
{
	struct frame mine = frame_of(4, IPPROTO_TCP, ACK), flood = frame_of(4, IPPROTO_TCP, ACK), stranger;
	size_t n;

	memcpy(flood.data + flood.ips[0].at + 12, (const uint8_t[]){198, 51, 100, 9}, 4);
	close_port(trial, KEEP_FLOW);
	trial_set_mode(trial, JITGATE_ENFORCE, 0);
	for (uint32_t i = 0; i < 2 * JITGATE_FLOWS_MAX; i++)
		send_from(trial, &flood, i);
	expect_flows(trial, 0, "a flood without a grant");
	grant(trial, 4, IPPROTO_TCP, JITGATE_NO_DEADLINE);
	expect(trial, &mine, REASON_GRANTED, "mine");
	grant(trial, 4, IPPROTO_TCP, trial_now_boot_ns() - 1);
	expect(trial, &mine, REASON_ESTABLISHED, "before the flood");
	must(trial_grant(trial, "198.51.100.9", gated_port(), IPPROTO_TCP, JITGATE_NO_DEADLINE, 4, &failed), &failed);
	for (uint32_t i = 0; i < 4 * JITGATE_FLOWS_MAX; i++)
		send_from(trial, &flood, i);
	must(trial_count_flows(trial, &n, &failed), &failed);
	if (n > JITGATE_FLOWS_MAX || n < JITGATE_FLOWS_MAX / 2)
		wrong("%zu flows in a table of %d", n, JITGATE_FLOWS_MAX);
	expect(trial, &mine, REASON_EXPIRED, "after the flood");
	stranger = flood;
	stranger.data[flood.ips[0].at + 15] ^= 1;
	expect(trial, &stranger, REASON_NO_GRANT, "a stranger, with the ports of what is known");
	end_test("a table full of garbage forgets flows, and lets nothing in");
}

void run_sessions(struct trial *trial)
{
	for (int family = 4; family <= 6; family += 2) {
		learns_from_granted_packets(trial, family);
		learns_from_nothing_else(trial, family);
		passes_what_goes_on(trial, family);
		ends_with_its_drain(trial, family, IPPROTO_TCP);
		ends_with_its_drain(trial, family, IPPROTO_UDP);
		fragments_wait(trial, family);
		outlives_a_forgery(trial, family);
		is_one_flow(trial, family);
	}
	follows_its_grant(trial);
	ends_in_that_moment(trial);
	ends_when_silent(trial);
	is_told_what_it_saw(trial);
	is_of_its_port(trial);
	garbage_opens_nothing(trial);
}
