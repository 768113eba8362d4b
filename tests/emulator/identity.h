/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The managed identities of the machine, and which of them a request for a token means.
 */
#ifndef EMULATOR_IDENTITY_H
#define EMULATOR_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

#define IDENTITIES_MAX 8

struct identity {
	bool system; /* assigned by the system; the others by users, and have ids */
	char client_id[64], object_id[64], resource_id[256];
};

struct identities {
	struct identity list[IDENTITIES_MAX];
	size_t n;
};

/* "system", or "client_id=..,object_id=..,msi_res_id=..". False: neither, or too many. */
bool identities_add(struct identities *identities, const char *text);

/*
 * The identity that is asked for; each id may be NULL. With none given: the system's, else the only one there is.
 * Returns its place, or -1 with the reason in the platform's words.
 */
int identities_choose(const struct identities *identities, const char *client_id, const char *object_id,
		      const char *resource_id, const char **ret_why);

#endif
