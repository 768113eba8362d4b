/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * For the list of a cmocka program: a test that holds facts of docs/azure.md has their ids in front of its name.
 * tests/check/azure_facts.sh compares page and tests. After cmocka.h.
 */
#ifndef FACT_TEST_H
#define FACT_TEST_H

#define fact_test(ids, function)                                  \
	{                                                         \
		.name = ids ": " #function, .test_func = function \
	}

#endif
