/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. The corpus, tried on this machine's kernel with the program in this binary, and the tags of what is in force
 * on the interfaces that ought to be filtered.
 * Changes nothing: what it loads is its own, and ends with it.
 */
#ifndef SELFTEST_RUN_H
#define SELFTEST_RUN_H

#include "conf.h"
#include "failure.h"
#include "selftest.h"

/* `keep_all`: every frame gets its line. 0 with *ret to be cleared, or -errno with *ret untouched. */
int selftest_run(const struct conf *conf, bool keep_all, struct selftest *ret, struct failure *failure);

#endif
