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
#include "util.h"

static int list_entries(void *ctx, struct entry_set *ret)
{
	const struct datapath *dp = ctx;
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

static int lookup_entry(void *ctx, const struct gate_key *key, struct gate_grant *ret)
{
	const struct datapath *dp = ctx;

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

static int reset_usage(void *ctx, uint32_t slot)
{
	const struct datapath *dp = ctx;
	_cleanup_free_ struct grant_usage *zero = calloc((size_t)dp->n_cpus, sizeof(*zero));

	if (!zero)
		return -ENOMEM;
	return bpf_map_update_elem(dp->fds.usage, &slot, zero, BPF_ANY) < 0 ? -errno : 0;
}

static uint8_t get_protected(void *ctx, uint16_t port)
{
	const struct datapath *dp = ctx;

	return dp->protected[htons(port)];
}

static int make_counters(const struct datapath *dp, uint16_t port, uint8_t bit)
{
	_cleanup_free_ struct port_counters *zero = calloc((size_t)dp->n_cpus, sizeof(*zero));
	struct port_key key = {.port = port, .proto = proto_number(bit)};

	if (!zero)
		return -ENOMEM;
	if (bpf_map_update_elem(dp->fds.ports, &key, zero, BPF_NOEXIST) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

static void remove_counters(const struct datapath *dp, uint16_t port, uint8_t bit)
{
	struct port_key key = {.port = port, .proto = proto_number(bit)};

	bpf_map_delete_elem(dp->fds.ports, &key);
}

/* The port is closed even when its counters cannot be made: the caller hears of it, the door does not wait. */
static int set_protected(void *ctx, uint16_t port, uint8_t protos)
{
	struct datapath *dp = ctx;
	int r = 0;

	dp->protected[htons(port)] = protos;
	FOR_EACH_PROTO_BIT (bit) {
		int made = 0;

		if (protos & bit)
			made = make_counters(dp, port, bit);
		else
			remove_counters(dp, port, bit);
		if (made < 0)
			r = made;
	}
	return r;
}

static void get_state(void *ctx, struct gate_state *ret)
{
	const struct datapath *dp = ctx;

	*ret = *(const struct gate_state *)dp->state;
}

static void set_state(void *ctx, const struct gate_state *state)
{
	struct datapath *dp = ctx;

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
	.reset_usage = reset_usage,
	.get_protected = get_protected,
	.set_protected = set_protected,
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
