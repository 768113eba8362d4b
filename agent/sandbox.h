/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. Giving up power: uid, capabilities, no_new_privs, seccomp. Irreversible, in this order.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

struct sandbox_user {
	uid_t uid;
	gid_t gid;
};

/*
 * A name, or a number (then the group has the same number, unless the user exists). 0, or with *ret_user untouched
 * -ENOENT, or -EINVAL for root or root's group.
 */
int sandbox_find_user(const char *user, struct sandbox_user *ret_user);

#define SANDBOX_KEEP_BPF 0x1U
#define SANDBOX_KEEP_NET_ADMIN 0x2U

/*
 * Become `user`, without supplementary groups, with an empty bounding set, with no capability but those of `keep`
 * (SANDBOX_KEEP_*). Sets no_new_privs, and leaves no core dump. As an ordinary user already: only these two. 0 or
 * -errno.
 */
int sandbox_become(const struct sandbox_user *user, unsigned int keep);

/*
 * Give CAP_BPF up if `probe` (0: works) works without it; while it is asked, the capability is only put aside; of the
 * others it has those of `keep` still. Returns 0: given up, 1: needed and kept, or -errno.
 */
int sandbox_try_without_bpf(int (*probe)(void *ctx), void *ctx, unsigned int keep);

enum sandbox_profile { SANDBOX_JITGATED, SANDBOX_AZURE };

/* Install the allow-list of system calls; any other one ends the process with SIGSYS. */
int sandbox_seccomp(enum sandbox_profile profile);

#endif
