// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * See fleet.h. A machine here is a struct pace and what Azure would say of it. Its jitgated is not simulated: of a
 * source that knocks again and again it is enough that it waits again after each read.
 */
#include "fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "pace.h"
#include "util.h"

#define IDLE_S 600
#define LIVE_S 60
#define READ_S 0.150
#define INITIATING_S 1.0 /* from the acceptance of a request until its grant can be read */
#define CONNECT_S 0.05   /* from acceptance to the first SYN */
#define LIMIT PACE_READS_FULL
#define REQUESTS_MAX 16 /* of one machine at a time */
#define DAY_S 86400.0
#define START_S 1000.0 /* the machine's uptime at the start, but at a mass boot */
#define SCAN_REFRESH_S 60

/* When a Linux client sends its SYN, and after that the person tries again. */
static const double syn_s[] = {0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67};
#define SYN_GIVES_UP_S 130

enum { WAKE, READ_DONE, REQUEST, SYN, SCAN };
enum { SCAN_ON, SCAN_AFTER, SCAN_TWICE };

struct request {
	uint64_t accepted_ns, initiated_ns, until_ns; /* until 0: a free place */
	uint64_t tried_ns;                            /* when this attempt to connect began */
	uint32_t source, n_syn;
	bool open, counts;
};

struct vm {
	struct pace pace;
	uint64_t wake_ns, arrived_ns; /* arrived: when Azure saw the read that is on its way; 0: none is */
	bool refused, lost, answered;
	uint32_t wait_s;
	int64_t remaining;
	uint64_t last_until_ns; /* of all requests */
	struct request requests[REQUESTS_MAX];
	uint64_t knock_reads[PACE_KNOCKS_MAX * 4]; /* of the last five minutes */
	uint32_t n_knock_reads;
};

struct subscription {
	uint64_t window;
	uint32_t used;
};

struct samples {
	double *list;
	size_t n, room;
};

struct fleet {
	const struct fleet_plan *plan;
	struct fleet_result *result;
	struct vm *vms;
	struct subscription *subscriptions;
	struct events events;
	struct samples open, in, answered;
	uint64_t random, second, end_ns;
	uint32_t in_second, n_sources;
	uint64_t now;
};

static void *must(void *p)
{
	if (!p) {
		fputs("pace_sim: out of memory\n", stderr);
		exit(1);
	}
	return p;
}

static uint64_t ns_of(double s)
{
	return (uint64_t)(s * (double)NS_PER_S);
}

static double s_of(uint64_t ns)
{
	return (double)ns / (double)NS_PER_S;
}

/* splitmix64, from 0 to 1 */
static double draw(struct fleet *f)
{
	uint64_t z = f->random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (double)((z ^ z >> 31) >> 11) / 9007199254740992.0;
}

/* ---------------------------------------------------------------- figures */

static void sample(struct samples *s, double value)
{
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 1024;
		s->list = must(reallocarray(s->list, s->room, sizeof(*s->list)));
	}
	s->list[s->n++] = value;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The smallest value that so large a share of them does not exceed; sorts. */
static double percentile(struct samples *s, double share)
{
	size_t rank = (size_t)(share * (double)s->n + 0.999999);

	if (!s->n)
		return 0;
	qsort(s->list, s->n, sizeof(*s->list), compare);
	return s->list[rank ? rank - 1 : 0];
}

static void count_read(struct fleet *f)
{
	uint64_t second = f->now / NS_PER_S;

	f->in_second = second == f->second ? f->in_second + 1 : 1;
	f->second = second;
	f->result->n_reads++;
	f->result->n_steady += s_of(f->now) >= f->plan->measure_from;
	if (f->in_second > f->result->burst)
		f->result->burst = f->in_second;
	if (f->plan->outage_to > 0 && f->now >= ns_of(f->plan->outage_to) && f->in_second > f->result->burst_after)
		f->result->burst_after = f->in_second;
}

/* How many reads knocks caused on this machine in the five minutes up to now. */
static void count_knock_read(struct fleet *f, struct vm *vm)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < vm->n_knock_reads; i++) {
		if (vm->knock_reads[i] + 300 * (uint64_t)NS_PER_S > f->now)
			vm->knock_reads[kept++] = vm->knock_reads[i];
	}
	if (kept < ARRAY_SIZE(vm->knock_reads))
		vm->knock_reads[kept++] = f->now;
	vm->n_knock_reads = kept;
	if (kept > f->result->worst_knock_reads)
		f->result->worst_knock_reads = kept;
}

/* ---------------------------------------------------------------- Azure */

static void ask_azure(struct fleet *f, struct vm *vm, struct subscription *to)
{
	uint64_t arrived = f->now + ns_of(READ_S / 2), window_ns = ns_of(f->plan->window_s);

	count_read(f);
	vm->arrived_ns = arrived;
	vm->refused = false;
	vm->remaining = -1;
	vm->wait_s = 0;
	vm->lost = s_of(arrived) >= f->plan->outage_from && s_of(arrived) < f->plan->outage_to;
	if (vm->lost)
		return;
	if (arrived / window_ns != to->window) {
		to->window = arrived / window_ns;
		to->used = 0;
	}
	if (to->used == LIMIT) {
		vm->refused = true;
		vm->wait_s = (uint32_t)s_of(window_ns - arrived % window_ns) + 1;
		f->result->n_refused += s_of(f->now) >= f->plan->measure_from;
		return;
	}
	vm->remaining = LIMIT - ++to->used;
}

/* ---------------------------------------------------------------- machines */

static void plan_wake(struct fleet *f, uint32_t number)
{
	struct vm *vm = &f->vms[number];
	uint64_t at;

	if (vm->arrived_ns)
		return;
	at = pace_next(&vm->pace).ns;
	if (at < f->now)
		at = f->now;
	if (at == vm->wake_ns)
		return;
	vm->wake_ns = at;
	events_add(&f->events, at, WAKE, number, 0);
}

static void hear(struct fleet *f, uint32_t number, uint32_t source, bool in_a_loop)
{
	struct knock knock = {
		.at.ns = f->now, .family = JITGATE_IPV4, .proto = 6, .port = 22, .n_unsaid = in_a_loop ? 9 : 0};

	memcpy(knock.addr, &source, sizeof(source));
	pace_knock(&f->vms[number].pace, &knock, (struct boot_time){f->now});
}

static void begin_read(struct fleet *f, uint32_t number)
{
	struct vm *vm = &f->vms[number];

	pace_begin(&vm->pace, (struct boot_time){f->now});
	if (vm->pace.by_knock)
		count_knock_read(f, vm);
	ask_azure(f, vm, &f->subscriptions[number % f->plan->n_subscriptions]);
	events_add(&f->events, f->now + ns_of(READ_S), READ_DONE, number, 0);
}

static void wake(struct fleet *f, uint32_t number)
{
	struct vm *vm = &f->vms[number];

	if (vm->wake_ns != f->now || vm->arrived_ns)
		return;
	vm->wake_ns = 0;
	if (pace_next(&vm->pace).ns <= f->now)
		begin_read(f, number);
	else
		plan_wake(f, number);
}

/* What the answer says of each request, and what it opens. */
static void read_requests(struct fleet *f, struct vm *vm, struct pace_result *result)
{
	for (size_t i = 0; vm->arrived_ns < vm->last_until_ns && i < REQUESTS_MAX; i++) {
		struct request *r = &vm->requests[i];

		if (!r->until_ns || vm->arrived_ns < r->accepted_ns || vm->arrived_ns >= r->until_ns)
			continue;
		if (vm->arrived_ns < r->initiated_ns) {
			result->initiating = true;
			continue;
		}
		result->live = true;
		if (!r->open && r->counts)
			sample(&f->open, s_of(f->now - r->accepted_ns));
		r->open = true;
	}
}

static bool scan_goes_on(const struct fleet *f)
{
	double of_day = s_of(f->now) / DAY_S;

	return f->plan->scan != SCAN_NONE && of_day - (double)(uint64_t)of_day < f->plan->scan_share;
}

static void end_read(struct fleet *f, uint32_t number)
{
	struct vm *vm = &f->vms[number];
	struct pace_result result = {.good = !vm->refused && !vm->lost,
				     .retry_after_s = vm->wait_s,
				     .remaining = vm->remaining,
				     .n_reads = 1};

	if (result.good)
		read_requests(f, vm, &result);
	if (result.good && !vm->answered)
		sample(&f->answered, s_of(f->now) - START_S);
	vm->answered = vm->answered || result.good;
	vm->arrived_ns = 0;
	pace_end(&vm->pace, (struct boot_time){f->now}, &result, draw(f));
	if (scan_goes_on(f))
		events_add(&f->events, f->now + ns_of(0.2 + 0.8 * draw(f)), SCAN, number, SCAN_AFTER);
	plan_wake(f, number);
}

/* ---------------------------------------------------------------- strangers */

/* Another one with each knock; the same one, and never slowly; the same twenty. */
static void knock_now(struct fleet *f, uint32_t vm)
{
	if (f->plan->scan == SCAN_RANDOM)
		hear(f, vm, 0x40000000 + f->n_sources++, false);
	for (uint32_t i = 0; f->plan->scan == SCAN_ONE && i < 1; i++)
		hear(f, vm, 1 + i, true);
	for (uint32_t i = 0; f->plan->scan == SCAN_TWENTY && i < 20; i++)
		hear(f, vm, 1 + i, true);
}

static uint64_t next_day(struct fleet *f)
{
	return (f->now / ns_of(DAY_S) + 1) * ns_of(DAY_S) + ns_of(SCAN_REFRESH_S * draw(f));
}

/* SCAN_ON keeps itself up, and says once a minute that the knocking goes on; SCAN_AFTER follows a read. A sweep comes
 * along once an hour and tries each port twice, as a TCP client does. */
static void scan(struct fleet *f, uint32_t vm, uint32_t why)
{
	bool sweep = f->plan->scan == SCAN_SWEEP, on = scan_goes_on(f);
	uint64_t again = f->now + ns_of(sweep ? 3600 : SCAN_REFRESH_S);

	if (why == SCAN_ON)
		events_add(&f->events, on ? again : next_day(f), SCAN, vm, SCAN_ON);
	if (!on)
		return;
	if (!sweep) {
		knock_now(f, vm);
	} else if (why != SCAN_AFTER) {
		hear(f, vm, 1, false);
		if (why == SCAN_ON)
			events_add(&f->events, f->now + ns_of(1), SCAN, vm, SCAN_TWICE);
	}
	plan_wake(f, vm);
}

/* ---------------------------------------------------------------- users */

static void plan_request(struct fleet *f, uint32_t vm)
{
	/* Not quite Poisson's law, which needs a logarithm: from nothing to twice the mean. */
	uint64_t at = f->now + ns_of(2 * draw(f) * DAY_S / f->plan->per_day);

	if (f->plan->per_day > 0 && at < f->end_ns)
		events_add(&f->events, at, REQUEST, vm, 0);
}

/* Users are measured after the first day, in quiet times, or just when there is a scan. */
static bool counts(const struct fleet *f)
{
	double s = s_of(f->now);

	if (s < f->plan->measure_from || (s >= f->plan->outage_from - 60 && s < f->plan->outage_to))
		return false;
	return f->plan->scan == SCAN_NONE || scan_goes_on(f);
}

static void take_request(struct fleet *f, uint32_t number)
{
	struct vm *vm = &f->vms[number];

	plan_request(f, number);
	for (uint32_t i = 0; i < REQUESTS_MAX; i++) {
		struct request *r = &vm->requests[i];

		if (r->until_ns > f->now)
			continue;
		*r = (struct request){
			.accepted_ns = f->now,
			.initiated_ns = f->now + ns_of(INITIATING_S),
			.until_ns = f->now + ns_of(3600 + 2 * 3600 * draw(f)),
			.tried_ns = f->now + ns_of(CONNECT_S),
			.source = 0x80000000 + f->n_sources++,
		};
		r->counts = counts(f);
		if (vm->last_until_ns < r->until_ns)
			vm->last_until_ns = r->until_ns;
		f->result->n_requests += r->counts;
		events_add(&f->events, r->tried_ns, SYN, number, i);
		return;
	}
}

static void try_syn(struct fleet *f, uint32_t number, uint32_t i)
{
	struct request *r = &f->vms[number].requests[i];

	if (r->until_ns <= f->now) {
		f->result->n_never += r->counts;
		return;
	}
	if (r->open) {
		if (r->counts)
			sample(&f->in, s_of(f->now - r->accepted_ns));
		return;
	}
	if (++r->n_syn < ARRAY_SIZE(syn_s)) {
		events_add(&f->events, r->tried_ns + ns_of(syn_s[r->n_syn]), SYN, number, i);
	} else {
		r->tried_ns += ns_of(SYN_GIVES_UP_S);
		r->n_syn = 0;
		events_add(&f->events, r->tried_ns, SYN, number, i);
	}
	hear(f, number, r->source, false);
	plan_wake(f, number);
}

/* ---------------------------------------------------------------- the run */

static void start(struct fleet *f)
{
	f->vms = must(calloc(f->plan->n_vms, sizeof(*f->vms)));
	f->subscriptions = must(calloc(f->plan->n_subscriptions, sizeof(*f->subscriptions)));
	f->end_ns = ns_of(START_S + f->plan->days * DAY_S);
	for (uint32_t i = 0; i < f->plan->n_vms; i++) {
		struct boot_time at = {ns_of(START_S + f->plan->boot_s * draw(f))};
		struct boot_time uptime = {f->plan->boot_s > 0 ? at.ns : ns_of(30)};

		f->now = at.ns;
		pace_init(&f->vms[i].pace, IDLE_S, LIVE_S, uptime, draw(f));
		f->vms[i].pace.due.ns += at.ns - uptime.ns;
		f->vms[i].pace.filled_at = at;
		plan_wake(f, i);
		plan_request(f, i);
		if (f->plan->scan != SCAN_NONE)
			events_add(&f->events, at.ns + ns_of(SCAN_REFRESH_S * draw(f)), SCAN, i, SCAN_ON);
	}
}

static void finish(struct fleet *f)
{
	struct fleet_result *r = f->result;

	r->reads_per_vm_day = (double)r->n_steady / f->plan->n_vms / (f->plan->days - f->plan->measure_from / DAY_S);
	r->open_p50 = percentile(&f->open, 0.5);
	r->open_p99 = percentile(&f->open, 0.99);
	r->in_p50 = percentile(&f->in, 0.5);
	r->in_p99 = percentile(&f->in, 0.99);
	r->in_max = percentile(&f->in, 1);
	r->answered_p50 = percentile(&f->answered, 0.5);
	r->answered_last = f->answered.n == f->plan->n_vms ? percentile(&f->answered, 1) : -1;
	free(f->open.list);
	free(f->in.list);
	free(f->answered.list);
	free(f->vms);
	free(f->subscriptions);
	events_free(&f->events);
}

void fleet_run(const struct fleet_plan *plan, struct fleet_result *ret)
{
	struct fleet f = {.plan = plan, .result = ret};
	struct happening next;

	*ret = (struct fleet_result){0};
	start(&f);
	while (events_next(&f.events, &next) && next.at_ns < f.end_ns) {
		f.now = next.at_ns;
		if (next.what == WAKE)
			wake(&f, next.vm);
		else if (next.what == READ_DONE)
			end_read(&f, next.vm);
		else if (next.what == REQUEST)
			take_request(&f, next.vm);
		else if (next.what == SYN)
			try_syn(&f, next.vm, next.number);
		else
			scan(&f, next.vm, next.number);
	}
	finish(&f);
}
