// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. The part of datapath.h that deals with links: what runs on an interface. The filter that this calls is
 * activate.c's business.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <string.h>
#include <sys/stat.h>

#include "bpf_info.h"
#include "clsact.h"
#include "datapath_internal.h"
#include "ethtool.h"
#include "lro.h"
#include "tcx.h"
#include "util.h"

/* A root program is of use only when the slots that it calls are the ones that are pinned: then the pinned one stays,
 * else the one just loaded, which takes its place. */
static int settle(const struct datapath *dp, const char *name, const struct bpf_program *loaded, int slots_fd,
		  int *ret_fd, int *ret_pin)
{
	char path[DATAPATH_PATH_MAX];
	_cleanup_close_ int fd = -1;
	int r;

	if (*ret_fd >= 0)
		return 0;
	r = datapath_pin_path(dp->pin_dir, name, path);
	if (r < 0)
		return r;
	fd = bpf_obj_get(path);
	if (fd >= 0 && datapath_program_uses(fd, slots_fd)) {
		*ret_pin = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	} else {
		close_fd(&fd);
		fd = fcntl(bpf_program__fd(loaded), F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			return -errno;
		r = datapath_replace_pin(dp, fd, name, ret_pin);
		if (r < 0)
			return r;
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int settle_root(struct datapath *dp)
{
	int r = settle(dp, "root", dp->skel->progs.root, dp->fds.slots, &dp->root_fd, &dp->root_pin);

	dp->root_id = r < 0 ? 0 : datapath_program_id(dp->root_fd);
	return r;
}

int datapath_settle_root_tc(struct datapath *dp)
{
	int r = settle(dp, "root_tc", dp->skel->progs.root_tc, dp->fds.slots_tc, &dp->root_tc_fd, &dp->root_tc_pin);

	dp->root_tc_id = r < 0 ? 0 : datapath_program_id(dp->root_tc_fd);
	return r;
}

/* After the start there is no other name for the folder than a descriptor's, which says nothing to people. */
static const char *pin_name(const char *path)
{
	return strrchr(path, '/') + 1;
}

static int link_path(const struct datapath *dp, const char *ifname, char out[DATAPATH_PATH_MAX])
{
	char name[64];

	snprintf(name, sizeof(name), DATAPATH_LINK_PREFIX "%s", ifname);
	replace_char(name, '.', ':'); /* which no interface name can hold, so that no two share a pin */
	return datapath_pin_path(dp->pin_dir, name, out);
}

int datapath_link_info(int fd, struct bpf_link_info *ret)
{
	__u32 len = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	if (bpf_obj_get_info_by_fd(fd, ret, &len) < 0)
		return -errno;
	return ret->type == BPF_LINK_TYPE_XDP || tcx_link(fd, &ret->xdp.ifindex, &ret->prog_id) ? 0 : -EINVAL;
}

int datapath_each_link(const char *pin_dir, void (*visit)(void *ctx, const char *path, uint32_t ifindex), void *ctx)
{
	_cleanup_closedir_ DIR *dir = opendir(pin_dir);
	const struct dirent *entry;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		char path[DATAPATH_PATH_MAX];
		_cleanup_close_ int fd = -1;
		struct bpf_link_info info = {0};

		if (!datapath_is_link_pin(entry->d_name) || datapath_pin_path(pin_dir, entry->d_name, path) < 0)
			continue;
		fd = datapath_get_link(path, &info);
		if (fd >= 0)
			visit(ctx, path, info.xdp.ifindex);
	}
	return 0;
}

/* The link of the XDP hook. */
struct find_link {
	uint32_t ifindex;
	char path[DATAPATH_PATH_MAX]; /* "": none */
};

static void note_path(void *ctx, const char *path, uint32_t ifindex)
{
	struct find_link *find = ctx;

	if (ifindex == find->ifindex && !datapath_is_tc_link(path))
		snprintf(find->path, sizeof(find->path), "%s", path);
}

/*
 * Make room at `path` when the link of another interface is pinned there. If that is dead, it goes; if it is alive, its
 * interface had this name before, and it is set aside under a name that no interface can have, until its turn comes.
 */
int datapath_make_room(const struct datapath *dp, const char *path)
{
	_cleanup_close_ int fd = bpf_obj_get(path);
	char aside[DATAPATH_PATH_MAX], name[64];
	struct bpf_link_info info;
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (datapath_link_info(fd, &info) < 0 || !info.xdp.ifindex)
		return unlink(path) < 0 ? -errno : 0;
	snprintf(name, sizeof(name), DATAPATH_LINK_PREFIX "of_interface_%010u", info.xdp.ifindex);
	r = datapath_pin_path(dp->pin_dir, name, aside);
	if (r < 0)
		return r;
	return renameat(AT_FDCWD, path, AT_FDCWD, aside) < 0 ? -errno : 0;
}

int datapath_move_pin(const struct datapath *dp, const char *from, const char *to, struct failure *failure)
{
	int r;

	if (strcmp(from, to) == 0)
		return 0;
	r = datapath_make_room(dp, to);
	if (r == 0 && renameat(AT_FDCWD, from, AT_FDCWD, to) < 0)
		r = -errno;
	return r < 0 ? failure_set(failure, r, "cannot rename the pin %s to %s: %s", pin_name(from), pin_name(to),
				   strerror(-r))
		     : 0;
}

/*
 * Keep the link that is pinned for this interface, by its index: it may have been renamed since, then the pin is too.
 * An interface that was deleted and made anew has another index, and its old link is dead. 1: kept, 0: there is none.
 */
static int keep_link(struct datapath *dp, const struct netif *now, const char *path, struct failure *failure)
{
	struct find_link find = {.ifindex = now->ifindex};
	_cleanup_close_ int fd = -1;
	struct bpf_link_info info;
	int r = datapath_each_link(dp->pin_dir, note_path, &find);

	if (r < 0)
		return failure_set(failure, r, "cannot read %s: %s", dp->pin_dir, strerror(-r));
	if (!find.path[0])
		return 0;
	fd = bpf_obj_get(find.path);
	r = fd < 0 ? -errno : datapath_link_info(fd, &info);
	if (r < 0)
		return failure_set(failure, r, "cannot open the pin %s: %s", pin_name(find.path), strerror(-r));
	/* Then it is the link of an interface with the same index in another network namespace. */
	if (now->xdp_mode == NETIF_XDP_NONE) {
		if (unlink(find.path) < 0)
			return failure_set(failure, -errno, "cannot remove the pin %s: %s", pin_name(find.path),
					   strerror(errno));
		return 0;
	}
	if (info.prog_id != dp->root_id && bpf_link_update(fd, dp->root_fd, NULL) < 0)
		return failure_set(failure, -errno,
				   "%s: cannot put the new root program into the link that is pinned as %s: %s; what "
				   "ran there goes on",
				   now->name, pin_name(find.path), strerror(errno));
	r = datapath_move_pin(dp, find.path, path, failure);
	if (r < 0)
		return r;
	r = datapath_hold_link(dp, now->ifindex, fd, path);
	return r < 0 ? failure_set(failure, r, "cannot hold %s: %s", pin_name(path), strerror(-r)) : 1;
}

/* By name: another instance's root program is told apart, because `ip link` cannot take that off. */
static bool is_root_program(uint32_t id)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
	struct bpf_prog_info info = {0};

	return fd >= 0 && bpf_info_program(fd, &info) == 0 && strcmp(info.name, "root") == 0;
}

static int name_conflict(const struct netif *netif, struct failure *failure)
{
	struct netif now = *netif;

	netif_get(netif->ifindex, &now);
	if (is_root_program(now.xdp_program))
		return failure_set(
			failure, -EBUSY,
			"%s already runs another jitgate's program (id %u), pinned in another folder; take that "
			"off: jitgated --detach --pin-dir DIR, or leave %s out of `interfaces`",
			netif->name, now.xdp_program, netif->name);
	return failure_set(
		failure, -EBUSY,
		"%s already runs another XDP program (id %u, %s); see `bpftool prog show id %u`, take it off "
		"(ip link set dev %s xdp off, or bpftool link detach), leave %s out of `interfaces`, or have jitgate "
		"judge "
		"behind it: conflict = \"tc\"",
		netif->name, now.xdp_program, netif_xdp_text(now.xdp_mode), now.xdp_program, netif->name, netif->name);
}

static int name_refusal(const struct netif *netif, enum conf_xdp_mode wanted, int refusal,
			const struct attachment *attached, struct failure *failure)
{
	char left[192] = "";

	if (attached->lro_left)
		snprintf(left, sizeof(left),
			 "; its large receive offload, which was switched off for that, stays off: %s; "
			 "ethtool -K %s lro on",
			 strerror(attached->lro_left), netif->name);
	return failure_set(
		failure, refusal, "cannot attach to %s%s: %s%s", netif->name,
		wanted == CONF_XDP_NATIVE ? " in native mode (xdp_mode = \"auto\" would fall back to generic)" : "",
		strerror(-refusal), left);
}

static int create_link(int root_fd, uint32_t ifindex, uint32_t flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);
	int fd = bpf_link_create(root_fd, (int)ifindex, BPF_XDP, &opts);

	return fd < 0 ? -errno : fd;
}

static bool is_ifindex(void *ctx, uint32_t ifindex)
{
	return ifindex == *(const uint32_t *)ctx;
}

int datapath_restore_lro(struct datapath *dp, uint32_t ifindex)
{
	return lro_restore(&lro_by_ethtool, dp->dir_fd, is_ifindex, &ifindex);
}

/* As lro_switch_off. Only a start, which is root's, may; a driver that does not say whether it is on is not blamed. */
static int switch_lro_off(const struct datapath *dp, const struct netif *netif)
{
	if (!dp->handed_over)
		return lro_switch_off(&lro_by_ethtool, dp->dir_fd, netif->name, netif->ifindex);
	return ethtool_lro(netif->name) > 0 ? -EPERM : 0;
}

/*
 * Once more without large receive offload, where that may be switched. The descriptor, or the refusal that stays, with
 * the offload as it was; attached->lro_left: it is not.
 */
static int retry_without_lro(struct datapath *dp, const struct netif *netif, int refusal, struct attachment *attached)
{
	int fd, r = switch_lro_off(dp, netif);

	attached->lro = r < 0;
	if (r <= 0)
		return refusal;
	fd = create_link(dp->root_fd, netif->ifindex, XDP_FLAGS_DRV_MODE);
	attached->lro_off = fd >= 0;
	if (fd < 0)
		attached->lro_left = -datapath_restore_lro(dp, netif->ifindex);
	return fd;
}

/* The link's descriptor. Who occupies the interface (-EBUSY; in another mode -EEXIST) does so in generic mode too. */
static int create_best_link(struct datapath *dp, const struct netif *netif, enum conf_xdp_mode wanted,
			    struct attachment *attached)
{
	int fd;

	if (wanted == CONF_XDP_GENERIC)
		return create_link(dp->root_fd, netif->ifindex, XDP_FLAGS_SKB_MODE);
	fd = create_link(dp->root_fd, netif->ifindex, XDP_FLAGS_DRV_MODE);
	if (fd < 0 && fd != -EBUSY && fd != -EEXIST)
		fd = retry_without_lro(dp, netif, fd, attached);
	if (fd >= 0 || fd == -EBUSY || fd == -EEXIST || wanted == CONF_XDP_NATIVE)
		return fd;
	attached->refused = -fd;
	return create_link(dp->root_fd, netif->ifindex, XDP_FLAGS_SKB_MODE);
}

static int note_new_link(struct datapath *dp, uint32_t ifindex)
{
	uint32_t *grown;

	if (dp->handed_over)
		return 0;
	grown = reallocarray(dp->new_links, dp->n_new_links + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	dp->new_links = grown;
	dp->new_links[dp->n_new_links++] = ifindex;
	return 0;
}

/* Until it is pinned, the link ends with this function: a failure leaves nothing attached. */
static int make_link(struct datapath *dp, const struct netif *netif, enum conf_xdp_mode wanted, const char *path,
		     struct attachment *attached, struct failure *failure)
{
	_cleanup_close_ int fd = create_best_link(dp, netif, wanted, attached);
	int r;

	if ((fd == -EBUSY || fd == -EEXIST) && dp->tc_allowed && netif->xdp_program) {
		*attached = (struct attachment){.lro_left = attached->lro_left};
		return datapath_tc_attach(dp, netif, path, failure);
	}
	if (fd == -EBUSY || fd == -EEXIST)
		return name_conflict(netif, failure);
	if (fd < 0)
		return name_refusal(netif, wanted, fd, attached, failure);
	r = datapath_make_room(dp, path);
	if (r == 0)
		r = note_new_link(dp, netif->ifindex);
	if (r == 0 && bpf_obj_pin(fd, path) < 0)
		r = -errno;
	if (r == 0)
		r = datapath_open_to_next(path);
	if (r == 0)
		r = datapath_hold_link(dp, netif->ifindex, fd, path);
	if (r < 0) {
		bpf_link_detach(fd);
		datapath_restore_lro(dp, netif->ifindex);
		return failure_set(failure, r, "cannot pin %s: %s", pin_name(path), strerror(-r));
	}
	/* A start lets go of it at its end, when nothing can fail any more. */
	if (dp->handed_over)
		datapath_tc_let_go(dp, netif->ifindex);
	return 0;
}

static bool is_other_mode(enum netif_xdp mode, enum conf_xdp_mode wanted)
{
	return (wanted == CONF_XDP_NATIVE && mode != NETIF_XDP_NATIVE) ||
	       (wanted == CONF_XDP_GENERIC && mode != NETIF_XDP_GENERIC);
}

int datapath_attach(struct datapath *dp, const struct netif *netif, enum conf_xdp_mode wanted, struct attachment *ret,
		    struct failure *failure)
{
	struct attachment attached = {0};
	char path[DATAPATH_PATH_MAX];
	struct netif now;
	int r = netif_get(netif->ifindex, &now);

	if (r < 0)
		return failure_set(failure, r, "%s: %s", netif->name, strerror(-r));
	r = settle_root(dp);
	if (r < 0)
		return failure_set(failure, r, "cannot pin %s/root: %s", dp->pin_dir, strerror(-r));
	r = link_path(dp, now.name, path);
	if (r < 0)
		return failure_set(failure, r, "pin_dir %s is too long", dp->pin_dir);
	r = datapath_repin_link(dp, now.ifindex, path);
	if (r < 0)
		return failure_set(failure, r, "cannot pin %s again: %s", pin_name(path), strerror(-r));
	if (r == 0)
		r = keep_link(dp, &now, path, failure);
	if (r > 0)
		attached.other_mode = now.xdp_program == dp->root_id && is_other_mode(now.xdp_mode, wanted);
	else if (r == 0)
		r = make_link(dp, &now, wanted, path, &attached, failure);
	if (r < 0)
		return r;
	*ret = attached;
	return 0;
}

struct keep_list {
	const struct netif *keep;
	size_t n, detached;
};

static bool is_let_go(void *ctx, uint32_t ifindex)
{
	const struct keep_list *list = ctx;

	for (size_t i = 0; i < list->n; i++) {
		if (list->keep[i].ifindex == ifindex)
			return false;
	}
	return true;
}

static void detach_unless_kept(void *ctx, const char *path, uint32_t ifindex)
{
	struct keep_list *list = ctx;

	/* Index 0: the interface is gone, and its link with it. */
	if (is_let_go(list, ifindex) && datapath_end_link(path) == 0 && ifindex)
		list->detached++;
}

size_t datapath_detach_others(struct datapath *dp, const struct netif *keep, size_t n_keep)
{
	struct keep_list list = {.keep = keep, .n = n_keep};

	datapath_each_link(dp->pin_dir, detach_unless_kept, &list);
	list.detached += datapath_tc_release(dp, keep, n_keep);
	lro_restore(&lro_by_ethtool, dp->dir_fd, is_let_go, &list);
	return list.detached;
}

static void detach_if_new(void *ctx, const char *path, uint32_t ifindex)
{
	const struct datapath *dp = ctx;

	for (size_t i = 0; i < dp->n_new_links; i++) {
		if (dp->new_links[i] == ifindex && !datapath_is_tc_link(path))
			datapath_end_link(path);
	}
}

void datapath_detach_new(struct datapath *dp)
{
	datapath_each_link(dp->pin_dir, detach_if_new, dp);
	for (size_t i = 0; i < dp->n_new_links; i++)
		datapath_restore_lro(dp, dp->new_links[i]);
	datapath_tc_detach_new(dp);
}

/* What is there may be ours, by a link that is pinned here: then it is no conflict. */
static bool is_linked_here(struct datapath *dp, uint32_t ifindex)
{
	struct find_link find = {.ifindex = ifindex};

	return datapath_each_link(dp->pin_dir, note_path, &find) == 0 && find.path[0];
}

int datapath_check_conflicts(struct datapath *dp, const struct netif *netifs, size_t n, struct failure *failure)
{
	for (size_t i = 0; i < n; i++) {
		struct netif now = netifs[i];

		if (!now.xdp_program || dp->tc_allowed || is_linked_here(dp, now.ifindex))
			continue;
		/* It may have gone meanwhile: what a killed jitgated left half put back was just ended. */
		netif_get(now.ifindex, &now);
		if (now.xdp_program)
			return name_conflict(&now, failure);
	}
	return 0;
}

struct link_list {
	struct datapath_link *v;
	size_t n;
	int error;
};

/* The interface that a link was pinned for, in the pin's name: see link_path. */
static void name_in_pin(const char *path, char *ret, size_t size)
{
	const char *name = strrchr(path, '/') + 1 + strlen(DATAPATH_LINK_PREFIX);

	snprintf(ret, size, "%s", name);
	replace_char(ret, ':', '.');
}

static struct datapath_link *add_link(struct link_list *list, uint32_t ifindex)
{
	struct datapath_link *grown = reallocarray(list->v, list->n + 1, sizeof(*grown));

	if (!grown) {
		list->error = -ENOMEM;
		return NULL;
	}
	list->v = grown;
	grown += list->n++;
	*grown = (struct datapath_link){.ifindex = ifindex};
	return grown;
}

static void note_link(void *ctx, const char *path, uint32_t ifindex)
{
	struct datapath_link *link = add_link(ctx, ifindex);

	if (!link)
		return;
	name_in_pin(path, link->name, sizeof(link->name));
	link->tc = datapath_is_tc_link(path) && datapath_is_first_at_tc(path, ifindex);
}

static void note_filter(void *ctx, uint32_t ifindex)
{
	char name[IF_NAMESIZE] = "";
	uint32_t id = 0;
	struct datapath_link *link = if_indextoname(ifindex, name) ? add_link(ctx, ifindex) : NULL;

	if (!link)
		return;
	memcpy(link->name, name, sizeof(link->name));
	link->tc = clsact_ours(ifindex, &id) == 0 && id;
}

int datapath_linked(struct datapath *dp, struct datapath_link **ret, size_t *ret_n)
{
	struct link_list list = {0};
	int r = datapath_each_link(dp->pin_dir, note_link, &list);

	if (r == 0)
		r = datapath_each_filter(dp->pin_dir, note_filter, &list);
	if (r == 0)
		r = list.error;
	if (r < 0) {
		free(list.v);
		return r;
	}
	*ret = list.v;
	*ret_n = list.n;
	return 0;
}
