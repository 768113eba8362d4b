// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. Three of the gate_ops: a look into flows_v1, the walk over it, and the wait for packets under way. Decides
 * nothing about a flow.
 *
 * All flows are read before the first is changed, so that no change disturbs the reading. A flow that the program
 * changes between reading and writing loses what it saw in between: a FIN may be forgotten, and the flow then lives
 * until it has been silent for long enough, or its drain is over.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>

#include "datapath_internal.h"
#include "util.h"

#define BATCH 256

/* Twice what the map holds: flows come and go while it is read. Whoever finds no end even so does not know them all. */
#define LIST_MAX ((size_t)2 * JITGATE_FLOWS_MAX)

struct flow_list {
	struct flow_key *keys;
	struct gate_flow *flows;
	size_t n;
};

static void free_list(struct flow_list *list)
{
	free(list->keys);
	free(list->flows);
}

static int make_list(struct flow_list *list)
{
	list->keys = calloc(LIST_MAX, sizeof(*list->keys));
	list->flows = calloc(LIST_MAX, sizeof(*list->flows));
	return list->keys && list->flows ? 0 : -ENOMEM;
}

/* False: not to the end. */
static bool read_batches(int fd, struct flow_list *list)
{
	bool begun = false;
	__u32 at;

	list->n = 0;
	for (;;) {
		__u32 n = LIST_MAX - list->n < BATCH ? (__u32)(LIST_MAX - list->n) : BATCH;
		int r;

		if (!n)
			return false;
		r = bpf_map_lookup_batch(fd, begun ? &at : NULL, &at, list->keys + list->n, list->flows + list->n, &n,
					 NULL);
		if (r < 0 && errno != ENOENT)
			return false;
		list->n += n;
		if (r < 0)
			return true;
		begun = true;
	}
}

/* 0: to the end; -EAGAIN: there are more than the list has room for. A flow that goes lets the walk begin anew. */
static int read_singly(int fd, struct flow_list *list)
{
	const struct flow_key *previous = NULL;

	for (list->n = 0; list->n < LIST_MAX;) {
		struct gate_flow flow;

		if (bpf_map_get_next_key(fd, previous, &list->keys[list->n]) < 0)
			return errno == ENOENT ? 0 : -errno;
		previous = &list->keys[list->n];
		if (bpf_map_lookup_elem(fd, previous, &flow) == 0)
			list->flows[list->n++] = flow;
		else if (errno != ENOENT)
			return -errno;
	}
	return -EAGAIN;
}

static int do_step(int fd, enum flow_step step, const struct flow_key *key, const struct gate_flow *flow)
{
	int r = 0;

	if (step == FLOW_PUT)
		r = bpf_map_update_elem(fd, key, flow, BPF_EXIST);
	else if (step == FLOW_DELETE)
		r = bpf_map_delete_elem(fd, key);
	return r < 0 && errno != ENOENT ? -errno : 0;
}

/* By a call the kernel does not count as use of the entry (since 5.2). */
int datapath_lookup_flow(void *ctx, const struct flow_key *key, struct gate_flow *ret)
{
	const struct datapath *dp = ctx;
	struct gate_flow flow;

	if (bpf_map_lookup_elem(dp->fds.flows, key, &flow) < 0)
		return -errno;
	*ret = flow;
	return 0;
}

int datapath_each_flow(void *ctx, flow_visitor visit, void *visit_ctx)
{
	const struct datapath *dp = ctx;
	CLEANUP(free_list) struct flow_list list = {0};
	struct flow_key first;
	int fd = dp->fds.flows, r;

	/* With every port on "cut" there is never one, and that is all this costs. */
	if (bpf_map_get_next_key(fd, NULL, &first) < 0 && errno == ENOENT)
		return 0;
	r = make_list(&list);
	if (r == 0 && !read_batches(fd, &list))
		r = read_singly(fd, &list);
	for (size_t i = 0; i < list.n; i++) {
		enum flow_step step = visit(visit_ctx, &list.keys[i], &list.flows[i]);
		int e = do_step(fd, step, &list.keys[i], &list.flows[i]);

		r = e < 0 ? e : r;
	}
	return r;
}

/* The program runs inside an RCU read-side section, and this call waits for all that have begun. A kernel that cannot
 * (nohz_full) gets many times what a packet takes. */
void datapath_settle(void *ctx)
{
	const struct timespec while_ = {.tv_nsec = 10 * NS_PER_MS};

	(void)ctx;
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0)
		clock_nanosleep(CLOCK_MONOTONIC, 0, &while_, NULL);
}
