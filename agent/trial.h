/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. A private instance of the packet program, run by BPF_PROG_RUN: loads the object, sets its maps, runs one frame
 * through it and tells what it did. Nothing is pinned or attached, and it shares no map with anything: traffic and its
 * counters do not notice. Knows nothing of what is due.
 */
#ifndef TRIAL_H
#define TRIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "corpus.h"
#include "effect.h"
#include "failure.h"
#include "util.h"

#define TRIAL_FRAME_MIN 14 /* BPF_PROG_RUN takes no less than an Ethernet header */
#define TRIAL_TAG_BYTES 8

struct sources;
struct trial;

/* NULL path: the program built in. `with_tc`: with the programs of the tc hook, which take the kernel as long again.
 * -EPERM when the caller may not load; -EACCES or -EINVAL when the verifier refused.
 */
int trial_open(const char *path, bool with_tc, struct trial **ret, struct failure *failure);
void trial_close(struct trial **trial);
#define _cleanup_trial_ CLEANUP(trial_close)

/*
 * Which pair of programs is meant from now on: that of the XDP hook, as it is at first, or that of the tc hook.
 * Verdicts are told in XDP's words for both.
 */
void trial_set_hook(struct trial *trial, bool tc);

/* The kernel's digests of the instructions: equal for equal programs, whatever their maps. */
int trial_tags(const struct trial *trial, uint8_t ret_gate[TRIAL_TAG_BYTES], uint8_t ret_root[TRIAL_TAG_BYTES],
	       struct failure *failure);

/* Nothing protected or granted, no flow known, counters 0, enforcing, no budget. */
int trial_reset(struct trial *trial, struct failure *failure);
/* One port; it has a slot of ports_v1. */
void trial_protect(struct trial *trial, uint16_t port, uint8_t proto_bits);
/* The policies of that port's sessions; without, they are cut. */
void trial_set_session(struct trial *trial, const struct gate_session *session);
/* Flows, as jitgated would set and see them. -ENOENT: not known. */
int trial_put_flow(struct trial *trial, const struct flow_key *key, const struct gate_flow *flow,
		   struct failure *failure);
int trial_get_flow(struct trial *trial, const struct flow_key *key, struct gate_flow *ret);
int trial_count_flows(struct trial *trial, size_t *ret, struct failure *failure);
/* `prefix`: "192.0.2.0/24"; -EINVAL when it cannot be read. The counters of its slot are 0 then. */
int trial_grant(struct trial *trial, const char *prefix, uint16_t port, uint8_t proto, uint64_t expires_boot_ns,
		uint32_t slot, struct failure *failure);
void trial_set_mode(struct trial *trial, uint32_t mode, int64_t budget);
void trial_set_confirm(struct trial *trial, uint64_t until_boot_ns);
int trial_fill_slot(struct trial *trial, bool filled, struct failure *failure);

/*
 * Run one frame, through the root program or the filter alone: the XDP verdict. -EOPNOTSUPP: the programs of the tc
 * hook are meant, and to these this kernel shows no frame that ends with its Ethernet header (Linux 6.1 and others), or
 * inside the IP header that the Ethernet header announces (Linux 6.18).
 */
int trial_run(struct trial *trial, bool through_root, const void *frame, size_t len, struct failure *failure);
/* Everything that happened since trial_reset; consumes the events. */
int trial_read(struct trial *trial, struct effect *ret, struct failure *failure);

uint64_t trial_now_boot_ns(void);

/* sources_v1, to be written: trial_grant sets the bits of what it grants. */
struct sources *trial_sources(struct trial *trial);

/* How a case is run. */
struct trial_mode {
	const char *name;
	uint32_t mode; /* JITGATE_ENFORCE, JITGATE_AUDIT */
	int64_t budget;
	bool through_root;
	uint64_t confirm_until_boot_ns; /* of a trial; 0: none */
};

/*
 * Run a case from a reset on: 1 when it did what is due, 0 when not, with `why`; -errno when it could not be run.
 * -EOPNOTSUPP: trial_run said so.
 */
int trial_case(struct trial *trial, const struct corpus_case *c, const struct case_port *ports,
	       const struct trial_mode *mode, char why[EFFECT_WHY_MAX], struct failure *failure);

#endif
