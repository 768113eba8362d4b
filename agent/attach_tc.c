// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. The second way onto an interface: the tc ingress hook, where another program holds the XDP hook. A link since
 * Linux 6.6 (tcx.c), pinned like one of XDP; before that a filter (clsact.c), which lives without a pin, so that the
 * folder remembers it by `clsact_IFINDEX`, and by `clsact_own_IFINDEX` that the clsact is ours, too.
 *
 * The root program of this hook is put in anew at each start, in place of the one before: no device notices.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/types.h>

#include "clsact.h"
#include "datapath_internal.h"
#include "number.h"
#include "tcx.h"
#include "util.h"

#define FILTER_PREFIX "clsact_"
#define OWN_PREFIX "clsact_own_"

int datapath_tc_activate(struct datapath *dp, struct failure *failure)
{
	int gate_fd = bpf_program__fd(dp->skel->progs.gate_tc), root_fd = bpf_program__fd(dp->skel->progs.root_tc);
	const __u32 slot = 0;
	int r = datapath_replace_pin(dp, gate_fd, "gate_tc");

	if (r == 0 && bpf_map_update_elem(dp->fds.slots_tc, &slot, &gate_fd, BPF_ANY) < 0)
		r = -errno;
	if (r == 0)
		r = datapath_replace_pin(dp, root_fd, "root_tc");
	if (r < 0)
		return failure_set(failure, r, "cannot put the filter of the tc hook into its place in %s: %s",
				   dp->pin_dir, strerror(-r));
	dp->gate_tc_id = datapath_program_id(gate_fd);
	dp->root_tc_id = datapath_program_id(root_fd);
	return 0;
}

/* ------------------------------------------------------------ pins: links */

bool datapath_is_tc_link(const char *path)
{
	_cleanup_close_ int fd = bpf_obj_get(path);
	uint32_t ifindex, program;

	return fd >= 0 && tcx_link(fd, &ifindex, &program);
}

struct find_tc_link {
	uint32_t ifindex;
	const char *except;           /* a path that is not meant; NULL: none */
	char path[DATAPATH_PATH_MAX]; /* "": none */
};

static void note_tc_link(void *ctx, const char *path, uint32_t ifindex)
{
	struct find_tc_link *find = ctx;

	if (ifindex == find->ifindex && (!find->except || strcmp(find->except, path) != 0) && datapath_is_tc_link(path))
		snprintf(find->path, sizeof(find->path), "%s", path);
}

static bool find_tc_link(const char *pin_dir, uint32_t ifindex, const char *except, char ret[DATAPATH_PATH_MAX])
{
	struct find_tc_link find = {.ifindex = ifindex, .except = except};

	datapath_each_link(pin_dir, note_tc_link, &find);
	memcpy(ret, find.path, sizeof(find.path));
	return find.path[0];
}

/* ------------------------------------------------------------ pins: filters */

static int filter_path(const char *pin_dir, const char *prefix, uint32_t ifindex, char out[DATAPATH_PATH_MAX])
{
	char name[64];

	snprintf(name, sizeof(name), "%s%u", prefix, ifindex);
	return datapath_pin_path(pin_dir, name, out);
}

bool datapath_is_filter_pin(const char *name)
{
	return strncmp(name, FILTER_PREFIX, strlen(FILTER_PREFIX)) == 0;
}

/* The interface in a pin's name; 0: it is no such name. */
static uint32_t filter_ifindex(const char *name)
{
	uint64_t ifindex;

	if (!datapath_is_filter_pin(name))
		return 0;
	name += strlen(FILTER_PREFIX);
	return number_parse(name, strlen(name), INT32_MAX, &ifindex) < 0 ? 0 : (uint32_t)ifindex;
}

int datapath_each_filter(const char *pin_dir, void (*visit)(void *ctx, uint32_t ifindex), void *ctx)
{
	_cleanup_closedir_ DIR *dir = opendir(pin_dir);
	const struct dirent *entry;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		uint32_t ifindex = filter_ifindex(entry->d_name);

		if (ifindex)
			visit(ctx, ifindex);
	}
	return 0;
}

static bool is_pinned_program(const char *path, uint32_t id)
{
	_cleanup_close_ int fd = bpf_obj_get(path);

	return fd >= 0 && datapath_program_id(fd) == id;
}

/* Whether a filter with our handle is ours: by its pin, or, when a start ended half way, by the slots that it calls. */
static bool is_our_filter(const char *pin_dir, uint32_t ifindex, uint32_t id)
{
	_cleanup_close_ int program = -1;
	_cleanup_close_ int slots = -1;
	char path[DATAPATH_PATH_MAX];

	if (filter_path(pin_dir, FILTER_PREFIX, ifindex, path) == 0 && is_pinned_program(path, id))
		return true;
	if (datapath_pin_path(pin_dir, "slots_tc_v1", path) < 0)
		return false;
	slots = bpf_obj_get(path);
	program = bpf_prog_get_fd_by_id(id);
	return slots >= 0 && program >= 0 && datapath_program_uses(program, slots);
}

int datapath_detach_filter(const char *pin_dir, uint32_t ifindex)
{
	char path[DATAPATH_PATH_MAX], own[DATAPATH_PATH_MAX];
	uint32_t id = 0;
	int r = filter_path(pin_dir, FILTER_PREFIX, ifindex, path);

	if (r == 0)
		r = filter_path(pin_dir, OWN_PREFIX, ifindex, own);
	if (r == 0)
		r = clsact_ours(ifindex, &id);
	if (r == 0 && (!id || is_our_filter(pin_dir, ifindex, id)))
		r = clsact_detach(ifindex, access(own, F_OK) == 0);
	if (r < 0)
		return r;
	unlink(own);
	unlink(path);
	return id != 0;
}

/* ------------------------------------------------------------ attaching */

static int note_attached(struct datapath *dp, const struct datapath_tc *at)
{
	struct datapath_tc *grown = reallocarray(dp->tc, dp->n_tc + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	dp->tc = grown;
	dp->tc[dp->n_tc++] = *at;
	return 0;
}

/* Our link in its place at the hook, with the new program. Behind another's one it is no good: 0, -errno. 1: kept. */
static int keep_tc_link(const struct netif *netif, int fd, int root_fd)
{
	uint32_t first = 0, ifindex, program;
	uint64_t revision;
	int r = tcx_first(netif->ifindex, &first, &revision);

	if (r < 0 || !tcx_link(fd, &ifindex, &program) || first != program)
		return r;
	return bpf_link_update(fd, root_fd, NULL) < 0 ? -errno : 1;
}

/* At once: without its pin alone it would go a little later, and change the hook once more then. */
static int end_tc_link(const char *path)
{
	_cleanup_close_ int fd = bpf_obj_get(path);

	if (fd < 0 || bpf_link_detach(fd) < 0)
		return -errno;
	return unlink(path) < 0 ? -errno : 0;
}

static int pin_tc_link(struct datapath *dp, const struct netif *netif, int fd, const char *path)
{
	char before[DATAPATH_PATH_MAX];
	int r = datapath_make_room(dp, path);

	if (r == 0 && bpf_obj_pin(fd, path) < 0)
		r = -errno;
	/* Of an earlier start: it was behind another's program, and has its successor in front of it now. */
	while (r == 0 && find_tc_link(dp->pin_dir, netif->ifindex, path, before))
		r = end_tc_link(before);
	return r;
}

/* 0, -errno; -EOPNOTSUPP: this kernel has no such links. */
static int attach_link(struct datapath *dp, const struct netif *netif, const char *path, struct failure *failure)
{
	int root_fd = bpf_program__fd(dp->skel->progs.root_tc);
	struct datapath_tc at = {.ifindex = netif->ifindex};
	char pinned[DATAPATH_PATH_MAX];
	_cleanup_close_ int fd = -1;
	int r = 0;

	if (find_tc_link(dp->pin_dir, netif->ifindex, NULL, pinned)) {
		fd = bpf_obj_get(pinned);
		r = fd < 0 ? -errno : keep_tc_link(netif, fd, root_fd);
	}
	if (r > 0) {
		r = datapath_move_pin(dp, pinned, path, failure);
		if (r < 0)
			return r;
	} else if (r == 0) {
		close_fd(&fd);
		fd = tcx_create(root_fd, netif->ifindex);
		r = fd < 0 ? fd : pin_tc_link(dp, netif, fd, path);
		at.is_new = true;
	}
	if (r == 0)
		r = tcx_first(netif->ifindex, &at.program_id, &at.revision);
	at.link_fd = fd;
	if (r == 0)
		r = note_attached(dp, &at);
	if (r < 0)
		return r;
	(void)TAKE_FD(fd);
	return 0;
}

/* The newest comes first: one that has come to stand behind another's is taken off, and put there again. */
static int put_filter(const struct datapath *dp, uint32_t ifindex, int root_fd, bool *ret_made)
{
	bool made_again;
	uint32_t first = 0;
	int r = clsact_attach(root_fd, ifindex, ret_made);

	if (r == 0)
		r = clsact_first(ifindex, &first);
	if (r < 0 || first == dp->root_tc_id)
		return r;
	r = clsact_detach(ifindex, false);
	return r < 0 ? r : clsact_attach(root_fd, ifindex, &made_again);
}

static int attach_filter(struct datapath *dp, const struct netif *netif)
{
	int root_fd = bpf_program__fd(dp->skel->progs.root_tc);
	struct datapath_tc at = {.ifindex = netif->ifindex, .link_fd = -1};
	char name[64], own[DATAPATH_PATH_MAX];
	uint32_t id = 0;
	bool made = false;
	int r = clsact_ours(netif->ifindex, &id);

	if (r == 0 && id && !is_our_filter(dp->pin_dir, netif->ifindex, id))
		r = -EBUSY;
	snprintf(name, sizeof(name), FILTER_PREFIX "%u", netif->ifindex);
	if (r == 0)
		r = datapath_replace_pin(dp, root_fd, name);
	if (r == 0)
		r = put_filter(dp, netif->ifindex, root_fd, &made);
	if (r == 0 && made)
		r = filter_path(dp->pin_dir, OWN_PREFIX, netif->ifindex, own);
	if (r == 0 && made && bpf_obj_pin(root_fd, own) < 0 && errno != EEXIST)
		r = -errno;
	at.is_new = !id;
	return r < 0 ? r : note_attached(dp, &at);
}

int datapath_tc_attach(struct datapath *dp, const struct netif *netif, const char *path, struct failure *failure)
{
	int r = attach_link(dp, netif, path, failure);

	if (r == -EOPNOTSUPP)
		r = attach_filter(dp, netif);
	if (r == 0)
		return 0;
	return failure_set(failure, r,
			   "%s: XDP program %u holds the XDP hook, and at the tc ingress hook it cannot be attached: "
			   "%s%s; see `tc filter show dev %s ingress`",
			   netif->name, netif->xdp_program, strerror(-r),
			   r == -EBUSY ? " (a filter of another has priority 1 there)" : "", netif->name);
}

/* ------------------------------------------------------------ letting go */

void datapath_tc_detach_new(struct datapath *dp)
{
	for (size_t i = 0; i < dp->n_tc; i++) {
		char path[DATAPATH_PATH_MAX];

		if (!dp->tc[i].is_new)
			continue;
		if (dp->tc[i].link_fd < 0)
			datapath_detach_filter(dp->pin_dir, dp->tc[i].ifindex);
		else if (find_tc_link(dp->pin_dir, dp->tc[i].ifindex, NULL, path))
			unlink(path);
		close_fd(&dp->tc[i].link_fd);
		dp->tc[i].link_fd = -1;
	}
}

struct release {
	const struct datapath *dp;
	const struct netif *keep;
	size_t n_keep, detached;
};

static bool is_kept(const struct release *release, uint32_t ifindex)
{
	for (size_t i = 0; i < release->n_keep; i++) {
		if (release->keep[i].ifindex == ifindex)
			return true;
	}
	return false;
}

static bool is_attached(const struct datapath *dp, uint32_t ifindex)
{
	for (size_t i = 0; i < dp->n_tc; i++) {
		if (dp->tc[i].ifindex == ifindex)
			return true;
	}
	return false;
}

/* Not attached by this start, so it has the XDP hook again, or is no longer meant. */
static void release_link(void *ctx, const char *path, uint32_t ifindex)
{
	struct release *release = ctx;

	if (is_attached(release->dp, ifindex) || !datapath_is_tc_link(path) || unlink(path) < 0)
		return;
	release->detached += ifindex && !is_kept(release, ifindex);
}

static void release_filter(void *ctx, uint32_t ifindex)
{
	struct release *release = ctx;

	if (is_attached(release->dp, ifindex) || datapath_detach_filter(release->dp->pin_dir, ifindex) <= 0)
		return;
	release->detached += !is_kept(release, ifindex);
}

size_t datapath_tc_release(const struct datapath *dp, const struct netif *keep, size_t n_keep)
{
	struct release release = {.dp = dp, .keep = keep, .n_keep = n_keep};

	datapath_each_link(dp->pin_dir, release_link, &release);
	datapath_each_filter(dp->pin_dir, release_filter, &release);
	return release.detached;
}

struct detach_all {
	const char *pin_dir;
	size_t n;
	int error;
};

static void detach_one(void *ctx, uint32_t ifindex)
{
	struct detach_all *all = ctx;
	int r = datapath_detach_filter(all->pin_dir, ifindex);

	if (r < 0)
		all->error = r;
	else
		all->n += (size_t)r;
}

int datapath_detach_filters(const char *pin_dir, size_t *ret_n)
{
	struct detach_all all = {.pin_dir = pin_dir};
	int r = datapath_each_filter(pin_dir, detach_one, &all);

	*ret_n = all.n;
	return r < 0 ? r : all.error;
}

void datapath_tc_free(struct datapath *dp)
{
	for (size_t i = 0; i < dp->n_tc; i++)
		close_fd(&dp->tc[i].link_fd);
	free(dp->tc);
}

/* ------------------------------------------------------------ verifying */

/* By the pins: for a reader, who attached nothing. */
static bool is_recorded(const struct datapath *dp, uint32_t ifindex)
{
	char path[DATAPATH_PATH_MAX];

	if (find_tc_link(dp->pin_dir, ifindex, NULL, path))
		return true;
	return filter_path(dp->pin_dir, FILTER_PREFIX, ifindex, path) == 0 && access(path, F_OK) == 0;
}

/*
 * Without the right to ask which program comes first, and the daemon has none: the link says that ours is there, and
 * the hook that nothing has changed since it was asked with that right. -ESTALE: something has.
 */
static int first_as_before(struct datapath *dp, const struct datapath_tc *at, uint32_t *ret_id)
{
	uint32_t ifindex, program;
	int r;

	if (!tcx_link(at->link_fd, &ifindex, &program) || !ifindex) {
		*ret_id = 0;
		return 0;
	}
	r = tcx_is_unchanged(bpf_program__fd(dp->skel->progs.root_tc), at->ifindex, at->revision);
	if (r <= 0)
		return r < 0 ? r : -ESTALE;
	*ret_id = at->program_id;
	return 0;
}

static int first_program(struct datapath *dp, uint32_t ifindex, uint32_t *ret_id)
{
	struct datapath_tc *at = NULL;
	uint64_t revision;
	int r;

	for (size_t i = 0; i < dp->n_tc; i++) {
		if (dp->tc[i].ifindex == ifindex)
			at = &dp->tc[i];
	}
	r = at && at->link_fd < 0 ? -EOPNOTSUPP : tcx_first(ifindex, ret_id, &revision);
	if (r == -EOPNOTSUPP)
		return clsact_first(ifindex, ret_id);
	return r == -EPERM && at ? first_as_before(dp, at, ret_id) : r;
}

bool datapath_tc_verify(struct datapath *dp, struct netif *netif, char why[REPORT_WHY_MAX])
{
	uint32_t first = 0;
	int r;

	if (dp->skel ? !is_attached(dp, netif->ifindex) : !is_recorded(dp, netif->ifindex))
		return false;
	r = first_program(dp, netif->ifindex, &first);
	netif->xdp_holder = netif->xdp_program;
	netif->xdp_program = first;
	netif->xdp_mode = NETIF_XDP_TC;
	if (r == -ESTALE)
		snprintf(why, REPORT_WHY_MAX,
			 "programs came to or left its tc hook; restart jitgated to be first again");
	else if (r < 0)
		snprintf(why, REPORT_WHY_MAX, "the kernel does not say what is at its tc hook: %s", strerror(-r));
	else if (!first)
		snprintf(why, REPORT_WHY_MAX, "the program is gone from its tc hook; restart jitgated");
	else if (!dp->root_tc_id)
		snprintf(why, REPORT_WHY_MAX, "the pin root_tc is missing; restart jitgated");
	else if (first != dp->root_tc_id)
		snprintf(why, REPORT_WHY_MAX, "another program (id %u) is first at its tc hook; restart jitgated",
			 first);
	else if (dp->stray_of_root_tc)
		snprintf(why, REPORT_WHY_MAX, "its program does not call the pinned %s; restart jitgated",
			 dp->stray_of_root_tc);
	return true;
}
