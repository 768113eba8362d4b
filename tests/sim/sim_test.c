// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Runs the tests that the files beside it have registered.
 */
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define TESTS_MAX 512

static struct CMUnitTest all[TESTS_MAX];
static size_t n_all;

void register_tests(const struct CMUnitTest *tests, size_t n)
{
	if (n > TESTS_MAX - n_all)
		abort();
	memcpy(all + n_all, tests, n * sizeof(*tests));
	n_all += n;
}

int main(void)
{
	return _cmocka_run_group_tests("sim", all, n_all, NULL, NULL);
}
