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
#define DATAPATH_OFF_NOTE "detaching" /* a symbolic link, there while --detach works: nothing is put back then */

/* One descriptor for each pinned map. A new map gets a member here and a row in datapath.c's table. */
struct datapath_fds {
	int slots, grants, ports, stats, usage, events, budget, state, protected, sources, sessions, flows;
};

/* An attachment of ours. Held, so that it lives on when its pin is removed, and can be pinned again without a gap. */
struct held_link {
	uint32_t ifindex;
	int fd;     /* of the link */
	int pin_fd; /* O_PATH: by it a pin is seen to be gone */
};

struct datapath {
	char *pin_dir; /* for an owner from datapath_hand_over on the way there by dir_fd; in messages only names */
	int dir_fd;    /* the lock */
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
	int root_fd;            /* what is attached; -1: not settled yet */
	int root_pin, gate_pin; /* O_PATH, as in pins */
	struct held_link *links;
	size_t n_links;
	bool handed_over;    /* to the user, so that root's rights are gone */
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

/* Put an object at a pin's place, whether there was one or not, in one step. `ret_pin`: an O_PATH descriptor of it, in
 * place of the one before. */
int datapath_replace_pin(const struct datapath *dp, int fd, const char *name, int *ret_pin);

/* Of an owner: what is pinned as a link is readable for the next start's root, which cannot read another's files. */
int datapath_open_to_next(const char *path);

/* links.c. The link is duplicated. */
int datapath_hold_link(struct datapath *dp, uint32_t ifindex, int fd, const char *path);
struct held_link *datapath_held_link(const struct datapath *dp, uint32_t ifindex);
void datapath_drop_link(struct datapath *dp, struct held_link *link);
bool datapath_link_is_pinned(const struct held_link *link);
/* 1: the link that is held is attached still, and is pinned at `path` now; 0: there is none, or it is not. */
int datapath_repin_link(struct datapath *dp, uint32_t ifindex, const char *path);

int datapath_link_info(int fd, struct bpf_link_info *ret);

/* By position, as datapath_map_at: its descriptor in pins. */
int *datapath_map_pin_at(struct datapath *dp, size_t at);

/*
 * Each pin but the links has to be one that root made, or the user that jitgated was: then a program of root's must
 * work on it. -EPERM for anything else (symbolic links, others' files).
 */
int datapath_check_pins(int dir_fd, const char *pin_dir, uid_t user, struct failure *failure);

/* 0: the kernel does not say. */
uint32_t datapath_program_id(int fd);

/* Whether this very map is among those that the program was loaded with. */
bool datapath_program_uses(int program_fd, int map_fd);

/* Name of a map whose pin was removed or replaced since it was opened; NULL: all are in their place. */
const char *datapath_lost_pin(const struct datapath *dp);

#endif
