/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. Lines to stderr. Under systemd (JOURNAL_STREAM names our stderr) each begins with its priority, "<5>".
 * TOP files log; CORE and EDGE do not, above debug.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>

#include "log_level.h"

/* `program` is put in front when a person reads (a terminal or a file). Level from JITGATE_LOG (err, warning, notice,
 * info, debug), default info. */
void log_open(const char *program);

/* Whether lines of this level are written. */
bool log_shows(enum log_level level);

/* One line, without its newline, in one write; cut at 1 KiB. Control characters are replaced, so a line stays a line.
 * Keeps errno. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_err(...) log_line(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
