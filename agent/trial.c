// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See trial.h. The program: loaded, put into its slot, run.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <time.h>

#include "bpf_info.h"
#include "map_memory.h"
#include "trial_internal.h"

#include "gate.skel.h" /* behind what its maps hold */

static int map_fd(const struct trial *trial, const char *name, struct failure *failure)
{
	int fd = bpf_object__find_map_fd_by_name(trial->object, name);

	return fd < 0 ? failure_set(failure, -ENOENT, "the packet program has no map %s", name) : fd;
}

static int find_fd(const struct trial *trial, const char *name, int *ret_fd, struct failure *failure)
{
	*ret_fd = map_fd(trial, name, failure);
	return *ret_fd < 0 ? *ret_fd : 0;
}

static int find_program(const struct trial *trial, const char *name, int *ret_fd, struct failure *failure)
{
	const struct bpf_program *program = bpf_object__find_program_by_name(trial->object, name);

	if (!program)
		return failure_set(failure, -ENOENT, "no program %s in the object", name);
	*ret_fd = bpf_program__fd(program);
	return 0;
}

static int share(const struct trial *trial, const char *name, size_t len, void *ret, struct failure *failure)
{
	int fd = map_fd(trial, name, failure);
	void *at;

	if (fd < 0)
		return fd;
	at = map_shared(fd, len, PROT_READ | PROT_WRITE);
	if (!at)
		return trial_broken(failure, name);
	*(void **)ret = at;
	return 0;
}

/* ---------------------------------------------------------------- opening */

/* Those of the tc hook, root_tc and gate_tc, or of XDP. */
static void choose_programs(struct trial *trial, bool with_tc)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, trial->object)
		bpf_program__set_autoload(program, with_tc || bpf_program__type(program) == BPF_PROG_TYPE_XDP);
}

static int load(struct trial *trial, const char *path, bool with_tc, struct failure *failure)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "gate_bpf");
	struct bpf_map *usage;
	const void *bytes;
	size_t len;
	int r;

	bytes = gate_bpf__elf_bytes(&len);
	trial->object = path ? bpf_object__open_file(path, NULL) : bpf_object__open_mem(bytes, len, &opts);
	if (!trial->object)
		return trial_broken(failure, "cannot open the packet program");
	usage = bpf_object__find_map_by_name(trial->object, "usage_v1");
	if (!usage)
		return failure_set(failure, -ENOENT, "the packet program has no map usage_v1");
	choose_programs(trial, with_tc);
	r = bpf_map__set_max_entries(usage, EFFECT_SLOTS);
	if (r == 0)
		r = bpf_object__load(trial->object);
	return r < 0 ? failure_set(failure, r, "the kernel refuses the packet program: %s", strerror(-r)) : 0;
}

static int find_parts(struct trial *trial, struct failure *failure)
{
	const struct {
		const char *name;
		int *fd;
	} maps[] =
		{
			{"slots_v1", &trial->xdp.slots_fd}, {"slots_tc_v1", &trial->tc.slots_fd},
			{"grants_v1", &trial->grants_fd},   {"ports_v1", &trial->ports_fd},
			{"stats_v1", &trial->stats_fd},     {"usage_v1", &trial->usage_fd},
			{"flows_v1", &trial->flows_fd},
		},
	  programs[] = {
		  {"root", &trial->xdp.root_fd},
		  {"gate", &trial->xdp.gate_fd},
		  {"root_tc", &trial->tc.root_fd},
		  {"gate_tc", &trial->tc.gate_fd},
	  };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(programs); i++)
		r = find_program(trial, programs[i].name, programs[i].fd, failure);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(maps); i++)
		r = find_fd(trial, maps[i].name, maps[i].fd, failure);
	if (r == 0)
		r = share(trial, ".data.protected", PROTECTED_BYTES, &trial->protected_ports, failure);
	if (r == 0)
		r = share(trial, ".data.sources", sizeof(*trial->sources), &trial->sources, failure);
	if (r == 0)
		r = share(trial, ".data.sessions", SESSIONS_BYTES, &trial->sessions, failure);
	if (r == 0)
		r = share(trial, "budget_v1", sizeof(*trial->budget), &trial->budget, failure);
	if (r == 0)
		r = share(trial, "state_v1", sizeof(*trial->state), &trial->state, failure);
	return r;
}

static int make_scratch(struct trial *trial, struct failure *failure)
{
	int events_fd = map_fd(trial, "events_v1", failure);

	if (events_fd < 0)
		return events_fd;
	trial->n_cpus = libbpf_num_possible_cpus();
	if (trial->n_cpus < 1)
		return failure_set(failure, -EIO, "cannot tell how many CPUs there are");
	trial->per_cpu = calloc((size_t)trial->n_cpus, sizeof(struct port_slot));
	if (!trial->per_cpu)
		return failure_set(failure, -ENOMEM, "out of memory");
	trial->ring = ring_buffer__new(events_fd, trial_keep_event, trial, NULL);
	return trial->ring ? 0 : trial_broken(failure, "cannot open events_v1");
}

int trial_open(const char *path, bool with_tc, struct trial **ret, struct failure *failure)
{
	_cleanup_trial_ struct trial *trial = calloc(1, sizeof(*trial));
	int r;

	if (!trial)
		return failure_set(failure, -ENOMEM, "out of memory");
	r = load(trial, path, with_tc, failure);
	if (r == 0)
		r = find_parts(trial, failure);
	if (r == 0)
		r = make_scratch(trial, failure);
	trial->pair = &trial->tc;
	if (r == 0 && with_tc)
		r = trial_fill_slot(trial, true, failure);
	trial->pair = &trial->xdp;
	if (r == 0)
		r = trial_fill_slot(trial, true, failure);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(trial);
	return 0;
}

void trial_close(struct trial **trial_ptr)
{
	struct trial *trial = *trial_ptr;

	if (!trial)
		return;
	ring_buffer__free(trial->ring);
	free(trial->per_cpu);
	unmap_shared(trial->protected_ports, PROTECTED_BYTES);
	unmap_shared(trial->sources, sizeof(*trial->sources));
	unmap_shared(trial->sessions, SESSIONS_BYTES);
	unmap_shared(trial->budget, sizeof(*trial->budget));
	unmap_shared(trial->state, sizeof(*trial->state));
	bpf_object__close(trial->object);
	free(trial);
	*trial_ptr = NULL;
}

void trial_set_hook(struct trial *trial, bool tc)
{
	trial->pair = tc ? &trial->tc : &trial->xdp;
}

static int tag_of(int fd, uint8_t ret[TRIAL_TAG_BYTES], struct failure *failure)
{
	struct bpf_prog_info info = {0};

	if (bpf_info_program(fd, &info) < 0)
		return trial_broken(failure, "cannot ask for a program's tag");
	memcpy(ret, info.tag, TRIAL_TAG_BYTES);
	return 0;
}

int trial_tags(const struct trial *trial, uint8_t ret_gate[TRIAL_TAG_BYTES], uint8_t ret_root[TRIAL_TAG_BYTES],
	       struct failure *failure)
{
	int r = tag_of(trial->pair->gate_fd, ret_gate, failure);

	return r < 0 ? r : tag_of(trial->pair->root_fd, ret_root, failure);
}

int trial_fill_slot(struct trial *trial, bool filled, struct failure *failure)
{
	const uint32_t zero = 0, fd = (uint32_t)trial->pair->gate_fd;

	if (filled && bpf_map_update_elem(trial->pair->slots_fd, &zero, &fd, BPF_ANY) < 0)
		return trial_broken(failure, "cannot fill slot 0");
	if (!filled && bpf_map_delete_elem(trial->pair->slots_fd, &zero) < 0 && errno != ENOENT)
		return trial_broken(failure, "cannot empty slot 0");
	return 0;
}

/* ---------------------------------------------------------------- running */

/* The one that lets others at the hook judge too is the pass that is wanted; any other is none of the two. */
static int verdict_of_tc(int action)
{
	return action == TC_ACT_SHOT ? XDP_DROP : action == TC_ACT_UNSPEC ? XDP_PASS : XDP_ABORTED;
}

/* Frames that BPF_PROG_RUN may refuse to show to a program of the tc hook. */
static bool is_stump(const uint8_t *frame, size_t len)
{
	uint16_t type = (uint16_t)(frame[12] << 8 | frame[13]);

	return len < ETH_HLEN + (type == ETH_P_IP     ? sizeof(struct iphdr)
				 : type == ETH_P_IPV6 ? sizeof(struct ipv6hdr)
						      : 1);
}

int trial_run(struct trial *trial, bool through_root, const void *frame, size_t len, struct failure *failure)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = len, .repeat = 1);
	int r;

	trial->has_run = true;
	do {
		r = bpf_prog_test_run_opts(through_root ? trial->pair->root_fd : trial->pair->gate_fd, &opts);
	} while (r == -EINTR || r == -EAGAIN);
	if (r == -EINVAL && trial->pair == &trial->tc && len >= TRIAL_FRAME_MIN && is_stump(frame, len))
		r = -EOPNOTSUPP;
	if (r < 0)
		return failure_set(failure, r, "BPF_PROG_RUN of %zu bytes: %s", len, strerror(-r));
	return trial->pair == &trial->tc ? verdict_of_tc((int)opts.retval) : (int)opts.retval;
}

uint64_t trial_now_boot_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}
