/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. The instance document of IMDS: who this VM is, as bytes -> plain C. What the values mean is azure_id's and
 * azure_url's.
 */
#ifndef AZURE_COMPUTE_H
#define AZURE_COMPUTE_H

#include <stddef.h>

#include "util.h"

struct azure_compute {
	char *resource_id; /* never "" */
	char *environment; /* azEnvironment; "" when not said */
	char *location;    /* the region, "westeurope"; "" when not said */
};

/* 0, -EINVAL with err filled (may be NULL), or -ENOMEM; *ret untouched on error. Free with azure_compute_free. */
int azure_compute_parse(const char *bytes, size_t len, struct azure_compute *ret, struct parse_error *err);
void azure_compute_free(struct azure_compute *compute);
#define _cleanup_azure_compute_ CLEANUP(azure_compute_free)

#endif
