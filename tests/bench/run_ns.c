// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What a program costs for one frame, by BPF_PROG_RUN, without any device. The program is one that jitgated pinned,
 * with the maps that it runs with; or the empty one, for what the measuring itself costs.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench/bench.h"
#include "bench/traffic.h"
#include "grant.h"
#include "traffic.skel.h"

#define RUNS 15 /* of which the median counts */

static int open_pin(const char *path)
{
	int fd = bpf_obj_get(path);

	if (fd < 0)
		bench_die("%s: %m", path);
	return fd;
}

static int open_empty(void)
{
	struct traffic_bpf *skel = traffic_bpf__open_and_load();

	if (!skel)
		bench_die("cannot load the empty program: %m");
	return bpf_program__fd(skel->progs.bare_drop); /* the object lives as long as the process */
}

static volatile struct event_budget *map_budget(const char *path)
{
	_cleanup_close_ int fd = open_pin(path);
	void *at = mmap(NULL, sizeof(struct event_budget), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		bench_die("%s: %m", path);
	return at;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint32_t run_once(int fd, const struct frame *frame, uint32_t repeat, uint32_t *ret_verdict)
{
	uint8_t out[FRAME_BYTES_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->data, .data_size_in = (uint32_t)frame->len,
		    .data_out = out, .data_size_out = sizeof(out), .repeat = (int)repeat);
	int r = bpf_prog_test_run_opts(fd, &opts);

	if (r)
		bench_die("BPF_PROG_RUN: %s", strerror(-r));
	*ret_verdict = opts.retval;
	return opts.duration;
}

/* The 16 bits by which sources_v1 tells networks apart. */
static uint32_t network(const struct cidr *source)
{
	const uint8_t *a = source->addr;

	return source->family == 4 ? a[0] << 8 | a[1] : (a[0] ^ a[2]) << 8 | (a[1] ^ a[3]);
}

/* The first source that is in no network of sources 0 to n-1. */
static void far_source(unsigned int family, uint32_t n, struct cidr *ret)
{
	_cleanup_free_ uint8_t *taken = calloc(65536, 1);

	if (!taken)
		bench_die("no memory");
	for (uint32_t i = 0; i < n; i++) {
		bench_source(family, i, ret);
		taken[network(ret)] = 1;
	}
	do
		bench_source(family, n++, ret);
	while (taken[network(ret)]);
}

/* Of n granted sources one in the middle, a neighbour of it, or one that is far from all. */
static void pick_source(unsigned int family, const char *which, uint32_t n, struct cidr *ret)
{
	size_t last = family == 4 ? 3 : 15;

	bench_source(family, n / 2, ret);
	if (strcmp(which, "far") == 0)
		far_source(family, n, ret);
	else if (strcmp(which, "near") == 0)
		ret->addr[last] ^= 0x5a;
	else if (strcmp(which, "granted") != 0)
		bench_die("neither granted, near nor far: %s", which);
}

/* bench run PIN|empty FAMILY PORT/PROTO granted|near|far N REPEAT BUDGET_PIN|- BUDGET */
int bench_run(int argc, char **argv)
{
	int fd = strcmp(argv[1], "empty") == 0 ? open_empty() : open_pin(argv[1]);
	uint32_t repeat = (uint32_t)bench_number(argv[6], 1, 100000000), verdict = 0, ns[RUNS];
	volatile struct event_budget *budget = strcmp(argv[7], "-") == 0 ? NULL : map_budget(argv[7]);
	int64_t left = (int64_t)bench_number(argv[8], 0, INT32_MAX);
	struct frame frame = {0};
	struct port_rule to = {0};
	struct cidr source;

	(void)argc;
	bench_port(argv[3], &to);
	pick_source(bench_family(argv[2]), argv[4], (uint32_t)bench_number(argv[5], 1, JITGATE_GRANTS_MAX), &source);
	bench_frame(&source, &to, &frame);
	for (size_t i = 0; i < RUNS; i++) {
		if (budget)
			budget->left = left;
		ns[i] = run_once(fd, &frame, repeat, &verdict);
	}
	qsort(ns, RUNS, sizeof(ns[0]), compare);
	printf("{\"ns\": %u, \"min\": %u, \"max\": %u, \"verdict\": \"%s\"}\n", ns[RUNS / 2], ns[0], ns[RUNS - 1],
	       verdict == XDP_DROP   ? "drop"
	       : verdict == XDP_PASS ? "pass"
				     : "other");
	return 0;
}
