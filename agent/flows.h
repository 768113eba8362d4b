/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Flows that go on after their grant: what becomes of each when grants, ports or policies have changed, and which
 * of them go on now. The packet program learns and judges them by itself; here only ends are moved, and flows that are
 * of no use are deleted.
 */
#ifndef FLOWS_H
#define FLOWS_H

#include "gate.h"

/*
 * After a change that took effect at `now_boot_ns`: the end of each flow becomes that of the entry that covers its
 * source now: the later one if that is live, as if the flow had just sent a packet; the earlier one if it has ended.
 * Without an entry the grant ended now at the latest. A flow that its port's policy does not let go on is deleted.
 * Returns how much could not be done; then the same is to be tried again.
 */
size_t flows_review(const struct gate_ops *gate, void *gate_ctx, uint64_t now_boot_ns);

/* Whether a packet of the flow that is no SYN would pass now without a grant, under a policy; as the program judges. */
bool flow_goes_on(const struct flow_key *key, const struct gate_flow *flow, uint64_t drain_ns, uint64_t now_boot_ns);

/* Of those that go on: whether it is told as a session. One that has said its end (FIN, RST) is for as long as it goes
 * on sending: anybody may have said that for it. */
bool flow_counts(const struct flow_key *key, const struct gate_flow *flow, uint64_t drain_ns, uint64_t now_boot_ns);

/* The policy of the port that a flow goes to, by the maps; 0: cut, or the port is not protected. */
uint64_t flow_drain_ns(const struct gate_ops *gate, void *gate_ctx, const struct flow_key *key);

/* When the flow is over though it goes on sending; JITGATE_NO_DEADLINE: never. */
uint64_t flow_until_boot_ns(const struct gate_flow *flow, uint64_t drain_ns);

/* The source as an address. */
struct cidr flow_source(const struct flow_key *key);

/* The flow that carries what comes for a socket. */
struct flow_key flow_of_socket(const struct cidr *peer, uint16_t peer_port, const struct cidr *local, uint16_t port,
			       uint8_t proto_bit);

/*
 * Until when a flow goes on at the longest, without a grant and under a policy; 0: it is over; JITGATE_NO_DEADLINE: no
 * end is set. 0, or -errno; -ENOENT: it is not known.
 */
int flow_look(const struct gate_ops *gate, void *gate_ctx, const struct flow_key *key, uint64_t drain_ns,
	      uint64_t now_boot_ns, uint64_t *ret_until_boot_ns);

#endif
