// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Runs the cases against the packet program and compares all that it did: verdict, counters, event. TAP on stdout.
 *
 *   packet_test [-x] [OBJECT]    OBJECT: a .bpf.o to test instead of the one built in
 *                                -x: stop at the first failure
 *
 * Exit: 0 all passed, 1 some failed, 2 the program does not load or the maps cannot be set.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "corpus.h"
#include "frame.h"
#include "packet/gate_run.h"
#include "util.h"

#define ETH_BYTES 14
#define LOOPBACK_IFINDEX 1 /* where BPF_PROG_RUN says that a frame came in */
#define BUDGET 5
#define HOUR_NS (3600 * NS_PER_S)

/* Each case is run in all of these. */
struct mode {
	const char *name;
	int mode;
	int budget;
	int through_root;
};

static const struct mode modes[] = {
	{"enforce", JITGATE_ENFORCE, BUDGET, 0},
	{"enforce, no budget", JITGATE_ENFORCE, 0, 0},
	{"enforce, through root", JITGATE_ENFORCE, BUDGET, 1},
	{"audit", JITGATE_AUDIT, BUDGET, 0},
	{"unknown mode", 2, BUDGET, 0},
};

/* One run of one case: the frame, and what has to come of it without regard to audit mode. */
struct trial {
	const struct frame *frame;
	int verdict;
	int reason;
	uint32_t slot; /* of the grant that decides */
	uint16_t port;
	uint64_t before_boot_ns;
};

static struct {
	size_t n;
	size_t failed;
	int stops;     /* at the first failure */
	char why[512]; /* first thing wrong in the test that is running; empty: nothing */
} tap;

__attribute__((format(printf, 1, 2))) static void wrong(const char *format, ...)
{
	va_list args;

	if (tap.why[0])
		return;
	va_start(args, format);
	vsnprintf(tap.why, sizeof(tap.why), format, args);
	va_end(args);
}

__attribute__((format(printf, 1, 2))) static void end_test(const char *format, ...)
{
	va_list args;

	tap.n++;
	printf("%sok %zu - ", tap.why[0] ? "not " : "", tap.n);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	if (tap.why[0]) {
		tap.failed++;
		printf("# %s\n", tap.why);
		if (tap.stops)
			exit(1);
	}
	tap.why[0] = '\0';
}

static int is_audited(const struct trial *trial, const struct mode *mode)
{
	return mode->mode == JITGATE_AUDIT && trial->verdict == XDP_DROP;
}

static void check_stats(const struct trial *trial, const struct mode *mode, const struct gate_effect *effect)
{
	int counted = is_audited(trial, mode) ? REASON_AUDIT : trial->reason;
	int i;

	for (i = 0; i < _REASON_MAX; i++) {
		uint64_t packets = i == counted;
		uint64_t bytes = i == counted ? trial->frame->len : 0;

		if (effect->stats[i].packets != packets || effect->stats[i].bytes != bytes) {
			wrong("%s: reason %d counted %llu packets, %llu bytes, not %llu, %llu", mode->name, i,
			      (unsigned long long)effect->stats[i].packets, (unsigned long long)effect->stats[i].bytes,
			      (unsigned long long)packets, (unsigned long long)bytes);
		}
	}
}

static void check_ports(struct gate *gate, const struct trial *trial, const struct mode *mode)
{
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_DCCP, IPPROTO_UDPLITE};
	int ungranted = trial->reason == REASON_NO_GRANT || trial->reason == REASON_EXPIRED;
	int granted = trial->reason == REASON_GRANTED;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(protos); i++) {
		struct port_counters is = gate_port_counters(gate, trial->port, i);
		int mine = protos[i] == trial->frame->l4_proto;
		uint64_t let = mine && granted, kept = mine && ungranted;

		if (is.granted_packets != let || is.granted_bytes != let * trial->frame->len ||
		    is.ungranted_packets != kept || is.ungranted_bytes != kept * trial->frame->len)
			wrong("%s: ports_v1 of protocol %u is wrong", mode->name, protos[i]);
	}
}

static void check_usage(const struct trial *trial, const struct mode *mode, const struct gate_effect *effect)
{
	uint64_t now = gate_now_boot_ns();
	uint32_t i;

	for (i = 0; i < GATE_USAGE_SLOTS; i++) {
		const struct grant_usage *is = &effect->usage[i];
		int used = trial->reason == REASON_GRANTED && i == trial->slot;

		if (is->packets != (uint64_t)used || is->bytes != (used ? trial->frame->len : 0))
			wrong("%s: usage_v1[%u] is wrong", mode->name, i);
		if (used ? is->last_seen_boot_ns < trial->before_boot_ns || is->last_seen_boot_ns > now
			 : is->last_seen_boot_ns != 0)
			wrong("%s: usage_v1[%u] was last seen at a wrong time", mode->name, i);
	}
}

/* What the event can know: nothing, or the addresses (family set), the protocol, the ports. */
static struct event told_of(const struct trial *trial)
{
	const struct frame *frame = trial->frame;
	const struct frame_ip *ip = &frame->ips[0];
	struct event told = {.reason = trial->reason, .would_be = trial->reason, .ifindex = LOOPBACK_IFINDEX};
	int has_header = ip->family == 6 && frame->len >= ip->at + 40 && frame->data[ip->at] >> 4 == 6;
	size_t address = ip->family == 4 ? 4 : 16;

	if (trial->reason == REASON_GRANTED || trial->reason == REASON_EXPIRED)
		told.slot = trial->slot;
	if (trial->reason == REASON_MALFORMED && !has_header)
		return told;
	if (trial->reason == REASON_TOO_DEEP && ip->at > ETH_BYTES + 4 * JITGATE_VLAN_TAGS_MAX)
		return told;
	told.family = ip->family;
	memcpy(told.saddr, frame->data + ip->at + (ip->family == 4 ? 12 : 8), address);
	memcpy(told.daddr, frame->data + ip->at + (ip->family == 4 ? 16 : 24), address);
	if (trial->reason == REASON_MALFORMED || trial->reason == REASON_TOO_DEEP)
		return told;
	told.proto = frame->l4_proto;
	if (trial->reason == REASON_SHORT_L4)
		return told;
	memcpy(&told.sport_be, frame->data + frame->l4_at, 2);
	memcpy(&told.dport_be, frame->data + frame->l4_at + 2, 2);
	return told;
}

static void check_event(const struct trial *trial, const struct mode *mode, const struct gate_effect *effect)
{
	int is_first_use = trial->reason == REASON_GRANTED && trial->slot < GATE_USAGE_SLOTS;
	size_t due = mode->budget && (trial->verdict == XDP_DROP || is_first_use);
	struct event is = effect->last_event;
	struct event told;

	if (effect->n_events != due)
		wrong("%s: %zu events, not %zu", mode->name, effect->n_events, due);
	if (!due || !effect->n_events)
		return;
	told = told_of(trial);
	if (is_audited(trial, mode))
		told.reason = REASON_AUDIT;
	if (is.boot_ns < trial->before_boot_ns || is.boot_ns > gate_now_boot_ns())
		wrong("%s: the event has a wrong time", mode->name);
	told.boot_ns = is.boot_ns;
	if (memcmp(&is, &told, sizeof(is)) != 0) {
		wrong("%s: event: reason %u/%u, family %u, proto %u, ports %u>%u, interface %u, slot %u; "
		      "not %u/%u, %u, %u, %u>%u, %u, %u, or an address differs",
		      mode->name, is.reason, is.would_be, is.family, is.proto, ntohs(is.sport_be), ntohs(is.dport_be),
		      is.ifindex, is.slot, told.reason, told.would_be, told.family, told.proto, ntohs(told.sport_be),
		      ntohs(told.dport_be), told.ifindex, told.slot);
	}
}

/* The maps are set for the trial; run it in one mode and check everything. */
static void try_mode(struct gate *gate, struct trial *trial, const struct mode *mode)
{
	int due = is_audited(trial, mode) ? XDP_PASS : trial->verdict;
	struct gate_effect effect;
	int verdict;

	gate->state->mode = mode->mode;
	gate->budget->left = mode->budget;
	trial->before_boot_ns = gate_now_boot_ns();
	verdict = gate_run(gate, mode->through_root ? gate->root_fd : gate->gate_fd, trial->frame->data,
			   trial->frame->len);
	gate_effect_read(gate, &effect);
	if (verdict != due)
		wrong("%s: verdict %d, not %d", mode->name, verdict, due);
	check_stats(trial, mode, &effect);
	check_ports(gate, trial, mode);
	check_usage(trial, mode, &effect);
	check_event(trial, mode, &effect);
	if (gate->budget->left != mode->budget - (int64_t)effect.n_events)
		wrong("%s: %lld left of the budget after %zu events", mode->name, (long long)gate->budget->left,
		      effect.n_events);
}

static uint64_t deadline(enum grant_end end)
{
	uint64_t now = gate_now_boot_ns();

	switch (end) {
	case ENDS_NEVER:
		return JITGATE_NO_DEADLINE;
	case ENDS_SOON:
		return now + 30 * NS_PER_S;
	case ENDED:
		return now > HOUR_NS ? now - HOUR_NS : 1;
	case ENDS_AT_ONCE:
		return now + 1;
	default:
		return now + HOUR_NS;
	}
}

static uint32_t port_of(uint32_t port, const struct case_port *ports)
{
	if (port == GATED)
		return ports->gated;
	if (port == OTHER)
		return ports->other;
	return port == SWAPPED ? ports->swapped : port;
}

/* Put numbers for the ports and a family for IP that stand in a description. */
static void build(const struct layer *description, int family, const struct case_port *ports, struct frame *ret_frame)
{
	struct layer layers[FRAME_LAYERS_MAX];
	size_t i;

	memcpy(layers, description, sizeof(layers));
	for (i = 0; i < FRAME_LAYERS_MAX; i++) {
		if (layers[i].kind == LAYER_IP)
			layers[i].kind = family == 4 ? LAYER_IPV4 : LAYER_IPV6;
		if (layers[i].kind == LAYER_L4) {
			layers[i].b = port_of(layers[i].b, ports);
			layers[i].c = port_of(layers[i].c, ports);
		}
	}
	if (frame_build(layers, FRAME_LAYERS_MAX, ret_frame) < 0)
		wrong("the description makes no frame");
}

/* 0: of either family. */
static int family_of(const struct layer *description)
{
	size_t i;

	for (i = 0; i < FRAME_LAYERS_MAX; i++) {
		if (description[i].kind == LAYER_IP)
			return 0;
		if (description[i].kind == LAYER_IPV4)
			return 4;
		if (description[i].kind == LAYER_IPV6)
			return 6;
	}
	return 4;
}

static uint32_t slot_of(const struct packet_case *c, size_t i)
{
	return c->grants[i].slot ? c->grants[i].slot : CASE_SLOT(i);
}

static void set_maps(struct gate *gate, const struct packet_case *c, int family, const struct case_port *ports)
{
	size_t i;

	gate_reset(gate);
	gate_protect(gate, ports->gated, c->protect ? c->protect : PROTO_BIT_TCP);
	for (i = 0; i < CASE_GRANTS_MAX; i++) {
		const struct case_grant *grant = &c->grants[i];
		const char *prefix = family == 4 ? grant->prefix4 : grant->prefix6;

		if (prefix &&
		    gate_grant(gate, prefix, port_of(grant->port ? grant->port : GATED, ports),
			       grant->proto ? grant->proto : IPPROTO_TCP, deadline(grant->end), slot_of(c, i)) < 0)
			wrong("cannot read the prefix %s", prefix);
	}
}

static void run_case(struct gate *gate, const struct packet_case *c, int family)
{
	struct frame frame;
	size_t i, j;

	for (i = 0; i < n_case_ports; i++) {
		struct trial trial = {.frame = &frame, .verdict = c->verdict, .reason = c->reason};

		trial.slot = slot_of(c, c->matched);
		trial.port = case_ports[i].gated;
		build(c->frame, family, &case_ports[i], &frame);
		for (j = 0; j < ARRAY_SIZE(modes); j++) {
			set_maps(gate, c, family, &case_ports[i]);
			try_mode(gate, &trial, &modes[j]);
		}
	}
	end_test("%s%s", c->name, family_of(c->frame) ? "" : family == 4 ? ", IPv4" : ", IPv6");
}

static void run_cases(struct gate *gate)
{
	size_t i;

	for (i = 0; i < n_packet_cases; i++) {
		int family = family_of(packet_cases[i].frame);

		if (family != 6)
			run_case(gate, &packet_cases[i], 4);
		if (family != 4)
			run_case(gate, &packet_cases[i], 6);
	}
}

/* A port closed for one protocol is open for the other four. */
static void run_protocols(struct gate *gate, int family)
{
	static const struct {
		const char *name;
		uint8_t proto;
		uint8_t bit;
	} protos[] = {
		{"TCP", IPPROTO_TCP, PROTO_BIT_TCP},
		{"UDP", IPPROTO_UDP, PROTO_BIT_UDP},
		{"SCTP", IPPROTO_SCTP, PROTO_BIT_SCTP},
		{"DCCP", IPPROTO_DCCP, PROTO_BIT_DCCP},
		{"UDP-Lite", IPPROTO_UDPLITE, PROTO_BIT_UDPLITE},
	};
	struct frame frame;
	size_t i, j, k;

	for (i = 0; i < ARRAY_SIZE(protos); i++) {
		for (j = 0; j < ARRAY_SIZE(protos); j++) {
			const struct layer layers[FRAME_LAYERS_MAX] = {IP, L4(protos[j].proto, FRAME_SPORT, GATED)};
			struct trial trial = {.frame = &frame, .port = case_ports[0].gated};

			trial.verdict = i == j ? XDP_DROP : XDP_PASS;
			trial.reason = i == j ? REASON_NO_GRANT : REASON_UNPROTECTED;
			build(layers, family, &case_ports[0], &frame);
			for (k = 0; k < ARRAY_SIZE(modes); k++) {
				gate_reset(gate);
				gate_protect(gate, case_ports[0].gated, protos[i].bit);
				try_mode(gate, &trial, &modes[k]);
			}
			end_test("closed for %s: %s %s, IPv%d", protos[i].name, protos[j].name,
				 i == j ? "is dropped" : "passes", family);
		}
	}
}

static void run_cut(struct gate *gate, const struct cut_case *c)
{
	struct frame whole, frame;
	struct trial trial = {.frame = &frame, .port = case_ports[0].gated};
	size_t len, i;

	build(c->frame, 0, &case_ports[0], &whole);
	for (len = ETH_BYTES; len <= whole.len; len++) {
		for (i = 0; i < ARRAY_SIZE(c->steps) && c->steps[i].from && c->steps[i].from <= len; i++) {
			trial.verdict = c->steps[i].verdict;
			trial.reason = c->steps[i].reason;
		}
		frame = whole;
		frame_cut(&frame, len);
		gate_reset(gate);
		gate_protect(gate, case_ports[0].gated, PROTO_BIT_TCP);
		try_mode(gate, &trial, &modes[0]);
		if (tap.why[0]) {
			wrong("at byte %zu", len);
			break;
		}
	}
	end_test("cut after every byte: %s%s", c->name, len <= whole.len ? " (stopped early)" : "");
}

/* ---------------------------------------------------------------- more than one packet, or none of the above */

static void build_syn(struct frame *ret_frame)
{
	static const struct layer syn[FRAME_LAYERS_MAX] = {IP4, TCP(GATED)};

	build(syn, 4, &case_ports[0], ret_frame);
}

static void run_empty_slot(struct gate *gate)
{
	struct gate_effect effect;
	struct frame frame;
	int i;

	build_syn(&frame);
	gate_fill_slot(gate, 0);
	gate_reset(gate);
	gate_protect(gate, case_ports[0].gated, PROTO_BIT_TCP);
	gate->budget->left = BUDGET;
	if (gate_run(gate, gate->root_fd, frame.data, frame.len) != XDP_PASS)
		wrong("dropped");
	gate_effect_read(gate, &effect);
	for (i = 0; i < _REASON_MAX; i++) {
		if (effect.stats[i].packets)
			wrong("counted as reason %d", i);
	}
	if (effect.n_events)
		wrong("an event came");
	gate_fill_slot(gate, 1);
	if (gate_run(gate, gate->root_fd, frame.data, frame.len) != XDP_DROP)
		wrong("not dropped once the slot is filled");
	end_test("root passes, uncounted, while its slot is empty");
}

static void run_budget(struct gate *gate)
{
	struct gate_effect effect;
	struct frame frame;
	int i;

	build_syn(&frame);
	gate_reset(gate);
	gate_protect(gate, case_ports[0].gated, PROTO_BIT_TCP);
	gate->budget->left = BUDGET;
	for (i = 0; i < 3 * BUDGET; i++) {
		if (gate_run(gate, gate->gate_fd, frame.data, frame.len) != XDP_DROP)
			wrong("packet %d passed", i);
	}
	gate_effect_read(gate, &effect);
	if (effect.n_events != BUDGET || gate->budget->left != 0)
		wrong("%zu events, %lld left", effect.n_events, (long long)gate->budget->left);
	if (effect.stats[REASON_NO_GRANT].packets != 3 * BUDGET ||
	    effect.stats[REASON_NO_GRANT].bytes != 3 * BUDGET * frame.len)
		wrong("not all were counted");
	gate->budget->left = -1;
	gate_run(gate, gate->gate_fd, frame.data, frame.len);
	gate_effect_read(gate, &effect);
	if (effect.n_events || gate->budget->left != -1)
		wrong("an event came with the budget below 0");
	end_test("as many events as the budget has, every packet counted");
}

static void run_first_use(struct gate *gate)
{
	struct gate_effect effect;
	struct frame frame;
	int i;

	build_syn(&frame);
	gate_reset(gate);
	gate_protect(gate, case_ports[0].gated, PROTO_BIT_TCP);
	gate_grant(gate, FRAME_SOURCE4 "/32", case_ports[0].gated, IPPROTO_TCP, JITGATE_NO_DEADLINE, 3);
	gate->budget->left = BUDGET;
	for (i = 0; i < 4; i++) {
		if (gate_run(gate, gate->gate_fd, frame.data, frame.len) != XDP_PASS)
			wrong("packet %d dropped", i);
	}
	gate_effect_read(gate, &effect);
	if (effect.n_events != 1 || effect.usage[3].packets != 4 || effect.usage[3].bytes != 4 * frame.len)
		wrong("%zu events, %llu packets", effect.n_events, (unsigned long long)effect.usage[3].packets);
	end_test("only the first packet of a grant is told");
}

static void run_deadline(struct gate *gate)
{
	uint64_t expires = gate_now_boot_ns() + 100 * NS_PER_MS;
	int passed = 0, dropped = 0;
	struct frame frame;

	build_syn(&frame);
	gate_reset(gate);
	gate_protect(gate, case_ports[0].gated, PROTO_BIT_TCP);
	gate_grant(gate, FRAME_SOURCE4 "/32", case_ports[0].gated, IPPROTO_TCP, expires, 1);
	/* On a busy machine this may not run for a while: it goes on until a packet came after the deadline. */
	while (gate_now_boot_ns() < expires + (dropped ? 5 * NS_PER_MS : 2 * NS_PER_S)) {
		uint64_t before = gate_now_boot_ns();
		int verdict = gate_run(gate, gate->gate_fd, frame.data, frame.len);
		uint64_t after = gate_now_boot_ns();

		if (verdict == XDP_PASS ? before >= expires : after < expires)
			wrong("verdict %d between %lld and %lld ns after the deadline", verdict,
			      (long long)(before - expires), (long long)(after - expires));
		passed += verdict == XDP_PASS;
		dropped += verdict == XDP_DROP;
	}
	if (!passed || !dropped)
		wrong("%d passed, %d dropped", passed, dropped);
	end_test("a grant ends at its deadline, not before and not after");
}

/* The byte and the bit of a source in sources_v1, as jitgate_abi.h has it. */
static uint8_t *source_byte(struct gate *gate, int family, const uint8_t *a, uint8_t *ret_mask)
{
	uint8_t first = family == 6 ? a[0] ^ a[2] : a[0], second = family == 6 ? a[1] ^ a[3] : a[1];

	*ret_mask = 1 << second % 8;
	return &gate->sources->bits[family == 6][first * 32 + second / 8];
}

/* With all that is granted to everyone: the one bit of a source lets it in, all others do not. */
static void run_source_bits(struct gate *gate, int family)
{
	static const struct layer syn[FRAME_LAYERS_MAX] = {IP, TCP(GATED)};
	struct frame frame;
	uint8_t mask, *byte;
	int i, j;

	build(syn, family, &case_ports[0], &frame);
	gate_reset(gate);
	gate_protect(gate, case_ports[0].gated, PROTO_BIT_TCP);
	gate_grant(gate, family == 6 ? "::/0" : "0.0.0.0/0", case_ports[0].gated, IPPROTO_TCP, JITGATE_NO_DEADLINE, 1);
	for (i = 0; i < 256; i++) {
		uint8_t *source = frame.data + ETH_BYTES + (family == 6 ? 8 : 12);

		for (j = 0; j < 4; j++)
			source[j] = i * (j == 0 ? 1 : j == 1 ? 37 : j == 2 ? 101 : 211) + j;
		memset(gate->sources, 0, sizeof(*gate->sources));
		byte = source_byte(gate, family, source, &mask);
		*byte = mask;
		if (gate_run(gate, gate->gate_fd, frame.data, frame.len) != XDP_PASS)
			wrong("address %d is dropped with its bit", i);
		memset(gate->sources, 0xff, sizeof(*gate->sources));
		*byte = ~mask;
		if (gate_run(gate, gate->gate_fd, frame.data, frame.len) != XDP_DROP)
			wrong("address %d passes without its bit", i);
	}
	end_test("the trie is searched for sources with their bit, IPv%d", family);
}

static void run_all(struct gate *gate)
{
	size_t i;

	run_empty_slot(gate);
	run_cases(gate);
	run_protocols(gate, 4);
	run_protocols(gate, 6);
	for (i = 0; i < n_cut_cases; i++)
		run_cut(gate, &cut_cases[i]);
	run_budget(gate);
	run_first_use(gate);
	run_deadline(gate);
	run_source_bits(gate, 4);
	run_source_bits(gate, 6);
}

/* "The first packet" is counted per CPU. */
static void stay_on_one_cpu(void)
{
	int cpu = sched_getcpu();
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu < 0 ? 0 : cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int main(int argc, char **argv)
{
	struct gate gate;
	int option, r;

	while ((option = getopt(argc, argv, "x")) == 'x')
		tap.stops = 1;
	if (option != -1 || argc - optind > 1) {
		fprintf(stderr, "usage: packet_test [-x] [OBJECT]\n");
		return GATE_EXIT_BROKEN;
	}
	if (geteuid() != 0) {
		printf("1..0 # SKIP needs root to load the packet program\n");
		return 0;
	}
	stay_on_one_cpu();
	r = gate_open(argv[optind], &gate);
	if (r < 0) {
		printf("Bail out! the packet program does not load: %s\n", strerror(-r));
		return GATE_EXIT_BROKEN;
	}
	run_all(&gate);
	gate_close(&gate);
	printf("1..%zu\n", tap.n);
	return tap.failed ? 1 : 0;
}
