/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. The folders of jitgated and the sockets in them, as root leaves them to the user that it becomes: nobody else
 * may write where root makes files by path.
 */
#ifndef DIRS_H
#define DIRS_H

#include "failure.h"
#include "sandbox.h"

/* Each: 0, or -errno with *failure filled and the output untouched. Folders are made when they are missing. */

/* The folder of the sockets: root's, mode 0755 when made here. -EPERM: another owns it, or others may write in it. */
int dirs_open_run(const char *path, struct failure *failure);

/* The folder of the state: handed to `user`, mode 0700 when made here. *ret_fd is the caller's. -EPERM as above. */
int dirs_open_state(const char *path, const struct sandbox_user *user, int *ret_fd, struct failure *failure);

/*
 * Listen on the socket `name` in run_dir, type SOCK_STREAM or SOCK_SEQPACKET, mode 0660 with group `gid`; that of a
 * former run is replaced. *ret_fd is the caller's. -EADDRINUSE: somebody listens there, or it is no socket.
 */
int dirs_listen(const char *run_dir, const char *name, int type, gid_t gid, int *ret_fd, struct failure *failure);

#endif
