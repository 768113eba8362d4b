/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. This machine's wall clock against Azure's, by the Date of an answer: what can be claimed from one request, and
 * what follows from it. Grants end by this machine's clock, so one that is wrong makes them end too late or too early.
 */
#ifndef AZURE_CLOCK_H
#define AZURE_CLOCK_H

#include <stdbool.h>

#include "clockmap.h"
#include "util.h"

struct azure_clock {
	bool known;
	int32_t offset_s; /* this machine's is ahead by at least that; negative: behind; 0 when not known */
};

/*
 * The Date was written at some moment between `asked` and `answered`, in whole seconds, cut (RFC 9110, 5.6.7). So the
 * true offset lies in an interval as long as the request and one second more, and what is returned is the end of it
 * that is nearer to 0: a slow answer makes no clock look wrong. When the wall clock was set meanwhile, it is the new
 * time that is compared. `date` with ns 0, or clocks that make no sense: not known.
 */
struct azure_clock azure_clock_measure(struct clock_pair asked, struct clock_pair answered, struct wall_time date);

/* By more than `tolerance_s`, which is 0 for "whatever it is". A clock that is not known is believed. */
bool azure_clock_is_wrong(struct azure_clock clock, uint32_t tolerance_s);

/* What Azure's clock says when ours says `now`, as far as is known. */
struct wall_time azure_clock_theirs(struct azure_clock clock, struct wall_time now);

#endif
