/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. Which programs are in force, by the kernel's own digests of their instructions: from the links that are pinned
 * to the root program that each runs, and from there to the filter that it calls. Reads only.
 */
#ifndef GATE_TAGS_H
#define GATE_TAGS_H

#include "failure.h"
#include "selftest.h"

/* Fill in what is pinned under pin_dir and attached by it; nothing there is no error. 0 or -errno. */
int gate_tags_read(const char *pin_dir, struct selftest *test, struct failure *failure);

#endif
