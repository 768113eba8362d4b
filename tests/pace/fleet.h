/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A fleet of machines that ask Azure by pace.c, the users who want in, and strangers who knock: a model that runs a
 * week in seconds and always the same way. Azure is a limit of reads per subscription and window; times are in seconds.
 */
#ifndef FLEET_H
#define FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum scan { SCAN_NONE, SCAN_ONE, SCAN_TWENTY, SCAN_RANDOM, SCAN_SWEEP };

struct fleet_plan {
	const char *name;
	uint32_t n_vms, n_subscriptions;
	double days;
	double window_s; /* of the limit */
	double per_day;  /* requests for access, per machine */
	enum scan scan;
	double scan_share;             /* of each day, from its start, that a scan goes on */
	double boot_s;                 /* over which the machines start; 0: all in one moment */
	double measure_from;           /* seconds */
	double outage_from, outage_to; /* nothing answers; both 0: never */
};

struct fleet_result {
	double reads_per_vm_day;
	uint64_t n_reads, n_steady, n_refused; /* 429s are among the reads */
	uint32_t burst;                        /* reads in the worst second, over all machines and subscriptions */
	uint32_t burst_after;                  /* the same, from the end of the outage on */
	size_t n_requests, n_never;            /* never: the grant was over before it was seen */
	double open_p50, open_p99;             /* from the request's acceptance until the port is open */
	double in_p50, in_p99, in_max;         /* until the user is in, who tries again as TCP does */
	double answered_p50, answered_last;    /* from the start until the first good answer */
	double worst_knock_reads;              /* of one machine in any five minutes */
};

/* Deterministic: the same plan gives the same result. Exits with a message when there is no memory. */
void fleet_run(const struct fleet_plan *plan, struct fleet_result *ret);

#endif
