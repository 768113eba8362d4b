/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. The interfaces that ought to be filtered, as far as a reader of the pins can tell: those that a link is pinned
 * for, and those that the config means. Each is verified, or has the reason why not. Reads only.
 */
#ifndef REPORT_INTERFACES_H
#define REPORT_INTERFACES_H

#include "conf.h"
#include "datapath.h"
#include "report.h"

/* Fill report->interfaces and their number; freed by report_clear. 0 or -errno. */
int report_list_interfaces(struct datapath *dp, const struct conf *conf, struct report *report);

#endif
