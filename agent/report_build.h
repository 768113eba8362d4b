/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. The parts of a report that come out of the maps and the kernel; the same for the running daemon and for a
 * reader of the pins.
 */
#ifndef REPORT_BUILD_H
#define REPORT_BUILD_H

#include "datapath.h"
#include "report.h"

/* Mode, counters and protected ports with theirs; conf tells which it names. 0 or -errno; on error the report is to be
 * cleared. */
int report_fill_maps(struct datapath *dp, const struct conf *conf, struct report *report);

/* The interface as the kernel shows it now, verified or with the reason why not. */
void report_fill_interface(struct datapath *dp, const struct netif *netif, struct report_interface *out);

/* Add the usage of one slot to a grant's. */
void report_add_usage(struct datapath *dp, uint32_t slot, struct clock_pair now, struct report_grant *out);

/* Frees the arrays (not the texts, which are borrowed) and zeroes the report. */
void report_clear(struct report *report);

#endif
