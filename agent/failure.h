/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. How an EDGE module tells what went wrong: an errno to act on, and one line for the operator that names the
 * thing and the remedy. The module fills it, TOP logs it.
 */
#ifndef FAILURE_H
#define FAILURE_H

#include <stdarg.h>
#include <stdio.h>

struct failure {
	char text[512];
};

/* Writes the line and returns `err` (a negative errno), so that a caller can `return failure_set(…)`. */
__attribute__((format(printf, 3, 4))) static inline int failure_set(struct failure *failure, int err,
								    const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(failure->text, sizeof(failure->text), format, args);
	va_end(args);
	return err;
}

#endif
