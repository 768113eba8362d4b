// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * apply and reconcile against the oracle, on the kernel's own trie: a private copy of the packet program, its maps
 * written by the agent's code; after every single write the program is asked, by BPF_PROG_RUN, about packets that the
 * change is about. Time is the kernel's: grants end while it runs, and the wall clock is one that gets set. The walk
 * over the flows has to see a whole table, or to say that it did not.
 *
 *   trie_test [WRITES]    at least so many writes; 100000 otherwise
 *
 * TAP on stdout. Exit: 0 passed, 1 failed, 2 the program does not load or the maps cannot be set.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "apply.h"
#include "datapath_internal.h"
#include "frame.h"
#include "oracle.h"
#include "random.h"

#define CAPACITY 512
#define WRITES 100000
#define QUESTIONS_A_WRITE 8
#define QUESTIONS_AT_REST 16
#define EXIT_BROKEN 2

/* The datapath comes first: the agent's gate_ops take the one for the other. */
struct real_gate {
	struct datapath dp;
	int gate_fd;
	struct truth before, after;
	int64_t wall_ahead_ns; /* of boot time */
	unsigned long writes, rounds, passed, dropped;
	char wrong[256]; /* the first answer that was; empty: none */
};

static struct real_gate real;

__attribute__((noreturn)) static void broken(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(EXIT_BROKEN);
}

/* ------------------------------------------------------------ the gate */

static void *share(int fd, size_t len)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		broken("mmap");
	return at;
}

static void open_gate(struct datapath *dp)
{
	struct gate_bpf *skel = gate_bpf__open();

	if (!skel || bpf_map__set_max_entries(skel->maps.grants_v1, CAPACITY) < 0 ||
	    bpf_map__set_max_entries(skel->maps.usage_v1, CAPACITY) < 0 || gate_bpf__load(skel) < 0)
		broken("the packet program does not load");
	dp->skel = skel;
	dp->fds.grants = bpf_map__fd(skel->maps.grants_v1);
	dp->fds.ports = bpf_map__fd(skel->maps.ports_v1);
	dp->fds.usage = bpf_map__fd(skel->maps.usage_v1);
	dp->fds.state = bpf_map__fd(skel->maps.state_v1);
	dp->fds.protected = bpf_object__find_map_fd_by_name(skel->obj, ".data.protected");
	dp->protected = share(dp->fds.protected, 65536 * sizeof(*dp->protected));
	dp->fds.sources = bpf_object__find_map_fd_by_name(skel->obj, ".data.sources");
	dp->sources = share(dp->fds.sources, sizeof(struct sources));
	dp->fds.sessions = bpf_object__find_map_fd_by_name(skel->obj, ".data.sessions");
	dp->sessions = share(dp->fds.sessions, 4096);
	dp->fds.flows = bpf_map__fd(skel->maps.flows_v1);
	dp->state = share(dp->fds.state, 4096);
	dp->capacity = CAPACITY;
	dp->n_cpus = libbpf_num_possible_cpus();
	real.gate_fd = bpf_program__fd(skel->progs.gate);
}

static uint64_t boot_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static bool run_frame(const struct question *q)
{
	char from[CIDR_TEXT_MAX];
	const struct layer layers[] = {
		FROM(from),
		{q->source.family == JITGATE_IPV4 ? LAYER_IPV4 : LAYER_IPV6, 0, 0, 0, NULL},
		L4(proto_number(q->proto_bit), FRAME_SPORT, q->port),
	};
	struct frame frame;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame.data, .repeat = 1);
	int r;

	cidr_format(&q->source, from);
	r = frame_build(layers, ARRAY_SIZE(layers), &frame);
	if (r < 0)
		broken("a frame cannot be built");
	opts.data_size_in = (uint32_t)frame.len;
	do {
		r = bpf_prog_test_run_opts(real.gate_fd, &opts);
	} while (r == -EINTR || r == -EAGAIN);
	if (r < 0)
		broken("BPF_PROG_RUN");
	return opts.retval == XDP_PASS;
}

/* ------------------------------------------------------------ asking */

static void ask(const struct truth *before, const struct truth *after, const struct truth *about)
{
	struct question q = truth_question(about, 0);
	const char *wrong;
	bool passes;
	char source[CIDR_TEXT_MAX];

	q.from_boot_ns = boot_now();
	passes = run_frame(&q);
	q.to_boot_ns = boot_now();
	real.passed += passes;
	real.dropped += !passes;
	wrong = oracle_wrong(before, after, &q, passes);
	if (wrong && !real.wrong[0]) {
		cidr_format(&q.source, source);
		snprintf(real.wrong, sizeof(real.wrong), "round %lu, after write %lu: %s: %s, port %u, protocol %u",
			 real.rounds, real.writes, wrong, source, q.port, proto_number(q.proto_bit));
	}
}

static void ask_for_entry(const struct truth *truth)
{
	struct question q = truth_question(truth, 0);
	struct gate_key key = entry_key(&q.source, q.port, proto_number(q.proto_bit));
	struct gate_grant found;

	if ((datapath_gate_ops.lookup(&real.dp, &key, &found) == 0) != oracle_matches(truth, &q) && !real.wrong[0])
		snprintf(real.wrong, sizeof(real.wrong), "round %lu: an entry too many or too few", real.rounds);
}

static void ask_between(void)
{
	real.writes++;
	for (int i = 0; i < QUESTIONS_A_WRITE; i++)
		ask(&real.before, &real.after, one_in(2) ? &real.before : &real.after);
}

static int put_and_ask(void *ctx, const struct gate_entry *entry)
{
	int r = datapath_gate_ops.put(ctx, entry);

	ask_between();
	return r;
}

static int delete_and_ask(void *ctx, const struct gate_key *key)
{
	int r = datapath_gate_ops.delete(ctx, key);

	ask_between();
	return r;
}

static void set_sources_and_ask(void *ctx, const struct sources *sources)
{
	datapath_gate_ops.set_sources(ctx, sources);
	ask_between();
}

static int set_protected_and_ask(void *ctx, uint16_t port, uint8_t protos)
{
	int r = datapath_gate_ops.set_protected(ctx, port, protos);

	ask_between();
	return r;
}

/* ------------------------------------------------------------ the run */

static int apply(struct truth *truth, const struct gate_ops *ops)
{
	struct truth_input input;
	struct apply_input in = {.conf = &input.conf,
				 .snapshot = &input.snapshot,
				 .learned = &input.learned,
				 .now = truth->clock,
				 .gate = ops,
				 .gate_ctx = &real.dp};
	size_t failed = 0;
	int r;

	truth_tell(truth, &input);
	r = apply_wanted(&in, &failed);
	if (failed)
		broken("a map cannot be written");
	return r;
}

static struct clock_pair clock_now(void)
{
	uint64_t boot = boot_now();

	if (one_in(6))
		real.wall_ahead_ns += (int64_t)random_below(7200) * ORACLE_S * (one_in(2) ? 1 : -1);
	return (struct clock_pair){.boot.ns = boot, .wall.ns = (int64_t)boot + real.wall_ahead_ns};
}

static void run_round(const struct gate_ops *ops)
{
	int r;

	real.rounds++;
	truth_change(&real.before, clock_now(), &real.after);
	real.after.max_grants = CAPACITY / 2; /* what does not fit is test_apply's matter */
	r = apply(&real.after, ops);
	if (r == -ENOSPC)
		return; /* nothing was changed */
	if (r < 0) {
		errno = -r;
		broken("apply");
	}
	ask_for_entry(&real.after);
	for (int i = 0; i < QUESTIONS_AT_REST; i++)
		ask(&real.after, &real.after, &real.after);
	real.before = real.after;
}

/* ------------------------------------------------------------ flows */

static enum flow_step count_flow(void *ctx, const struct flow_key *key, struct gate_flow *flow)
{
	(void)key;
	(void)flow;
	++*(size_t *)ctx;
	return FLOW_LEAVE;
}

static void add_flows(int fd, uint32_t from, uint32_t to)
{
	const struct gate_flow flow = {0};

	for (uint32_t i = from; i < to; i++) {
		struct flow_key key = {0};

		memcpy(&key, &i, sizeof(i));
		if (bpf_map_update_elem(fd, &key, &flow, BPF_NOEXIST) < 0)
			broken("a flow");
	}
}

/* A table with room for more flows than the agent's own stands for one that grows as fast as it is read. */
static bool walk_is_whole_or_fails(struct datapath *dp)
{
	const uint32_t full = JITGATE_FLOWS_MAX, too_many = 2 * JITGATE_FLOWS_MAX + 1;
	int own = dp->fds.flows, r;
	size_t n = 0;
	bool whole;

	dp->fds.flows = bpf_map_create(BPF_MAP_TYPE_HASH, "flows", sizeof(struct flow_key), sizeof(struct gate_flow),
				       too_many, NULL);
	if (dp->fds.flows < 0)
		broken("a table of flows");
	add_flows(dp->fds.flows, 0, full);
	r = datapath_each_flow(dp, count_flow, &n);
	printf("# %zu flows of %u: %d\n", n, full, r);
	whole = r == 0 && n == full;
	add_flows(dp->fds.flows, full, too_many);
	n = 0;
	r = datapath_each_flow(dp, count_flow, &n);
	printf("# %zu flows of %u: %d\n", n, too_many, r);
	close(dp->fds.flows);
	dp->fds.flows = own;
	return whole && r == -EAGAIN && n > full;
}

int main(int argc, char **argv)
{
	unsigned long writes = argc > 1 ? strtoul(argv[1], NULL, 10) : WRITES;
	struct gate_ops ops = datapath_gate_ops;
	bool walks;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..3\n");
	seed_random(NULL);
	open_gate(&real.dp);
	ops.put = put_and_ask;
	ops.delete = delete_and_ask;
	ops.set_sources = set_sources_and_ask;
	ops.set_protected = set_protected_and_ask;
	real.wall_ahead_ns = 1800000000 * ORACLE_S;
	real.before = (struct truth){.clock = clock_now(), .guard.longest_s = 7200};
	while (real.writes < writes && !real.wrong[0])
		run_round(&ops);
	if (real.wrong[0])
		printf("# %s\n", real.wrong);
	printf("%sok 1 - after every write the program passes what the old and the new grants allow, and nothing "
	       "else\n",
	       real.wrong[0] ? "not " : "");
	printf("# %lu rounds, %lu writes, asked: %lu passed, %lu dropped\n", real.rounds, real.writes, real.passed,
	       real.dropped);
	printf("%sok 2 - neither answer is rare\n",
	       real.passed > real.dropped / 8 && real.dropped > real.passed / 8 ? "" : "not ");
	walks = walk_is_whole_or_fails(&real.dp);
	printf("%sok 3 - a walk over the flows comes to its end, or says that it did not\n", walks ? "" : "not ");
	gate_bpf__destroy(real.dp.skel);
	return !walks || real.wrong[0] || real.passed <= real.dropped / 8 || real.dropped <= real.passed / 8;
}
