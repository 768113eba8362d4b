/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the files of packet_test share: its TAP, and the tests of sessions.
 */
#ifndef PACKET_TAP_H
#define PACKET_TAP_H

#include "trial.h"

#define EXIT_BROKEN 2
#define BUDGET (JITGATE_KEPT_FOR_PORTS + 5)

struct tap {
	size_t n;
	size_t failed;
	bool at_tc;            /* the pair of the tc hook is tested */
	size_t tried, untried; /* frames at the tc hook: BPF_PROG_RUN does not take all of them (see trial.h) */
	int stops;             /* at the first failure */
	char why[512];         /* first thing wrong in the test that is running; empty: nothing */
};
extern struct tap tap;

/* The running test has failed; the first word counts. */
void wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
void end_test(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What the kernel has to do and does not is no failed test: r, or the end. */
extern struct failure failed;
int must(int r, const struct failure *failure);

/* packet_session.c */
void run_sessions(struct trial *trial);

#endif
