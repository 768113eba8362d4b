/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. One question to the kernel over netlink, and its answers (libmnl). A socket for each: they are asked a few
 * times a second at most, and no answer of an earlier question is ever taken for one of this.
 */
#ifndef NETLINK_H
#define NETLINK_H

#include <libmnl/libmnl.h>

/*
 * `bus`: NETLINK_*. `question` is complete but for its sequence number, with NLM_F_REQUEST and, when the answers end
 * with a marker, NLM_F_DUMP or NLM_F_ACK; else one answer is read. Each answer is given to `take`, with `ctx`; it
 * returns MNL_CB_OK, or MNL_CB_ERROR with errno set. 0 or -errno: of the kernel's refusal, of `take`, of the way.
 */
int netlink_ask(int bus, struct nlmsghdr *question, mnl_cb_t take, void *ctx);

#endif
