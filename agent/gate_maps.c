// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. The real gate_ops: grants, protected ports and state, in the maps that a datapath holds. Called by descriptor
 * and by shared memory only, so it needs no capability on kernels since 5.19. Must not decide what is granted, and
 * does not open, pin or attach anything.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>

#include "datapath_internal.h"
#include "step.h"
#include "util.h"

#define BATCH 256

/*
 * As many entries as fit into one call. Negative: not by this way, whatever the reason (the kernel is older than 5.13,
 * an entry vanished meanwhile); what was added to *ret is good, but not all.
 */
static int list_batches(const struct datapath *dp, struct entry_set *ret)
{
	struct gate_grant grants[BATCH];
	struct gate_key keys[BATCH];
	struct gate_entry entry;
	struct gate_key at; /* the last key so far */
	bool begun = false, more = true;

	while (more) {
		__u32 n = BATCH;
		int r = bpf_map_lookup_batch(dp->fds.grants, begun ? &at : NULL, &at, keys, grants, &n, NULL);

		if (r < 0 && errno != ENOENT)
			return -errno;
		more = begun = r == 0;
		for (__u32 i = 0; i < n; i++) {
			entry = (struct gate_entry){.key = keys[i], .grant = grants[i]};
			r = entry_set_add(ret, &entry);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int list_singly(const struct datapath *dp, struct entry_set *ret)
{
	struct gate_entry entry;
	const struct gate_key *previous = NULL;
	struct gate_key at;

	while (bpf_map_get_next_key(dp->fds.grants, previous, &entry.key) == 0) {
		int r = 0;

		/* Only we write this map, but a root shell may delete from it meanwhile. */
		if (bpf_map_lookup_elem(dp->fds.grants, &entry.key, &entry.grant) == 0)
			r = entry_set_add(ret, &entry);
		if (r < 0)
			return r;
		at = entry.key;
		previous = &at;
	}
	return errno == ENOENT ? 0 : -errno;
}

static int list_entries(void *ctx, struct entry_set *ret)
{
	size_t before = ret->n;

	if (list_batches(ctx, ret) == 0)
		return 0;
	ret->n = before;
	return list_singly(ctx, ret);
}

static int lookup_entry(void *ctx, const struct gate_key *key, struct gate_grant *ret)
{
	const struct datapath *dp = ctx;

	/* As the program does it. */
	if (!sources_has(dp->sources + (key->family == JITGATE_IPV6 ? JITGATE_SOURCES_BYTES : 0), key))
		return -ENOENT;
	return bpf_map_lookup_elem(dp->fds.grants, key, ret) < 0 ? -errno : 0;
}

static int put_entry(void *ctx, const struct gate_entry *entry)
{
	const struct datapath *dp = ctx;

	return bpf_map_update_elem(dp->fds.grants, &entry->key, &entry->grant, BPF_ANY) < 0 ? -errno : 0;
}

static int delete_entry(void *ctx, const struct gate_key *key)
{
	const struct datapath *dp = ctx;

	if (bpf_map_delete_elem(dp->fds.grants, key) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

/* Only what differs, so that pages and cache lines which nothing changes stay as they are. */
static void set_sources(void *ctx, const struct sources *sources)
{
	struct datapath *dp = ctx;
	const uint8_t *bytes = &sources->bits[0][0];

	for (size_t i = 0; i < sizeof(sources->bits); i++) {
		if (dp->sources[i] == bytes[i])
			continue;
		STEP();
		dp->sources[i] = bytes[i];
	}
}

static int reset_usage(void *ctx, uint32_t slot)
{
	const struct datapath *dp = ctx;
	_cleanup_free_ struct grant_usage *zero = calloc((size_t)dp->n_cpus, sizeof(*zero));

	if (!zero)
		return -ENOMEM;
	return bpf_map_update_elem(dp->fds.usage, &slot, zero, BPF_ANY) < 0 ? -errno : 0;
}

#define POLICY_BITS (PROTO_BITS_ALL | PROTECTED_LEARNED)

static uint8_t get_protected(void *ctx, uint16_t port)
{
	const struct datapath *dp = ctx;

	return (uint8_t)(dp->protected[htons(port)] & POLICY_BITS);
}

static int write_slot(const struct datapath *dp, uint32_t slot, uint16_t port)
{
	_cleanup_free_ struct port_slot *cpus = calloc((size_t)dp->n_cpus, sizeof(*cpus));

	if (!cpus)
		return -ENOMEM;
	for (int i = 0; i < dp->n_cpus; i++)
		cpus[i].port = port;
	return bpf_map_update_elem(dp->fds.ports, &slot, cpus, BPF_ANY) < 0 ? -errno : 0;
}

/* A slot that no protected port has. Slot 0 when there is none: it counts for all that found no room. */
static uint32_t find_slot(const struct datapath *dp)
{
	uint8_t taken[JITGATE_PORT_SLOTS] = {0};

	for (size_t port = 0; port < 65536; port++)
		taken[dp->protected[port] >> PROTECTED_SLOT_SHIFT & (JITGATE_PORT_SLOTS - 1)] = 1;
	for (uint32_t slot = 1; slot < JITGATE_PORT_SLOTS; slot++) {
		if (!taken[slot])
			return slot;
	}
	return 0;
}

/* A protected port without counters of its own; of those that the config names first. 0: there is none. */
static uint16_t find_waiting(const struct datapath *dp)
{
	uint16_t learned = 0;

	for (uint32_t port = 1; port < 65536; port++) {
		uint16_t word = dp->protected[htons((uint16_t)port)];

		if (!(word & PROTO_BITS_ALL) || word >> PROTECTED_SLOT_SHIFT)
			continue;
		if (!(word & PROTECTED_LEARNED))
			return (uint16_t)port;
		if (!learned)
			learned = (uint16_t)port;
	}
	return learned;
}

/* Slots that became free go to ports that found none before. What these had counted in slot 0 stays there. */
static int hand_on_slots(const struct datapath *dp)
{
	for (;;) {
		uint16_t port = find_waiting(dp);
		uint32_t slot = port ? find_slot(dp) : 0;
		volatile uint16_t *word = &dp->protected[htons(port)];
		int r;

		if (!slot)
			return 0;
		r = write_slot(dp, slot, port);
		if (r < 0)
			return r;
		STEP();
		*word = (uint16_t)(*word | slot << PROTECTED_SLOT_SHIFT);
	}
}

/* The port is closed even when its counters cannot be made: the caller hears of it, the door does not wait. */
static int set_protected(void *ctx, uint16_t port, uint8_t protos)
{
	struct datapath *dp = ctx;
	volatile uint16_t *word = &dp->protected[htons(port)];
	uint32_t slot = *word >> PROTECTED_SLOT_SHIFT;
	int r = 0;

	if (protos && !(*word & PROTO_BITS_ALL)) {
		slot = find_slot(dp);
		r = slot ? write_slot(dp, slot, port) : 0;
	}
	STEP();
	*word = protos ? (uint16_t)(protos | (*word & PROTECTED_CLASS_MASK) | slot << PROTECTED_SLOT_SHIFT) : 0;
	if (protos || !slot)
		return r;
	r = write_slot(dp, slot, 0);
	return r < 0 ? r : hand_on_slots(dp);
}

static uint8_t get_class(void *ctx, uint16_t port)
{
	const struct datapath *dp = ctx;

	return (uint8_t)((dp->protected[htons(port)] & PROTECTED_CLASS_MASK) >> PROTECTED_CLASS_SHIFT);
}

static void set_class(void *ctx, uint16_t port, uint8_t class)
{
	struct datapath *dp = ctx;
	volatile uint16_t *word = &dp->protected[htons(port)];

	if (!(*word & PROTO_BITS_ALL))
		return;
	STEP();
	*word = (uint16_t)((*word & ~PROTECTED_CLASS_MASK) | class << PROTECTED_CLASS_SHIFT);
}

static void get_session(void *ctx, uint8_t class, struct gate_session *ret)
{
	const struct datapath *dp = ctx;

	for (size_t i = 0; i < ARRAY_SIZE(ret->drain_ns); i++)
		ret->drain_ns[i] = dp->sessions[class].drain_ns[i];
}

static void set_session(void *ctx, uint8_t class, const struct gate_session *session)
{
	struct datapath *dp = ctx;

	for (size_t i = 0; i < ARRAY_SIZE(session->drain_ns); i++) {
		if (dp->sessions[class].drain_ns[i] == session->drain_ns[i])
			continue;
		STEP();
		dp->sessions[class].drain_ns[i] = session->drain_ns[i];
	}
}

static void get_state(void *ctx, struct gate_state *ret)
{
	const struct datapath *dp = ctx;

	*ret = *(const struct gate_state *)dp->state;
}

static void set_state(void *ctx, const struct gate_state *state)
{
	struct datapath *dp = ctx;

	/* The mode first: what ends a trial for good must not end enforcing for a moment. */
	STEP();
	dp->state->mode = state->mode;
	__sync_synchronize();
	STEP();
	*(struct gate_state *)dp->state = *state;
}

static size_t get_capacity(void *ctx)
{
	return ((const struct datapath *)ctx)->capacity;
}

uint32_t datapath_max_grants(const struct datapath *dp)
{
	return (uint32_t)(dp->capacity / 2);
}

const struct gate_ops datapath_gate_ops = {
	.list = list_entries,
	.lookup = lookup_entry,
	.put = put_entry,
	.delete = delete_entry,
	.set_sources = set_sources,
	.reset_usage = reset_usage,
	.get_protected = get_protected,
	.set_protected = set_protected,
	.get_class = get_class,
	.set_class = set_class,
	.get_session = get_session,
	.set_session = set_session,
	.lookup_flow = datapath_lookup_flow,
	.each_flow = datapath_each_flow,
	.settle = datapath_settle,
	.get_state = get_state,
	.set_state = set_state,
	.capacity = get_capacity,
};

int datapath_probe_hook(void *ctx)
{
	const struct datapath *dp = ctx;
	struct gate_grant grant;
	struct gate_key key = {.prefixlen = GATE_KEY_EXACT_BITS, .family = JITGATE_IPV4};

	if (bpf_map_lookup_elem(dp->fds.grants, &key, &grant) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}
