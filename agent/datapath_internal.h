/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. What the files behind datapath.h share: datapath.c (opening, pins of the maps), attach.c (programs, links),
 * verify.c, gate_maps.c (grants, ports, state), gate_flows.c and gate_counters.c (counters, events); and gate_tags.c,
 * which reads pins, too. Nobody else includes it.
 */
#ifndef DATAPATH_INTERNAL_H
#define DATAPATH_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "datapath.h"
#include "gate.skel.h"

#define DATAPATH_PATH_MAX 512
#define DATAPATH_LINK_PREFIX "link_"

/* One descriptor for each pinned map. A new map gets a member here and a row in datapath.c's table. */
struct datapath_fds {
	int slots, grants, ports, stats, usage, events, budget, state, protected, sources, sessions, flows;
};

struct datapath {
	char *pin_dir;
	int dir_fd; /* the lock */
	int n_cpus;
	struct gate_bpf *skel; /* NULL when opened for reading */
	struct datapath_fds fds;
	bool owns_fds;            /* else they are the skeleton's */
	struct datapath_fds pins; /* O_PATH: the owner sees by them whether a pin is still there; -1: not held */
	uint32_t root_id;         /* of the root program that our links run; 0: not known yet */
	uint32_t gate_id;         /* of the filter that has to be in the slot; 0: not known yet */
	/* For a reader: a pinned map that the pinned program was not made for; NULL: there is none. */
	const char *stray_of_root, *stray_of_gate;
	size_t capacity;
	size_t page;
	volatile uint16_t *protected; /* shared memory: by port in network order */
	volatile uint8_t *sources;    /* both families */
	volatile struct gate_session *sessions;
	volatile struct gate_state *state;
	volatile struct event_budget *budget;
	uint32_t *new_links; /* interfaces that were attached by this process */
	size_t n_new_links;
	struct ring_buffer *ring;
	datapath_event_handler on_event;
	void *on_event_ctx;
};

int datapath_pin_path(const char *pin_dir, const char *name, char out[DATAPATH_PATH_MAX]);

bool datapath_is_bpffs(const char *path);

/* Calls `visit` for each pinned link; index 0: its interface is gone. 0 or -errno. */
int datapath_each_link(const char *pin_dir, void (*visit)(void *ctx, const char *path, uint32_t ifindex), void *ctx);

/* The version in the name of a map's pin, as grants_v1 has 1; 0: no name of a map of ours. */
unsigned long datapath_pin_version(const char *name);

/* Whether a pin's name is of a kind that we make, in any version. */
bool datapath_is_our_pin(const char *name);

/* gate_flows.c: two of the gate_ops. */
int datapath_each_flow(void *ctx, flow_visitor visit, void *visit_ctx);
void datapath_settle(void *ctx);

/* By position: the name of a map that is pinned, and the descriptor held; NULL: past the last. */
const char *datapath_map_at(const struct datapath *dp, size_t at, int *ret_fd);

/* 0: the kernel does not say. */
uint32_t datapath_program_id(int fd);

/* Whether this very map is among those that the program was loaded with. */
bool datapath_program_uses(int program_fd, int map_fd);

/* Name of a map whose pin was removed or replaced since it was opened; NULL: all are in their place. */
const char *datapath_lost_pin(const struct datapath *dp);

#endif
