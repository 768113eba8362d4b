// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. The second way onto an interface: the tc ingress hook, where another program holds the XDP hook. A link since
 * Linux 6.6 (tcx.c), pinned like one of XDP; before that a filter (clsact.c), which lives without a pin, so that the
 * folder remembers it by `clsact_IFINDEX`, and by `clsact_own_IFINDEX` that the clsact is ours, too.
 *
 * The root program of this hook stays as that of XDP does, as long as it calls the slots that are pinned.
 *
 * A jitgated that runs, without rights, may make a link again, but not a filter; and it may not ask who is first at the
 * hook. It need not: the hook counts its changes, an attachment can be made for one count alone, and by the same count
 * it is seen later that nothing has changed.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "clsact.h"
#include "datapath_internal.h"
#include "number.h"
#include "tcx.h"
#include "util.h"

#define FILTER_PREFIX "clsact_"
#define OWN_PREFIX "clsact_own_"
#define REVISIONS_MAX 1024 /* that are tried for a hook whose revision is not known */

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
	if (datapath_pin_path(pin_dir, JITGATE_SLOTS_TC_PIN, path) < 0)
		return false;
	slots = bpf_obj_get(path);
	program = bpf_prog_get_fd_by_id(id);
	return slots >= 0 && program >= 0 && datapath_program_uses(program, slots);
}

int datapath_detach_filter(const char *pin_dir, uint32_t ifindex)
{
	char path[DATAPATH_PATH_MAX], own[DATAPATH_PATH_MAX];
	uint32_t id = 0;
	bool ours = false;
	int r = filter_path(pin_dir, FILTER_PREFIX, ifindex, path);

	if (r == 0)
		r = filter_path(pin_dir, OWN_PREFIX, ifindex, own);
	if (r == 0)
		r = clsact_ours(ifindex, &id);
	if (r == 0)
		ours = id && is_our_filter(pin_dir, ifindex, id);
	if (r == 0 && (!id || ours))
		r = clsact_detach(ifindex, access(own, F_OK) == 0);
	if (r < 0)
		return r;
	unlink(own);
	unlink(path);
	return ours;
}

/* ------------------------------------------------------------ attaching */

struct datapath_tc *datapath_tc_attached(const struct datapath *dp, uint32_t ifindex)
{
	for (size_t i = 0; i < dp->n_tc; i++) {
		if (dp->tc[i].ifindex == ifindex)
			return &dp->tc[i];
	}
	return NULL;
}

bool datapath_tc_is_filter(const struct datapath *dp, uint32_t ifindex)
{
	const struct datapath_tc *at = datapath_tc_attached(dp, ifindex);

	return at && at->is_filter;
}

static int note_attached(struct datapath *dp, const struct datapath_tc *at)
{
	struct datapath_tc *known = datapath_tc_attached(dp, at->ifindex), *grown;

	if (known) {
		*known = *at;
		return 0;
	}
	grown = reallocarray(dp->tc, dp->n_tc + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	dp->tc = grown;
	dp->tc[dp->n_tc++] = *at;
	return 0;
}

/*
 * Our link in its place at the hook, with our root program. Behind another's one it is no good: 0, -errno. 1: kept.
 * Without rights one that is where this process put it is kept, and whether it is first still, verifying says.
 */
static int keep_tc_link(struct datapath *dp, int fd, struct datapath_tc *at)
{
	const struct datapath_tc *known = datapath_tc_attached(dp, at->ifindex);
	uint32_t ifindex, program;
	int r = tcx_first(at->ifindex, &at->program_id, &at->revision);

	if (!tcx_link(fd, &ifindex, &program))
		return r;
	if (r == -EPERM && known && !known->is_filter && program == dp->root_tc_id) {
		*at = *known;
		return 1;
	}
	if (r < 0 || at->program_id != program)
		return r == -EPERM ? 0 : r;
	return program != dp->root_tc_id && bpf_link_update(fd, dp->root_tc_fd, NULL) < 0 ? -errno : 1;
}

/* In front of all, for that revision alone which the hook has: so it is known to be first, and which one comes next. */
static int create_at_revision(const struct datapath *dp, struct datapath_tc *at)
{
	const struct datapath_tc *known = datapath_tc_attached(dp, at->ifindex);
	int root_fd = dp->root_tc_fd, fd = -ESTALE;
	/* The hook counts on, or, when it was empty meanwhile, from 1 again. */
	const uint64_t from[] = {known && known->revision ? known->revision : 1, 1};

	for (size_t i = 0; i < 2 * REVISIONS_MAX && fd == -ESTALE; i++) {
		at->revision = from[i / REVISIONS_MAX] + i % REVISIONS_MAX;
		fd = tcx_create(root_fd, at->ifindex, at->revision++);
	}
	if (fd >= 0)
		at->program_id = dp->root_tc_id;
	if (fd != -ESTALE)
		return fd;
	at->revision = 0;
	return tcx_create(root_fd, at->ifindex, 0);
}

static int create_tc_link(const struct datapath *dp, struct datapath_tc *at)
{
	at->is_new = true;
	if (dp->handed_over)
		return create_at_revision(dp, at);
	return tcx_create(dp->root_tc_fd, at->ifindex, 0);
}

bool datapath_is_first_at_tc(const char *path, uint32_t ifindex)
{
	_cleanup_close_ int fd = bpf_obj_get(path);
	uint32_t of_link, program, first = 0;
	uint64_t revision;

	return fd >= 0 && tcx_link(fd, &of_link, &program) && tcx_first(ifindex, &first, &revision) == 0 &&
	       first == program;
}

static int pin_tc_link(struct datapath *dp, const struct netif *netif, int fd, const char *path)
{
	char before[DATAPATH_PATH_MAX];
	int r = datapath_make_room(dp, path);

	if (r == 0 && bpf_obj_pin(fd, path) < 0)
		r = -errno;
	if (r == 0)
		r = datapath_open_to_next(path);
	/* Of an earlier start: it was behind another's program, and has its successor in front of it now. */
	while (r == 0 && find_tc_link(dp->pin_dir, netif->ifindex, path, before))
		r = datapath_end_link(before);
	return r;
}

static void give_root(const struct datapath *dp, uint32_t ifindex, int link_fd)
{
	uint32_t of_link, program;

	if (tcx_link(link_fd, &of_link, &program) && of_link == ifindex && program != dp->root_tc_id)
		bpf_link_update(link_fd, dp->root_tc_fd, NULL);
}

/*
 * The same program cannot be at a hook twice, and a link that stands behind another's is to have its successor in front
 * before it goes: by the program that was loaded just now, which takes the place of the one before everywhere.
 */
static int renew_root_tc(struct datapath *dp)
{
	_cleanup_close_ int fd = fcntl(bpf_program__fd(dp->skel->progs.root_tc), F_DUPFD_CLOEXEC, 3);
	int r = fd < 0 ? -errno : 0;

	if (r == 0 && datapath_program_id(fd) == dp->root_tc_id)
		r = -EEXIST;
	if (r == 0)
		r = datapath_replace_pin(dp, fd, "root_tc", &dp->root_tc_pin);
	if (r < 0)
		return r;
	close_fd(&dp->root_tc_fd);
	dp->root_tc_fd = TAKE_FD(fd);
	dp->root_tc_id = datapath_program_id(dp->root_tc_fd);
	for (size_t i = 0; i < dp->n_tc; i++) {
		const struct held_link *link = datapath_held_link(dp, dp->tc[i].ifindex);

		if (!link)
			continue;
		give_root(dp, dp->tc[i].ifindex, link->fd);
		tcx_first(dp->tc[i].ifindex, &dp->tc[i].program_id, &dp->tc[i].revision);
	}
	return 0;
}

static int make_room_in_front(struct datapath *dp, int link_fd)
{
	uint32_t ifindex, program;

	return tcx_link(link_fd, &ifindex, &program) && program == dp->root_tc_id ? renew_root_tc(dp) : 0;
}

/* 0, -errno; -EOPNOTSUPP: this kernel has no such links. */
static int attach_link(struct datapath *dp, const struct netif *netif, const char *path, struct failure *failure)
{
	struct datapath_tc at = {.ifindex = netif->ifindex};
	char pinned[DATAPATH_PATH_MAX];
	_cleanup_close_ int fd = -1;
	bool found = find_tc_link(dp->pin_dir, netif->ifindex, NULL, pinned);
	int r = 0;

	if (found) {
		fd = bpf_obj_get(pinned);
		r = fd < 0 ? -errno : keep_tc_link(dp, fd, &at);
		if (r == 0)
			r = dp->handed_over ? datapath_end_link(pinned) : make_room_in_front(dp, fd);
	}
	if (r > 0) {
		r = datapath_move_pin(dp, pinned, path, failure);
		if (r < 0)
			return r;
	} else if (r == 0) {
		close_fd(&fd);
		fd = create_tc_link(dp, &at);
		r = fd < 0 ? fd : pin_tc_link(dp, netif, fd, path);
		/* It takes the place of one from before, and stays when this start fails. */
		at.is_new = !found;
	}
	if (r == 0 && !dp->handed_over)
		r = tcx_first(netif->ifindex, &at.program_id, &at.revision);
	if (r == 0)
		r = datapath_hold_link(dp, netif->ifindex, fd, path);
	return r < 0 ? r : note_attached(dp, &at);
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
	int root_fd = dp->root_tc_fd;
	struct datapath_tc at = {.ifindex = netif->ifindex, .is_filter = true};
	char name[64], own[DATAPATH_PATH_MAX];
	_cleanup_close_ int pin = -1;
	uint32_t id = 0;
	bool made = false;
	int r = clsact_ours(netif->ifindex, &id);

	if (r == 0 && id && !is_our_filter(dp->pin_dir, netif->ifindex, id))
		r = -EBUSY;
	snprintf(name, sizeof(name), FILTER_PREFIX "%u", netif->ifindex);
	if (r == 0)
		r = datapath_replace_pin(dp, root_fd, name, &pin);
	if (r == 0)
		r = put_filter(dp, netif->ifindex, root_fd, &made);
	if (r == 0 && made)
		r = filter_path(dp->pin_dir, OWN_PREFIX, netif->ifindex, own);
	if (r == 0 && made && bpf_obj_pin(root_fd, own) < 0 && errno != EEXIST)
		r = -errno;
	at.is_new = !id;
	return r < 0 ? r : note_attached(dp, &at);
}

/* A filter that is in its place stays; to put one there takes root. */
static int keep_filter(const struct datapath *dp, const struct netif *netif)
{
	const struct datapath_tc *known = datapath_tc_attached(dp, netif->ifindex);
	uint32_t first = 0;
	int r = known && known->is_filter ? clsact_first(netif->ifindex, &first) : 0;

	return r < 0 || first == dp->root_tc_id ? r : -EBUSY;
}

int datapath_tc_attach(struct datapath *dp, const struct netif *netif, const char *path, struct failure *failure)
{
	int r = attach_link(dp, netif, path, failure);

	if (r == -EOPNOTSUPP)
		r = dp->handed_over ? keep_filter(dp, netif) : attach_filter(dp, netif);
	if (r == 0)
		return 0;
	if (r == -EBUSY && dp->handed_over)
		return failure_set(failure, r,
				   "XDP program %u holds its XDP hook, and before Linux 6.6 only root attaches at the "
				   "tc ingress hook: restart jitgated",
				   netif->xdp_program);
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
		if (dp->tc[i].is_filter)
			datapath_detach_filter(dp->pin_dir, dp->tc[i].ifindex);
		else if (find_tc_link(dp->pin_dir, dp->tc[i].ifindex, NULL, path))
			datapath_end_link(path);
	}
}

static void give_root_to_link(void *ctx, const char *path, uint32_t ifindex)
{
	_cleanup_close_ int fd = bpf_obj_get(path);

	if (fd >= 0 && ifindex)
		give_root(ctx, ifindex, fd);
}

static void give_root_to_filter(void *ctx, uint32_t ifindex)
{
	struct datapath *dp = ctx;
	struct netif netif = {.ifindex = ifindex};
	uint32_t id = 0;

	if (clsact_ours(ifindex, &id) == 0 && id && id != dp->root_tc_id)
		attach_filter(dp, &netif);
}

void datapath_tc_settle(struct datapath *dp)
{
	datapath_each_link(dp->pin_dir, give_root_to_link, dp);
	datapath_each_filter(dp->pin_dir, give_root_to_filter, dp);
}

int datapath_tc_let_go(struct datapath *dp, uint32_t ifindex)
{
	struct datapath_tc *at = datapath_tc_attached(dp, ifindex);
	char path[DATAPATH_PATH_MAX];
	uint32_t ours = 0;
	int r = at && at->is_filter ? clsact_ours(ifindex, &ours) : 0;

	/* Also behind another's: it drops what that lets through. */
	if (r == 0 && ours)
		r = -EPERM;
	while (r == 0 && find_tc_link(dp->pin_dir, ifindex, NULL, path))
		r = datapath_end_link(path);
	if (at && r == 0)
		memmove(at, at + 1, (size_t)(dp->tc + dp->n_tc-- - (at + 1)) * sizeof(*at));
	return r;
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

/* Not attached by this start, so it has the XDP hook again, or is no longer meant. */
static void release_link(void *ctx, const char *path, uint32_t ifindex)
{
	struct release *release = ctx;

	if (datapath_tc_attached(release->dp, ifindex) || !datapath_is_tc_link(path) || unlink(path) < 0)
		return;
	release->detached += ifindex && !is_kept(release, ifindex);
}

static void release_filter(void *ctx, uint32_t ifindex)
{
	struct release *release = ctx;

	if (datapath_tc_attached(release->dp, ifindex) || datapath_detach_filter(release->dp->pin_dir, ifindex) <= 0)
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

bool datapath_tc_is_recorded(const struct datapath *dp, uint32_t ifindex)
{
	char path[DATAPATH_PATH_MAX];

	if (find_tc_link(dp->pin_dir, ifindex, NULL, path))
		return true;
	return filter_path(dp->pin_dir, FILTER_PREFIX, ifindex, path) == 0 && access(path, F_OK) == 0;
}
