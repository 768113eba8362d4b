/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Steps that a crash test can stop at. What jitgated does to the world is system calls, which a tracer sees; only
 * stores into the memory of maps are not. STEP() stands before each of those. In the test variant (make STEPS=1) it is
 * a system call that is used for nothing else there; in every other build it is nothing at all. The self-test of a
 * start takes most of its time, and works on maps of its own: STEP_TRIES() lets a test leave it out, and STEP_TRY()
 * says where one begins.
 */
#ifndef STEP_H
#define STEP_H

#ifdef JITGATE_STEPS
#include <stdlib.h>
#include <unistd.h>
#define STEP() ((void)getegid())
#define STEP_TRY() ((void)getsid(0))
#define STEP_TRIES() (!getenv("JITGATE_UNTRIED"))
#else
#define STEP() ((void)0)
#define STEP_TRY() ((void)0)
#define STEP_TRIES() 1
#endif

#endif
