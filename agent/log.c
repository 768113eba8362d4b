// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. Owns stderr. One write per line, so that lines of two processes on one descriptor do not mix. Must not decide
 * what is worth a line, and must not be called by CORE.
 */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"

#define LINE_MAX_BYTES 1024

/* A process has one stderr, so this is the one place with state of its own. */
static struct {
	char program[32];
	enum log_level level;
	bool journal;
} logger = {.level = LOG_LEVEL_INFO};

static const char *const level_names[] = {
	[LOG_LEVEL_ERR] = "err",   [LOG_LEVEL_WARNING] = "warning", [LOG_LEVEL_NOTICE] = "notice",
	[LOG_LEVEL_INFO] = "info", [LOG_LEVEL_DEBUG] = "debug",
};

/* Whether the name is that of a level; none at all is the default. */
static bool find_level(const char *name, enum log_level *ret)
{
	for (size_t i = LOG_LEVEL_ERR; i < ARRAY_SIZE(level_names); i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*ret = (enum log_level)i;
			return true;
		}
	}
	*ret = LOG_LEVEL_INFO;
	return !*name;
}

/* The variable is inherited by whatever the service starts: it counts only when it names our own stderr. */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return false;
	snprintf(own, sizeof(own), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	return strcmp(stream, own) == 0;
}

void log_open(const char *program)
{
	const char *wanted = getenv("JITGATE_LOG");
	bool known = find_level(wanted ? wanted : "", &logger.level);

	snprintf(logger.program, sizeof(logger.program), "%s", program);
	logger.journal = is_journal();
	/* The one line that is this file's own to write: it is about what is written. */
	if (!known)
		log_warning("JITGATE_LOG=%.32s is no level, taking info; err, warning, notice, info or debug", wanted);
}

bool log_shows(enum log_level level)
{
	return level <= logger.level;
}

/* ESC, newline and their like, also as C1 in UTF-8 (C2 80 .. C2 9F), must not reach a terminal. */
static void replace_controls(char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];
		unsigned char before = i ? (unsigned char)line[i - 1] : 0;

		if (c < 0x20 || c == 0x7f)
			line[i] = '?';
		else if (before == 0xc2 && c >= 0x80 && c < 0xa0)
			line[i - 1] = line[i] = '?';
	}
}

/* The length snprintf wanted, as the length it wrote. */
static size_t written(int wanted, size_t room)
{
	if (wanted < 0)
		return 0;
	return (size_t)wanted < room ? (size_t)wanted : room - 1;
}

/* Dots over the end, from the start of a UTF-8 sequence on: the journal shows half a character as a blob. */
static size_t mark_cut(char *line, size_t len)
{
	size_t at = len - 3;

	while (at > 0 && ((unsigned char)line[at] & 0xc0) == 0x80)
		at--;
	memcpy(line + at, "...", 3);
	return at + 3;
}

static void write_line(const char *line, size_t len)
{
	ssize_t n;

	do
		n = write(STDERR_FILENO, line, len);
	while (n < 0 && errno == EINTR); /* any other failure: there is nowhere to report it */
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	size_t len, room = sizeof(line);
	int wanted, saved_errno = errno;
	va_list args;
	bool is_cut;

	if (!log_shows(level))
		return;
	if (logger.journal)
		len = written(snprintf(line, room, "<%d>", (int)level), room);
	else
		len = written(snprintf(line, room, "%s%s", logger.program, logger.program[0] ? ": " : ""), room);

	errno = saved_errno; /* for %m */
	va_start(args, format);
	wanted = vsnprintf(line + len, room - len, format, args);
	va_end(args);
	is_cut = wanted >= 0 && (size_t)wanted >= room - len;
	len += written(wanted, room - len);
	if (is_cut)
		len = mark_cut(line, len);
	replace_controls(line, len);
	line[len++] = '\n'; /* where the NUL was */
	write_line(line, len);
	errno = saved_errno;
}
