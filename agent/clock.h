/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. Reading the clocks that clockmap.h reckons with.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include "clockmap.h"

/* Wall and boot clock now, read as close together as can be. */
struct clock_pair clock_now(void);

#endif
