/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. Files: read by descriptor after checks, replace atomically.
 */
#ifndef FILES_H
#define FILES_H

#include <stddef.h>

/*
 * Read a whole regular file of at most `max` bytes; *ret is malloc'ed and NUL-terminated behind `len`.
 * Checked on the open descriptor: regular file, owner root or the effective user, not writable by group or others (FILES_TRUSTED).
 * Errors: -EPERM (owner or mode), -EFBIG, -EINVAL (not a regular file), errno of open and read.
 */
#define FILES_TRUSTED 1
int files_read(const char *path, size_t max, int flags, char **ret, size_t *ret_len);

/* Replace `name` in the directory `dir_fd`: a temporary file, fsync, rename, fsync of the directory. Mode 0600. 0 or -errno; on
 * error the old file stays. */
int files_replace(int dir_fd, const char *name, const void *bytes, size_t len);

#endif
