/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. What the files of a trial share, and nobody else uses: trial.c loads and runs the programs, trial_maps.c sets
 * what they judge by, trial_read.c reads what they have done.
 */
#ifndef TRIAL_INTERNAL_H
#define TRIAL_INTERNAL_H

#include <errno.h>
#include <string.h>

#include "jitgate_abi.h"
#include "sources.h"
#include "trial.h"

struct bpf_object;
struct ring_buffer;

#define TRIAL_PORT_SLOT 1 /* in ports_v1 */

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

/* From errno. */
static inline int trial_broken(struct failure *failure, const char *what)
{
	int r = errno ? -errno : -EIO;

	return failure_set(failure, r, "%s: %s", what, strerror(-r));
}

/* For the ring buffer: the trial is `ctx`. */
int trial_keep_event(void *ctx, void *data, size_t len);

/* What stands in the counters, into trial->now. 0 or -errno. */
int trial_read_now(struct trial *trial, struct failure *failure);

#endif
