/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. What the files behind datapath.h share: datapath.c (opening), pin_dir.c (the folder), pinned_maps.c (the maps'
 * pins), pins.c (which versions are pinned), carry.c (from an older version's maps into ours), activate.c (which filter
 * is in force), attach.c and links.c (links), attach_tc.c, verify_tc.c, tcx.c and clsact.c (the same at the tc hook),
 * heal.c, verify.c, probe_filter.c, detach.c, gate_maps.c (grants, ports, state), gate_flows.c and gate_counters.c
 * (counters, events); and gate_tags.c, which reads pins, too. Nobody else includes it.
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

/* What is put at a pin's place has this name until then; whoever is killed in between leaves it. */
#define DATAPATH_FRESH_PIN "pin_new"

#define DATAPATH_FIRST_AGAIN "to be first again" /* ends what only a restart sets right */

/* One descriptor for each pinned map. A new map gets a member here and a row in pinned_maps.c's table. */
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
	/* For an owner, until datapath_commit: how the start was met, so that it can be undone. */
	unsigned long from;     /* the older version whose maps are in force; 0: none */
	int flows_lost;         /* -errno: datapath_carry could not take over all of them */
	int old_filter_fd;      /* that was in force; -1: none */
	int old_filter_tc_fd;   /* the same at the tc hook */
	uint32_t made_pins;     /* by index of the table: pinned by this process */
	int root_fd;            /* what is attached; -1: not settled yet */
	int layout_fd;          /* layout_v1, which no program works on; -1: not pinned yet */
	int root_pin, gate_pin; /* O_PATH, as in pins */
	int layout_pin;
	int root_tc_fd, root_tc_pin, gate_tc_pin;
	bool tc_was_empty; /* nothing was in the slot of the tc hook before datapath_activate */
	struct held_link *links;
	size_t n_links;
	bool handed_over;    /* to the user, so that root's rights are gone */
	uint32_t *new_links; /* interfaces that were attached by this process */
	size_t n_new_links;
	struct ring_buffer *ring;
	datapath_event_handler on_event;
	void *on_event_ctx;
};

/* The path of a pin. 0, or -ENAMETOOLONG with `out` not to be used. */
int datapath_pin_path(const char *pin_dir, const char *name, char out[DATAPATH_PATH_MAX]);

/* Whether the folder is there, on a bpf file system. */
bool datapath_is_bpffs(const char *path);

/* Whether a pin is a link's, by its name. */
bool datapath_is_link_pin(const char *name);

/* Calls `visit` for each pinned link; index 0: its interface is gone. 0 or -errno. */
int datapath_each_link(const char *pin_dir, void (*visit)(void *ctx, const char *path, uint32_t ifindex), void *ctx);

/* Make room at `path` when the link of another interface is pinned there; and give a pin another name. */
int datapath_make_room(const struct datapath *dp, const char *path);
int datapath_move_pin(const struct datapath *dp, const char *from, const char *to, struct failure *failure);

/* attach_tc.c: attach the tc hook's root program; let go of it. */
int datapath_tc_attach(struct datapath *dp, const struct netif *netif, const char *path, struct failure *failure);
void datapath_tc_detach_new(struct datapath *dp);
/* At runtime, of one interface: the link ends. -EPERM: it is a filter, which only root takes off. On any error what was
 * there is known still. */
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
/* What this process put there; NULL: nothing. And by the pins, for a reader, who attached nothing. */
struct datapath_tc *datapath_tc_attached(const struct datapath *dp, uint32_t ifindex);
bool datapath_tc_is_recorded(const struct datapath *dp, uint32_t ifindex);

/* What is attached at the tc hook: the root program that is pinned, or the one that was loaded. */
int datapath_settle_root_tc(struct datapath *dp);

/* A start that failed: whatever of ours is at a tc hook runs the root program that is pinned. Both call the same slots.
 */
void datapath_tc_settle(struct datapath *dp);

/* Whether nothing of ours is at any tc hook, by the pins. */
bool datapath_tc_is_unused(const char *pin_dir);

/* Whether a pinned link is one of the tc hook. */
bool datapath_is_tc_link(const char *path);
/* Whether it is one of this network namespace, and first there. Asked by root. */
bool datapath_is_first_at_tc(const char *path, uint32_t ifindex);
/* Filters of the tc hook, which have no link: the pins that stand for them. Detaching returns 1, 0 when there was none
 * of ours.
 */
bool datapath_is_filter_pin(const char *name);
int datapath_each_filter(const char *pin_dir, void (*visit)(void *ctx, uint32_t ifindex), void *ctx);
int datapath_detach_filter(const char *pin_dir, uint32_t ifindex);
int datapath_detach_filters(const char *pin_dir, size_t *ret_n);

/* The version in the name of a map's pin, as grants_v1 has 1; 0: no name of a map of ours. */
unsigned long datapath_pin_version(const char *name);

/* The slots: what is attached calls them, so their name and layout are the same in all versions. */
bool datapath_pin_is_stable(const char *name);

/* What a start finds pinned. */
struct pin_survey {
	bool any;           /* something of ours */
	unsigned long from; /* an older version, whose maps are in force; 0: none */
	int filter_fd;      /* the filter in force; -1: there is none. The caller closes it. */
};

/*
 * Which version's maps are in force is what the filter in the slot works on; pins of other versions beside it are what
 * a start that was killed left. -EPROTO: a newer version's are in force.
 */
int datapath_survey(const char *pin_dir, struct pin_survey *ret, struct failure *failure);

/* Remove the pins of one version's maps, or of all others: not the slots, no program, no link. 0 or -errno. */
int datapath_remove_version(const char *pin_dir, unsigned long version);
int datapath_remove_other_versions(const char *pin_dir, unsigned long keep);

/* How many entries ours are made for: `wanted`, or as many as those of version dp->from when that is more. */
uint32_t datapath_carry_room(const struct datapath *dp, uint32_t wanted);

/* All that the maps of version dp->from hold, into ours, which nothing runs on yet. */
int datapath_carry(struct datapath *dp, struct failure *failure);

/* Pin what tells the layout of our maps to the version that takes them over. 0 or -errno. */
#define DATAPATH_LAYOUT_STEM "layout"
#define DATAPATH_MADE_LAYOUT (1U << 31) /* in made_pins */
int datapath_pin_layout(struct datapath *dp);

/* The note that a --detach is at work: a symbolic link of root's. Anything else of that name counts for nothing, and is
 * removed, too: 0 or -errno. */
bool datapath_has_off_note(int dir_fd);
int datapath_remove_off_note(int dir_fd);

/* The folder, made when missing, locked, and root's; and all in it is by root or by that user. See datapath_open. */
int datapath_open_pin_dir(const char *pin_dir, uid_t user, int *ret_fd, struct failure *failure);

/* Of the skeleton, before it is loaded: how many entries those maps have that max_grants sizes; pinned maps in place of
 * new ones. After that: the descriptors of all. */
int datapath_size_maps(const struct datapath *dp, uint32_t entries, struct failure *failure);
int datapath_reuse_maps(const struct datapath *dp, struct failure *failure);
void datapath_learn_maps(struct datapath *dp);

/* For a reader: all pinned maps. -ENOENT, -ENODATA, -EPROTO as datapath_open_readonly. */
int datapath_open_maps(struct datapath *dp, struct failure *failure);

/* Descriptors of maps or of their pins: none is open; and all are closed. */
void datapath_mark_unopened(struct datapath_fds *fds);
void datapath_close_maps(struct datapath_fds *fds);

/* Pin what is not pinned yet, and keep hold of each pin. */
int datapath_pin_maps(struct datapath *dp, struct failure *failure);
/* Remove the pins that this process made. */
void datapath_unpin_made(struct datapath *dp);

/* Whether a pin's name is of a kind that we make, in any version. */
bool datapath_is_our_pin(const char *name);

/* gate_counters.c: what was counted for one reason, summed over CPUs. */
int datapath_read_reason(const struct datapath *dp, uint32_t reason, struct gate_counter *ret);

/* gate_flows.c: three of the gate_ops. */
int datapath_lookup_flow(void *ctx, const struct flow_key *key, struct gate_flow *ret);
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
/* Whether a link that is held is attached still: --detach ends them, whoever only removes pins does not. */
bool datapath_any_link_on(const struct datapath *dp);
/* 1: the link that is held is attached still, and is pinned at `path` now; 0: there is none, or it is not. */
int datapath_repin_link(struct datapath *dp, uint32_t ifindex, const char *path);

/* What a link is that is attached at XDP or tc, the latter told as if it were one of XDP. 0 or -errno. */
int datapath_link_info(int fd, struct bpf_link_info *ret);
/*
 * The link that is pinned at `path`, and what it is. A symbolic link is none: the user that jitgated becomes may write
 * in the folder, and has no other program's link to pin there, but could name one. A descriptor or -errno.
 */
int datapath_get_link(const char *path, struct bpf_link_info *ret);

/*
 * End the link that is pinned at `path`, and remove the pin, or just that if it is no link's. At once: without its pin
 * alone it would end a little later, and not at all while somebody holds it. -errno: it goes on, and its pin stays.
 */
int datapath_end_link(const char *path);

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
