// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The gate under test, by BPF_PROG_RUN; see gate_run.h. The only file of the packet tests that knows libbpf.
 */
#include "packet/gate_run.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "gate.skel.h"
#include "util.h"

#define PROTECTED_BYTES (65536 * sizeof(uint16_t))

__attribute__((noreturn, format(printf, 1, 2))) static void broken(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("Bail out! ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
	exit(GATE_EXIT_BROKEN);
}

static struct bpf_object *object_of(const struct gate *gate)
{
	return gate->skel ? gate->skel->obj : gate->own;
}

static int map_fd(const struct gate *gate, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(object_of(gate), name);

	if (fd < 0)
		broken("no map %s", name);
	return fd;
}

static int prog_fd_of(const struct gate *gate, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(object_of(gate), name);

	if (!prog)
		broken("no program %s", name);
	return bpf_program__fd(prog);
}

static void *map_shared(const struct gate *gate, const char *name, size_t len)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd(gate, name), 0);

	if (at == MAP_FAILED)
		broken("cannot mmap %s: %m", name);
	return at;
}

static int keep_event(void *context, void *data, size_t len)
{
	struct gate_effect *effect = ((struct gate *)context)->collecting;

	if (effect && len == sizeof(effect->last_event)) {
		memcpy(&effect->last_event, data, len);
		effect->n_events++;
	}
	return 0;
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level != LIBBPF_WARN || getenv("GATE_QUIET"))
		return 0;
	return vfprintf(stderr, format, args);
}

static int load(const char *path, struct gate *gate)
{
	struct bpf_map *usage;
	int r;

	if (path)
		gate->own = bpf_object__open_file(path, NULL);
	else
		gate->skel = gate_bpf__open();
	if (!object_of(gate))
		return -errno;
	usage = bpf_object__find_map_by_name(object_of(gate), "usage_v1");
	if (!usage)
		return -ENOENT;
	r = bpf_map__set_max_entries(usage, GATE_USAGE_SLOTS);
	if (r < 0)
		return r;
	return path ? bpf_object__load(gate->own) : gate_bpf__load(gate->skel);
}

static void find_parts(struct gate *gate)
{
	gate->root_fd = prog_fd_of(gate, "root");
	gate->gate_fd = prog_fd_of(gate, "gate");
	gate->slots_fd = map_fd(gate, "slots_v1");
	gate->grants_fd = map_fd(gate, "grants_v1");
	gate->ports_fd = map_fd(gate, "ports_v1");
	gate->stats_fd = map_fd(gate, "stats_v1");
	gate->usage_fd = map_fd(gate, "usage_v1");
	gate->protected_ports = map_shared(gate, ".data.protected", PROTECTED_BYTES);
	gate->sources = map_shared(gate, ".data.sources", sizeof(*gate->sources));
	gate->budget = map_shared(gate, "budget_v1", sizeof(*gate->budget));
	gate->state = map_shared(gate, "state_v1", sizeof(*gate->state));
	gate->ring = ring_buffer__new(map_fd(gate, "events_v1"), keep_event, gate, NULL);
	gate->n_cpus = libbpf_num_possible_cpus();
	if (!gate->ring || gate->n_cpus < 1)
		broken("no ring buffer or no CPUs: %m");
	gate->per_cpu = calloc(gate->n_cpus, sizeof(struct port_slot));
	if (!gate->per_cpu)
		broken("out of memory");
}

int gate_open(const char *path, struct gate *ret_gate)
{
	struct gate gate = {0};
	int r;

	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	libbpf_set_print(quiet);
	r = load(path, &gate);
	if (r < 0) {
		gate_close(&gate);
		return r;
	}
	*ret_gate = gate;
	find_parts(ret_gate);
	return 0;
}

void gate_close(struct gate *gate)
{
	ring_buffer__free(gate->ring);
	free(gate->per_cpu);
	if (gate->protected_ports)
		munmap(gate->protected_ports, PROTECTED_BYTES);
	if (gate->sources)
		munmap(gate->sources, sizeof(*gate->sources));
	if (gate->budget)
		munmap(gate->budget, sizeof(*gate->budget));
	if (gate->state)
		munmap(gate->state, sizeof(*gate->state));
	gate_bpf__destroy(gate->skel);
	bpf_object__close(gate->own);
	*gate = (struct gate){0};
}

/* ARRAY maps keep their keys; writing zeros empties them. */
static void clear_array(struct gate *gate, int fd, uint32_t n, size_t value_bytes)
{
	uint32_t i;

	memset(gate->per_cpu, 0, gate->n_cpus * value_bytes);
	for (i = 0; i < n; i++) {
		if (bpf_map_update_elem(fd, &i, gate->per_cpu, BPF_ANY) < 0)
			broken("cannot clear entry %u: %m", i);
	}
}

static void clear_keys(int fd, void *key)
{
	while (bpf_map_get_next_key(fd, NULL, key) == 0) {
		if (bpf_map_delete_elem(fd, key) < 0)
			broken("cannot delete a key: %m");
	}
}

void gate_reset(struct gate *gate)
{
	struct gate_key grant_key;
	size_t i;

	for (i = 0; i < gate->n_protected; i++)
		gate->protected_ports[gate->protected_be[i]] = 0;
	gate->n_protected = 0;
	clear_keys(gate->grants_fd, &grant_key);
	memset(gate->sources, 0, sizeof(*gate->sources));
	clear_array(gate, gate->ports_fd, GATE_PORTS_MAX + 1, sizeof(struct port_slot));
	clear_array(gate, gate->stats_fd, _REASON_MAX, sizeof(struct gate_counter));
	clear_array(gate, gate->usage_fd, GATE_USAGE_SLOTS, sizeof(struct grant_usage));
	gate->budget->left = 0;
	gate->state->mode = JITGATE_ENFORCE;
	gate->collecting = NULL;
	ring_buffer__consume(gate->ring);
}

/* Each port has the slot behind that of the one before. */
void gate_protect(struct gate *gate, uint16_t port, uint8_t proto_bits)
{
	if (gate->n_protected == GATE_PORTS_MAX)
		broken("more than %d ports", GATE_PORTS_MAX);
	gate->protected_be[gate->n_protected++] = htons(port);
	gate->protected_ports[htons(port)] = proto_bits | gate->n_protected << PROTECTED_SLOT_SHIFT;
}

static int read_prefix(const char *prefix, struct gate_key *key)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(prefix, '/');
	char *end;
	unsigned long bits;

	if (!slash || (size_t)(slash - prefix) >= sizeof(address))
		return -EINVAL;
	memcpy(address, prefix, slash - prefix);
	address[slash - prefix] = '\0';
	bits = strtoul(slash + 1, &end, 10);
	key->family = strchr(address, ':') ? JITGATE_IPV6 : JITGATE_IPV4;
	if (*end || bits > (key->family == JITGATE_IPV4 ? 32 : 128))
		return -EINVAL;
	key->prefixlen = GATE_KEY_EXACT_BITS + bits;
	return inet_pton(key->family == JITGATE_IPV4 ? AF_INET : AF_INET6, address, key->addr) == 1 ? 0 : -EINVAL;
}

int gate_grant(struct gate *gate, const char *prefix, uint16_t port, uint8_t proto, uint64_t expires_boot_ns,
	       uint32_t slot)
{
	struct gate_entry entry = {.grant = {.expires_boot_ns = expires_boot_ns, .slot = slot},
				   .key = {.port_be = htons(port), .proto = proto}};

	if (read_prefix(prefix, &entry.key) < 0)
		return -EINVAL;
	sources_add(gate->sources, &(struct entry_set){.entries = &entry, .n = 1});
	if (bpf_map_update_elem(gate->grants_fd, &entry.key, &entry.grant, BPF_ANY) < 0)
		broken("cannot add grant %s: %m", prefix);
	return 0;
}

void gate_fill_slot(struct gate *gate, int filled)
{
	const uint32_t zero = 0;
	const uint32_t fd = gate->gate_fd;

	if (filled && bpf_map_update_elem(gate->slots_fd, &zero, &fd, BPF_ANY) < 0)
		broken("cannot fill slot 0: %m");
	if (!filled && bpf_map_delete_elem(gate->slots_fd, &zero) < 0 && errno != ENOENT)
		broken("cannot empty slot 0: %m");
}

int gate_run(struct gate *gate, int prog_fd, const void *frame, size_t len)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = len, .repeat = 1);
	int r;

	(void)gate;
	do {
		r = bpf_prog_test_run_opts(prog_fd, &opts);
	} while (r == -EINTR || r == -EAGAIN);
	if (r < 0)
		broken("BPF_PROG_RUN of %zu bytes: %s", len, strerror(-r));
	return (int)opts.retval;
}

static void sum_stats(struct gate *gate, uint32_t reason, struct gate_counter *ret_sum)
{
	const struct gate_counter *per_cpu = gate->per_cpu;
	int cpu;

	if (bpf_map_lookup_elem(gate->stats_fd, &reason, gate->per_cpu) < 0)
		broken("cannot read stats_v1[%u]: %m", reason);
	for (cpu = 0; cpu < gate->n_cpus; cpu++) {
		ret_sum->packets += per_cpu[cpu].packets;
		ret_sum->bytes += per_cpu[cpu].bytes;
	}
}

static void sum_usage(struct gate *gate, uint32_t slot, struct grant_usage *ret_sum)
{
	const struct grant_usage *per_cpu = gate->per_cpu;
	int cpu;

	if (bpf_map_lookup_elem(gate->usage_fd, &slot, gate->per_cpu) < 0)
		broken("cannot read usage_v1[%u]: %m", slot);
	for (cpu = 0; cpu < gate->n_cpus; cpu++) {
		ret_sum->packets += per_cpu[cpu].packets;
		ret_sum->bytes += per_cpu[cpu].bytes;
		if (per_cpu[cpu].last_seen_boot_ns > ret_sum->last_seen_boot_ns)
			ret_sum->last_seen_boot_ns = per_cpu[cpu].last_seen_boot_ns;
	}
}

void gate_effect_read(struct gate *gate, struct gate_effect *ret_effect)
{
	uint32_t i;

	memset(ret_effect, 0, sizeof(*ret_effect));
	for (i = 0; i < _REASON_MAX; i++)
		sum_stats(gate, i, &ret_effect->stats[i]);
	for (i = 0; i < GATE_USAGE_SLOTS; i++)
		sum_usage(gate, i, &ret_effect->usage[i]);
	gate->collecting = ret_effect;
	ring_buffer__consume(gate->ring);
	gate->collecting = NULL;
}

struct port_counters gate_port_counters(struct gate *gate, uint16_t port, uint8_t proto_index)
{
	uint32_t slot = gate->protected_ports[htons(port)] >> PROTECTED_SLOT_SHIFT;
	const struct port_slot *per_cpu = gate->per_cpu;
	struct port_counters sum = {0};
	int cpu;

	if (bpf_map_lookup_elem(gate->ports_fd, &slot, gate->per_cpu) < 0)
		broken("cannot read ports_v1[%u]: %m", slot);
	for (cpu = 0; cpu < gate->n_cpus; cpu++) {
		const struct port_counters *is = &per_cpu[cpu].tcp + proto_index;

		sum.granted_packets += is->granted_packets;
		sum.granted_bytes += is->granted_bytes;
		sum.ungranted_packets += is->ungranted_packets;
		sum.ungranted_bytes += is->ungranted_bytes;
	}
	return sum;
}

uint64_t gate_now_boot_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}
