/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. The connected TCP and UDP sockets of this network namespace, as the kernel lists them over netlink (sock_diag).
 * Reads only; needs no capability.
 */
#ifndef SOCKDIAG_H
#define SOCKDIAG_H

#include "failure.h"
#include "sessions.h"

/* All of them, appended; freed by sessions_free. 0 or -errno: a list that is not whole is an error. */
int sockdiag_list(struct sessions *ret, struct failure *failure);

#endif
