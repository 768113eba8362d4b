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

/* What an attachment that succeeded is worth telling: mode, and why it is not the better one. */
void guardian_say_attached(struct guardian *g, const struct guarded_if *guarded, const char *what,
			   const struct guardian_attached *attached);

/* The VF of a netvsc is looked at, when there is one. */
void guardian_check_vf(struct guardian *g, struct guarded_if *guarded, const struct netif *all, size_t n);

#endif
