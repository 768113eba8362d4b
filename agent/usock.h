/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. Unix sockets: listen, connect, who is at the other end. All descriptors are close-on-exec and non-blocking.
 */
#ifndef USOCK_H
#define USOCK_H

#include <sys/types.h>

struct usock_peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
};

/*
 * Bind and listen; `type` is SOCK_STREAM or SOCK_SEQPACKET. A socket file that nobody listens on is replaced, any other
 * file or a live listener is -EADDRINUSE. A path that does not fit sun_path: -ENAMETOOLONG. The file gets
 * `mode` and `gid`, as far as it is created by root.
 */
int usock_listen(const char *path, int type, mode_t mode, gid_t gid);

/* Connect. -ENAMETOOLONG, or errno of socket and connect. */
int usock_connect(const char *path, int type);

/* The next connection, non-blocking, the caller's; or -errno, -EAGAIN when there is none. */
int usock_accept(int listen_fd);
/* Who connected, by the kernel, at the moment of connect. 0, or -errno with *ret_peer untouched. */
int usock_peer_of(int fd, struct usock_peer *ret_peer);

#endif
