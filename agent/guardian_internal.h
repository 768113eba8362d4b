/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. What the files of the guardian share, and nobody else uses.
 */
#ifndef GUARDIAN_INTERNAL_H
#define GUARDIAN_INTERNAL_H

#include "guardian.h"

/* One line of the log, by the operation. */
void guardian_say(struct guardian *g, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* From the next check on the filter of each hook is tried once more. */
void guardian_probe_soon(struct guardian *g);

/* What an attachment that succeeded is worth telling: mode, and why it is not the better one. */
void guardian_say_attached(struct guardian *g, const struct guarded_if *guarded, const char *what,
			   const struct attachment *attached);

/* Let one go, for good: false, and said, when it is enforced still. What is left of it is remembered, and tried again
 * at each look. */
bool guardian_let_go(struct guardian *g, const struct guarded_if *guarded);

/* Try again what is left on interfaces that were let go; forget those that are gone, or guarded again. */
void guardian_retry_left(struct guardian *g, const struct netif *all, size_t n);

/* The VF of a netvsc is looked at, when there is one. */
void guardian_check_vf(struct guardian *g, struct guarded_if *guarded, const struct netif *all, size_t n);

#endif
