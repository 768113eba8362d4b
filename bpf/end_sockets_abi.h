/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What end_sockets.bpf.c and its loader agree on. Nothing of it is pinned, so nothing of it outlives a start of
 * jitgated.
 */
#ifndef END_SOCKETS_ABI_H
#define END_SOCKETS_ABI_H

#define END_SOCKETS_MAX 1024 /* sockets that are ended by one pass over all */
#define END_SOCKETS_WANTED 1 /* no errno, and not success */

#endif
