/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Other ways to write the same policy: what the service is known, or has to be expected, to do to ids, times and
 * members that a reader must not stumble over.
 */
#ifndef EMULATOR_QUIRKS_H
#define EMULATOR_QUIRKS_H

#include <stdbool.h>

#include <cjson/cJSON.h>

enum id_case {
	IDS_AS_WRITTEN,
	IDS_LOWER,
	IDS_UPPER,
	IDS_SEGMENTS, /* only the fixed words: /resourcegroups/, /microsoft.compute/, ... */
	_IDS_MAX,
};

struct quirks {
	enum id_case ids;
	bool exact_digits, vary_digits;
	int digits;             /* of fractions of a second, 0 to 7, when exact */
	bool nulls;             /* members that are not there are null instead */
	bool unknown;           /* members and a kind that nobody knows */
	bool empty_request_ids; /* headers */
	char hidden[64];        /* a policy's name: the lists of the subscription leave it out */
};

/* {"ids", "fraction_digits", "nulls", "unknown", "empty_request_ids",
 * "subscription_hides"}: what is missing is as usual. NULL, or why not.
 */
const char *quirks_parse(const cJSON *json, struct quirks *ret);

/* On a policy, a list of policies or a request, as it will be sent. */
void quirks_apply(const struct quirks *quirks, cJSON *doc);

#endif
