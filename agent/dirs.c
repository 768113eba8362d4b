// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See dirs.h.
 */
#include "dirs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "usock.h"
#include "util.h"

/* A folder of ours, made when missing. Nobody but its owner may write in it. */
static int open_dir(const char *path, mode_t mode, int *ret_fd, struct failure *failure)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return failure_set(failure, -errno, "cannot make %s: %s", path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return failure_set(failure, -errno, "cannot open %s: %s", path, strerror(errno));
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return failure_set(failure, -EPERM,
				   "%s can be written by others than its owner; chmod go-w %s, or name another folder "
				   "in the config",
				   path, path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Root binds and sets modes by path in here. */
int dirs_open_run(const char *path, struct failure *failure)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r = open_dir(path, 0755, &fd, failure);

	if (r == 0 && fstat(fd, &st) == 0 && st.st_uid != 0)
		r = failure_set(failure, -EPERM, "%s belongs to uid %u; chown root %s, or set another run_dir", path,
				st.st_uid, path);
	return r;
}

int dirs_open_state(const char *path, const struct sandbox_user *user, int *ret_fd, struct failure *failure)
{
	int r = open_dir(path, 0700, ret_fd, failure);
	struct stat st;

	/* On a disk that is read-only by now, what is right already will do. */
	if (r == 0 && fstat(*ret_fd, &st) == 0 && st.st_uid == user->uid && st.st_gid == user->gid)
		return 0;
	if (r == 0 && fchown(*ret_fd, user->uid, user->gid) < 0)
		r = failure_set(failure, -errno, "cannot hand %s to uid %u: %s", path, user->uid, strerror(errno));
	return r;
}

int dirs_listen(const char *run_dir, const char *name, int type, gid_t gid, int *ret_fd, struct failure *failure)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", run_dir, name);
	fd = usock_listen(path, type, 0660, gid);
	if (fd == -EADDRINUSE)
		return failure_set(failure, fd,
				   "%s is taken: another jitgated runs, or the file is not a socket; stop that one, "
				   "remove the file, or set another run_dir",
				   path);
	if (fd < 0)
		return failure_set(
			failure, fd, "cannot listen on %s: %s%s", path, strerror(-fd),
			fd == -ENAMETOOLONG ? "; a socket's path has at most 107 bytes, set a shorter run_dir" : "");
	*ret_fd = fd;
	return 0;
}
