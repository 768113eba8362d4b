/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. The self-test of a start: the brief part of the corpus, run through the packet program in this binary on this
 * machine's kernel, before that program is put in force. Like `jitgate selftest` it uses a copy of the program with
 * maps of its own and changes nothing.
 */
#ifndef SELFTEST_BRIEF_H
#define SELFTEST_BRIEF_H

#include <stddef.h>
#include <stdint.h>

#include "failure.h"

/*
 * `tag`: of the filter that is to be put in force; what is tried has to be the same. `tc_tag`: the same of the tc hook,
 * NULL when that is not used. 0 with *ret_frames, how many were
 * judged as they have to be; -EBADMSG when a frame was not, -errno when the test could not be done: *failure says it,
 * with what to do.
 */
int selftest_brief(const uint8_t tag[8], const uint8_t *tc_tag, size_t *ret_frames, struct failure *failure);

#endif
