/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. Links at the tc ingress hook, which Linux has since 6.6 ("tcx") and the libbpf of our baseline does not know:
 * by the system call itself. Knows nothing of pins and of what a program does.
 */
#ifndef TCX_H
#define TCX_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Attach in front of all others that are there; the link's descriptor, which is the attachment until it is pinned.
 * `revision`: only if the hook has that one; then it has the next one. 0: whichever it has. Needs no capability.
 * -EOPNOTSUPP: this kernel has no such links; -ESTALE: the hook has another revision.
 */
int tcx_create(int program_fd, uint32_t ifindex, uint64_t revision);

/* The program that comes first, 0 when there is none, and the revision of the hook. -EPERM without CAP_NET_ADMIN. */
int tcx_first(uint32_t ifindex, uint32_t *ret_program_id, uint64_t *ret_revision);

/*
 * Whether the hook still has that revision: nothing was attached, replaced or taken off since. `program_fd` is of one
 * that is attached there. Needs no capability, and changes nothing. 1, 0, or -errno.
 */
int tcx_is_unchanged(int program_fd, uint32_t ifindex, uint64_t revision);

/* The interface of a link of this kind, 0 when it was detached, and its program; false: it is of another kind. */
bool tcx_link(int link_fd, uint32_t *ret_ifindex, uint32_t *ret_program_id);

#endif
