// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Whom a program may become. Giving up power itself is for the end-to-end tests: it cannot be undone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_and_unknown_users_are_refused_and_nothing_is_written),
		cmocka_unit_test(number_without_a_user_has_the_group_of_that_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
