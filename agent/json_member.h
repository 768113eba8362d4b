/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Members of hostile JSON, by cJSON and without its traps: json_scan has seen the bytes before it, the look-up is
 * case-sensitive, duplicate keys are refused in every object that is read, numbers are tested as the doubles they are.
 * A member that is null is not there. Knows nothing of what the members mean.
 *
 * All: 0, -EINVAL with `why` in *err (may be NULL), or -ENOMEM; *ret untouched on error.
 */
#ifndef JSON_MEMBER_H
#define JSON_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util.h"

#define JSON_MEMBERS_MAX 256 /* members of an object that is read */

struct cJSON;

/* Scan and parse; only white space may follow the value. */
int json_parse(const char *bytes, size_t len, struct cJSON **ret, struct parse_error *err);
void json_free(struct cJSON **tree);
#define _cleanup_json_ CLEANUP(json_free)

/* Overwrite every text of the tree, which is then good for json_free only: one of them is a secret. */
void json_wipe(struct cJSON *tree);

/* An object without duplicate keys. NULL is not an object. */
int json_expect_object(const struct cJSON *item, const char *why, struct parse_error *err);

/* A member that has to be such an object; an array; a borrowed text. *ret is NULL when it is not there and not
 * required. */
int json_member_object(const struct cJSON *object, const char *key, const char *why, const struct cJSON **ret,
		       struct parse_error *err);
int json_member_array(const struct cJSON *object, const char *key, bool required, const char *why,
		      const struct cJSON **ret, struct parse_error *err);
int json_member_text(const struct cJSON *object, const char *key, bool required, const char *why, const char **ret,
		     struct parse_error *err);

/* A text as the caller's own copy; *ret untouched when it is not there and not required. */
int json_member_copy(const struct cJSON *object, const char *key, bool required, const char *why, char **ret,
		     struct parse_error *err);

/* A count as a text of digits or as a number, whole and at most `max`, which is below 2^53. False: not there, or
 * nothing of the kind. */
bool json_member_count(const struct cJSON *object, const char *key, uint64_t max, uint64_t *ret);

/* The member "number": a whole number from 0 to 65535, or the same as a text of digits without a leading zero. */
int json_member_port(const struct cJSON *object, const char *why, uint16_t *ret, struct parse_error *err);

#endif
