/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. Who runs this command: the sockets that its ancestors hold (the sshd above the shell, say), and what sshd told
 * them. By /proc, since sudo strips the environment and tmux is nobody's child.
 */
#ifndef CALLER_H
#define CALLER_H

#include <sys/types.h>

#include "connections.h"

#define CALLER_ANCESTORS_MAX 64

/* Starts as {0}. */
struct caller {
	uint64_t *inodes;
	size_t n_inodes;
	struct connection_ssh *ssh;
	size_t n_ssh;
};

/*
 * Of process `pid` and its ancestors, as far as they can be read; `proc` is "/proc", or a test's. 0, or -ENOMEM. What
 * cannot be read is passed over: less is known then.
 */
int caller_find(const char *proc, pid_t pid, struct caller *ret);
void caller_free(struct caller *caller);
#define _cleanup_caller_ CLEANUP(caller_free)

#endif
