// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. Pins and links that a datapath's owner holds on to: how a pin gets its place, how it is seen to be gone, how an
 * attachment is let go.
 *
 * The kernel asks for no capability of who holds a program's descriptor and makes, pins or ends a link with it (before
 * 5.19 CAP_BPF, which is kept there for the maps as well). So attaching again, or an interface that comes late, takes
 * no privileged moment, no helper and no restart, but a folder in which jitgated may pin: its own during its life,
 * root's while it starts. Whoever takes jitgated over could take links away by that, and writes the maps anyway, which
 * is as much as opening every port.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "datapath_internal.h"
#include "util.h"

int datapath_replace_pin(const struct datapath *dp, int fd, const char *name, int *ret_pin)
{
	char path[DATAPATH_PATH_MAX], fresh[DATAPATH_PATH_MAX];
	_cleanup_close_ int pin = -1;
	int r;

	if (datapath_pin_path(dp->pin_dir, name, path) < 0 ||
	    datapath_pin_path(dp->pin_dir, DATAPATH_FRESH_PIN, fresh) < 0)
		return -ENAMETOOLONG;
	if (unlink(fresh) < 0 && errno != ENOENT)
		return -errno;
	if (bpf_obj_pin(fd, fresh) < 0)
		return -errno;
	r = datapath_open_to_next(fresh);
	if (r == 0 && renameat(AT_FDCWD, fresh, AT_FDCWD, path) < 0)
		r = -errno;
	if (r < 0) {
		unlink(fresh);
		return r;
	}
	pin = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (pin < 0)
		return -errno;
	close_fd(ret_pin);
	*ret_pin = TAKE_FD(pin);
	return 0;
}

bool datapath_is_link_pin(const char *name)
{
	return strncmp(name, DATAPATH_LINK_PREFIX, strlen(DATAPATH_LINK_PREFIX)) == 0;
}

/* The folder is its owner's alone. */
int datapath_open_to_next(const char *path)
{
	return fchmodat(AT_FDCWD, path, 0666, 0) < 0 ? -errno : 0;
}

struct held_link *datapath_held_link(const struct datapath *dp, uint32_t ifindex)
{
	for (size_t i = 0; i < dp->n_links; i++) {
		if (dp->links[i].ifindex == ifindex)
			return &dp->links[i];
	}
	return NULL;
}

void datapath_drop_link(struct datapath *dp, struct held_link *link)
{
	close_fd(&link->fd);
	close_fd(&link->pin_fd);
	memmove(link, link + 1, (size_t)(dp->links + dp->n_links - (link + 1)) * sizeof(*link));
	dp->n_links--;
}

int datapath_hold_link(struct datapath *dp, uint32_t ifindex, int fd, const char *path)
{
	_cleanup_close_ int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	_cleanup_close_ int pin = own < 0 ? -1 : open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct held_link *link, *grown;

	if (own < 0 || pin < 0)
		return -errno;
	grown = reallocarray(dp->links, dp->n_links + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	dp->links = grown;
	link = datapath_held_link(dp, ifindex);
	if (link)
		datapath_drop_link(dp, link);
	dp->links[dp->n_links++] = (struct held_link){.ifindex = ifindex, .fd = TAKE_FD(own), .pin_fd = TAKE_FD(pin)};
	return 0;
}

bool datapath_link_is_pinned(const struct held_link *link)
{
	struct stat st;

	return fstat(link->pin_fd, &st) == 0 && st.st_nlink > 0;
}

int datapath_get_link(const char *path, struct bpf_link_info *ret)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	if (lstat(path, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -errno;
	r = datapath_link_info(fd, ret);
	return r < 0 ? r : TAKE_FD(fd);
}

int datapath_end_link(const char *path)
{
	struct bpf_link_info info;
	_cleanup_close_ int fd = datapath_get_link(path, &info);

	if (fd < 0 && fd != -EINVAL)
		return fd;
	if (fd >= 0 && bpf_link_detach(fd) < 0 && errno != ENOLINK)
		return -errno;
	return unlink(path) < 0 ? -errno : 0;
}

bool datapath_any_link_on(const struct datapath *dp)
{
	struct bpf_link_info info;

	for (size_t i = 0; i < dp->n_links; i++) {
		if (datapath_link_info(dp->links[i].fd, &info) == 0 && info.xdp.ifindex)
			return true;
	}
	return false;
}

int datapath_repin_link(struct datapath *dp, uint32_t ifindex, const char *path)
{
	struct held_link *link = datapath_held_link(dp, ifindex);
	struct bpf_link_info info;
	int r;

	if (!link || datapath_link_is_pinned(link))
		return 0;
	if (datapath_link_info(link->fd, &info) < 0 || info.xdp.ifindex != ifindex) {
		datapath_drop_link(dp, link);
		return 0;
	}
	r = datapath_replace_pin(dp, link->fd, strrchr(path, '/') + 1, &link->pin_fd);
	return r < 0 ? r : 1;
}

/* By inode: the pin may have got another name, and its old name may be another one's by now. */
static void unlink_inode(const char *pin_dir, ino_t inode)
{
	_cleanup_closedir_ DIR *dir = opendir(pin_dir);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		struct stat st;

		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == inode)
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
}

int datapath_let_go(struct datapath *dp, uint32_t ifindex)
{
	int r = datapath_tc_let_go(dp, ifindex);
	struct held_link *link = datapath_held_link(dp, ifindex);
	struct stat st;

	if (!link)
		return r;
	/* At once: without its pin and its descriptor it would end a little later. */
	if (bpf_link_detach(link->fd) < 0 && errno != ENOLINK)
		return -errno;
	if (fstat(link->pin_fd, &st) == 0 && st.st_nlink > 0)
		unlink_inode(dp->pin_dir, st.st_ino);
	datapath_drop_link(dp, link);
	return r;
}
