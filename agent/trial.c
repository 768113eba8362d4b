// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See trial.h. Counters are not set to zero for each frame, which would take a call each: what is told is the
 * difference to what stood there at the reset.
 */
#include "trial.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "bpf_info.h"
#include "gate.skel.h"
#include "grant.h"
#include "reconcile.h"
#include "sources.h"

#define PROTECTED_BYTES (65536 * sizeof(uint16_t))
#define SESSIONS_BYTES (JITGATE_SESSION_CLASSES * sizeof(struct gate_session))
#define PORT_SLOT 1 /* in ports_v1 */
#define CLASS 5     /* in sessions_v1 */

/* The programs of one hook. */
struct pair {
	int root_fd, gate_fd;
	int slots_fd;
};

struct trial {
	struct bpf_object *object;
	struct ring_buffer *ring;
	uint16_t *protected_ports; /* indexed by the port in network order */
	struct sources *sources;
	struct gate_session *sessions;
	struct event_budget *budget;
	struct gate_state *state;
	struct pair xdp, tc;
	const struct pair *pair; /* that is meant */
	int grants_fd, ports_fd, stats_fd, usage_fd, flows_fd;
	int n_cpus;
	void *per_cpu;       /* scratch for the widest per-CPU value */
	uint16_t port;       /* that is protected; 0: none */
	bool has_run;        /* since `now` was read */
	bool has_flows;      /* there may be some: looking through an empty table takes long */
	struct effect start; /* at the reset */
	struct effect now;   /* when last read */
};

static int broken(struct failure *failure, const char *what)
{
	int r = errno ? -errno : -EIO;

	return failure_set(failure, r, "%s: %s", what, strerror(-r));
}

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

static int map_shared(const struct trial *trial, const char *name, size_t len, void *ret, struct failure *failure)
{
	int fd = map_fd(trial, name, failure);
	void *at;

	if (fd < 0)
		return fd;
	at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return broken(failure, name);
	*(void **)ret = at;
	return 0;
}

static int keep_event(void *ctx, void *data, size_t len)
{
	struct trial *trial = ctx;

	if (len == sizeof(trial->now.last_event)) {
		memcpy(&trial->now.last_event, data, len);
		trial->now.n_events++;
	}
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
		return broken(failure, "cannot open the packet program");
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
		r = map_shared(trial, ".data.protected", PROTECTED_BYTES, &trial->protected_ports, failure);
	if (r == 0)
		r = map_shared(trial, ".data.sources", sizeof(*trial->sources), &trial->sources, failure);
	if (r == 0)
		r = map_shared(trial, ".data.sessions", SESSIONS_BYTES, &trial->sessions, failure);
	if (r == 0)
		r = map_shared(trial, "budget_v1", sizeof(*trial->budget), &trial->budget, failure);
	if (r == 0)
		r = map_shared(trial, "state_v1", sizeof(*trial->state), &trial->state, failure);
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
	trial->ring = ring_buffer__new(events_fd, keep_event, trial, NULL);
	return trial->ring ? 0 : broken(failure, "cannot open events_v1");
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

static void unmap(void *at, size_t len)
{
	if (at)
		munmap(at, len);
}

void trial_close(struct trial **trial_ptr)
{
	struct trial *trial = *trial_ptr;

	if (!trial)
		return;
	ring_buffer__free(trial->ring);
	free(trial->per_cpu);
	unmap(trial->protected_ports, PROTECTED_BYTES);
	unmap(trial->sources, sizeof(*trial->sources));
	unmap(trial->sessions, SESSIONS_BYTES);
	unmap(trial->budget, sizeof(*trial->budget));
	unmap(trial->state, sizeof(*trial->state));
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
		return broken(failure, "cannot ask for a program's tag");
	memcpy(ret, info.tag, TRIAL_TAG_BYTES);
	return 0;
}

int trial_tags(const struct trial *trial, uint8_t ret_gate[TRIAL_TAG_BYTES], uint8_t ret_root[TRIAL_TAG_BYTES],
	       struct failure *failure)
{
	int r = tag_of(trial->pair->gate_fd, ret_gate, failure);

	return r < 0 ? r : tag_of(trial->pair->root_fd, ret_root, failure);
}

/* ---------------------------------------------------------------- setting the maps */

static int clear_grants(struct trial *trial, struct failure *failure)
{
	struct gate_key key;

	while (bpf_map_get_next_key(trial->grants_fd, NULL, &key) == 0) {
		if (bpf_map_delete_elem(trial->grants_fd, &key) < 0)
			return broken(failure, "cannot delete a grant");
	}
	memset(trial->sources, 0, sizeof(*trial->sources));
	return 0;
}

static int clear_flows(struct trial *trial, struct failure *failure)
{
	struct flow_key key;

	while (trial->has_flows && bpf_map_get_next_key(trial->flows_fd, NULL, &key) == 0) {
		if (bpf_map_delete_elem(trial->flows_fd, &key) < 0)
			return broken(failure, "cannot delete a flow");
	}
	trial->has_flows = false;
	return 0;
}

static int read_now(struct trial *trial, struct failure *failure);

int trial_reset(struct trial *trial, struct failure *failure)
{
	int r = clear_grants(trial, failure);

	if (r == 0)
		r = clear_flows(trial, failure);

	trial->protected_ports[htons(trial->port)] = 0;
	trial->port = 0;
	if (r == 0)
		r = read_now(trial, failure);
	trial->now.n_events = 0;
	trial->start = trial->now;
	trial_set_mode(trial, JITGATE_ENFORCE, 0);
	memset(&trial->sessions[0], 0xff, sizeof(trial->sessions[0])); /* class 0 cuts, whatever stands there */
	return r;
}

void trial_protect(struct trial *trial, uint16_t port, uint8_t proto_bits)
{
	trial->protected_ports[htons(port)] = (uint16_t)(proto_bits | PORT_SLOT << PROTECTED_SLOT_SHIFT);
	trial->port = port;
}

void trial_set_session(struct trial *trial, const struct gate_session *session)
{
	trial->has_flows = true;
	trial->sessions[CLASS] = *session;
	trial->protected_ports[htons(trial->port)] |= CLASS << PROTECTED_CLASS_SHIFT;
}

int trial_put_flow(struct trial *trial, const struct flow_key *key, const struct gate_flow *flow,
		   struct failure *failure)
{
	return bpf_map_update_elem(trial->flows_fd, key, flow, BPF_ANY) < 0 ? broken(failure, "cannot add a flow") : 0;
}

int trial_get_flow(struct trial *trial, const struct flow_key *key, struct gate_flow *ret)
{
	return bpf_map_lookup_elem(trial->flows_fd, key, ret) < 0 ? -errno : 0;
}

size_t trial_count_flows(struct trial *trial)
{
	struct flow_key key;
	size_t n = 0;

	for (int r = bpf_map_get_next_key(trial->flows_fd, NULL, &key); r == 0;
	     r = bpf_map_get_next_key(trial->flows_fd, &key, &key))
		n++;
	return n;
}

/* As jitgated does when it gives a slot to a new grant. */
static int clear_usage(struct trial *trial, uint32_t slot, struct failure *failure)
{
	if (slot >= EFFECT_SLOTS)
		return 0;
	memset(trial->per_cpu, 0, (size_t)trial->n_cpus * sizeof(struct grant_usage));
	if (bpf_map_update_elem(trial->usage_fd, &slot, trial->per_cpu, BPF_ANY) < 0)
		return broken(failure, "cannot clear usage_v1");
	trial->start.usage[slot] = trial->now.usage[slot] = (struct grant_usage){0};
	return 0;
}

int trial_grant(struct trial *trial, const char *prefix, uint16_t port, uint8_t proto, uint64_t expires_boot_ns,
		uint32_t slot, struct failure *failure)
{
	struct gate_entry entry = {.grant = {.expires_boot_ns = expires_boot_ns, .slot = slot}};
	struct cidr source;

	if (cidr_parse(prefix, strlen(prefix), &source, NULL) < 0)
		return failure_set(failure, -EINVAL, "cannot read the prefix %s", prefix);
	entry.key = entry_key(&source, port, proto);
	sources_add(trial->sources, &(struct entry_set){.entries = &entry, .n = 1});
	if (bpf_map_update_elem(trial->grants_fd, &entry.key, &entry.grant, BPF_ANY) < 0)
		return broken(failure, "cannot add a grant");
	return clear_usage(trial, slot, failure);
}

void trial_set_mode(struct trial *trial, uint32_t mode, int64_t budget)
{
	trial->state->mode = mode;
	trial->state->confirm_until_boot_ns = 0;
	trial->budget->left = budget;
}

void trial_set_confirm(struct trial *trial, uint64_t until_boot_ns)
{
	trial->state->confirm_until_boot_ns = until_boot_ns;
}

int trial_fill_slot(struct trial *trial, bool filled, struct failure *failure)
{
	const uint32_t zero = 0, fd = (uint32_t)trial->pair->gate_fd;

	if (filled && bpf_map_update_elem(trial->pair->slots_fd, &zero, &fd, BPF_ANY) < 0)
		return broken(failure, "cannot fill slot 0");
	if (!filled && bpf_map_delete_elem(trial->pair->slots_fd, &zero) < 0 && errno != ENOENT)
		return broken(failure, "cannot empty slot 0");
	return 0;
}

/* ---------------------------------------------------------------- running and reading */

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

static int fetch(struct trial *trial, int fd, const void *key, const char *name, struct failure *failure)
{
	return bpf_map_lookup_elem(fd, key, trial->per_cpu) < 0 ? broken(failure, name) : 0;
}

static int read_stats(struct trial *trial, struct failure *failure)
{
	const struct gate_counter *per_cpu = trial->per_cpu;

	for (uint32_t i = 0; i < _REASON_MAX; i++) {
		struct gate_counter sum = {0};
		int r = fetch(trial, trial->stats_fd, &i, "stats_v1", failure);

		if (r < 0)
			return r;
		for (int cpu = 0; cpu < trial->n_cpus; cpu++) {
			sum.packets += per_cpu[cpu].packets;
			sum.bytes += per_cpu[cpu].bytes;
		}
		trial->now.stats[i] = sum;
	}
	return 0;
}

static int read_usage(struct trial *trial, struct failure *failure)
{
	const struct grant_usage *per_cpu = trial->per_cpu;

	for (uint32_t i = 0; i < EFFECT_SLOTS; i++) {
		struct grant_usage sum = {0};
		int r = fetch(trial, trial->usage_fd, &i, "usage_v1", failure);

		if (r < 0)
			return r;
		for (int cpu = 0; cpu < trial->n_cpus; cpu++) {
			sum.packets += per_cpu[cpu].packets;
			sum.bytes += per_cpu[cpu].bytes;
			if (per_cpu[cpu].last_seen_boot_ns > sum.last_seen_boot_ns)
				sum.last_seen_boot_ns = per_cpu[cpu].last_seen_boot_ns;
		}
		trial->now.usage[i] = sum;
	}
	return 0;
}

static void add_port(struct port_counters *sum, const struct port_counters *is)
{
	sum->granted_packets += is->granted_packets;
	sum->granted_bytes += is->granted_bytes;
	sum->ungranted_packets += is->ungranted_packets;
	sum->ungranted_bytes += is->ungranted_bytes;
}

static int read_ports(struct trial *trial, struct failure *failure)
{
	const struct port_slot *per_cpu = trial->per_cpu;
	const uint32_t slot = PORT_SLOT;
	int r = fetch(trial, trial->ports_fd, &slot, "ports_v1", failure);

	if (r < 0)
		return r;
	memset(trial->now.ports, 0, sizeof(trial->now.ports));
	for (int cpu = 0; cpu < trial->n_cpus; cpu++) {
		add_port(&trial->now.ports[0], &per_cpu[cpu].tcp);
		add_port(&trial->now.ports[1], &per_cpu[cpu].udp);
		add_port(&trial->now.ports[2], &per_cpu[cpu].sctp);
		add_port(&trial->now.ports[3], &per_cpu[cpu].dccp);
		add_port(&trial->now.ports[4], &per_cpu[cpu].udplite);
	}
	return 0;
}

/* The counters and events are the only things that a run changes. */
static int read_now(struct trial *trial, struct failure *failure)
{
	int r;

	if (!trial->has_run)
		return 0;
	r = read_stats(trial, failure);
	if (r == 0)
		r = read_usage(trial, failure);
	if (r == 0)
		r = read_ports(trial, failure);
	ring_buffer__consume(trial->ring);
	trial->has_run = false;
	return r;
}

static struct port_counters port_since(const struct port_counters *start, const struct port_counters *now)
{
	return (struct port_counters){
		.granted_packets = now->granted_packets - start->granted_packets,
		.granted_bytes = now->granted_bytes - start->granted_bytes,
		.ungranted_packets = now->ungranted_packets - start->ungranted_packets,
		.ungranted_bytes = now->ungranted_bytes - start->ungranted_bytes,
	};
}

static struct grant_usage usage_since(const struct grant_usage *start, const struct grant_usage *now)
{
	return (struct grant_usage){
		.packets = now->packets - start->packets,
		.bytes = now->bytes - start->bytes,
		.last_seen_boot_ns = now->last_seen_boot_ns == start->last_seen_boot_ns ? 0 : now->last_seen_boot_ns,
	};
}

int trial_read(struct trial *trial, struct effect *ret, struct failure *failure)
{
	int r = read_now(trial, failure);

	if (r < 0)
		return r;
	*ret = (struct effect){.n_events = trial->now.n_events, .last_event = trial->now.last_event};
	for (size_t i = 0; i < _REASON_MAX; i++) {
		ret->stats[i].packets = trial->now.stats[i].packets - trial->start.stats[i].packets;
		ret->stats[i].bytes = trial->now.stats[i].bytes - trial->start.stats[i].bytes;
	}
	for (size_t i = 0; i < EFFECT_SLOTS; i++)
		ret->usage[i] = usage_since(&trial->start.usage[i], &trial->now.usage[i]);
	for (size_t i = 0; i < EFFECT_PROTOS; i++)
		ret->ports[i] = port_since(&trial->start.ports[i], &trial->now.ports[i]);
	ret->budget_left = trial->budget->left;
	return 0;
}

struct sources *trial_sources(struct trial *trial)
{
	return trial->sources;
}

uint64_t trial_now_boot_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}
