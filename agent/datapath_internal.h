/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. What the files behind datapath.h share: datapath.c (opening, pins of the maps), attach.c (programs, links),
 * attach_tc.c (the same at the tc hook), links.c, heal.c, verify.c, gate_maps.c (grants, ports, state), gate_flows.c
 * and gate_counters.c (counters, events); and gate_tags.c, which reads pins, too. Nobody else includes it.
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

#define DATAPATH_FIRST_AGAIN "to be first again" /* ends what only a restart sets right */

/* One descriptor for each pinned map. A new map gets a member here and a row in datapath.c's table. */
struct datapath_fds {
	int slots, slots_tc, grants, ports, stats, usage, events, budget, state, protected, sources, sessions, flows;
};

/* An attachment of ours. Held, so that it lives on when its pin is removed, and can be pinned again without a gap. */
struct held_link {
	uint32_t ifindex;
	int fd;     /* of the link */
	int pin_fd; /* O_PATH: by it a pin is seen to be gone */
};

/* An interface that is guarded at its tc hook by this process. Its link is held like any other. */
struct datapath_tc {
	uint32_t ifindex;
	bool is_filter;      /* which has no link */
	uint32_t program_id; /* that was first there after we attached, */
	uint64_t revision;   /* and the hook's revision then; 0: not known */
	bool is_new;         /* was not attached by an earlier start */
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
	/* The same of the tc hook, and what is attached there. */
	bool tc_allowed; /* where another XDP program is; else the programs of that hook are not loaded */
	uint32_t root_tc_id, gate_tc_id;
	const char *stray_of_root_tc, *stray_of_gate_tc;
	struct datapath_tc *tc;
	size_t n_tc;
	size_t capacity;
	size_t page;
	volatile uint16_t *protected; /* shared memory: by port in network order */
	volatile uint8_t *sources;    /* both families */
	volatile struct gate_session *sessions;
	volatile struct gate_state *state;
	volatile struct event_budget *budget;
	int root_fd;            /* what is attached; -1: not settled yet */
	int root_pin, gate_pin; /* O_PATH, as in pins */
	int root_tc_pin, gate_tc_pin;
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

/* Make room at `path` when the link of another interface is pinned there; and give a pin another name. */
int datapath_make_room(const struct datapath *dp, const char *path);
int datapath_move_pin(const struct datapath *dp, const char *from, const char *to, struct failure *failure);

/* attach_tc.c: the filter into the slot of the tc hook's root program; attach that; let go of it. */
int datapath_tc_activate(struct datapath *dp, struct failure *failure);
int datapath_tc_attach(struct datapath *dp, const struct netif *netif, const char *path, struct failure *failure);
void datapath_tc_detach_new(struct datapath *dp);
/* At runtime, of one interface: the link ends. -EPERM: it is a filter, which only root takes off. */
int datapath_tc_let_go(struct datapath *dp, uint32_t ifindex);
/* Whatever of ours is at a tc hook and was not attached by this process goes. How many interfaces that leaves open. */
size_t datapath_tc_release(const struct datapath *dp, const struct netif *keep, size_t n_keep);
/*
 * False: the interface is not guarded at its tc hook. Else the program that is first there stands in `netif`, with
 * the one that holds the XDP hook beside it, and `why` says what is wrong with it, if anything.
 */
bool datapath_tc_verify(struct datapath *dp, struct netif *netif, char why[REPORT_WHY_MAX]);

/* Whether this process put a filter there, for want of links. */
bool datapath_tc_is_filter(const struct datapath *dp, uint32_t ifindex);

/* Whether a pinned link is one of the tc hook. */
bool datapath_is_tc_link(const char *path);
/* Whether it is one of this network namespace, and first there. Asked by root. */
bool datapath_is_first_at_tc(const char *path, uint32_t ifindex);
/* Filters of the tc hook, which have no link: the pins that stand for them. Detaching returns 1, 0 when there was none.
 */
bool datapath_is_filter_pin(const char *name);
int datapath_each_filter(const char *pin_dir, void (*visit)(void *ctx, uint32_t ifindex), void *ctx);
int datapath_detach_filter(const char *pin_dir, uint32_t ifindex);
int datapath_detach_filters(const char *pin_dir, size_t *ret_n);

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
