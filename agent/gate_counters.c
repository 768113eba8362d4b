// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. What the packet program counted and told: statistics, ports, usage, events and their budget. The counters are
 * per CPU and are summed here. Must not change policy.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "datapath_internal.h"
#include "util.h"

/* The values of one key, one per CPU; caller frees. `size`: of one value, a multiple of 8 as the kernel pads them. */
static int fetch_cpus(const struct datapath *dp, int fd, const void *key, size_t size, void **ret_cpus)
{
	_cleanup_free_ void *cpus = calloc((size_t)dp->n_cpus, size);

	if (!cpus)
		return -ENOMEM;
	if (bpf_map_lookup_elem(fd, key, cpus) < 0)
		return -errno;
	*ret_cpus = TAKE_PTR(cpus);
	return 0;
}

int datapath_read_reason(const struct datapath *dp, uint32_t reason, struct gate_counter *ret)
{
	_cleanup_free_ void *cpus = NULL;
	int r = fetch_cpus(dp, dp->fds.stats, &reason, sizeof(*ret), &cpus);
	const struct gate_counter *counters = cpus;
	struct gate_counter sum = {0};

	if (r < 0)
		return r;
	for (int i = 0; i < dp->n_cpus; i++) {
		sum.packets += counters[i].packets;
		sum.bytes += counters[i].bytes;
	}
	*ret = sum;
	return 0;
}

int datapath_read_stats(struct datapath *dp, struct gate_counter ret[_REASON_MAX])
{
	struct gate_counter sums[_REASON_MAX] = {0};

	for (uint32_t reason = 0; reason < _REASON_MAX; reason++) {
		int r = datapath_read_reason(dp, reason, &sums[reason]);

		if (r < 0)
			return r;
	}
	memcpy(ret, sums, sizeof(sums));
	return 0;
}

int datapath_read_port(struct datapath *dp, uint16_t port, uint8_t proto_bit, struct port_counters *ret)
{
	_cleanup_free_ void *cpus = NULL;
	uint32_t slot = dp->protected[htons(port)] >> PROTECTED_SLOT_SHIFT;
	int r = slot ? fetch_cpus(dp, dp->fds.ports, &slot, sizeof(struct port_slot), &cpus) : -ENOENT;
	const struct port_slot *slots = cpus;
	struct port_counters sum = {0};

	if (r < 0)
		return r;
	for (int i = 0; i < dp->n_cpus; i++) {
		const struct port_counters *counters = &slots[i].tcp + __builtin_ctz(proto_bit);

		sum.granted_packets += counters->granted_packets;
		sum.granted_bytes += counters->granted_bytes;
		sum.ungranted_packets += counters->ungranted_packets;
		sum.ungranted_bytes += counters->ungranted_bytes;
	}
	*ret = sum;
	return 0;
}

int datapath_read_usage(struct datapath *dp, uint32_t slot, struct grant_usage *ret)
{
	_cleanup_free_ void *cpus = NULL;
	int r = fetch_cpus(dp, dp->fds.usage, &slot, sizeof(*ret), &cpus);
	const struct grant_usage *counters = cpus;
	struct grant_usage sum = {0};

	if (r < 0)
		return r;
	for (int i = 0; i < dp->n_cpus; i++) {
		sum.packets += counters[i].packets;
		sum.bytes += counters[i].bytes;
		if (counters[i].last_seen_boot_ns > sum.last_seen_boot_ns)
			sum.last_seen_boot_ns = counters[i].last_seen_boot_ns;
	}
	*ret = sum;
	return 0;
}

static int take_sample(void *ctx, void *data, size_t size)
{
	struct datapath *dp = ctx;

	if (size == sizeof(struct event))
		dp->on_event(dp->on_event_ctx, data);
	return 0;
}

int datapath_open_events(struct datapath *dp, datapath_event_handler handler, void *ctx)
{
	dp->on_event = handler;
	dp->on_event_ctx = ctx;
	dp->ring = ring_buffer__new(dp->fds.events, take_sample, dp, NULL);
	return dp->ring ? 0 : -errno;
}

int datapath_events_fd(struct datapath *dp)
{
	return ring_buffer__epoll_fd(dp->ring);
}

int datapath_consume_events(struct datapath *dp)
{
	return ring_buffer__consume(dp->ring);
}

void datapath_set_budget(struct datapath *dp, int64_t events)
{
	dp->budget->left = events;
}
