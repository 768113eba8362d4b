/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The gate under test: loads a private copy of the packet program (nothing is pinned or attached), sets its maps, runs
 * one frame through it and tells what it did. Knows nothing of cases or of TAP. Any failure of the kernel's to do as
 * told ends the program with GATE_EXIT_BROKEN, which is not the same as a failed test.
 */
#ifndef GATE_RUN_H
#define GATE_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "jitgate_abi.h"
#include "sources.h"

#define GATE_EXIT_BROKEN 2
#define GATE_USAGE_SLOTS 8 /* entries of usage_v1, few, so that a slot beyond is easy to name */
#define GATE_PORTS_MAX 8

struct ring_buffer;
struct bpf_object;
struct gate_bpf;

struct gate_effect;

struct gate {
	struct gate_bpf *skel;  /* one of the two */
	struct bpf_object *own; /* from a file */
	struct ring_buffer *ring;
	uint16_t *protected_ports; /* indexed by the port in network order */
	struct sources *sources;
	struct event_budget *budget;
	struct gate_state *state;
	int root_fd, gate_fd;
	int slots_fd, grants_fd, ports_fd, stats_fd, usage_fd;
	int n_cpus;
	void *per_cpu; /* scratch for the widest per-CPU value */
	uint16_t protected_be[GATE_PORTS_MAX];
	size_t n_protected;
	struct gate_effect *collecting; /* where events go; NULL: thrown away */
};

/* What one frame, or several since gate_reset(), made of the maps. Per-CPU values are summed. */
struct gate_effect {
	struct gate_counter stats[_REASON_MAX];
	struct grant_usage usage[GATE_USAGE_SLOTS];
	size_t n_events;
	struct event last_event;
};

/* The struct must stay where it is until gate_close(). 0, or -errno from loading: -EACCES or -EINVAL when the verifier
 * refused. NULL path: the program built in. */
int gate_open(const char *path, struct gate *ret_gate);
void gate_close(struct gate *gate);

/* Nothing protected or granted, counters 0, enforcing, no budget, events thrown away. */
void gate_reset(struct gate *gate);
void gate_protect(struct gate *gate, uint16_t port, uint8_t proto_bits);
/* `prefix`: "192.0.2.0/24"; 0, or -EINVAL when it cannot be read. */
int gate_grant(struct gate *gate, const char *prefix, uint16_t port, uint8_t proto, uint64_t expires_boot_ns,
	       uint32_t slot);
void gate_fill_slot(struct gate *gate, int filled);

/* Run one frame; the XDP verdict. `len` at least 14. */
int gate_run(struct gate *gate, int prog_fd, const void *frame, size_t len);
/* Everything that happened since gate_reset(); consumes the events. */
void gate_effect_read(struct gate *gate, struct gate_effect *ret_effect);
struct port_counters gate_port_counters(struct gate *gate, uint16_t port, uint8_t proto_index);

uint64_t gate_now_boot_ns(void);

#endif
