/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. What has to be known of JSON bytes before a recursive parser may touch them. It is no parser: what passes may
 * still be no JSON, but it is bounded, it is UTF-8, and no text in it is cut by a NUL.
 */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

#include <stddef.h>

#include "util.h"

#define JSON_SCAN_BYTES_MAX (4 * 1024 * 1024)
#define JSON_SCAN_DEPTH_MAX 32      /* arrays and objects inside each other; a policy needs 9 */
#define JSON_SCAN_VALUES_MAX 400000 /* values in one document: bounds a tree to some 40 MB */

/* 0, or -EINVAL with err filled (may be NULL). */
int json_scan(const char *bytes, size_t len, struct parse_error *err);

#endif
