/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. The packet program and its maps, through libbpf: load, pin, take over, attach, put, iterate, count. The files
 * behind this header (see datapath_internal.h) are the only ones that know libbpf, but for the self-test's
 * (gate_tags.c, trial.c) and end_sockets.c. Decides nothing about grants.
 *
 * Pins, under pin_dir: root, slots_v1, gate, the same for the tc hook (root_tc, slots_tc_v1, gate_tc), link_<ifname>,
 * clsact_<ifindex> (a filter at tc, where the kernel has no links for that), grants_v1, sources_v1, protected_v1,
 * ports_v1, stats_v1, usage_v1, events_v1, budget_v1, state_v1, flows_v1, sessions_v1, layout_v1. In link names a '.'
 * of the interface becomes ':', since bpffs has no dots. What the version in a name means, and what stays the same in
 * all versions, is in jitgate_abi.h.
 *
 * Whoever holds a datapath holds a lock on pin_dir: there is one owner at a time.
 */
#ifndef DATAPATH_H
#define DATAPATH_H

#include <stdbool.h>

#include "attachment.h"
#include "conf.h"
#include "failure.h"
#include "gate.h"
#include "netif.h"
#include "report.h"
#include "util.h"

struct datapath;

/* Whether libbpf's own warnings, and with them the kernel's words about a program, go to stderr. For the process: call
 * it before the first open. */
void datapath_set_debug(bool debug);

/*
 * Lock pin_dir, take over the maps that are pinned there or make new ones, load the filter against them. When an older
 * version's maps are in force, the new ones hold all that those do. Nothing is pinned, switched or attached yet. The
 * folder is root's, or that of the `user` whom a former run gave it to, and is root's again from then on.
 * `use_tc`: an interface whose XDP hook another program holds is guarded at its tc ingress hook, by the same verdicts;
 * else it is refused, and the programs for that hook are not loaded.
 * *ret_taken_over: a former run left pins there. -EBUSY: another owner; -EPERM: pins that neither root nor `user` made;
 * -EPROTO: pins of a newer ABI version or of a layout that is not known; -EINVAL: no BPF file system.
 */
int datapath_open(const char *pin_dir, uid_t user, uint32_t max_grants, bool use_tc, struct datapath **ret,
		  bool *ret_taken_over, struct failure *failure);
/*
 * Open the pinned maps for reading only, without the lock: for `jitgate`. -ENOENT: nothing of ours is pinned there;
 * -ENODATA: some of it is, but not all (named); -EPROTO: it is of another ABI version.
 */
int datapath_open_readonly(const char *pin_dir, struct datapath **ret, struct failure *failure);
void datapath_free(struct datapath **dp);

#define _cleanup_datapath_ CLEANUP(datapath_free)

extern const struct gate_ops datapath_gate_ops; /* ctx: struct datapath * */

/* The version whose maps were in force at datapath_open, and whose content ours took over; 0: no older one. */
unsigned long datapath_carried_from(const struct datapath *dp);
/* -errno: why ours did not take over all flows, so that sessions without a grant may be cut; 0: they did. */
int datapath_flows_lost(const struct datapath *dp);

/* The kernel's digest of the filter that was loaded, for one hook or the other: equal for equal instructions. 0 or
 * -errno. */
int datapath_filter_tag(const struct datapath *dp, bool tc, uint8_t ret[8]);

/*
 * Pin the maps, put the loaded filter into the slot that the root program calls, and pin it as `gate`. Atomic for
 * packets: each meets the old filter or the new one. On failure what was in force before is.
 */
int datapath_activate(struct datapath *dp, struct failure *failure);

/* Put back what was in force before datapath_activate; if nothing was, all stays. Not after datapath_commit. */
void datapath_revert(struct datapath *dp);

/* The start has succeeded: let the old filter go, and remove what other versions pinned. 0 or -errno of that. */
int datapath_commit(struct datapath *dp);

/*
 * Attach the root program to an interface and pin the link, or keep the link that is pinned for it, in the mode that it
 * has: changing the mode would take a detach, and leave a gap. -EBUSY: another XDP program is there (named, with its
 * id). With CONF_XDP_AUTO a driver's refusal leads to generic mode.
 */
int datapath_attach(struct datapath *dp, const struct netif *netif, enum conf_xdp_mode wanted, struct attachment *ret,
		    struct failure *failure);

/* Before anything is changed: is there room on every interface? -EBUSY with the name and id of what is there. */
int datapath_check_conflicts(struct datapath *dp, const struct netif *netifs, size_t n, struct failure *failure);

/* Undo the attachments that this datapath made itself, with what was switched off for them; those that it found stay.
 */
void datapath_detach_new(struct datapath *dp);

/*
 * What is on the interface now, asked of the kernel: our root program, calling our filter, both working on the pinned
 * maps? For an owner also: are these still pinned, so that this outlives it? If not, why.
 */
bool datapath_verify(struct datapath *dp, uint32_t ifindex, struct netif *ret_netif, char why[REPORT_WHY_MAX]);

/*
 * The start is over: the folder becomes the user's, who has no capability from here on. All that follows works for who
 * holds the datapath: attach, heal, let go, verify.
 */
int datapath_hand_over(struct datapath *dp, uid_t uid, gid_t gid, struct failure *failure);

/* Put back what is missing besides links: the filter into its slot, pins. 0, also when nothing was missing, or -errno.
 */
int datapath_heal(struct datapath *dp, struct failure *failure);

/* Whether enforcement was taken off on purpose: datapath_detach is at work or was, or no pin is left. */
bool datapath_is_off(struct datapath *dp);

/*
 * Let the kernel run the root program of a hook on a frame that has to be dropped: is it, and is it counted? `why`:
 * when it is not, or when this kernel does not let it be tried; else untouched. It counts as one packet of
 * REASON_PROBE, and no event tells of it. Three system calls.
 */
enum probe_result datapath_probe(struct datapath *dp, bool tc, char why[REPORT_WHY_MAX]);

/* Large receive offload of one interface, when it was switched off for the filter's sake: on again. 0, also when it was
 * not, or -errno: -EPERM after the start, which is done with the right to. */
int datapath_restore_lro(struct datapath *dp, uint32_t ifindex);

/*
 * Take one link and its pin off; nothing when there is none. -errno: what is attached goes on. -EPERM: it is a filter
 * at the tc hook, which has no link, and which only root takes off.
 */
int datapath_let_go(struct datapath *dp, uint32_t ifindex);

/* Links that are pinned for interfaces other than `keep` are taken off, and what was switched off for them is on again.
 * How many interfaces that leaves open. */
size_t datapath_detach_others(struct datapath *dp, const struct netif *keep, size_t n_keep);

/*
 * Take enforcement off: links first, then every other pin of ours, of any version, then the folder if nothing else is
 * in it. Needs no lock and no loadable
 * program: it must work when nothing else does. *ret_links: how many links were taken off.
 */
int datapath_detach(const char *pin_dir, size_t *ret_links, struct failure *failure);

/* How many entries the pinned maps have room for: max_grants of the start that made them. */
uint32_t datapath_max_grants(const struct datapath *dp);

/* An interface that a link is pinned for. */
struct datapath_link {
	char name[16];    /* that the pin has; the interface may have another by now */
	uint32_t ifindex; /* as the kernel knows it now; 0: the link was detached, or the interface is gone */
	bool tc;          /* at the tc hook of an interface of this network namespace */
};

/* Caller frees. */
int datapath_linked(struct datapath *dp, struct datapath_link **ret, size_t *ret_n);

/* Counters, summed over CPUs. -ENOENT: the port is one of those that share slot 0. */
int datapath_read_stats(struct datapath *dp, struct gate_counter ret[_REASON_MAX]);
int datapath_read_port(struct datapath *dp, uint16_t port, uint8_t proto_bit, struct port_counters *ret);
int datapath_read_usage(struct datapath *dp, uint32_t slot, struct grant_usage *ret);

/* Events: a descriptor to wait on, and a call that hands out what is there. */
typedef void (*datapath_event_handler)(void *ctx, const struct event *event);
int datapath_open_events(struct datapath *dp, datapath_event_handler handler, void *ctx);
int datapath_events_fd(struct datapath *dp);
int datapath_consume_events(struct datapath *dp); /* how many */
void datapath_set_budget(struct datapath *dp, int64_t events);

/* Whether a map can be read with the capabilities that are left: 0, or -EPERM on kernels before 5.19. ctx: struct
 * datapath *. */
int datapath_probe_hook(void *ctx);

#endif
