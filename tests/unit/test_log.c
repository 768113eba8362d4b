// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Log lines, caught from stderr through a socket that keeps each write apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "log.h"
#include "util.h"

static int real_stderr = -1, caught = -1;

static int catch_stderr(void **state)
{
	int pair[2];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -1;
	real_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	dup2(pair[0], STDERR_FILENO);
	close(pair[0]);
	caught = pair[1];
	unsetenv("JITGATE_LOG");
	unsetenv("JOURNAL_STREAM");
	log_open("prog");
	return 0;
}

static int release_stderr(void **state)
{
	(void)state;
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(caught);
	return 0;
}

/* Exactly one write, or none for NULL. */
static void check_caught(const char *expected)
{
	char line[4096];
	ssize_t n = read(caught, line, sizeof(line) - 1);

	if (!expected) {
		assert_true(n < 0 && errno == EAGAIN);
		return;
	}
	assert_true(n >= 0);
	line[n] = '\0';
	assert_string_equal(line, expected);
	assert_true(read(caught, line, sizeof(line)) < 0);
}

static void line_is_one_write_with_the_program_in_front(void **state)
{
	(void)state;
	log_notice("grant id=%d source=%s", 7, "192.0.2.1");
	check_caught("prog: grant id=7 source=192.0.2.1\n");
	log_err("%s", "");
	check_caught("prog: \n");
}

static void level_is_taken_from_the_environment(void **state)
{
	(void)state;
	assert_false(log_shows(LOG_LEVEL_DEBUG));
	log_debug("hidden");
	check_caught(NULL);
	setenv("JITGATE_LOG", "debug", 1);
	log_open("prog");
	assert_true(log_shows(LOG_LEVEL_DEBUG));
	log_debug("shown");
	check_caught("prog: shown\n");
	setenv("JITGATE_LOG", "err", 1);
	log_open("prog");
	log_warning("hidden");
	check_caught(NULL);
	setenv("JITGATE_LOG", "loud", 1); /* not a level: the default */
	log_open("prog");
	check_caught("prog: JITGATE_LOG=loud is no level, taking info; err, warning, notice, info or debug\n");
	log_info("shown");
	log_debug("hidden");
	check_caught("prog: shown\n");
	setenv("JITGATE_LOG", "", 1);
	log_open("prog");
	check_caught(NULL);
}

static void journal_gets_priorities_only_on_its_own_stream(void **state)
{
	char stream[64];
	struct stat st;

	(void)state;
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open("prog");
	log_warning("careful");
	check_caught("<4>careful\n");
	setenv("JOURNAL_STREAM", "1:1", 1); /* inherited, and stderr was led elsewhere since */
	log_open("prog");
	log_warning("careful");
	check_caught("prog: careful\n");
}

static void line_stays_one_line_without_terminal_sequences(void **state)
{
	(void)state;
	log_info("a\nb\r\tc\x1b[2J\x7f \xc2\x9b"
		 "31m \xc3\xa9 \xe2\x80\x9c");
	check_caught("prog: a?b??c?[2J? ??31m \xc3\xa9 \xe2\x80\x9c\n");
}

static void long_line_is_cut_and_says_so(void **state)
{
	char bytes[2000], line[4096];
	ssize_t n;

	(void)state;
	memset(bytes, 'x', sizeof(bytes) - 1);
	bytes[sizeof(bytes) - 1] = '\0';
	log_info("%s", bytes);
	n = read(caught, line, sizeof(line));
	assert_int_equal(n, 1024);
	assert_memory_equal(line + 1020, "...\n", 4);
	bytes[1023 - 6] = '\0'; /* with "prog: " and the newline exactly 1024 */
	log_info("%s", bytes);
	n = read(caught, line, sizeof(line));
	assert_int_equal(n, 1024);
	assert_memory_equal(line + 1020, "xxx\n", 4);
	memcpy(bytes + 1019 - 6, "\xe2\x82\xac\xe2\x82\xac", 7); /* a sequence over the edge */
	log_info("%s", bytes);
	n = read(caught, line, sizeof(line));
	assert_int_equal(n, 1023);
	assert_memory_equal(line + 1018, "x...\n", 5);
}

static void errno_survives_and_can_be_printed(void **state)
{
	(void)state;
	errno = ENOENT;
	log_info("%m");
	assert_int_equal(errno, ENOENT);
	check_caught("prog: No such file or directory\n");
}

#define on_stderr(test) cmocka_unit_test_setup_teardown(test, catch_stderr, release_stderr)

int main(void)
{
	const struct CMUnitTest tests[] = {
		on_stderr(line_is_one_write_with_the_program_in_front),
		on_stderr(level_is_taken_from_the_environment),
		on_stderr(journal_gets_priorities_only_on_its_own_stream),
		on_stderr(line_stays_one_line_without_terminal_sequences),
		on_stderr(long_line_is_cut_and_says_so),
		on_stderr(errno_survives_and_can_be_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
