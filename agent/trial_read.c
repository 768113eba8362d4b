// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See trial.h. What a run did. Counters are not set to zero for each frame, which would take a call each: what is
 * told is the difference to what stood there at the reset.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "trial_internal.h"

int trial_keep_event(void *ctx, void *data, size_t len)
{
	struct trial *trial = ctx;

	if (len == sizeof(trial->now.last_event)) {
		memcpy(&trial->now.last_event, data, len);
		trial->now.n_events++;
	}
	return 0;
}

static int fetch(struct trial *trial, int fd, const void *key, const char *name, struct failure *failure)
{
	return bpf_map_lookup_elem(fd, key, trial->per_cpu) < 0 ? trial_broken(failure, name) : 0;
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
	const uint32_t slot = TRIAL_PORT_SLOT;
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
int trial_read_now(struct trial *trial, struct failure *failure)
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
	int r = trial_read_now(trial, failure);

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
