/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. Files: read by descriptor after checks, replace atomically.
 */
#ifndef FILES_H
#define FILES_H

#include <stddef.h>

/*
 * Read a whole regular file of at most `max` bytes; *ret is malloc'ed and NUL-terminated behind `len`.
 * Links are followed, unless FILES_NO_LINK; what they lead to is checked on the open descriptor: a regular file, and
 * with FILES_TRUSTED owned by root or the effective user and not writable by group or others. Errors: -EPERM (owner or
 * mode), -EFBIG, -EINVAL (not a regular file), errno of open and read.
 */
#define FILES_TRUSTED 1
#define FILES_NO_LINK 2 /* the path itself is no symbolic link, else -ELOOP: for folders that are not root's alone */
int files_read(const char *path, size_t max, int flags, char **ret, size_t *ret_len);

/*
 * Replace `name` in the directory `dir_fd` (readable, not O_PATH): a temporary file, fsync, rename, fsync of the
 * directory. Mode 0600. 0 or -errno; on error the old file stays, but for a failed last fsync: then the new one is
 * there and may not outlive a power cut.
 */
int files_replace(int dir_fd, const char *name, const void *bytes, size_t len);

/*
 * Remove what writers of `name` left in the folder that were killed half way through files_replace. Only when no other
 * process writes it. Returns how many, or -errno; -EINVAL when `name` is not a plain one.
 */
int files_sweep(int dir_fd, const char *name);

#endif
