// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. Files: read by descriptor after checks, replace atomically. Must not know what is in them.
 */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "util.h"

#define READ_CHUNK 4096

static int check_file(int fd, size_t max, int flags, size_t *ret_size)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (flags & FILES_TRUSTED) {
		if (st.st_uid != 0 && st.st_uid != geteuid())
			return -EPERM;
		if (st.st_mode & (S_IWGRP | S_IWOTH))
			return -EPERM;
	}
	if (st.st_size < 0 || (uintmax_t)st.st_size > max)
		return -EFBIG;
	*ret_size = (size_t)st.st_size;
	return 0;
}

static ssize_t read_some(int fd, char *to, size_t len)
{
	ssize_t n;

	do
		n = read(fd, to, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* Room for at least one more byte and the NUL. */
static int grow(char **bytes, size_t *cap, size_t first)
{
	size_t grown = first;
	char *p;

	if (*cap && mul_overflows(*cap, 2, &grown))
		return -ENOMEM;
	p = realloc(*bytes, grown);
	if (!p)
		return -ENOMEM;
	*bytes = p;
	*cap = grown;
	return 0;
}

/* Until end of file, whatever fstat said: the file may grow, and those under /proc and /sys say 0. */
static int read_all(int fd, size_t size, size_t max, char **ret, size_t *ret_len)
{
	_cleanup_free_ char *bytes = NULL;
	size_t len = 0, cap = 0, first;
	ssize_t n;
	int r;

	if (__builtin_add_overflow(size, (size_t)READ_CHUNK, &first))
		return -EFBIG;
	do {
		if (cap - len < 2) {
			r = grow(&bytes, &cap, first);
			if (r < 0)
				return r;
		}
		n = read_some(fd, bytes + len, cap - len - 1);
		if (n < 0)
			return (int)n;
		len += (size_t)n;
		if (len > max)
			return -EFBIG;
	} while (n > 0);
	bytes[len] = '\0';
	*ret = TAKE_PTR(bytes);
	*ret_len = len;
	return 0;
}

int files_read(const char *path, size_t max, int flags, char **ret, size_t *ret_len)
{
	_cleanup_close_ int fd = -1;
	size_t size = 0;
	int r;

	/* Symbolic links are followed: what they lead to is judged. O_NONBLOCK: a FIFO is refused, not waited for. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (flags & FILES_NO_LINK ? O_NOFOLLOW : 0));
	if (fd < 0)
		return -errno;
	r = check_file(fd, max, flags, &size);
	if (r < 0)
		return r;
	return read_all(fd, size, max, ret, ret_len);
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/*
 * A name of this process alone, so that no other writer can be half way through the same file. It may be there
 * already: left by a process that had our number and was killed while writing.
 */
static int open_temporary(int dir_fd, const char *temporary)
{
	int fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 && errno == EEXIST) {
		if (unlinkat(dir_fd, temporary, 0) < 0)
			return -errno;
		fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	}
	return fd < 0 ? -errno : fd;
}

/* All bytes are on the disk before the name points to them. */
static int fill_and_rename(int dir_fd, int fd, const char *temporary, const char *name, const void *bytes, size_t len)
{
	int r = write_all(fd, bytes, len);

	if (r < 0)
		return r;
	if (fsync(fd) < 0)
		return -errno;
	return renameat(dir_fd, temporary, dir_fd, name) < 0 ? -errno : 0;
}

static bool is_plain_name(const char *name)
{
	return name[0] && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

int files_replace(int dir_fd, const char *name, const void *bytes, size_t len)
{
	_cleanup_close_ int fd = -1;
	char temporary[NAME_MAX + 1];
	int r;

	if (!is_plain_name(name))
		return -EINVAL;
	r = snprintf(temporary, sizeof(temporary), ".%s.%ld.new", name, (long)getpid());
	if (r < 0 || (size_t)r >= sizeof(temporary))
		return -ENAMETOOLONG;
	fd = open_temporary(dir_fd, temporary);
	if (fd < 0)
		return fd;
	r = fill_and_rename(dir_fd, fd, temporary, name, bytes, len);
	if (r < 0) {
		unlinkat(dir_fd, temporary, 0);
		return r;
	}
	return fsync(dir_fd) < 0 ? -errno : 0;
}

/* ".NAME.NUMBER.new" */
static bool is_temporary_of(const char *entry, const char *name)
{
	size_t len = strlen(name), digits;

	if (entry[0] != '.' || strncmp(entry + 1, name, len) != 0 || entry[len + 1] != '.')
		return false;
	digits = strspn(entry + len + 2, "0123456789");
	return digits > 0 && strcmp(entry + len + 2 + digits, ".new") == 0;
}

int files_sweep(int dir_fd, const char *name)
{
	_cleanup_closedir_ DIR *dir = NULL;
	_cleanup_close_ int fd = -1;
	const struct dirent *entry;
	int n = 0;

	if (!is_plain_name(name))
		return -EINVAL;
	fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return -errno;
	(void)TAKE_FD(fd);
	while ((entry = readdir(dir))) {
		if (!is_temporary_of(entry->d_name, name))
			continue;
		if (unlinkat(dir_fd, entry->d_name, 0) < 0)
			return -errno;
		n++;
	}
	return n;
}
