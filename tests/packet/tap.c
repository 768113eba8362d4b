// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * TAP on stdout for the packet tests.
 */
#include "packet/tap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct tap tap;
struct failure failed;

void wrong(const char *format, ...)
{
	va_list args;

	if (tap.why[0])
		return;
	va_start(args, format);
	vsnprintf(tap.why, sizeof(tap.why), format, args);
	va_end(args);
}

void end_test(const char *format, ...)
{
	va_list args;

	tap.n++;
	printf("%sok %zu - %s", tap.why[0] ? "not " : "", tap.n, tap.at_tc ? "tc: " : "");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	if (tap.why[0]) {
		tap.failed++;
		printf("# %s\n", tap.why);
		if (tap.stops)
			exit(1);
	}
	tap.why[0] = '\0';
}

int must(int r, const struct failure *failure)
{
	if (r < 0) {
		printf("Bail out! %s\n", failure->text);
		exit(EXIT_BROKEN);
	}
	return r;
}
