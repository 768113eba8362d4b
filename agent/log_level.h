/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. How much a line of the log matters, for those that say lines and those that write them. The numbers are
 * syslog's.
 */
#ifndef LOG_LEVEL_H
#define LOG_LEVEL_H

enum log_level {
	LOG_LEVEL_ERR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7
};

#endif
