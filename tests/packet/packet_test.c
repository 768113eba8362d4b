// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Runs the corpus against the packet program and compares all that it did: verdict, counters, event. TAP on stdout.
 *
 *   packet_test [-x] [OBJECT]    OBJECT: a .bpf.o to test instead of the one built in
 *                                -x: stop at the first failure
 *
 * Exit: 0 all passed, 1 some failed, 2 the program does not load or the maps cannot be set.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "packet/tap.h"
#include "probe_frame.h"
#include "sources.h"
#include "util.h"

/* Each case is run in all of these, those that are cut off in the first one. */
static const struct trial_mode modes[] = {
	{"enforce", JITGATE_ENFORCE, BUDGET, false, 0},
	{"enforce, no budget", JITGATE_ENFORCE, 0, false, 0},
	{"enforce, budget for ports only", JITGATE_ENFORCE, JITGATE_KEPT_FOR_PORTS, false, 0},
	{"enforce, budget for grants only", JITGATE_ENFORCE, JITGATE_KEPT_FOR_GRANTS, false, 0},
	{"enforce, through root", JITGATE_ENFORCE, BUDGET, true, 0},
	{"enforce, whatever a trial of before", JITGATE_ENFORCE, BUDGET, false, 1},
	{"audit", JITGATE_AUDIT, BUDGET, false, 0},
	{"audit, on trial", JITGATE_AUDIT, BUDGET, false, UINT64_MAX},
	{"audit, after a trial", JITGATE_AUDIT, BUDGET, false, 1},
	{"unknown mode", 2, BUDGET, false, 0},
};

static void try_case(struct trial *trial, const struct corpus_case *c, const struct case_port *ports,
		     const struct trial_mode *mode)
{
	struct failure failure = {0};
	char why[EFFECT_WHY_MAX];
	int r;

	if (tap.why[0])
		return;
	r = trial_case(trial, c, ports, mode, why, &failure);
	tap.tried += tap.at_tc;
	if (tap.at_tc && r == -EOPNOTSUPP)
		tap.untried++;
	else if (!must(r, &failure))
		wrong("%s: %s, port %u: %s", c->name, mode->name, ports->gated, why);
}

/* By hand with all ports and in all modes; what follows from them or is put together with one port. */
static void run_case(struct trial *trial, const struct corpus_case *c)
{
	size_t n_ports = c->kind < CORPUS_NEXT_DOOR ? n_case_ports : 1;
	size_t n_modes = c->kind == CORPUS_CUT ? 1 : ARRAY_SIZE(modes);

	for (size_t i = 0; i < n_ports; i++) {
		for (size_t j = 0; j < n_modes; j++)
			try_case(trial, c, &case_ports[i], &modes[j]);
	}
}

static void end_set(const char *set, size_t n)
{
	if (n == 1)
		end_test("%s", set);
	else
		end_test("%s: %zu frames", set, n);
}

/* A set is a test. */
static void run_corpus(struct trial *trial)
{
	char set[CORPUS_NAME_MAX] = "";
	struct corpus_case c;
	size_t n = 0;

	for (struct corpus_at at = {0}; corpus_next(&at, &c); n++) {
		if (n && strcmp(set, c.set) != 0) {
			end_set(set, n);
			n = 0;
		}
		memcpy(set, c.set, sizeof(set));
		run_case(trial, &c);
	}
	end_set(set, n);
}

/* A port closed for one protocol is open for the other four. */
static void run_protocols(struct trial *trial, int family)
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

	for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(protos); j++) {
			struct corpus_case c = {.name = "SYN",
						.family = family,
						.rule = {.frame = {IP, L4(protos[j].proto, FRAME_SPORT, GATED)},
							 .protect = protos[i].bit,
							 .verdict = i == j ? XDP_DROP : XDP_PASS,
							 .reason = i == j ? REASON_NO_GRANT : REASON_UNPROTECTED}};

			for (size_t k = 0; k < ARRAY_SIZE(modes); k++)
				try_case(trial, &c, &case_ports[0], &modes[k]);
			end_test("closed for %s: %s %s, IPv%d", protos[i].name, protos[j].name,
				 i == j ? "is dropped" : "passes", family);
		}
	}
}

/* ---------------------------------------------------------------- more than one packet, or none of the above */

static const struct frame *syn(void)
{
	static const struct corpus_case c = {.family = 4, .rule = {.frame = {IP4, TCP(GATED)}}};
	static struct frame frame;

	must(corpus_build(&c, &case_ports[0], &frame), &failed);
	return &frame;
}

static int run_syn(struct trial *trial, bool through_root)
{
	return must(trial_run(trial, through_root, syn()->data, syn()->len, &failed), &failed);
}

static struct effect effect_of(struct trial *trial)
{
	struct effect effect;

	must(trial_read(trial, &effect, &failed), &failed);
	return effect;
}

/* The port closed, and nothing else. */
static void close_port(struct trial *trial, int64_t budget)
{
	must(trial_reset(trial, &failed), &failed);
	trial_protect(trial, case_ports[0].gated, PROTO_BIT_TCP);
	trial_set_mode(trial, JITGATE_ENFORCE, budget);
}

static void grant_syn(struct trial *trial, uint64_t expires_boot_ns, uint32_t slot)
{
	must(trial_grant(trial, FRAME_SOURCE4 "/32", case_ports[0].gated, IPPROTO_TCP, expires_boot_ns, slot, &failed),
	     &failed);
}

static void run_empty_slot(struct trial *trial)
{
	struct effect effect;

	must(trial_fill_slot(trial, false, &failed), &failed);
	close_port(trial, BUDGET);
	if (run_syn(trial, true) != XDP_PASS)
		wrong("dropped");
	effect = effect_of(trial);
	for (int i = 0; i < _REASON_MAX; i++) {
		if (effect.stats[i].packets)
			wrong("counted as reason %d", i);
	}
	if (effect.n_events)
		wrong("an event came");
	must(trial_fill_slot(trial, true, &failed), &failed);
	if (run_syn(trial, true) != XDP_DROP)
		wrong("not dropped once the slot is filled");
	end_test("root passes, uncounted, while its slot is empty");
}

static void run_budget(struct trial *trial)
{
	struct effect effect;

	close_port(trial, BUDGET);
	for (int i = 0; i < 3 * BUDGET; i++) {
		if (run_syn(trial, false) != XDP_DROP)
			wrong("packet %d passed", i);
	}
	effect = effect_of(trial);
	if (effect.n_events != BUDGET - JITGATE_KEPT_FOR_GRANTS || effect.budget_left != JITGATE_KEPT_FOR_GRANTS)
		wrong("%zu events, %lld left", effect.n_events, (long long)effect.budget_left);
	if (effect.stats[REASON_NO_GRANT].packets != 3 * BUDGET ||
	    effect.stats[REASON_NO_GRANT].bytes != 3 * BUDGET * syn()->len)
		wrong("not all were counted");
	close_port(trial, -1);
	run_syn(trial, false);
	effect = effect_of(trial);
	if (effect.n_events || effect.budget_left != -1)
		wrong("an event came with the budget below 0");
	end_test("as many events as the budget has for denied packets, every packet counted");
}

/* What jitgated tries the filter with: judged as any such frame is, but counted by itself, and nothing is told of it.
 */
static void run_probe(struct trial *trial)
{
	static const struct {
		uint32_t mode;
		int verdict;
	} in_modes[] = {{JITGATE_ENFORCE, XDP_DROP}, {JITGATE_AUDIT, XDP_PASS}};
	uint8_t frame[PROBE_FRAME_BYTES];
	struct effect effect;

	for (size_t i = 0; i < ARRAY_SIZE(in_modes); i++) {
		close_port(trial, BUDGET);
		trial_set_mode(trial, in_modes[i].mode, BUDGET);
		probe_frame(frame);
		if (must(trial_run(trial, true, frame, sizeof(frame), &failed), &failed) != in_modes[i].verdict)
			wrong("mode %u: verdict not %d", in_modes[i].mode, in_modes[i].verdict);
		effect = effect_of(trial);
		for (int j = 0; j < _REASON_MAX; j++) {
			if (effect.stats[j].packets != (j == REASON_PROBE))
				wrong("mode %u: %llu packets of reason %d", in_modes[i].mode,
				      (unsigned long long)effect.stats[j].packets, j);
		}
		if (effect.stats[REASON_PROBE].bytes != sizeof(frame) || effect.n_events ||
		    effect.budget_left != BUDGET)
			wrong("mode %u: %zu events", in_modes[i].mode, effect.n_events);
	}
	end_test("the frame that the filter is tried with is counted by itself, and not told");
}

/* Each byte of its address counts, and with it a frame that is not malformed is like any other. */
static void run_near_probe(struct trial *trial)
{
	uint8_t frame[FRAME_BYTES_MAX];
	struct effect effect;

	for (int i = 0; i < 6; i++) {
		close_port(trial, BUDGET);
		probe_frame(frame);
		frame[i] ^= 1;
		if (must(trial_run(trial, false, frame, PROBE_FRAME_BYTES, &failed), &failed) != XDP_DROP)
			wrong("byte %d: passes", i);
		effect = effect_of(trial);
		if (effect.stats[REASON_MALFORMED].packets != 1 || effect.stats[REASON_PROBE].packets ||
		    effect.n_events != 1)
			wrong("byte %d is not looked at", i);
	}
	close_port(trial, BUDGET);
	memcpy(frame, syn()->data, syn()->len);
	memcpy(frame, JITGATE_PROBE_MAC, 6);
	if (must(trial_run(trial, false, frame, syn()->len, &failed), &failed) != XDP_DROP)
		wrong("a SYN passes");
	effect = effect_of(trial);
	if (effect.stats[REASON_NO_GRANT].packets != 1 || effect.n_events != 1)
		wrong("a SYN is not judged as one");
	end_test("what only looks like it is judged, counted and told like all others");
}

static void run_first_use(struct trial *trial)
{
	struct effect effect;

	close_port(trial, BUDGET);
	grant_syn(trial, JITGATE_NO_DEADLINE, 3);
	for (int i = 0; i < 4; i++) {
		if (run_syn(trial, false) != XDP_PASS)
			wrong("packet %d dropped", i);
	}
	effect = effect_of(trial);
	if (effect.n_events != 1 || effect.usage[3].packets != 4 || effect.usage[3].bytes != 4 * syn()->len)
		wrong("%zu events, %llu packets", effect.n_events, (unsigned long long)effect.usage[3].packets);
	end_test("only the first packet of a grant is told");
}

static void run_deadline(struct trial *trial)
{
	uint64_t expires;
	int passed = 0, dropped = 0;

	close_port(trial, 0);
	expires = trial_now_boot_ns() + 100 * NS_PER_MS;
	grant_syn(trial, expires, 1);
	/* On a busy machine this may not run for a while: it goes on until a packet came after the deadline. */
	while (trial_now_boot_ns() < expires + (dropped ? 5 * NS_PER_MS : 2 * NS_PER_S)) {
		uint64_t before = trial_now_boot_ns();
		int verdict = run_syn(trial, false);
		uint64_t after = trial_now_boot_ns();

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

/* Enforced up to the deadline, audit from then on, by the program alone: nothing is written meanwhile. */
static void run_trial_deadline(struct trial *trial)
{
	uint64_t until;
	int passed = 0, dropped = 0;

	close_port(trial, 0);
	trial_set_mode(trial, JITGATE_AUDIT, 0);
	if (run_syn(trial, false) != XDP_PASS)
		wrong("dropped before the trial");
	until = trial_now_boot_ns() + 100 * NS_PER_MS;
	trial_set_confirm(trial, until);
	while (trial_now_boot_ns() < until + (passed ? 5 * NS_PER_MS : 2 * NS_PER_S)) {
		uint64_t before = trial_now_boot_ns();
		int verdict = run_syn(trial, false);
		uint64_t after = trial_now_boot_ns();

		if (verdict == XDP_DROP ? before >= until : after < until)
			wrong("verdict %d between %lld and %lld ns after the deadline", verdict,
			      (long long)(before - until), (long long)(after - until));
		passed += verdict == XDP_PASS;
		dropped += verdict == XDP_DROP;
	}
	if (!passed || !dropped)
		wrong("%d passed, %d dropped", passed, dropped);
	end_test("a trial enforces up to its deadline, and then audits by itself");
}

/* The byte and the bit of a source in sources_v1, as jitgate_abi.h has it. */
static uint8_t *source_byte(struct trial *trial, int family, const uint8_t *a, uint8_t *ret_mask)
{
	uint8_t first = family == 6 ? a[0] ^ a[2] : a[0], second = family == 6 ? a[1] ^ a[3] : a[1];

	*ret_mask = 1 << second % 8;
	return &trial_sources(trial)->bits[family == 6][first * 32 + second / 8];
}

static int run_bytes(struct trial *trial, const struct frame *frame)
{
	return must(trial_run(trial, false, frame->data, frame->len, &failed), &failed);
}

/* With all that is granted to everyone: the one bit of a source lets it in, all others do not. */
static void run_source_bits(struct trial *trial, int family)
{
	const struct corpus_case c = {.family = family, .rule = {.frame = {IP, TCP(GATED)}}};
	struct sources *sources = trial_sources(trial);
	struct frame frame;

	must(corpus_build(&c, &case_ports[0], &frame), &failed);
	close_port(trial, 0);
	must(trial_grant(trial, family == 6 ? "::/0" : "0.0.0.0/0", case_ports[0].gated, IPPROTO_TCP,
			 JITGATE_NO_DEADLINE, 1, &failed),
	     &failed);
	for (int i = 0; i < 256; i++) {
		uint8_t *source = frame.data + frame.ips[0].at + (family == 6 ? 8 : 12);
		uint8_t mask, *byte;

		for (int j = 0; j < 4; j++)
			source[j] = i * (j == 0 ? 1 : j == 1 ? 37 : j == 2 ? 101 : 211) + j;
		memset(sources, 0, sizeof(*sources));
		byte = source_byte(trial, family, source, &mask);
		*byte = mask;
		if (run_bytes(trial, &frame) != XDP_PASS)
			wrong("address %d is dropped with its bit", i);
		memset(sources, 0xff, sizeof(*sources));
		*byte = ~mask;
		if (run_bytes(trial, &frame) != XDP_DROP)
			wrong("address %d passes without its bit", i);
	}
	end_test("the trie is searched for sources with their bit, IPv%d", family);
}

static void run_all(struct trial *trial)
{
	run_empty_slot(trial);
	run_corpus(trial);
	run_protocols(trial, 4);
	run_protocols(trial, 6);
	run_budget(trial);
	run_probe(trial);
	run_near_probe(trial);
	run_first_use(trial);
	run_deadline(trial);
	run_trial_deadline(trial);
	run_source_bits(trial, 4);
	run_source_bits(trial, 6);
	run_sessions(trial);
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
	_cleanup_trial_ struct trial *trial = NULL;
	int option;

	while ((option = getopt(argc, argv, "x")) == 'x')
		tap.stops = 1;
	if (option != -1 || argc - optind > 1) {
		fprintf(stderr, "usage: packet_test [-x] [OBJECT]\n");
		return EXIT_BROKEN;
	}
	if (geteuid() != 0) {
		printf("1..0 # SKIP needs root to load the packet program\n");
		return 0;
	}
	if (getenv("GATE_QUIET"))
		libbpf_set_print(NULL);
	stay_on_one_cpu();
	must(trial_open(argv[optind], true, &trial, &failed), &failed);
	run_all(trial);
	tap.at_tc = true;
	trial_set_hook(trial, tap.at_tc);
	run_all(trial);
	if (tap.untried * 10 > tap.tried)
		wrong("too many were refused");
	end_test("the kernel showed all but %zu of %zu frames, which end before their IP header does", tap.untried,
		 tap.tried);
	printf("1..%zu\n", tap.n);
	return tap.failed ? 1 : 0;
}
