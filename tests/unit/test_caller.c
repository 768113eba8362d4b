// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The ancestors of a process, in a /proc of the test's own making, and this very process in the real one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "caller.h"
#include "util.h"

static char root[64];

__attribute__((format(printf, 3, 4))) static void write_file(const void *bytes, size_t len, const char *format, ...)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[256];
	va_list args;
	int n = snprintf(path, sizeof(path), "%s/", root);

	va_start(args, format);
	vsnprintf(path + n, sizeof(path) - (size_t)n, format, args);
	va_end(args);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
}

static void make_process(int pid, const char *name, int parent)
{
	char path[256], line[256];

	snprintf(path, sizeof(path), "%s/%d", root, pid);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/%d/fd", root, pid);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(line, sizeof(line), "%d (%s) S %d %d 0 0 -1\n", pid, name, parent, parent);
	write_file(line, strlen(line), "%d/stat", pid);
}

static void hold(int pid, int fd, const char *what)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%d/fd/%d", root, pid, fd);
	assert_int_equal(symlink(what, path), 0);
}

static int make_root(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/jitgate-caller-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static int remove_root(void **state)
{
	(void)state;
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static bool has(const struct caller *caller, uint64_t inode)
{
	for (size_t i = 0; i < caller->n_inodes; i++) {
		if (caller->inodes[i] == inode)
			return true;
	}
	return false;
}

/* jitgate under sudo under a shell under sshd; somebody else's sshd beside it. */
static void sockets_of_all_ancestors_are_found_and_nobody_elses(void **state)
{
	_cleanup_caller_ struct caller caller = {0};

	(void)state;
	make_process(1, "systemd", 0);
	hold(1, 30, "socket:[1]");
	make_process(90, "sshd: root [priv]", 1);
	hold(90, 4, "socket:[900]");
	make_process(91, "sshd) R 7 (x", 90); /* a name that looks like the rest of the line */
	hold(91, 4, "socket:[910]");
	make_process(92, "bash", 91);
	hold(92, 0, "/dev/pts/0");
	make_process(93, "sudo", 92);
	hold(93, 5, "socket:[930]");
	make_process(94, "jitgate", 93);
	hold(94, 0, "/dev/pts/0");
	hold(94, 3, "anon_inode:[eventpoll]");
	make_process(95, "sshd", 90);
	hold(95, 4, "socket:[950]");
	assert_int_equal(caller_find(root, 94, &caller), 0);
	assert_int_equal(caller.n_inodes, 3);
	assert_true(has(&caller, 900) && has(&caller, 910) && has(&caller, 930));
	assert_false(has(&caller, 950) || has(&caller, 1));
	assert_int_equal(caller.n_ssh, 0);
}

/* sudo strips it from its child, but it stands in the shell above; tmux tells its panes. */
static void what_sshd_told_an_ancestor_is_found(void **state)
{
	static const char with[] = "SHELL=/bin/sh\0SSH_CONNECTION=192.0.2.7 50000 10.0.0.1 22\0LANG=C";
	static const char without[] = "SHELL=/bin/sh\0XSSH_CONNECTION=192.0.2.8 50000 10.0.0.1 22\0";
	_cleanup_caller_ struct caller caller = {0};

	(void)state;
	make_process(92, "bash", 1);
	write_file(with, sizeof(with) - 1, "92/environ");
	make_process(94, "jitgate", 92);
	write_file(without, sizeof(without) - 1, "94/environ");
	assert_int_equal(caller_find(root, 94, &caller), 0);
	assert_int_equal(caller.n_ssh, 1);
	assert_string_equal(caller.ssh[0].text, "192.0.2.7 50000 10.0.0.1 22");
}

static void what_cannot_be_read_is_passed_over(void **state)
{
	_cleanup_caller_ struct caller caller = {0}, nothing = {0};

	(void)state;
	make_process(92, "bash", 93); /* a ring, which ends all the same */
	make_process(93, "bash", 92);
	hold(93, 4, "socket:[930]");
	hold(93, 5, "socket:[x]");
	hold(93, 6, "socket:[7");
	hold(93, 7, "socket:[99999999999999999999999]");
	write_file("93 (bash", 8, "93/stat");
	assert_int_equal(caller_find(root, 92, &caller), 0);
	assert_int_equal(caller.n_inodes, 1);
	assert_true(has(&caller, 930));
	assert_int_equal(caller_find(root, 4711, &nothing), 0);
	assert_int_equal(nothing.n_inodes, 0);
}

static void a_ring_of_parents_comes_to_an_end(void **state)
{
	_cleanup_caller_ struct caller caller = {0};

	(void)state;
	make_process(92, "bash", 93);
	make_process(93, "bash", 92);
	assert_int_equal(caller_find(root, 92, &caller), 0);
}

static void a_real_socket_of_this_process_is_found(void **state)
{
	_cleanup_caller_ struct caller caller = {0};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct stat st;

	(void)state;
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(caller_find("/proc", getpid(), &caller), 0);
	assert_true(has(&caller, st.st_ino));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sockets_of_all_ancestors_are_found_and_nobody_elses, make_root,
						remove_root),
		cmocka_unit_test_setup_teardown(what_sshd_told_an_ancestor_is_found, make_root, remove_root),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_is_passed_over, make_root, remove_root),
		cmocka_unit_test_setup_teardown(a_ring_of_parents_comes_to_an_end, make_root, remove_root),
		cmocka_unit_test(a_real_socket_of_this_process_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
