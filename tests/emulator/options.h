/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The emulator's command line and what --help says.
 */
#ifndef EMULATOR_OPTIONS_H
#define EMULATOR_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "identity.h"

#define DEFAULT_VM                                                                                              \
	"/subscriptions/20ff7fc3-e762-44dd-bd96-b71116dcdc23/resourceGroups/myRg1/providers/Microsoft.Compute/" \
	"virtualMachines/vm1"

#define PROTECT_MAX 16

/* How late things happen. */
struct delays {
	int64_t arm_ms, imds_ms;
	int64_t initiate_ms;   /* of the answer to a request for access; < 0: as arm_ms */
	int64_t updating_ms;   /* a policy is in Updating after a write */
	int64_t initiating_ms; /* from the arrival of such a request until it is open */
};

struct options {
	uint16_t imds_port, arm_port;
	const char *tls_dir; /* NULL: a temporary one */
	const char *vm, *location, *environment;
	const char *policy_file;
	struct identities identities;
	bool no_identity; /* not even the one that is there unless others are named */
	struct {
		int number;
		const char *protocol;
	} protect[PROTECT_MAX];
	size_t n_protect;
	struct delays delays;
	bool plain_arm;
};

extern const char help_text[];

/* -EINVAL: told on standard error. What the values point to is argv's. */
int options_parse(int argc, char **argv, struct options *ret);

#endif
