// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Whom a program may become, and which sockets it may open, in a process of its own for each. Giving up power itself is
 * for the end-to-end tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox.h"
#include "util.h"

#define UNTOUCHED 77

static void root_and_unknown_users_are_refused_and_nothing_is_written(void **state)
{
	static const struct {
		const char *user;
		int r;
	} bad[] = {
		{"root", -EINVAL},       {"0", -EINVAL},  {"000", -EINVAL},        {"no-such-user-here", -ENOENT},
		{"", -ENOENT},           {"-1", -ENOENT}, {"4294967295", -ENOENT}, /* (uid_t)-1 */
		{"4294967296", -ENOENT},                                           /* root, were it cut to 32 bits */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct sandbox_user user = {.uid = UNTOUCHED, .gid = UNTOUCHED};
		int r = sandbox_find_user(bad[i].user, &user);

		if (r != bad[i].r || user.uid != UNTOUCHED || user.gid != UNTOUCHED)
			fail_msg("\"%s\": %d, uid %u, gid %u", bad[i].user, r, user.uid, user.gid);
	}
}

static void number_without_a_user_has_the_group_of_that_number(void **state)
{
	struct sandbox_user user = {.uid = UNTOUCHED, .gid = UNTOUCHED};

	(void)state;
	assert_int_equal(sandbox_find_user("4000000000", &user), 0);
	assert_int_equal(user.uid, 4000000000);
	assert_int_equal(user.gid, 4000000000);
}

/* 0: refused by the list, which ends the process; 1: the kernel was asked, whatever it said. */
static int may_open(int profile, int family, int type, int protocol)
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    (profile >= 0 && sandbox_seccomp((enum sandbox_profile)profile) < 0))
			_exit(1);
		(void)!socket(family, type, protocol);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return 0;
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return 1;
}

/* Every family, netlink and type there is or may come, but those that each profile needs. */
static void a_socket_that_is_not_needed_ends_the_process(void **state)
{
	const int stream = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

	(void)state;
	for (int profile = SANDBOX_JITGATED; profile <= SANDBOX_AZURE; profile++) {
		for (int family = 0; family <= AF_MAX; family++) {
			bool inet = family == AF_INET || family == AF_INET6;
			bool needed = family == AF_UNIX || (inet && profile == SANDBOX_AZURE);

			if (family != AF_NETLINK && may_open(profile, family, stream, 0) != needed)
				fail_msg("profile %d, family %d", profile, family);
		}
		for (int netlink = 0; netlink < MAX_LINKS; netlink++) {
			bool needed = netlink == NETLINK_ROUTE ||
				      (netlink == NETLINK_SOCK_DIAG && profile == SANDBOX_JITGATED);

			if (may_open(profile, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, netlink) != needed)
				fail_msg("profile %d, netlink %d", profile, netlink);
		}
	}
	for (int type = 0; type <= SOCK_PACKET; type++)
		assert_int_equal(may_open(SANDBOX_AZURE, AF_INET, type, 0), type == SOCK_STREAM || type == SOCK_DGRAM);
	assert_int_equal(may_open(-1, AF_NETLINK, SOCK_RAW, NETLINK_GENERIC), 1); /* it is the list that refuses */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_and_unknown_users_are_refused_and_nothing_is_written),
		cmocka_unit_test(number_without_a_user_has_the_group_of_that_number),
		cmocka_unit_test(a_socket_that_is_not_needed_ends_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
