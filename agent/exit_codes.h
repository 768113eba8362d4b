/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * TOP. How the three programs end; the manual pages promise it, and units and scripts act on it.
 */
#ifndef EXIT_CODES_H
#define EXIT_CODES_H

enum exit_code {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_CONFIG = 78, /* EX_CONFIG of sysexits.h: starting again does not help */
};

#endif
