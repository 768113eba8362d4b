// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. What the owner of a datapath does about it while it runs, as an ordinary user: put back the filter and the pins
 * that somebody took away, and see that enforcement was taken off on purpose. And the pins' change of hands: who may
 * have made them is checked before they are taken over.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/stat.h>

#include "bpf_info.h"
#include "datapath_internal.h"
#include "util.h"

/* ------------------------------------------------------------ change of hands */

/*
 * The root program of the tc hook, whoever pinned it: root loaded it, as the kernel says. Each start puts in another,
 * but until then it shows which slots it calls: what is attached would let everything pass when their pin went.
 */
static bool is_root_of_tc(const char *pin_dir, int *ret_fd)
{
	char path[DATAPATH_PATH_MAX];
	_cleanup_close_ int fd = -1;
	struct bpf_prog_info info = {0};

	if (datapath_pin_path(pin_dir, "root_tc", path) < 0)
		return false;
	fd = bpf_obj_get(path);
	if (fd < 0 || bpf_info_program(fd, &info) < 0 || info.type != BPF_PROG_TYPE_SCHED_CLS ||
	    info.created_by_uid != 0)
		return false;
	*ret_fd = TAKE_FD(fd);
	return true;
}

/* A program that root itself pinned works on this map, so it is the one that was loaded for it. */
static bool is_vouched_for(int dir_fd, const char *pin_dir, int map_fd)
{
	static const char *const programs[] = {"root", "gate"};

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		char path[DATAPATH_PATH_MAX];
		_cleanup_close_ int fd = -1;
		struct stat st;

		if (fstatat(dir_fd, programs[i], &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
		    st.st_uid != 0 || datapath_pin_path(pin_dir, programs[i], path) < 0)
			continue;
		fd = bpf_obj_get(path);
		if (fd >= 0 && datapath_program_uses(fd, map_fd))
			return true;
	}
	return false;
}

static bool is_layout(const char *name)
{
	return strncmp(name, DATAPATH_LAYOUT_STEM "_v", strlen(DATAPATH_LAYOUT_STEM "_v")) == 0;
}

/* The filter in force, which the user put back: root loaded it, as the kernel says, and it is what the slot holds. */
static bool is_filter_in_force(const char *pin_dir, const char *slots, uint32_t type, int fd)
{
	char path[DATAPATH_PATH_MAX];
	_cleanup_close_ int slots_fd = -1;
	struct bpf_prog_info info = {0};
	__u32 id = 0;
	const __u32 slot = 0;

	if (fd < 0 || datapath_pin_path(pin_dir, slots, path) < 0 || bpf_info_program(fd, &info) < 0)
		return false;
	slots_fd = bpf_obj_get(path);
	return slots_fd >= 0 && bpf_map_lookup_elem(slots_fd, &slot, &id) == 0 && info.id == id && info.type == type &&
	       info.created_by_uid == 0;
}

static void note_tc_link(void *ctx, const char *path, uint32_t ifindex)
{
	bool *any = ctx;

	*any |= ifindex && datapath_is_tc_link(path);
}

static void note_filter(void *ctx, uint32_t ifindex)
{
	(void)ifindex;
	*(bool *)ctx = true;
}

bool datapath_tc_is_unused(const char *pin_dir)
{
	bool any = false;

	return datapath_each_link(pin_dir, note_tc_link, &any) == 0 &&
	       datapath_each_filter(pin_dir, note_filter, &any) == 0 && !any;
}

/* Whether the slots of the tc hook can go, and be made anew: nothing calls them. */
static bool is_unused(const char *pin_dir, const char *name)
{
	return strcmp(name, JITGATE_SLOTS_TC_PIN) == 0 && datapath_tc_is_unused(pin_dir);
}

struct called {
	int map_fd;
	bool by_root;
};

static void note_caller(void *ctx, const char *path, uint32_t ifindex)
{
	struct called *called = ctx;
	struct bpf_link_info link;
	struct bpf_prog_info info = {0};
	_cleanup_close_ int link_fd = datapath_get_link(path, &link);
	_cleanup_close_ int fd = link_fd < 0 || !ifindex ? -1 : bpf_prog_get_fd_by_id(link.prog_id);

	called->by_root |= fd >= 0 && bpf_info_program(fd, &info) == 0 && info.created_by_uid == 0 &&
			   datapath_program_uses(fd, called->map_fd);
}

/* What runs on an interface works on this map, and root loaded it, as the kernel says: whoever pinned either. */
static bool is_called(const char *pin_dir, int map_fd)
{
	struct called called = {.map_fd = map_fd};

	return datapath_each_link(pin_dir, note_caller, &called) == 0 && called.by_root;
}

static bool is_map_of_ours(int dir_fd, const char *pin_dir, const char *name, int fd)
{
	_cleanup_close_ int root_tc_fd = -1;

	if (fd < 0)
		return false;
	if (strcmp(name, JITGATE_SLOTS_TC_PIN) == 0 && is_root_of_tc(pin_dir, &root_tc_fd) &&
	    datapath_program_uses(root_tc_fd, fd))
		return true;
	return is_vouched_for(dir_fd, pin_dir, fd) || is_called(pin_dir, fd);
}

/* The root program that the user put back: root loaded it, and it calls the slots that are pinned. */
static bool is_root_in_force(const char *pin_dir, int fd)
{
	char path[DATAPATH_PATH_MAX];
	_cleanup_close_ int slots_fd = -1;
	struct bpf_prog_info info = {0};

	if (fd < 0 || datapath_pin_path(pin_dir, JITGATE_SLOTS_PIN, path) < 0 || bpf_info_program(fd, &info) < 0 ||
	    info.type != BPF_PROG_TYPE_XDP || info.created_by_uid != 0)
		return false;
	slots_fd = bpf_obj_get(path);
	return slots_fd >= 0 && datapath_program_uses(fd, slots_fd);
}

static bool is_program_in_force(const char *pin_dir, const char *name, int fd)
{
	_cleanup_close_ int root_tc_fd = -1;

	return is_filter_in_force(pin_dir, JITGATE_SLOTS_PIN, BPF_PROG_TYPE_XDP, fd) ||
	       is_filter_in_force(pin_dir, JITGATE_SLOTS_TC_PIN, BPF_PROG_TYPE_SCHED_CLS, fd) ||
	       (strcmp(name, "root_tc") == 0 && is_root_of_tc(pin_dir, &root_tc_fd)) ||
	       (strcmp(name, "root") == 0 && is_root_in_force(pin_dir, fd));
}

static int check_pin(int dir_fd, const char *pin_dir, const char *name, uid_t user, struct failure *failure)
{
	char path[DATAPATH_PATH_MAX];
	_cleanup_close_ int fd = -1;
	struct stat st;
	bool is_map, is_good;

	if (datapath_pin_path(pin_dir, name, path) < 0)
		return failure_set(failure, -ENAMETOOLONG, "pin_dir %s is too long", pin_dir);
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return failure_set(failure, -errno, "%s: %s", path, strerror(errno));
	if (S_ISREG(st.st_mode) && st.st_uid == 0)
		return 0;
	if (!S_ISREG(st.st_mode) || st.st_uid != user)
		return failure_set(
			failure, -EPERM,
			"%s is not a pin that root made (%s, uid %u), and is not taken over; see who made it, then "
			"remove it, or take enforcement off: jitgated --detach",
			path,
			S_ISLNK(st.st_mode)   ? "a symbolic link"
			: S_ISREG(st.st_mode) ? "a pin"
					      : "no pin",
			st.st_uid);
	/* The user put it back when somebody had removed it. Neither a program nor the layout is taken over from a pin
	 * of the user's: this start makes its own. But what is in force stays pinned until something else is. */
	fd = bpf_obj_get(path);
	is_map = datapath_pin_version(name) && !is_layout(name);
	is_good = is_map ? is_map_of_ours(dir_fd, pin_dir, name, fd) : is_program_in_force(pin_dir, name, fd);
	if (is_map && !is_good && !is_unused(pin_dir, name))
		return failure_set(
			failure, -EPERM,
			"%s was pinned by uid %u, and no program of root's works on it, so it is not taken over; "
			"take enforcement off: jitgated --detach",
			path, st.st_uid);
	if (!is_good)
		return unlinkat(dir_fd, name, 0) < 0
			       ? failure_set(failure, -errno, "cannot remove %s: %s", path, strerror(errno))
			       : 0;
	/* It is root's again, and vouched for by that from now on. */
	return fchownat(dir_fd, name, 0, 0, AT_SYMLINK_NOFOLLOW) < 0
		       ? failure_set(failure, -errno, "cannot take %s back for root: %s", path, strerror(errno))
		       : 0;
}

static int check_kind(int dir_fd, const char *pin_dir, uid_t user, bool maps, struct failure *failure)
{
	_cleanup_closedir_ DIR *dir = opendir(pin_dir);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return failure_set(failure, -errno, "cannot read %s: %s", pin_dir, strerror(errno));
	while (r == 0 && (entry = readdir(dir))) {
		if (datapath_is_our_pin(entry->d_name) && !datapath_is_link_pin(entry->d_name) &&
		    maps == (datapath_pin_version(entry->d_name) != 0))
			r = check_pin(dir_fd, pin_dir, entry->d_name, user, failure);
	}
	return r;
}

/*
 * What the user was about to put back when it was killed. The root program takes its place, since it vouches for maps;
 * anything else goes, and a link not in its own time.
 */
static int end_half(int dir_fd, const char *pin_dir, uid_t user, struct failure *failure)
{
	char path[DATAPATH_PATH_MAX];
	_cleanup_close_ int fd = -1;
	struct stat st, root;

	if (fstatat(dir_fd, DATAPATH_FRESH_PIN, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_uid == 0 || st.st_uid != user || datapath_pin_path(pin_dir, DATAPATH_FRESH_PIN, path) < 0)
		return 0;
	fd = bpf_obj_get(path);
	if (is_root_in_force(pin_dir, fd) && fstatat(dir_fd, "root", &root, AT_SYMLINK_NOFOLLOW) < 0 &&
	    renameat(dir_fd, DATAPATH_FRESH_PIN, dir_fd, "root") == 0)
		return 0;
	if (fd >= 0)
		bpf_link_detach(fd);
	return unlinkat(dir_fd, DATAPATH_FRESH_PIN, 0) < 0
		       ? failure_set(failure, -errno, "cannot remove %s: %s", path, strerror(errno))
		       : 0;
}

/* The programs first: one in force that is root's again vouches for the maps. */
int datapath_check_pins(int dir_fd, const char *pin_dir, uid_t user, struct failure *failure)
{
	int r = end_half(dir_fd, pin_dir, user, failure);

	if (r == 0)
		r = check_kind(dir_fd, pin_dir, user, false, failure);
	return r < 0 ? r : check_kind(dir_fd, pin_dir, user, true, failure);
}

static void open_link_to_next(void *ctx, const char *path, uint32_t ifindex)
{
	(void)ctx;
	(void)ifindex;
	datapath_open_to_next(path);
}

int datapath_hand_over(struct datapath *dp, uid_t uid, gid_t gid, struct failure *failure)
{
	char *way;

	datapath_each_link(dp->pin_dir, open_link_to_next, NULL);
	if (fchown(dp->dir_fd, uid, gid) < 0)
		return failure_set(failure, -errno, "cannot hand %s to uid %u: %s", dp->pin_dir, uid, strerror(errno));
	/* The folders above it, /sys/fs/bpf for one, may be root's alone. */
	if (asprintf(&way, "/proc/self/fd/%d", dp->dir_fd) < 0)
		return failure_set(failure, -ENOMEM, "out of memory");
	free(dp->pin_dir);
	dp->pin_dir = way;
	dp->handed_over = true;
	return 0;
}

/* ------------------------------------------------------------ put back */

/* --detach leaves a note while it works, and ends the links. Who removes pins alone opens nothing: they are put back.
 */
bool datapath_is_off(struct datapath *dp)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	struct stat st;
	bool off = true;

	if (datapath_has_off_note(dp->dir_fd))
		return true;
	if (datapath_any_link_on(dp))
		return false;
	if (fstat(dp->dir_fd, &st) == 0 && st.st_nlink == 0)
		return true;
	if (!datapath_lost_pin(dp))
		return false;
	dir = opendir(dp->pin_dir);
	while (dir && off && (entry = readdir(dir)))
		off = datapath_is_link_pin(entry->d_name) || !datapath_is_our_pin(entry->d_name);
	return dir && off;
}

static bool is_pinned(int pin_fd)
{
	struct stat st;

	return pin_fd < 0 || fstat(pin_fd, &st) < 0 || st.st_nlink > 0;
}

/* The programs first: they vouch for the maps at the next start, which refuses maps of nobody's. */
static int put_back_pins(struct datapath *dp)
{
	int r = 0, fd, *pin;
	const char *name;

	if (r == 0 && !is_pinned(dp->root_pin))
		r = datapath_replace_pin(dp, dp->root_fd, "root", &dp->root_pin);
	if (r == 0 && !is_pinned(dp->layout_pin))
		r = datapath_replace_pin(dp, dp->layout_fd, JITGATE_LAYOUT_PIN, &dp->layout_pin);
	if (r == 0 && !is_pinned(dp->gate_pin))
		r = datapath_replace_pin(dp, bpf_program__fd(dp->skel->progs.gate), "gate", &dp->gate_pin);
	if (r == 0 && !is_pinned(dp->root_tc_pin))
		r = datapath_replace_pin(dp, dp->root_tc_fd, "root_tc", &dp->root_tc_pin);
	if (r == 0 && !is_pinned(dp->gate_tc_pin))
		r = datapath_replace_pin(dp, bpf_program__fd(dp->skel->progs.gate_tc), "gate_tc", &dp->gate_tc_pin);
	for (size_t i = 0; r == 0 && (name = datapath_map_at(dp, i, &fd)); i++) {
		pin = datapath_map_pin_at(dp, i);
		if (!is_pinned(*pin))
			r = datapath_replace_pin(dp, fd, name, pin);
	}
	return r;
}

static int put_back_filter(int slots_fd, int gate_fd, uint32_t gate_id)
{
	const __u32 slot = 0;
	__u32 id = 0;

	if (bpf_map_lookup_elem(slots_fd, &slot, &id) == 0 && id == gate_id)
		return 0;
	return bpf_map_update_elem(slots_fd, &slot, &gate_fd, BPF_ANY) < 0 ? -errno : 0;
}

int datapath_heal(struct datapath *dp, struct failure *failure)
{
	int r = put_back_filter(dp->fds.slots, bpf_program__fd(dp->skel->progs.gate), dp->gate_id);

	if (r == 0 && dp->tc_allowed)
		r = put_back_filter(dp->fds.slots_tc, bpf_program__fd(dp->skel->progs.gate_tc), dp->gate_tc_id);
	if (r < 0)
		return failure_set(failure, r, "cannot put the filter back into its slot: %s", strerror(-r));
	r = put_back_pins(dp);
	return r < 0 ? failure_set(failure, r, "cannot put a pin back: %s", strerror(-r)) : 0;
}
