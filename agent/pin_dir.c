// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. The folder of the pins: that it is in a BPF file system and nobody else's, its lock, and its change of hands at
 * a start.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "datapath_internal.h"
#include "util.h"

int datapath_pin_path(const char *pin_dir, const char *name, char out[DATAPATH_PATH_MAX])
{
	int n = snprintf(out, DATAPATH_PATH_MAX, "%s/%s", pin_dir, name);

	return n < 0 || n >= DATAPATH_PATH_MAX ? -ENAMETOOLONG : 0;
}

bool datapath_is_bpffs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

static int open_pin_dir(const char *pin_dir, uid_t user, int *ret_fd, struct failure *failure)
{
	char parent[DATAPATH_PATH_MAX];
	const char *slash = strrchr(pin_dir, '/');
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (!slash || slash == pin_dir || strlen(pin_dir) + 32 > sizeof(parent))
		return failure_set(failure, -EINVAL, "pin_dir %s: must be a folder inside a BPF file system", pin_dir);
	snprintf(parent, sizeof(parent), "%.*s", (int)(slash - pin_dir), pin_dir);
	if (!datapath_is_bpffs(parent))
		return failure_set(failure, -EINVAL,
				   "pin_dir %s: %s is not a BPF file system; set pin_dir to a folder in one, usually "
				   "/sys/fs/bpf (if that is not mounted: mount -t bpf -o mode=0700 bpf /sys/fs/bpf)",
				   pin_dir, parent);
	if (mkdir(pin_dir, 0700) < 0 && errno != EEXIST)
		return failure_set(failure, -errno, "cannot make pin_dir %s: %s", pin_dir, strerror(errno));
	fd = open(pin_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return failure_set(failure, -errno, "cannot open pin_dir %s: %s", pin_dir, strerror(errno));
	/* A BPF file system is often writable by all: somebody else may have made the folder, and could have put other
	 * maps there. Nothing in it tells him from a `user` of before. */
	if ((st.st_uid != 0 && st.st_uid != user) || st.st_mode & (S_IWGRP | S_IWOTH))
		return failure_set(failure, -EPERM,
				   "pin_dir %s does not belong to root or `user` alone (uid %u, mode %03o), so what is "
				   "pinned there may be anybody's. If uid %u was `user` before: chown -R -h root %s, "
				   "and start again; what is in force stays meanwhile. Else see who made it, then "
				   "remove it, or set another pin_dir",
				   pin_dir, st.st_uid, st.st_mode & 0777, st.st_uid, pin_dir);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int lock_pin_dir(int fd, const char *pin_dir, struct failure *failure)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return failure_set(failure, -EBUSY,
				   "another jitgated owns %s; stop it first, or give this one its own pin_dir",
				   pin_dir);
	return failure_set(failure, -errno, "cannot lock %s: %s", pin_dir, strerror(errno));
}

bool datapath_has_off_note(int dir_fd)
{
	struct stat st;

	return fstatat(dir_fd, DATAPATH_OFF_NOTE, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode) &&
	       st.st_uid == 0;
}

/* Also when it is something else of that name, a folder for one. */
int datapath_remove_off_note(int dir_fd)
{
	if (unlinkat(dir_fd, DATAPATH_OFF_NOTE, 0) == 0 || errno == ENOENT ||
	    unlinkat(dir_fd, DATAPATH_OFF_NOTE, AT_REMOVEDIR) == 0)
		return 0;
	return -errno;
}

/*
 * From the user that the last run became. Who was let in before cannot change anything in it any more; and since its
 * pins are open to whoever reaches them (datapath_open_to_next), nobody else reaches them.
 */
static int take_back(int fd, const char *pin_dir, uid_t user, struct failure *failure)
{
	int r;

	if (fchown(fd, 0, 0) < 0 || fchmod(fd, 0700) < 0)
		return failure_set(failure, -errno, "cannot take %s back for root: %s", pin_dir, strerror(errno));
	r = datapath_remove_off_note(fd); /* of a --detach that did not come to its end */
	if (r < 0)
		return failure_set(failure, r, "cannot remove %s/" DATAPATH_OFF_NOTE ": %s; remove it, and start again",
				   pin_dir, strerror(-r));
	return datapath_check_pins(fd, pin_dir, user, failure);
}

int datapath_open_pin_dir(const char *pin_dir, uid_t user, int *ret_fd, struct failure *failure)
{
	int r = open_pin_dir(pin_dir, user, ret_fd, failure);

	if (r == 0)
		r = lock_pin_dir(*ret_fd, pin_dir, failure);
	return r < 0 ? r : take_back(*ret_fd, pin_dir, user, failure);
}
