// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See trial.h. The maps: what the programs judge by, set as jitgated does, and the flows that they learn.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>

#include "grant.h"
#include "reconcile.h"
#include "trial_internal.h"

#define CLASS 5 /* in sessions_v1 */

static int clear_grants(struct trial *trial, struct failure *failure)
{
	struct gate_key key;

	while (bpf_map_get_next_key(trial->grants_fd, NULL, &key) == 0) {
		if (bpf_map_delete_elem(trial->grants_fd, &key) < 0)
			return trial_broken(failure, "cannot delete a grant");
	}
	if (errno != ENOENT)
		return trial_broken(failure, "cannot list the grants");
	memset(trial->sources, 0, sizeof(*trial->sources));
	return 0;
}

static int clear_flows(struct trial *trial, struct failure *failure)
{
	struct flow_key key;

	if (!trial->has_flows)
		return 0;
	while (bpf_map_get_next_key(trial->flows_fd, NULL, &key) == 0) {
		if (bpf_map_delete_elem(trial->flows_fd, &key) < 0)
			return trial_broken(failure, "cannot delete a flow");
	}
	if (errno != ENOENT)
		return trial_broken(failure, "cannot list the flows");
	trial->has_flows = false;
	return 0;
}

int trial_reset(struct trial *trial, struct failure *failure)
{
	int r = clear_grants(trial, failure);

	if (r == 0)
		r = clear_flows(trial, failure);

	trial->protected_ports[htons(trial->port)] = 0;
	trial->port = 0;
	if (r == 0)
		r = trial_read_now(trial, failure);
	trial->now.n_events = 0;
	trial->start = trial->now;
	trial_set_mode(trial, JITGATE_ENFORCE, 0);
	memset(&trial->sessions[0], 0xff, sizeof(trial->sessions[0])); /* class 0 cuts, whatever stands there */
	return r;
}

void trial_protect(struct trial *trial, uint16_t port, uint8_t proto_bits)
{
	trial->protected_ports[htons(port)] = (uint16_t)(proto_bits | TRIAL_PORT_SLOT << PROTECTED_SLOT_SHIFT);
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
	return bpf_map_update_elem(trial->flows_fd, key, flow, BPF_ANY) < 0 ? trial_broken(failure, "cannot add a flow")
									    : 0;
}

int trial_get_flow(struct trial *trial, const struct flow_key *key, struct gate_flow *ret)
{
	return bpf_map_lookup_elem(trial->flows_fd, key, ret) < 0 ? -errno : 0;
}

int trial_count_flows(struct trial *trial, size_t *ret, struct failure *failure)
{
	const struct flow_key *previous = NULL;
	struct flow_key key;
	size_t n = 0;

	for (; bpf_map_get_next_key(trial->flows_fd, previous, &key) == 0; previous = &key)
		n++;
	if (errno != ENOENT)
		return trial_broken(failure, "cannot list the flows");
	*ret = n;
	return 0;
}

/* As jitgated does when it gives a slot to a new grant. */
static int clear_usage(struct trial *trial, uint32_t slot, struct failure *failure)
{
	if (slot >= EFFECT_SLOTS)
		return 0;
	memset(trial->per_cpu, 0, (size_t)trial->n_cpus * sizeof(struct grant_usage));
	if (bpf_map_update_elem(trial->usage_fd, &slot, trial->per_cpu, BPF_ANY) < 0)
		return trial_broken(failure, "cannot clear usage_v1");
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
		return trial_broken(failure, "cannot add a grant");
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

struct sources *trial_sources(struct trial *trial)
{
	return trial->sources;
}
