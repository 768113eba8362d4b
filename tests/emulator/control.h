/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the files of the tests' own door share.
 */
#ifndef EMULATOR_CONTROL_H
#define EMULATOR_CONTROL_H

#include "emulator.h"

void control_refuse(struct answer *answer, const char *why);
void control_answer_number(struct answer *answer, const char *name, double value);

/* A number in range, or `otherwise` (NULL: it has to be there) when it is missing. False: answered. */
bool control_number(const cJSON *body, const char *name, double lowest, double highest, const double *otherwise,
		    double *ret, struct answer *answer);

/* control_jit.c */
void control_revoke(struct emulator *em, const cJSON *body, struct answer *answer);
void control_initiate_fast(struct emulator *em, const cJSON *body, struct answer *answer);

#endif
