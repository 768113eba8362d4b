// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What the pace of questions comes to: fleets of 1, 100 and 10,000 machines, for a week. Prints the tables that stand
 * in docs/azure.md, or checks them: that each figure is within its bound, and that the page says what is so.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fleet.h"
#include "util.h"

#define DAY 86400.0
#define HOUR 3600.0

/* A row: what is simulated, and the worst that it may come to. */
struct row {
	const char *what;
	struct fleet_plan plan;
	double reads_max;   /* per machine and day */
	double in_p99_max;  /* seconds */
	double refused_max; /* a day */
};

#define WEEK(vms, subs, requests, kind, share)                                                                 \
	{                                                                                                      \
		.n_vms = (vms), .n_subscriptions = (subs), .days = 8, .window_s = HOUR, .per_day = (requests), \
		.scan = (kind), .scan_share = (share), .boot_s = 0.36 * (vms), .measure_from = DAY             \
	}

static const struct row weeks[] = {
	{"", WEEK(1, 1, 12, SCAN_NONE, 0), 1440, 5, 0},
	{"one address knocks", WEEK(1, 1, 12, SCAN_ONE, 1), 1440, 5, 0},
	{"twenty addresses knock", WEEK(1, 1, 12, SCAN_TWENTY, 1), 1440, 5, 0},
	{"each knock from another address", WEEK(1, 1, 12, SCAN_RANDOM, 1), 4320, 6, 0},
	{"", WEEK(100, 1, 1, SCAN_NONE, 0), 180, 5, 0},
	{"one address knocks", WEEK(100, 1, 1, SCAN_ONE, 1), 180, 5, 0},
	{"twenty addresses knock", WEEK(100, 1, 1, SCAN_TWENTY, 1), 180, 5, 0},
	{"each knock from another address", WEEK(100, 1, 1, SCAN_RANDOM, 1), 180, 5, 0},
	{"a sweep every hour", WEEK(100, 1, 1, SCAN_SWEEP, 1), 180, 5, 0},
	{"", WEEK(10000, 20, 0.2, SCAN_NONE, 0), 36, 5, 0},
	{"one address knocks, an hour a day", WEEK(10000, 20, 0.2, SCAN_ONE, 1.0 / 24), 36, 5, 100},
	{"each knock from another, an hour a day", WEEK(10000, 20, 0.2, SCAN_RANDOM, 1.0 / 24), 36, 6, 100},
	{"a sweep every hour", WEEK(10000, 20, 0.2, SCAN_SWEEP, 1), 36, 5, 5000},
	{"", WEEK(10000, 1, 0.2, SCAN_NONE, 0), 1.8, 5, 100},
	{"one address knocks, an hour a day", WEEK(10000, 1, 0.2, SCAN_ONE, 1.0 / 24), 1.8, 5, 100},
};

#define WINDOW(vms, requests, seconds)                                                                         \
	{                                                                                                      \
		.n_vms = (vms), .n_subscriptions = 1, .days = 8, .window_s = (seconds), .per_day = (requests), \
		.boot_s = 0.36 * (vms), .measure_from = DAY                                                    \
	}

static const struct row windows[] = {
	{"a window of 5 minutes", WINDOW(100, 1, 300), 360, 5, 0},
	{"a window of 5 minutes", WINDOW(10000, 0.2, 300), 21.6, 5, 0},
	{"a window of a day", WINDOW(100, 1, DAY), 7.5, 2 * HOUR, 20},
};

#define BOOT(vms, subs)                                                                                \
	{                                                                                              \
		.n_vms = (vms), .n_subscriptions = (subs), .days = 2, .window_s = HOUR, .per_day = 0.2 \
	}
#define OUTAGE(vms, subs, requests)                                                                                 \
	{                                                                                                           \
		.n_vms = (vms), .n_subscriptions = (subs), .days = 3, .window_s = HOUR, .per_day = (requests),      \
		.boot_s = 0.36 * (vms), .measure_from = DAY, .outage_from = DAY + HOUR, .outage_to = DAY + 3 * HOUR \
	}

static const struct row events[] = {
	{"all boot in one moment", BOOT(10000, 20), 36, HOUR, 1e6},
	{"all boot in one moment", BOOT(10000, 1), 36, 2 * HOUR, 1e6},
	{"Azure is away for two hours", OUTAGE(100, 1, 1), 180, 5, 0},
	{"Azure is away for two hours", OUTAGE(10000, 20, 0.2), 36, 5, 0},
};

static char page[65536];
static size_t page_len;
static int n_tests, n_failed;
static bool checking;

static void put(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void put(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	page_len += (size_t)vsnprintf(page + page_len, sizeof(page) - page_len, format, args);
	va_end(args);
	if (page_len >= sizeof(page))
		page_len = sizeof(page) - 1;
}

static void ok(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void ok(bool good, const char *format, ...)
{
	va_list args;

	n_failed += !good;
	if (!checking)
		return;
	printf("%sok %d - ", good ? "" : "not ", ++n_tests);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

static double run(const struct row *row, struct fleet_result *ret)
{
	const struct fleet_plan *plan = &row->plan;
	double measured_days = plan->days - plan->measure_from / DAY, refused;

	fleet_run(plan, ret);
	refused = (double)ret->n_refused / measured_days;
	ok(ret->reads_per_vm_day <= row->reads_max && ret->in_p99 <= row->in_p99_max && refused <= row->refused_max &&
		   ret->worst_knock_reads <= 20 && ret->n_requests > 0,
	   "%u machines, %u subscriptions, window %.0f s, %s: reads %.1f, in %.1f s, refused %.0f", plan->n_vms,
	   plan->n_subscriptions, plan->window_s, *row->what ? row->what : "nobody knocks but users",
	   ret->reads_per_vm_day, ret->in_p99, refused);
	return refused;
}

static void put_weeks(const struct row *rows, size_t n)
{
	put("| machines | subscriptions | | reads a machine and day | refused a day | worst second | open after s, p50 "
	    "| p99 | in after s, p50 | p99 | worst |\n"
	    "| ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
	for (size_t i = 0; i < n; i++) {
		struct fleet_result r;
		double refused = run(&rows[i], &r);

		put("| %u | %u | %s | %.1f | %.0f | %u | %.1f | %.1f | %.1f | %.1f | %.1f |\n", rows[i].plan.n_vms,
		    rows[i].plan.n_subscriptions, rows[i].what, r.reads_per_vm_day, refused, r.burst, r.open_p50,
		    r.open_p99, r.in_p50, r.in_p99, r.in_max);
	}
}

static void put_events(void)
{
	put("| machines | subscriptions | | first answer, median | the last machine's | worst second | worst second "
	    "when it is back | in after s, p99 |\n"
	    "| ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |\n");
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		const struct fleet_plan *plan = &events[i].plan;
		struct fleet_result r;
		char back[16] = "", first[64] = " | ";

		run(&events[i], &r);
		if (plan->outage_to > 0)
			snprintf(back, sizeof(back), "%u", r.burst_after);
		else
			snprintf(first, sizeof(first), "%.0f s | %.1f h", r.answered_p50, r.answered_last / HOUR);
		put("| %u | %u | %s | %s | %u | %s | %.1f |\n", plan->n_vms, plan->n_subscriptions, events[i].what,
		    first, r.burst, back, r.in_p99);
	}
}

/* Whether the file has the page in it, as a whole. */
static bool is_in(const char *path)
{
	static char text[1 << 20];
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	size_t len = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	text[len] = '\0';
	return strstr(text, page) != NULL;
}

int main(int argc, char **argv)
{
	checking = argc == 3 && strcmp(argv[1], "--check") == 0;
	if (argc != 1 && !checking) {
		fputs("usage: pace_sim [--check docs/azure.md]\n", stderr);
		return 2;
	}
	put_weeks(weeks, ARRAY_SIZE(weeks));
	put("\nAnother window:\n\n");
	put_weeks(windows, ARRAY_SIZE(windows));
	put("\nAll at once:\n\n");
	put_events();
	if (!checking) {
		fputs(page, stdout);
		return n_failed > 0;
	}
	ok(is_in(argv[2]), "%s says what is so; if not, and that is meant: make sim-pace", argv[2]);
	printf("1..%d\n", n_tests);
	return n_failed > 0;
}
