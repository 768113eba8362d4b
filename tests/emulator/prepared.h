/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Answers that were prepared: given, as they are, in place of the one that would be worked out. For recorded and odd
 * bodies. Not locked: the caller holds the emulator's lock.
 */
#ifndef EMULATOR_PREPARED_H
#define EMULATOR_PREPARED_H

#include "http_util.h"
#include "target.h"

#define PREPARED_MAX 64

struct prepared {
	struct target target;
	struct answer answer;
	bool unchecked; /* given before the service looks at token, version and budget */
};

struct prepared_list {
	struct prepared *list[PREPARED_MAX];
	size_t n;
};

/*
 * Take one from its JSON form, {target, "status", "headers", "body" or "text", "unchecked"}. They are given in the
 * order in which they came; one without a count gives way to the next for the same target. NULL, or why it was refused.
 */
const char *prepared_add(struct prepared_list *list, const cJSON *json);

void prepared_clear(struct prepared_list *list);

/* Fill `answer` with the first that meets this request, counted down. False: there is none. */
bool prepared_take(struct prepared_list *list, enum operation op, const char *path, bool unchecked,
		   struct answer *answer);

/* An array of what is there, without the bodies. */
cJSON *prepared_render(const struct prepared_list *list);

#endif
