// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The packet programs of the bench: the generator, run by the kernel on live frames as fast as this CPU can, and the
 * program that does nothing, attached or timed.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench/bench.h"
#include "bench/traffic.h"
#include "grant.h"
#include "traffic.skel.h"

#define BATCH 64                 /* frames, as a NAPI poll of a NIC */
#define FRAMES_A_CALL (1U << 20) /* between two looks at the clock; each call makes its pool of pages anew */
#define FRAME_BYTES_MIN 60       /* of Ethernet, without FCS */

static unsigned int interface_index(const char *name)
{
	unsigned int index = if_nametoindex(name);

	if (!index)
		bench_die("%s: %m", name);
	return index;
}

/* Sum of the IPv4 header's words without source and checksum, as the generator goes on from. */
static uint32_t ip_sum(const struct frame *frame)
{
	uint32_t sum = 0;

	for (size_t at = 0; at < 20; at += 2) {
		if (at != 10 && at != 12 && at != 14)
			sum += (uint32_t)frame->data[14 + at] << 8 | frame->data[14 + at + 1];
	}
	return sum;
}

static struct traffic_bpf *load(const struct traffic_conf *conf)
{
	struct traffic_bpf *skel;

	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	skel = traffic_bpf__open();
	if (!skel)
		bench_die("cannot open the programs: %m");
	memcpy((void *)&skel->rodata->conf, conf, sizeof(*conf));
	skel->bss->seed = bench_now_ns() | 1;
	if (traffic_bpf__load(skel))
		bench_die("cannot load the programs: %m");
	return skel;
}

static void send_frames(int fd, struct frame *frame)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->data, .data_size_in = (uint32_t)frame->len,
		    .repeat = FRAMES_A_CALL, .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);
	int r;

	do
		r = bpf_prog_test_run_opts(fd, &opts);
	while (r == -EINTR);
	if (r)
		bench_die("the kernel sends no live frames: %s", strerror(-r));
}

static void set_sources(const char *text, struct traffic_conf *conf)
{
	static const char near[] = "near:";

	if (strcmp(text, "any") == 0)
		return;
	conf->near = strncmp(text, near, strlen(near)) == 0;
	conf->n_sources = (uint32_t)bench_number(text + (conf->near ? strlen(near) : 0), 1, JITGATE_GRANTS_MAX);
}

/* How long this thread has waited for its CPU while others had it; 0 when the kernel does not say. */
static uint64_t waited_ns(void)
{
	_cleanup_fclose_ FILE *stat = fopen("/proc/thread-self/schedstat", "re");
	uintmax_t waited = 0;

	if (stat && fscanf(stat, "%*u %ju", &waited) != 1)
		waited = 0;
	return waited;
}

/* The time that counts is that on the CPU: the frames are worked off in this thread, or not at all. */
int bench_flood(int argc, char **argv)
{
	struct traffic_conf conf = {.ifindex = interface_index(argv[1]), .family = bench_family(argv[2])};
	uint64_t wanted_ns = bench_number(argv[5], 1, 600000) * NS_PER_MS, sent = 0, began_ns, now_ns, waited_before_ns,
		 waited;
	struct traffic_bpf *skel;
	struct frame frame = {0};
	struct port_rule to = {0};
	struct cidr source;

	(void)argc;
	bench_port(argv[3], &to);
	set_sources(argv[4], &conf);
	bench_source(conf.family, 0, &source);
	bench_frame(&source, &to, &frame);
	while (frame.len < FRAME_BYTES_MIN)
		frame.data[frame.len++] = 0;
	conf.ip_sum = ip_sum(&frame);
	skel = load(&conf);
	waited_before_ns = waited_ns();
	began_ns = now_ns = bench_now_ns();
	for (; now_ns - began_ns < wanted_ns; now_ns = bench_now_ns(), sent += FRAMES_A_CALL)
		send_frames(bpf_program__fd(skel->progs.send), &frame);
	waited = waited_ns() - waited_before_ns;
	printf("{\"sent\": %ju, \"ns\": %ju, \"waited_ns\": %ju}\n", (uintmax_t)sent,
	       (uintmax_t)(now_ns - began_ns - waited), (uintmax_t)waited);
	traffic_bpf__destroy(skel);
	return 0;
}

/* Stays when this process ends. */
int bench_bare(int argc, char **argv)
{
	struct traffic_bpf *skel = load(&(struct traffic_conf){0});
	struct bpf_program *prog = strcmp(argv[2], "pass") == 0 ? skel->progs.bare_pass : skel->progs.bare_drop;
	int r = bpf_xdp_attach((int)interface_index(argv[1]), bpf_program__fd(prog), XDP_FLAGS_DRV_MODE, NULL);

	(void)argc;
	if (r)
		bench_die("cannot attach to %s: %s", argv[1], strerror(-r));
	traffic_bpf__destroy(skel);
	return 0;
}
