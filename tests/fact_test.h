/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A test that holds facts of docs/azure.md says so in its name: "A4, R1: what it shows". tests/check/azure_facts.sh
 * compares the two. For a cmocka test that is a function, in the list of its program; after cmocka.h.
 */
#ifndef FACT_TEST_H
#define FACT_TEST_H

#define fact_test(ids, function)                                  \
	{                                                         \
		.name = ids ": " #function, .test_func = function \
	}

#endif
