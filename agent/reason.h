/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Why a packet passed or was dropped, in words: the names of enum reason. They are in JSON, logs and manual.
 */
#ifndef REASON_H
#define REASON_H

#include <stdbool.h>

/* "no_grant". Never NULL: "unknown" for a number that is none. */
const char *reason_name(unsigned int reason);
bool reason_passes(unsigned int reason);

/* Ends the sentence "dropped, because". Never NULL. */
const char *reason_meaning(unsigned int reason);

#endif
