/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Steps that a crash test can stop at. What jitgated does to the world is system calls, which a tracer sees; only
 * stores into the memory of maps are not. STEP() stands before each of those. In the test variant (make STEPS=1) it is
 * a system call that is used for nothing else there; in every other build it is nothing at all. The self-test of a
 * start makes tens of thousands of calls on maps of its own: STEP_TRY() says where it begins, and at STEP_TRIED(),
 * behind it, a test may have the process wait for a tracer.
 */
#ifndef STEP_H
#define STEP_H

#ifdef JITGATE_STEPS
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#define STEP() ((void)getegid())
#define STEP_TRY() ((void)getsid(0))
#define STEP_TRIED() ((void)(getenv("JITGATE_PAUSE") && raise(SIGSTOP)))
#else
#define STEP() ((void)0)
#define STEP_TRY() ((void)0)
#define STEP_TRIED() ((void)0)
#endif

#endif
