/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. BPF filters at the ingress of an interface's clsact queueing discipline: the tc hook of kernels before 6.6.
 * Such a filter lives on by itself; it is known again by its handle and its program.
 */
#ifndef CLSACT_H
#define CLSACT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Put a program at our handle, first of all, in place of what was there. *ret_made: there was no clsact before. Needs
 * CAP_NET_ADMIN, as all that changes something. -EBUSY: a filter of another kind, or for one protocol, comes first.
 */
int clsact_attach(int program_fd, uint32_t ifindex, bool *ret_made);

/* The program at our handle; 0: there is none. */
int clsact_ours(uint32_t ifindex, uint32_t *ret_program_id);

/* The program of the filter that comes first; 0: there is no filter, or one that is no program. Needs no capability. */
int clsact_first(uint32_t ifindex, uint32_t *ret_program_id);

/* Take off what is at our handle; with `whole` also the clsact itself, unless somebody else has a filter there. */
int clsact_detach(uint32_t ifindex, bool whole);

#endif
