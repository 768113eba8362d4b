// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The enforcer with a clock, a data path and a feed of the test's own: rules that take hours or a broken machine to
 * see in life, in milliseconds. Each test starts a fresh world.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "enforcer.h"
#include "fake_gate.h"
#include "opened.h"
#include "random.h"
#include "util.h"

#define MINUTE (60 * NS_PER_S)
#define HOUR (60 * MINUTE)
#define START_WALL (1800000000LL * NS_PER_S)
#define START_BOOT (1000ULL * NS_PER_S)

struct world {
	struct fake_gate gate;
	struct conf conf;
	struct clock_pair clock;
	struct enforcer e;
	char log[65536]; /* every line, newest last; forgotten when full */
	unsigned int asks, saves;
	struct knock last_ask;
	int save_error;
	bool keep_saved;
	void (*saving)(void);  /* called at the moment of a save; NULL: nothing */
	struct snapshot saved; /* what the state file would hold, while keep_saved */
	void *opened;          /* the bytes of the file of what is opened by hand */
	size_t opened_len;
	bool armed; /* the record is there */
	void (*on_save_armed)(void);
};

static struct world w;
/* ------------------------------------------------------------ the world */

static struct clock_pair world_now(void *ctx)
{
	return ((struct world *)ctx)->clock;
}

static void world_log(void *ctx, enum log_level level, const char *line)
{
	struct world *world = ctx;
	size_t used = strlen(world->log);

	if (used + strlen(line) + 8 > sizeof(world->log))
		used = 0;
	snprintf(world->log + used, sizeof(world->log) - used, "<%d>%s\n", level, line);
}

/* A copy, as the state file is one. */
static void copy_snapshot(const struct snapshot *from, struct snapshot *to)
{
	snapshot_free(to);
	to->taken = from->taken;
	to->fresh_for_s = from->fresh_for_s;
	for (size_t i = 0; i < from->n_ports; i++)
		assert_int_equal(snapshot_add_port(to, &from->ports[i]), 0);
	for (size_t i = 0; i < from->grants.n; i++) {
		const struct grant *grant = &from->grants.grants[i];

		assert_int_equal(
			grant_set_add(&to->grants, grant, grant_set_text(&from->grants, grant->requestor), NULL, NULL),
			0);
		to->grants.grants[i].mark = 0;
	}
}

static int world_save(void *ctx, const struct snapshot *snapshot)
{
	struct world *world = ctx;

	world->saves++;
	if (world->saving)
		world->saving();
	if (!world->save_error && world->keep_saved)
		copy_snapshot(snapshot, &world->saved);
	return world->save_error;
}

static void world_ask(void *ctx, const struct knock *knock)
{
	((struct world *)ctx)->last_ask = *knock;
	((struct world *)ctx)->asks++;
}

static int world_save_opened(void *ctx, const struct grant_set *opened, struct wall_time now)
{
	struct world *world = ctx;

	if (world->save_error)
		return world->save_error;
	free(world->opened);
	return opened_encode(opened, now, &world->opened, &world->opened_len);
}

static int world_save_armed(void *ctx, bool armed)
{
	struct world *world = ctx;

	if (world->on_save_armed)
		world->on_save_armed();
	if (!world->save_error)
		world->armed = armed;
	return world->save_error;
}

static const struct enforcer_hooks world_hooks = {
	.now = world_now,
	.log = world_log,
	.save = world_save,
	.ask = world_ask,
	.save_opened = world_save_opened,
	.save_armed = world_save_armed,
};

static struct port_rule protect_22 = {.port = 22, .protos = PROTO_BIT_TCP};

static int fresh_world(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.gate.capacity = 512;
	w.clock = (struct clock_pair){.wall.ns = START_WALL, .boot.ns = START_BOOT};
	w.conf = (struct conf){
		.protect = &protect_22, .n_protect = 1, .max_grants = 256, .guard = {.longest_s = 24 * 3600}};
	enforcer_init(&w.e, &w.conf, &fake_gate_ops, &w.gate, &world_hooks, &w);
	return 0;
}

static int end_world(void **state)
{
	(void)state;
	enforcer_free(&w.e);
	snapshot_free(&w.saved);
	free(w.opened);
	return 0;
}

/* Time goes on; the daemon is called whenever it asked to be. */
static void advance(int64_t ns)
{
	uint64_t end = w.clock.boot.ns + (uint64_t)ns;

	while (enforcer_next(&w.e).ns <= end) {
		uint64_t next = enforcer_next(&w.e).ns;
		uint64_t step = next > w.clock.boot.ns ? next - w.clock.boot.ns : 0;

		w.clock.boot.ns += step;
		w.clock.wall.ns += (int64_t)step;
		enforcer_tick(&w.e);
		assert_true(enforcer_next(&w.e).ns > w.clock.boot.ns || w.gate.fail_puts || w.gate.fail_deletes);
	}
	w.clock.wall.ns += (int64_t)(end - w.clock.boot.ns);
	w.clock.boot.ns = end;
}

/* Time goes on with the daemon dead. */
static void advance_alone(int64_t ns)
{
	w.clock.boot.ns += (uint64_t)ns;
	w.clock.wall.ns += ns;
}

static struct cidr source(const char *text)
{
	struct cidr c;

	assert_int_equal(cidr_parse(text, strlen(text), &c, NULL), 0);
	return c;
}

static bool passes(const char *from, uint16_t port)
{
	struct cidr c = source(from);

	return fake_passes(&w.gate, &c, port, 6, w.clock.boot.ns);
}

static void add_grant(struct snapshot *s, const char *from, uint16_t port, int64_t for_ns)
{
	struct grant grant = {
		.source = source(from), .port = port, .protos = PROTO_BIT_TCP, .until.ns = w.clock.wall.ns + for_ns};

	assert_int_equal(grant_set_add(&s->grants, &grant, "alice", "a\nforged line", "test"), 0);
}

static void add_port(struct snapshot *s, uint16_t port)
{
	struct port_rule rule = {.port = port, .protos = PROTO_BIT_TCP};

	assert_int_equal(snapshot_add_port(s, &rule), 0);
}

static int feed(struct snapshot *s)
{
	int r;

	s->taken = w.clock.wall;
	if (!s->fresh_for_s)
		s->fresh_for_s = 600;
	r = enforcer_take_snapshot(&w.e, s);
	snapshot_free(s);
	return r;
}

static void feed_grant(const char *from, int64_t for_ns)
{
	struct snapshot s = {0};

	add_grant(&s, from, 22, for_ns);
	assert_int_equal(feed(&s), 0);
}

static bool logged(const char *text)
{
	return strstr(w.log, text);
}

static void forget_log(void)
{
	w.log[0] = '\0';
}

/* ------------------------------------------------------------ promises */

static void closed_before_any_answer_open_for_a_grant_closed_at_its_end(void **state)
{
	(void)state;
	assert_int_equal(enforcer_start(&w.e, NULL), 0);
	assert_false(passes("10.0.0.1", 22));
	assert_true(passes("10.0.0.1", 23));
	feed_grant("10.0.0.1", 10 * MINUTE);
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.2", 22));
	advance(10 * MINUTE - 1);
	assert_true(passes("10.0.0.1", 22));
	advance(1);
	assert_false(passes("10.0.0.1", 22));
	assert_true(logged("<5>expired"));
}

static void a_grant_ends_on_time_with_the_daemon_dead(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", 10 * MINUTE);
	advance_alone(10 * MINUTE - 1);
	assert_true(passes("10.0.0.1", 22));
	advance_alone(1);
	assert_false(passes("10.0.0.1", 22));
}

static void an_ended_entry_stays_a_minute_so_that_its_drops_read_expired(void **state)
{
	struct cidr from = source("10.0.0.1");

	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", MINUTE);
	advance(MINUTE + 59 * NS_PER_S);
	assert_int_equal(enforcer_explain(&w.e, &from, 22, PROTO_BIT_TCP).reason, REASON_EXPIRED);
	advance(2 * NS_PER_S);
	assert_int_equal(enforcer_explain(&w.e, &from, 22, PROTO_BIT_TCP).reason, REASON_NO_GRANT);
	assert_int_equal(w.gate.n, 0);
	assert_int_equal(w.e.current.grants.n, 0);
}

static void a_revoked_grant_closes_at_once_and_is_said(void **state)
{
	struct snapshot empty = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", HOUR);
	advance(MINUTE);
	forget_log();
	assert_int_equal(feed(&empty), 0);
	assert_false(passes("10.0.0.1", 22));
	assert_true(logged("<5>revoked id="));
	assert_false(logged("expired"));
}

static void a_renewed_grant_has_no_gap_and_keeps_its_counters(void **state)
{
	uint32_t slot;

	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", HOUR);
	slot = w.gate.entries[0].grant.slot;
	advance(59 * MINUTE);
	forget_log();
	feed_grant("10.0.0.1", HOUR);
	assert_int_equal(w.gate.n, 1);
	assert_int_equal(w.gate.entries[0].grant.slot, slot);
	assert_int_equal(w.gate.resets[slot], 1);
	assert_true(logged("<5>renewed id="));
	advance(30 * MINUTE);
	assert_true(passes("10.0.0.1", 22));
}

static void the_wider_grant_goes_on_when_the_narrower_ends(void **state)
{
	struct snapshot s = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	add_grant(&s, "10.0.0.0/24", 22, HOUR);
	add_grant(&s, "10.0.0.1", 22, MINUTE);
	feed(&s);
	advance_alone(2 * MINUTE);
	assert_true(passes("10.0.0.1", 22));
	assert_true(passes("10.0.0.2", 22));
	advance_alone(HOUR);
	assert_false(passes("10.0.0.1", 22));
}

static void an_unchanged_snapshot_writes_nothing(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	for (int i = 0; i < 5; i++) {
		struct snapshot s = {0};

		for (int n = 0; n < 50; n++) {
			char from[32];

			snprintf(from, sizeof(from), "10.0.%d.0/24", n);
			add_grant(&s, from, 22, HOUR - i * MINUTE);
		}
		feed(&s);
		assert_int_equal(w.gate.puts, 50);
		assert_int_equal(w.gate.deletes, 0);
		advance(MINUTE);
	}
}

static void remote_strings_cannot_forge_a_line(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", HOUR);
	assert_true(logged("reason=\"a\\nforged line\""));
	assert_false(logged("\nforged"));
}

/* ------------------------------------------------------------ guard rails */

static void a_grant_beyond_the_guard_rails_is_refused_whole_and_said_once(void **state)
{
	struct cidr allowed = source("10.0.0.0/8");

	(void)state;
	w.conf.guard = (struct guard){.longest_s = 3600, .widest_ipv4 = 24, .sources = &allowed, .n_sources = 1};
	enforcer_start(&w.e, NULL);
	for (int i = 0; i < 3; i++) {
		struct snapshot s = {0};

		add_grant(&s, "10.1.0.1", 22, 2 * HOUR - i * MINUTE); /* too long */
		add_grant(&s, "10.2.0.0/16", 22, MINUTE * 50);        /* too wide */
		add_grant(&s, "192.0.2.1", 22, MINUTE * 50);          /* not among the sources */
		add_grant(&s, "10.3.0.1", 22, MINUTE * 50);
		feed(&s);
		assert_false(passes("10.1.0.1", 22));
		assert_false(passes("10.2.0.1", 22));
		assert_false(passes("192.0.2.1", 22));
		assert_true(passes("10.3.0.1", 22));
		assert_true(i > 0 || logged("<5>refused"));
		assert_true(i == 0 || !logged("<5>refused"));
		forget_log();
	}
}

/* Somebody asks for longer than the guard rails allow, for a source (or a firewall's network) that has a grant. */
static void a_refused_request_takes_nothing_from_a_grant_of_the_same_key(void **state)
{
	(void)state;
	w.conf.guard.longest_s = 3600;
	enforcer_start(&w.e, NULL);
	for (int i = 0; i < 4; i++) {
		struct snapshot s = {0};

		add_grant(&s, "10.0.0.1", 22, i % 2 ? 3 * HOUR : 50 * MINUTE);
		add_grant(&s, "10.0.0.1", 22, i % 2 ? 50 * MINUTE : 3 * HOUR);
		add_grant(&s, "10.0.0.1", 22, 2 * HOUR);
		assert_int_equal(feed(&s), 0);
		assert_true(passes("10.0.0.1", 22));
		assert_int_equal(w.e.current.grants.n, 2);
		assert_true(i > 0 || (logged("<5>granted") && logged("<5>refused")));
		assert_true(i == 0 || (!logged("granted") && !logged("refused") && !logged("revoked")));
		forget_log();
	}
	advance_alone(50 * MINUTE);
	assert_false(passes("10.0.0.1", 22));
}

static void ask_for_both(void)
{
	struct snapshot s = {0};

	add_grant(&s, "10.0.0.1", 22, 50 * MINUTE);
	add_grant(&s, "10.0.0.1", 22, 3 * HOUR);
	assert_int_equal(feed(&s), 0);
}

/* The same after a restart, and when the guard rails move under both. */
static void guard_rails_that_move_judge_both_requests_of_a_key_anew(void **state)
{
	struct conf wide = w.conf, narrow = w.conf;

	(void)state;
	wide.guard.longest_s = 4 * 3600;
	narrow.guard.longest_s = 60;
	w.conf.guard.longest_s = 3600;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	ask_for_both();
	enforcer_free(&w.e);
	enforcer_init(&w.e, &w.conf, &fake_gate_ops, &w.gate, &world_hooks, &w);
	assert_int_equal(enforcer_start(&w.e, &w.saved), 0);
	assert_true(passes("10.0.0.1", 22));
	ask_for_both();
	forget_log();
	assert_int_equal(enforcer_reload(&w.e, &narrow), 0);
	assert_false(passes("10.0.0.1", 22));
	assert_true(logged("<5>revoked"));
	assert_int_equal(w.e.current.grants.n, 1);
	assert_int_equal(enforcer_reload(&w.e, &wide), 0);
	assert_true(logged("<5>granted"));
	assert_true(passes("10.0.0.1", 22));
	advance_alone(51 * MINUTE);
	assert_true(passes("10.0.0.1", 22));
	advance_alone(3 * HOUR);
	assert_false(passes("10.0.0.1", 22));
}

static void more_grants_than_fit_leave_the_old_ones(void **state)
{
	unsigned int saves;
	struct snapshot s = {0};

	(void)state;
	w.conf.max_grants = 16;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", HOUR);
	for (int n = 0; n < 17; n++) {
		char from[32];

		snprintf(from, sizeof(from), "10.9.0.%d", n);
		add_grant(&s, from, 22, HOUR);
	}
	saves = w.saves;
	assert_true(feed(&s) < 0);
	assert_int_equal(w.saves, saves); /* it must not become the state of the next start */
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.9.0.1", 22));
	assert_true(logged("<3>snapshot refused"));
}

static void ended_entries_make_room_for_live_grants(void **state)
{
	struct snapshot first = {0}, second = {0};

	(void)state;
	w.conf.max_grants = 16;
	enforcer_start(&w.e, NULL);
	for (int n = 0; n < 16; n++) {
		char from[32];

		snprintf(from, sizeof(from), "10.1.0.%d", n);
		add_grant(&first, from, 22, MINUTE);
		snprintf(from, sizeof(from), "10.2.0.%d", n);
		add_grant(&second, from, 22, HOUR);
	}
	assert_int_equal(feed(&first), 0);
	advance(MINUTE);
	assert_int_equal(feed(&second), 0);
	assert_true(passes("10.2.0.15", 22));
	assert_false(passes("10.1.0.15", 22));
}

/* Looked at after each single change of the maps. */
static void check_no_flicker(void *ctx)
{
	(void)ctx;
	assert_true(passes("10.5.0.1", 22)); /* always allowed */
	assert_true(passes("10.5.0.1", 3389));
	assert_true(passes("10.0.0.7", 22));  /* granted before and after */
	assert_false(passes("10.9.9.9", 22)); /* never granted, and 22 is closed before and after */
}

static void no_step_of_a_change_opens_or_closes_what_stays(void **state)
{
	struct cidr allowed = source("10.5.0.0/16");
	struct snapshot first = {0}, second = {0}, third = {0};

	(void)state;
	w.conf.allow = &allowed;
	w.conf.n_allow = 1;
	enforcer_start(&w.e, NULL);
	add_grant(&first, "10.0.0.0/24", 22, HOUR);
	feed(&first);
	w.gate.changed = check_no_flicker;
	add_port(&second, 3389); /* a port that closes: the allowed source must be in before */
	add_grant(&second, "10.0.0.7", 22, HOUR);
	feed(&second);
	assert_false(passes("10.9.9.9", 3389));
	for (int i = 0; i < 4; i++) { /* and one that opens again: its entries go only after it */
		struct snapshot s = {0};

		add_grant(&s, i % 2 ? "10.0.0.0/28" : "10.0.0.0/23", 22, HOUR);
		feed(&s);
		advance(6 * MINUTE);
	}
	add_grant(&third, "10.0.0.7", 22, HOUR);
	feed(&third);
	assert_true(passes("10.9.9.9", 3389));
	w.gate.changed = NULL;
}

static void a_grant_moved_to_an_earlier_end_is_said_and_ends_then(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", HOUR);
	feed_grant("10.0.0.1", 10 * MINUTE);
	assert_true(logged("<5>shortened id="));
	advance_alone(10 * MINUTE);
	assert_false(passes("10.0.0.1", 22));
}

static void ends_close_together_are_few_rounds_of_work(void **state)
{
	struct snapshot s = {0};
	uint64_t before;

	(void)state;
	enforcer_start(&w.e, NULL);
	for (int n = 0; n < 200; n++) {
		char from[32];

		snprintf(from, sizeof(from), "10.1.0.%d", n);
		add_grant(&s, from, 22, MINUTE + n * NS_PER_MS);
	}
	feed(&s);
	before = w.gate.state.generation;
	advance(MINUTE + NS_PER_S);
	assert_in_range(w.gate.state.generation - before, 1, 5);
}

static void the_end_of_time_is_no_trap(void **state)
{
	struct snapshot s = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	add_grant(&s, "10.0.0.1", 22, INT64_MAX - w.clock.wall.ns);
	add_grant(&s, "10.0.0.2", 22, INT64_MAX - w.clock.wall.ns - 30 * NS_PER_S);
	feed(&s);
	assert_false(passes("10.0.0.1", 22));
	advance(HOUR);
	assert_false(passes("10.0.0.1", 22));
}

static void freshness_counts_from_when_the_feed_learned_it(void **state)
{
	struct snapshot s = {.fresh_for_s = 600, .taken.ns = START_WALL - 590 * NS_PER_S};

	(void)state;
	enforcer_start(&w.e, NULL);
	assert_int_equal(enforcer_take_snapshot(&w.e, &s), 0);
	assert_int_equal(w.e.fresh_until.ns, START_BOOT + 10 * NS_PER_S);
	s = (struct snapshot){.fresh_for_s = 600, .taken.ns = INT64_MAX};
	assert_int_equal(enforcer_take_snapshot(&w.e, &s), 0);
	assert_int_equal(w.e.fresh_until.ns, START_BOOT + 600 * NS_PER_S);
	assert_int_equal(w.gate.state.last_sync_boot_ns, START_BOOT);
}

/* Kept like the grants: over trouble and over a snapshot that does not fit, until the next good answer. */
static void what_is_refused_and_the_clock_are_those_of_the_last_good_answer(void **state)
{
	const struct refused_texts texts = {"source not understood", "Internet", "", "ann", "p"};
	struct snapshot s = {.fresh_for_s = 600, .taken.ns = START_WALL, .clock_known = true, .clock_offset_s = -431};
	struct snapshot many = {0}, clean = {.fresh_for_s = 600, .taken.ns = START_WALL};

	(void)state;
	w.conf.max_grants = 16;
	enforcer_start(&w.e, NULL);
	assert_int_equal(w.gate.state.clock_known, 0);
	assert_int_equal(refused_add(&s.refused, 22, &texts), 0);
	assert_int_equal(enforcer_take_snapshot(&w.e, &s), 0);
	assert_null(s.refused.items); /* moved in */
	enforcer_take_trouble(&w.e, w.clock.wall, "cannot");
	for (int i = 0; i < 40; i++) {
		char from[32];

		snprintf(from, sizeof(from), "10.0.0.%d", i + 1);
		add_grant(&many, from, 22, HOUR);
	}
	add_port(&many, 22);
	assert_int_equal(enforcer_take_snapshot(&w.e, &many), -ENOSPC);
	snapshot_free(&many);
	enforcer_tick(&w.e);
	assert_int_equal(w.e.current.refused.n, 1);
	assert_string_equal(w.e.current.refused.items[0].source, "Internet");
	assert_int_equal(w.e.current.clock_offset_s, -431);
	assert_int_equal(w.gate.state.clock_known, 1);
	assert_int_equal(w.gate.state.clock_offset_s, -431);
	assert_int_equal(enforcer_take_snapshot(&w.e, &clean), 0);
	assert_int_equal(w.e.current.refused.n, 0);
	assert_int_equal(w.gate.state.clock_known, 0);
}

/* ------------------------------------------------------------ a feed that can judge no grant */

/* The only entry's end in the program. */
static uint64_t entry_end(void)
{
	assert_int_equal(w.gate.n, 1);
	return w.gate.entries[0].grant.expires_boot_ns;
}

/* The answer of a feed that cannot tell what is granted, whatever grants the caller has put in. */
static void feed_keeping(struct snapshot *s)
{
	s->keeps_grants = true;
	s->clock_known = true;
	s->clock_offset_s = -600;
	assert_int_equal(feed(s), 0);
}

static void a_feed_that_can_judge_no_grant_keeps_what_is_held(void **state)
{
	const struct refused_texts texts = {"clocks too far apart", "10.0.0.2", "", "ann", "p"};
	struct snapshot keep = {0};
	uint64_t end;

	(void)state;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", HOUR);
	end = entry_end();
	advance(MINUTE);
	forget_log();
	add_port(&keep, 22);
	add_port(&keep, 2022);
	assert_int_equal(refused_add(&keep.refused, 22, &texts), 0);
	feed_keeping(&keep);
	assert_true(passes("10.0.0.1", 22));
	assert_true(entry_end() == end);
	assert_false(logged("revoked") || logged("granted") || logged("renewed") || logged("shortened"));
	/* the rest of the answer counts */
	assert_false(passes("10.0.0.1", 2022));
	assert_true(logged("protected port=2022/tcp by=feed"));
	assert_int_equal(w.e.current.refused.n, 1);
	assert_int_equal(w.gate.state.clock_offset_s, -600);
	assert_int_equal(w.e.fresh_until.ns, w.clock.boot.ns + 600 * NS_PER_S);
	/* and so it is on the disk */
	assert_int_equal(w.saved.n_ports, 2);
	assert_int_equal(w.saved.grants.n, 1);
	assert_string_equal(grant_set_text(&w.saved.grants, w.saved.grants.grants[0].requestor), "alice");
}

static void a_feed_that_can_judge_no_grant_brings_none(void **state)
{
	struct snapshot keep = {0};
	uint64_t end;

	(void)state;
	enforcer_start(&w.e, NULL);
	add_grant(&keep, "10.0.0.1", 22, HOUR);
	feed_keeping(&keep);
	assert_false(passes("10.0.0.1", 22)); /* nothing held, nothing open */
	assert_int_equal(w.e.current.grants.n, 0);
	feed_grant("10.0.0.1", HOUR);
	end = entry_end();
	add_grant(&keep, "10.0.0.1", 22, 2 * HOUR);
	add_grant(&keep, "10.0.0.2", 22, HOUR);
	feed_keeping(&keep);
	assert_false(passes("10.0.0.2", 22));
	assert_true(entry_end() == end);
	assert_false(logged("renewed"));
}

static void what_is_kept_ends_at_its_own_end(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", 10 * MINUTE);
	for (int i = 0; i < 9; i++) {
		struct snapshot keep = {0};

		advance(MINUTE);
		feed_keeping(&keep);
		assert_true(passes("10.0.0.1", 22));
	}
	advance(MINUTE - 1);
	assert_true(passes("10.0.0.1", 22));
	forget_log();
	advance(1);
	assert_false(passes("10.0.0.1", 22));
	assert_true(logged("<5>expired"));
	forget_log();
	for (int i = 0; i < 3; i++) {
		struct snapshot keep = {0};

		feed_keeping(&keep);
		assert_int_equal(w.e.current.grants.grants[0].mark, GRANT_OVER); /* its drops read "expired" */
		advance(10 * NS_PER_S);
	}
	w.clock.wall.ns -= 2 * MINUTE; /* the clock is set right: no answer has it any more */
	enforcer_tick(&w.e);
	assert_false(passes("10.0.0.1", 22));
	assert_false(logged("granted") || logged("expired"));
	assert_int_equal(w.e.current.grants.n, 0);
}

static void after_the_cure_the_feed_rules_again(void **state)
{
	struct snapshot keep = {0}, cured = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	add_grant(&cured, "10.0.0.1", 22, HOUR);
	add_grant(&cured, "10.0.0.2", 22, HOUR);
	feed(&cured);
	feed_keeping(&keep);
	assert_true(passes("10.0.0.1", 22) && passes("10.0.0.2", 22));
	forget_log();
	add_grant(&cured, "10.0.0.1", 22, HOUR);
	add_grant(&cured, "10.0.0.3", 22, HOUR);
	feed(&cured);
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.2", 22));
	assert_true(passes("10.0.0.3", 22));
	assert_true(logged("<5>revoked id=") && logged("<5>granted id="));
}

static void what_is_kept_is_judged_by_the_guard_rails(void **state)
{
	struct snapshot all = {0}, keep = {0};
	struct conf narrow = w.conf;
	struct cidr only = source("10.0.0.2");

	(void)state;
	narrow.guard.sources = &only;
	narrow.guard.n_sources = 1;
	enforcer_start(&w.e, NULL);
	add_grant(&all, "10.0.0.1", 22, HOUR);
	add_grant(&all, "10.0.0.2", 22, HOUR);
	feed(&all);
	feed_keeping(&keep);
	assert_int_equal(enforcer_reload(&w.e, &narrow), 0);
	assert_false(passes("10.0.0.1", 22));
	assert_true(passes("10.0.0.2", 22));
	assert_true(logged("<5>revoked id="));
	forget_log();
	feed_keeping(&keep);
	assert_false(passes("10.0.0.1", 22));
	assert_true(passes("10.0.0.2", 22));
	assert_false(logged("refused") || logged("revoked") || logged("granted"));
}

/* Both daemons restarted: what the state file and the maps hold is as good as what was held. */
static void what_a_restart_restores_is_kept_too(void **state)
{
	struct snapshot keep = {0};

	(void)state;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", HOUR);
	feed_keeping(&keep);
	enforcer_free(&w.e);
	enforcer_init(&w.e, &w.conf, &fake_gate_ops, &w.gate, &world_hooks, &w);
	assert_int_equal(enforcer_start(&w.e, &w.saved), 0);
	feed_keeping(&keep);
	assert_true(passes("10.0.0.1", 22));
	assert_string_equal(grant_set_text(&w.e.current.grants, w.e.current.grants.grants[0].requestor), "alice");
	advance(HOUR);
	assert_false(passes("10.0.0.1", 22));
}

/* Too long only because its start had not come by our clock; a minute later it is let in, and no answer is news of it.
 */
static void who_comes_inside_the_guard_rails_by_time_is_granted_once(void **state)
{
	(void)state;
	for (int keeps = 0; keeps < 2; keeps++) {
		struct snapshot again = {.keeps_grants = keeps};

		assert_int_equal(fresh_world(NULL), 0);
		w.conf.guard.longest_s = 3600;
		enforcer_start(&w.e, NULL);
		feed_grant("10.0.0.1", HOUR + 3 * MINUTE);
		assert_false(passes("10.0.0.1", 22));
		advance(3 * MINUTE);
		if (!keeps)
			add_grant(&again, "10.0.0.1", 22, HOUR);
		enforcer_tick(&w.e);
		assert_true(passes("10.0.0.1", 22) && logged("<5>granted id="));
		forget_log();
		assert_int_equal(feed(&again), 0);
		assert_true(passes("10.0.0.1", 22));
		assert_false(logged("revoked") || logged("granted"));
		enforcer_free(&w.e);
	}
	fresh_world(NULL);
}

/* Like any answer: no room, no change. */
static void a_keeping_answer_that_does_not_fit_changes_nothing(void **state)
{
	struct snapshot keep = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", HOUR);
	for (uint16_t port = 0; port <= JITGATE_PORT_RULES_MAX; port++)
		add_port(&keep, (uint16_t)(1000 + port));
	keep.keeps_grants = true;
	assert_int_equal(feed(&keep), -ENOSPC);
	assert_true(passes("10.0.0.1", 22) && passes("10.0.0.1", 1000));
	assert_int_equal(w.e.current.grants.n, 1);
}

static void a_good_answer_clears_trouble_and_a_refused_snapshot_is_trouble(void **state)
{
	struct snapshot many = {0};

	(void)state;
	w.conf.max_grants = 16;
	enforcer_start(&w.e, NULL);
	for (int n = 0; n < 17; n++) {
		char from[32];

		snprintf(from, sizeof(from), "10.1.0.%d", n);
		add_grant(&many, from, 22, HOUR);
	}
	feed(&many);
	assert_true(w.e.trouble_at.ns && strstr(w.e.trouble, "snapshot refused"));
	feed_grant("10.0.0.1", HOUR);
	assert_int_equal(w.e.trouble_at.ns, 0);
	assert_string_equal(w.e.trouble, "");
}

/* ------------------------------------------------------------ clocks */

static void step_clock(int64_t ns)
{
	w.clock.wall.ns += ns;
	enforcer_tick(&w.e);
}

static void a_clock_step_forward_ends_a_grant_by_its_wall_end(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", 90 * MINUTE);
	step_clock(HOUR);
	assert_true(logged("<4>the wall clock was set forward by 3600000 ms"));
	advance_alone(30 * MINUTE - 1);
	assert_true(passes("10.0.0.1", 22));
	advance_alone(1);
	assert_false(passes("10.0.0.1", 22));
}

/* Status must not call a clock right that was set wrong since the feed last looked, nor the other way round. */
static void a_clock_step_is_known_before_the_feed_says_it(void **state)
{
	struct snapshot s = {.clock_known = true, .clock_offset_s = 90};

	(void)state;
	enforcer_start(&w.e, NULL);
	assert_int_equal(feed(&s), 0);
	step_clock(-2 * HOUR);
	assert_int_equal(w.e.current.clock_offset_s, 90 - 7200);
	assert_int_equal(w.gate.state.clock_offset_s, 90 - 7200);
	step_clock(2 * HOUR);
	assert_int_equal(w.e.current.clock_offset_s, 90);
	s = (struct snapshot){0};
	assert_int_equal(feed(&s), 0);
	step_clock(HOUR);
	assert_true(!w.e.current.clock_known && !w.e.current.clock_offset_s);
	s = (struct snapshot){.clock_known = true, .clock_offset_s = INT32_MAX};
	assert_int_equal(feed(&s), 0);
	step_clock(HOUR);
	assert_int_equal(w.e.current.clock_offset_s, INT32_MAX);
}

static void a_clock_step_back_never_gives_more_than_the_longest_grant(void **state)
{
	(void)state;
	w.conf.guard.longest_s = 3600;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", 50 * MINUTE);
	step_clock(-HOUR);
	assert_false(passes("10.0.0.1", 22));
	assert_true(logged("<5>revoked"));
	step_clock(HOUR);
	assert_true(passes("10.0.0.1", 22));
	advance_alone(50 * MINUTE);
	assert_false(passes("10.0.0.1", 22));
}

static void a_grant_that_is_over_and_gone_from_the_feed_never_comes_back(void **state)
{
	struct snapshot empty = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", 10 * MINUTE);
	advance_alone(10 * MINUTE + 10 * NS_PER_S);
	assert_int_equal(feed(&empty), 0);
	assert_true(logged("<5>expired"));
	assert_int_equal(w.gate.n, 1); /* its drops still read "expired" */
	step_clock(-HOUR);
	assert_false(passes("10.0.0.1", 22));
	advance(HOUR / 2);
	assert_false(passes("10.0.0.1", 22));
	feed_grant("10.0.0.1", 10 * MINUTE); /* a new one for the same source is another matter */
	assert_true(passes("10.0.0.1", 22));
}

static void a_renewal_right_after_the_end_opens_again(void **state)
{
	struct snapshot empty = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", 10 * MINUTE);
	advance(10 * MINUTE + NS_PER_S);
	feed(&empty);
	assert_false(passes("10.0.0.1", 22));
	feed_grant("10.0.0.1", 10 * MINUTE);
	assert_true(passes("10.0.0.1", 22));
}

static void slewing_does_not_rewrite_entries(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", HOUR);
	for (int i = 0; i < 100; i++) {
		w.clock.wall.ns += i % 2 ? 20000000 : -20000000;
		enforcer_tick(&w.e);
	}
	assert_int_equal(w.gate.puts, 1);
}

/* ------------------------------------------------------------ failure */

static void a_failed_write_is_tried_again(void **state)
{
	struct snapshot empty = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	w.gate.fail_puts = 1;
	feed_grant("10.0.0.1", HOUR);
	assert_false(passes("10.0.0.1", 22));
	advance(2 * NS_PER_S);
	assert_true(passes("10.0.0.1", 22));
	w.gate.fail_deletes = 1;
	feed(&empty);
	advance(2 * NS_PER_S);
	assert_false(passes("10.0.0.1", 22));
}

static void a_state_that_cannot_be_saved_does_not_stop_a_grant(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	w.save_error = -28;
	feed_grant("10.0.0.1", HOUR);
	assert_true(passes("10.0.0.1", 22));
	assert_true(logged("<3>cannot save the state"));
}

static void trouble_changes_nothing_and_staleness_is_said_once(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", 2 * HOUR);
	for (int i = 0; i < 60; i++) {
		enforcer_take_trouble(&w.e, w.clock.wall, "HTTP 500");
		advance(MINUTE);
		assert_true(passes("10.0.0.1", 22));
	}
	assert_true(logged("<4>no good answer"));
	forget_log();
	advance(HOUR + MINUTE);
	assert_false(logged("no good answer"));
	assert_false(passes("10.0.0.1", 22));
}

/* ------------------------------------------------------------ ports */

static void a_learned_port_is_released_only_after_several_answers_over_ten_minutes(void **state)
{
	struct snapshot with = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	add_port(&with, 3389);
	feed(&with);
	assert_true(logged("<5>protected port=3389/tcp by=feed"));
	assert_false(passes("10.0.0.1", 3389));
	for (int i = 0; i < 11; i++) { /* many answers, ten minutes not yet over */
		struct snapshot without = {0};

		feed(&without);
		assert_false(passes("10.0.0.1", 3389));
		advance(MINUTE - NS_PER_S);
	}
	for (int i = 0; i < 2; i++) {
		struct snapshot without = {0};

		feed(&without);
		advance(MINUTE);
	}
	assert_true(passes("10.0.0.1", 3389));
	assert_true(logged("<5>released port=3389/tcp by=feed"));
	assert_false(passes("10.0.0.1", 22)); /* in `protect`: never released */
}

static void two_empty_answers_never_release_a_port(void **state)
{
	struct snapshot with = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	add_port(&with, 3389);
	feed(&with);
	for (int i = 0; i < 2; i++) {
		struct snapshot without = {0};

		advance(HOUR);
		feed(&without);
	}
	assert_false(passes("10.0.0.1", 3389));
}

static void answers_without(int n, int64_t every_ns)
{
	for (int i = 0; i < n; i++) {
		struct snapshot without = {0};

		advance(every_ns);
		feed(&without);
	}
}

static void learn(uint16_t port)
{
	struct snapshot with = {0};

	add_port(&with, port);
	feed(&with);
}

static void a_policy_that_is_gone_ends_its_grants_at_once_and_opens_no_port(void **state)
{
	struct snapshot with = {0}, without = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	add_port(&with, 3389);
	add_grant(&with, "10.0.0.1", 22, HOUR);
	add_grant(&with, "10.0.0.1", 3389, HOUR);
	feed(&with);
	assert_true(passes("10.0.0.1", 3389));
	feed(&without);
	assert_false(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.1", 3389));
	assert_false(passes("10.0.0.9", 3389));
}

static void a_port_in_protect_is_never_released(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	learn(22); /* the feed names it as well, and then forgets it */
	answers_without(1000, HOUR);
	assert_false(passes("10.0.0.1", 22));
}

static void failures_between_answers_release_no_port(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	learn(3389);
	answers_without(2, MINUTE);
	for (int i = 0; i < 600; i++) {
		enforcer_take_trouble(&w.e, w.clock.wall, "HTTP 403");
		advance(MINUTE);
		assert_false(passes("10.0.0.1", 3389));
	}
	answers_without(1, MINUTE);
	assert_true(passes("10.0.0.1", 3389));
}

static void a_port_that_is_named_again_starts_over(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	for (int i = 0; i < 50; i++) {
		learn(3389);
		answers_without(2, HOUR);
		assert_false(passes("10.0.0.1", 3389));
	}
}

/* A feed that connects again sends its last answer again, since it cannot know what jitgated still has. */
static void one_answer_sent_again_and_again_is_one_answer(void **state)
{
	struct wall_time taken;

	(void)state;
	enforcer_start(&w.e, NULL);
	learn(3389);
	advance(MINUTE);
	taken = w.clock.wall;
	for (int i = 0; i < 100; i++) {
		struct snapshot same = {.taken = taken, .fresh_for_s = 600};

		assert_int_equal(enforcer_take_snapshot(&w.e, &same), 0);
		assert_false(passes("10.0.0.1", 3389));
		advance(MINUTE);
	}
	answers_without(2, MINUTE);
	assert_true(passes("10.0.0.1", 3389));
}

/* The clock was set back since: the answer is from a time that is still to come. */
static void nor_is_it_another_one_when_the_clock_was_set_back(void **state)
{
	struct wall_time taken;

	(void)state;
	enforcer_start(&w.e, NULL);
	learn(3389);
	advance(MINUTE);
	taken = w.clock.wall;
	w.clock.wall.ns -= HOUR;
	for (int i = 0; i < 30; i++) {
		struct snapshot same = {.taken = taken, .fresh_for_s = 600};

		assert_int_equal(enforcer_take_snapshot(&w.e, &same), 0);
		assert_false(passes("10.0.0.1", 3389));
		advance(MINUTE);
	}
}

static void a_reload_adds_and_removes_ports_and_keeps_grants(void **state)
{
	struct port_rule rules[] = {{.port = 22, .protos = PROTO_BIT_TCP}, {.port = 8080, .protos = PROTO_BIT_TCP}};
	struct conf two = w.conf, none = w.conf;

	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", HOUR);
	two.protect = rules;
	two.n_protect = 2;
	assert_int_equal(enforcer_reload(&w.e, &two), 0);
	assert_false(passes("10.0.0.1", 8080));
	assert_true(passes("10.0.0.1", 22));
	none.n_protect = 0;
	assert_int_equal(enforcer_reload(&w.e, &none), 0);
	assert_true(passes("10.9.9.9", 22));
	assert_true(passes("10.9.9.9", 8080));
	assert_int_equal(enforcer_reload(&w.e, &w.conf), 0);
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.9.9.9", 22));
}

static void an_allowed_source_is_in_from_the_first_moment_a_port_closes(void **state)
{
	struct cidr allowed = source("10.5.0.0/16");
	struct port_rule rule = {.port = 3389, .protos = PROTO_BIT_TCP};
	struct snapshot s = {0};

	(void)state;
	w.conf.allow = &allowed;
	w.conf.n_allow = 1;
	enforcer_start(&w.e, NULL);
	assert_true(passes("10.5.1.1", 22));
	snapshot_add_port(&s, &rule);
	feed(&s);
	assert_true(passes("10.5.1.1", 3389));
	assert_false(passes("10.6.1.1", 3389));
	advance(30 * 24 * HOUR);
	assert_true(passes("10.5.1.1", 3389));
}

/* ------------------------------------------------------------ restarts */

/* What an operator did, from what the files hold. */
static void restore_by_hand(void)
{
	struct grant_set opened = {0};

	if (w.opened)
		assert_int_equal(opened_decode(w.opened, w.opened_len, &opened, NULL), 0);
	enforcer_restore(&w.e, &opened, w.armed);
}

static void restart(struct snapshot *saved)
{
	enforcer_free(&w.e);
	enforcer_init(&w.e, &w.conf, &fake_gate_ops, &w.gate, &world_hooks, &w);
	restore_by_hand();
	assert_int_equal(enforcer_start(&w.e, saved), 0);
	enforcer_settle(&w.e);
}

static void a_restart_without_state_keeps_what_the_filter_holds(void **state)
{
	struct snapshot s = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	add_port(&s, 3389);
	add_grant(&s, "10.0.0.0/24", 22, HOUR);
	add_grant(&s, "10.0.0.7", 3389, 2 * HOUR);
	feed(&s);
	restart(NULL);
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.0.1.1", 22));
	assert_true(passes("10.0.0.7", 3389));
	assert_false(passes("10.0.0.8", 3389));
	advance(HOUR);
	assert_false(passes("10.0.0.1", 22));
	assert_true(passes("10.0.0.7", 3389));
	advance(HOUR);
	assert_false(passes("10.0.0.7", 3389));
}

/* The process ends and starts again with what the state file holds. */
static void restart_with_state(void)
{
	struct snapshot saved = {0};

	copy_snapshot(&w.saved, &saved);
	restart(&saved);
	snapshot_free(&saved);
}

static void reboot(void)
{
	memset(&w.gate, 0, sizeof(w.gate));
	w.gate.capacity = 512;
	w.clock.boot.ns = 3 * NS_PER_S;
	restart_with_state();
}

static void the_state_holds_learned_ports_and_live_grants(void **state)
{
	struct snapshot s = {0};

	(void)state;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	add_port(&s, 3389);
	add_grant(&s, "10.0.0.1", 22, HOUR);
	add_grant(&s, "10.0.0.2", 22, 5 * MINUTE);
	feed(&s);
	advance(5 * MINUTE + 1);
	feed_grant("10.0.0.1", 55 * MINUTE);
	assert_int_equal(w.saved.n_ports, 1);
	assert_int_equal(w.saved.ports[0].port, 3389);
	assert_int_equal(w.saved.grants.n, 1);
	reboot();
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.1", 3389));
	assert_string_equal(grant_set_text(&w.e.current.grants, w.e.current.grants.grants[0].requestor), "alice");
}

static void a_restart_between_answers_releases_no_port(void **state)
{
	(void)state;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	learn(3389);
	for (int i = 0; i < 5; i++) {
		answers_without(2, HOUR);
		assert_false(passes("10.0.0.1", 3389));
		restart_with_state();
		answers_without(2, HOUR);
		assert_false(passes("10.0.0.1", 3389));
		reboot();
	}
}

static void a_state_older_than_the_maps_neither_reopens_a_port_nor_revives_a_grant(void **state)
{
	struct snapshot old = {0}, new = {0};

	(void)state;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	add_grant(&old, "10.0.0.1", 22, HOUR);
	add_grant(&old, "10.0.0.2", 22, HOUR);
	feed(&old);
	w.save_error = -28;
	add_port(&new, 3389);
	add_grant(&new, "10.0.0.2", 22, HOUR);
	feed(&new);
	restart_with_state();
	assert_false(passes("10.0.0.1", 22));
	assert_true(passes("10.0.0.2", 22));
	assert_false(passes("10.0.0.9", 3389));
	assert_int_equal(w.e.current.grants.n, 1);
	assert_string_equal(grant_set_text(&w.e.current.grants, w.e.current.grants.grants[0].requestor), "alice");
}

static void a_renewal_that_was_saved_but_not_written_ends_at_the_old_end(void **state)
{
	(void)state;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.1", 10 * MINUTE);
	w.gate.fail_puts = 1;
	feed_grant("10.0.0.1", HOUR);
	restart_with_state();
	advance(10 * MINUTE - 1);
	assert_true(passes("10.0.0.1", 22));
	advance(2);
	assert_false(passes("10.0.0.1", 22));
}

static void check_between(void)
{
	assert_true(passes("10.0.0.3", 22));   /* the new one does not wait for the disk */
	assert_true(passes("10.0.0.1", 22));   /* the revoked one is not closed yet: a reboot would open it again */
	assert_true(passes("10.0.0.9", 3389)); /* nor is the port */
}

static void a_disk_holds_up_what_closes_and_not_what_opens(void **state)
{
	struct snapshot first = {0}, second = {0};

	(void)state;
	enforcer_start(&w.e, NULL);
	add_grant(&first, "10.0.0.1", 22, HOUR);
	feed(&first);
	w.saving = check_between;
	add_grant(&second, "10.0.0.3", 22, HOUR);
	add_port(&second, 3389);
	feed(&second);
	assert_int_equal(w.saves, 2);
	assert_false(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.9", 3389));
}

static void a_grant_of_several_protocols_is_one_grant_after_a_restart(void **state)
{
	struct port_rule rule = {.port = 22, .protos = PROTO_BIT_TCP | PROTO_BIT_UDP};
	struct snapshot s = {0};

	(void)state;
	w.conf.protect = &rule;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	add_grant(&s, "10.0.0.1", 22, HOUR);
	add_grant(&s, "10.0.0.1", 9999, HOUR); /* not protected: needs no entry */
	s.grants.grants[0].protos = PROTO_BITS_ALL;
	feed(&s);
	assert_int_equal(w.gate.n, 2);
	restart_with_state();
	assert_int_equal(w.gate.n, 2);
	assert_int_equal(w.e.current.grants.n, 2);
	assert_int_equal(w.e.current.grants.grants[0].protos, PROTO_BITS_ALL);
}

static void a_port_taken_out_of_protect_is_open_after_a_restart(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	assert_false(passes("10.0.0.1", 22));
	w.conf.n_protect = 0;
	restart(NULL);
	assert_true(passes("10.0.0.1", 22));
	assert_false(w.e.restored);
}

static void a_source_taken_out_of_allow_is_out_after_a_restart(void **state)
{
	struct cidr allowed = source("10.5.0.0/16");

	(void)state;
	w.conf.allow = &allowed;
	w.conf.n_allow = 1;
	enforcer_start(&w.e, NULL);
	assert_true(passes("10.5.0.1", 22));
	w.conf.n_allow = 0;
	restart(NULL);
	assert_false(passes("10.5.0.1", 22));
	assert_int_equal(w.e.current.grants.n, 0);
}

static void a_clock_behind_the_state_brings_no_grant_back_and_keeps_ports_closed(void **state)
{
	struct snapshot s = {0};

	(void)state;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	add_port(&s, 3389);
	add_grant(&s, "10.0.0.1", 22, 10 * MINUTE);
	feed(&s);
	w.clock.wall.ns -= HOUR;
	reboot();
	assert_false(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.1", 3389));
	assert_true(logged("<3>THE CLOCK IS NOT SET: it shows 2027-01-15T07:00:00Z, and the state was saved after"));
	assert_true(logged("1 saved grants wait"));
	assert_int_not_equal(w.e.clock_floor.wall.ns, 0);
}

/* A port that was learned, a grant for ten minutes, one for one minute; saved, and the machine goes down. */
static void save_two_grants(void)
{
	struct snapshot s = {0};

	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	add_port(&s, 3389);
	add_grant(&s, "10.0.0.1", 22, 10 * MINUTE);
	add_grant(&s, "10.0.0.2", 22, MINUTE);
	feed(&s);
}

/* What a start with the right clock would have done is done when it becomes right, and not before. */
static void a_clock_that_is_set_brings_back_what_has_not_ended(void **state)
{
	(void)state;
	save_two_grants();
	w.clock.wall.ns = 5 * NS_PER_S; /* 1970 */
	reboot();
	assert_false(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.9", 3389));
	assert_true(logged("<3>THE CLOCK IS NOT SET: it shows 1970-01-01T00:00:05Z"));
	advance_alone(3 * MINUTE);
	step_clock(START_WALL - HOUR - w.clock.wall.ns); /* not yet */
	assert_false(passes("10.0.0.1", 22));
	assert_int_not_equal(w.e.clock_floor.wall.ns, 0);
	forget_log();
	step_clock(START_WALL + 4 * MINUTE - w.clock.wall.ns);
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.2", 22));
	assert_false(passes("10.0.0.9", 3389));
	assert_int_equal(w.e.clock_floor.wall.ns, 0);
	assert_true(logged("<5>the clock is set; 2 grants are judged by it"));
	assert_true(logged("requestor=\"alice\""));
	advance(6 * MINUTE - 1);
	assert_true(passes("10.0.0.1", 22));
	advance(1);
	assert_false(passes("10.0.0.1", 22));
}

/* That a wrong clock goes on does not make it right: it was behind when it started, nobody knows by how much. */
static void time_that_passes_sets_no_clock(void **state)
{
	(void)state;
	save_two_grants();
	w.clock.wall.ns -= 2 * MINUTE;
	reboot();
	advance(5 * MINUTE);
	step_clock(NS_PER_S);
	assert_false(passes("10.0.0.1", 22));
	step_clock(2 * MINUTE);
	assert_true(passes("10.0.0.1", 22));
}

static void an_answer_ends_the_wait_for_the_clock(void **state)
{
	struct snapshot s = {0};

	(void)state;
	save_two_grants();
	w.clock.wall.ns = 5 * NS_PER_S;
	reboot();
	add_grant(&s, "10.0.0.3", 22, START_WALL + 8 * MINUTE - w.clock.wall.ns);
	feed(&s);                                         /* the first one was revoked */
	assert_false(passes("10.0.0.3", 22));             /* too long, by this clock */
	assert_int_not_equal(w.e.clock_floor.wall.ns, 0); /* it is no less wrong */
	step_clock(START_WALL + 4 * MINUTE - w.clock.wall.ns);
	assert_true(passes("10.0.0.3", 22));
	assert_false(passes("10.0.0.1", 22));
	assert_int_equal(w.e.clock_floor.wall.ns, 0);
}

/* Then the one before was wrong. */
static void an_answer_believes_a_clock_that_is_behind_the_state(void **state)
{
	struct snapshot s = {0};

	(void)state;
	save_two_grants();
	w.clock.wall.ns -= 24 * HOUR;
	reboot();
	add_grant(&s, "10.0.0.3", 22, HOUR);
	feed(&s);
	assert_true(passes("10.0.0.3", 22));
	assert_false(passes("10.0.0.1", 22));
	assert_int_equal(w.e.clock_floor.wall.ns, 0);
}

/* The maps of a running filter know the ends without any wall clock. */
static void a_restart_with_a_wrong_clock_keeps_what_the_filter_holds(void **state)
{
	(void)state;
	save_two_grants();
	w.clock.wall.ns = 5 * NS_PER_S;
	restart_with_state();
	assert_true(passes("10.0.0.1", 22));
	advance_alone(2 * MINUTE);
	assert_false(passes("10.0.0.2", 22));
	step_clock(START_WALL - HOUR - w.clock.wall.ns); /* in two steps */
	assert_true(passes("10.0.0.1", 22));
	step_clock(START_WALL + 2 * MINUTE - w.clock.wall.ns);
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.2", 22));
	assert_string_equal(grant_set_text(&w.e.current.grants, w.e.current.grants.grants[0].requestor), "alice");
	advance(8 * MINUTE - 10 * NS_PER_MS);
	assert_true(passes("10.0.0.1", 22));
	advance(20 * NS_PER_MS);
	assert_false(passes("10.0.0.1", 22));
}

/* Without a state file what the maps hold is saved, so that a reboot finds it, and as nothing fresh. */
static void what_only_the_maps_knew_is_saved(void **state)
{
	(void)state;
	save_two_grants();
	snapshot_free(&w.saved);
	w.saves = 0;
	restart(NULL);
	enforcer_keep(&w.e);
	assert_int_equal(w.saves, 1);
	assert_int_equal(w.saved.fresh_for_s, 1); /* 0 could not be read again */
	assert_int_equal(w.saved.grants.n, 2);
	reboot();
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.9", 3389));
}

static void nothing_known_is_not_saved(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	enforcer_keep(&w.e);
	assert_int_equal(w.saves, 0);
}

static void saved_grants_that_do_not_fit_leave_the_ports_closed(void **state)
{
	struct snapshot s = {0};

	(void)state;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	add_port(&s, 3389);
	for (int n = 0; n < 60; n++) {
		char from[32];

		snprintf(from, sizeof(from), "10.1.0.%d", n);
		add_grant(&s, from, 22, HOUR);
	}
	feed(&s);
	w.conf.max_grants = 16;
	reboot();
	assert_false(passes("10.1.0.1", 22));
	assert_false(passes("10.1.0.1", 3389));
	assert_true(logged("<3>60 grants of before do not fit"));
}

static void a_reboot_opens_live_grants_and_not_the_ended_ones(void **state)
{
	struct snapshot saved = {0};

	(void)state;
	add_port(&saved, 3389);
	add_grant(&saved, "10.0.0.1", 22, HOUR);
	add_grant(&saved, "10.0.0.2", 22, 5 * MINUTE);
	w.clock.wall.ns += 10 * MINUTE;
	w.clock.boot.ns = 3 * NS_PER_S;
	memset(&w.gate, 0, sizeof(w.gate));
	w.gate.capacity = 512;
	restart(&saved);
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.2", 22));
	assert_false(passes("10.0.0.1", 3389));
	advance(50 * MINUTE);
	assert_false(passes("10.0.0.1", 22));
}

/* ------------------------------------------------------------ knocks, audit mode */

static void a_source_that_knocks_in_a_loop_is_told_of_once_a_second(void **state)
{
	struct event event = {
		.reason = REASON_NO_GRANT, .would_be = REASON_NO_GRANT, .family = JITGATE_IPV4, .proto = 6};

	(void)state;
	enforcer_start(&w.e, NULL);
	for (int i = 0; i < 1000; i++) {
		enforcer_take_event(&w.e, &event);
		advance(NS_PER_S / 100);
	}
	assert_in_range(w.asks, 10, 12);
	assert_in_range(w.last_ask.n_unsaid, 85, 95);
	event.reason = event.would_be = REASON_MALFORMED;
	w.asks = 0;
	advance(HOUR);
	enforcer_take_event(&w.e, &event);
	assert_int_equal(w.asks, 0);
}

static void another_source_does_not_wait_for_the_first(void **state)
{
	struct event event = {
		.reason = REASON_NO_GRANT, .would_be = REASON_NO_GRANT, .family = JITGATE_IPV4, .proto = 6};

	(void)state;
	enforcer_start(&w.e, NULL);
	for (uint8_t i = 0; i < 50; i++) {
		event.saddr[3] = i;
		enforcer_take_event(&w.e, &event);
		enforcer_take_event(&w.e, &event);
	}
	assert_in_range(w.asks, 50, 55); /* a few share a slot of the sieve */
	assert_int_equal(w.last_ask.addr[3], 49);
}

static void a_flood_of_events_does_not_flood_the_log(void **state)
{
	struct event event = {
		.reason = REASON_NO_GRANT, .would_be = REASON_NO_GRANT, .family = JITGATE_IPV4, .proto = 6};
	size_t lines = 0;

	(void)state;
	enforcer_start(&w.e, NULL);
	forget_log();
	for (int i = 0; i < 5000; i++)
		enforcer_take_event(&w.e, &event);
	for (const char *c = w.log; *c; c++)
		lines += *c == '\n';
	assert_in_range(lines, 1, ENFORCER_EVENT_LINES + 1);
	advance(11 * NS_PER_S);
	enforcer_take_event(&w.e, &event);
	assert_true(logged("4990 more packet events were not logged"));
}

static void who_came_in_is_logged_in_a_flood_too(void **state)
{
	struct event denied = {
		.reason = REASON_NO_GRANT, .would_be = REASON_NO_GRANT, .family = JITGATE_IPV4, .proto = 6};
	struct event admitted = {
		.reason = REASON_GRANTED, .would_be = REASON_GRANTED, .family = JITGATE_IPV4, .proto = 6};

	(void)state;
	enforcer_start(&w.e, NULL);
	for (int i = 0; i < 500; i++)
		enforcer_take_event(&w.e, &denied);
	forget_log();
	enforcer_take_event(&w.e, &admitted);
	assert_true(logged("admitted"));
}

static void audit_mode_says_what_enforcement_would_do(void **state)
{
	struct cidr from = source("10.0.0.1");
	struct enforcer_verdict verdict;

	(void)state;
	w.conf.mode = JITGATE_AUDIT;
	enforcer_start(&w.e, NULL);
	assert_int_equal(w.gate.state.mode, JITGATE_AUDIT);
	verdict = enforcer_explain(&w.e, &from, 22, PROTO_BIT_TCP);
	assert_int_equal(verdict.reason, REASON_AUDIT);
	assert_int_equal(verdict.would_be, REASON_NO_GRANT);
}

/* ------------------------------------------------------------ arming */

/* What the program does with a packet without a grant. */
static bool enforces(void)
{
	const struct gate_state *is = &w.gate.state;

	return is->mode != JITGATE_AUDIT || w.clock.boot.ns < is->confirm_until_boot_ns;
}

static void start_in_audit_mode(void)
{
	w.conf.mode = JITGATE_AUDIT;
	assert_int_equal(enforcer_start(&w.e, NULL), 0);
	assert_false(enforces());
}

static void arm(uint32_t seconds)
{
	struct failure failure;

	assert_int_equal(enforcer_arm(&w.e, seconds, &failure), 0);
	assert_true(enforces());
}

static int confirm(void)
{
	struct failure failure;

	return enforcer_confirm(&w.e, &failure);
}

static void assert_on_trial(void)
{
	assert_int_equal(w.gate.state.mode, JITGATE_AUDIT);
	assert_true(enforces());
	w.on_save_armed = NULL;
}

static void a_trial_ends_by_itself_with_the_daemon_dead(void **state)
{
	(void)state;
	start_in_audit_mode();
	arm(300);
	advance_alone(300 * NS_PER_S - 1);
	assert_true(enforces());
	advance_alone(1);
	assert_false(enforces());
}

static void a_trial_that_lapses_is_said_once_and_cannot_be_confirmed_any_more(void **state)
{
	(void)state;
	start_in_audit_mode();
	arm(300);
	advance(300 * NS_PER_S - 1);
	assert_false(logged("not confirmed in time"));
	advance(1);
	assert_true(logged("<4>arming was not confirmed in time: AUDIT again"));
	assert_int_equal(w.gate.state.confirm_until_boot_ns, 0); /* no clock is read for it any more */
	assert_int_equal(confirm(), -EINVAL);
	assert_false(enforces());
	assert_false(w.armed);
	forget_log();
	advance(HOUR);
	assert_false(logged("confirmed"));
	assert_true(w.e.arming.lapsed.ns == START_WALL + 300 * NS_PER_S);
}

/* Between its end and the tick that sees it. */
static void a_confirmation_a_nanosecond_too_late_is_refused(void **state)
{
	(void)state;
	start_in_audit_mode();
	arm(300);
	advance_alone(300 * NS_PER_S);
	assert_int_equal(confirm(), -EINVAL);
	assert_false(enforces());
	arm(300);
	advance_alone(300 * NS_PER_S - 1);
	assert_int_equal(confirm(), 0);
	assert_true(enforces());
}

static void what_is_confirmed_lasts_over_restart_and_reboot(void **state)
{
	(void)state;
	w.keep_saved = true;
	start_in_audit_mode();
	arm(300);
	assert_int_equal(confirm(), 0);
	assert_true(w.armed);
	advance(HOUR);
	assert_true(enforces());
	restart_with_state();
	assert_true(enforces());
	reboot();
	assert_true(enforces());
	assert_true(logged("<4>enforcing, as armed and confirmed, although the config says audit"));
}

static void a_restart_goes_on_with_a_trial_and_a_reboot_does_not(void **state)
{
	(void)state;
	start_in_audit_mode();
	arm(300);
	advance_alone(MINUTE);
	restart(NULL);
	assert_true(enforces());
	assert_true(logged("<4>enforcing on trial goes on"));
	advance(4 * MINUTE - 1);
	assert_true(enforces());
	advance(1);
	assert_false(enforces());
	arm(300);
	reboot();
	assert_false(enforces());
	assert_false(w.e.arming.confirm_until.ns);
}

static void a_trial_that_ended_while_the_daemon_was_dead_is_said_at_the_start(void **state)
{
	(void)state;
	start_in_audit_mode();
	arm(300);
	advance_alone(10 * MINUTE);
	forget_log();
	restart(NULL);
	assert_false(enforces());
	assert_true(logged("<4>arming was not confirmed in time"));
	assert_true(w.e.arming.lapsed.ns == START_WALL + 300 * NS_PER_S);
}

/* The clock that counts is the boot clock. */
static void the_wall_clock_moves_no_trial(void **state)
{
	(void)state;
	start_in_audit_mode();
	arm(300);
	w.clock.wall.ns += 5 * HOUR;
	enforcer_tick(&w.e);
	assert_true(enforces());
	w.clock.wall.ns -= 9 * HOUR;
	enforcer_tick(&w.e);
	advance_alone(300 * NS_PER_S);
	assert_false(enforces());
}

static void another_mode_in_the_config_rules(void **state)
{
	struct conf enforce, audit;

	(void)state;
	start_in_audit_mode();
	enforce = audit = w.conf;
	enforce.mode = JITGATE_ENFORCE;
	arm(300);
	assert_int_equal(enforcer_reload(&w.e, &audit), 0); /* the same mode */
	assert_true(enforces());
	assert_int_equal(confirm(), 0);
	assert_int_equal(enforcer_reload(&w.e, &audit), 0);
	assert_true(enforces() && w.armed);
	assert_int_equal(enforcer_reload(&w.e, &enforce), 0);
	assert_true(enforces());
	assert_false(w.armed);
	assert_int_equal(enforcer_reload(&w.e, &audit), 0);
	assert_false(enforces());
}

/* In the moment of the step to the config's own enforcing nothing is let in. */
static void a_trial_that_the_config_takes_over_has_no_end_left(void **state)
{
	struct conf enforce;

	(void)state;
	start_in_audit_mode();
	enforce = w.conf;
	enforce.mode = JITGATE_ENFORCE;
	arm(300);
	assert_int_equal(enforcer_reload(&w.e, &enforce), 0);
	advance(HOUR);
	assert_true(enforces());
	assert_false(logged("not confirmed"));
}

static void a_restart_with_enforce_in_the_config_forgets_what_was_armed(void **state)
{
	(void)state;
	start_in_audit_mode();
	arm(300);
	assert_int_equal(confirm(), 0);
	w.conf.mode = JITGATE_ENFORCE;
	restart(NULL);
	assert_true(enforces());
	assert_false(w.armed);
	w.conf.mode = JITGATE_AUDIT;
	restart(NULL);
	assert_false(enforces());
}

static void arming_what_enforces_does_nothing_and_says_so(void **state)
{
	struct failure failure = {0};

	(void)state;
	assert_int_equal(enforcer_start(&w.e, NULL), 0);
	assert_int_equal(enforcer_arm(&w.e, 300, &failure), ENFORCER_NOTHING);
	assert_non_null(strstr(failure.text, "the config says mode = \"enforce\""));
	assert_int_equal(w.gate.state.confirm_until_boot_ns, 0);
	assert_int_equal(enforcer_confirm(&w.e, &failure), ENFORCER_NOTHING);
	assert_false(w.armed);
	assert_int_equal(enforcer_disarm(&w.e, &failure), -EINVAL);
	assert_true(enforces());
}

static void disarming_ends_a_trial_and_what_was_confirmed(void **state)
{
	struct failure failure = {0};

	(void)state;
	start_in_audit_mode();
	assert_int_equal(enforcer_disarm(&w.e, &failure), ENFORCER_NOTHING);
	arm(300);
	assert_int_equal(enforcer_disarm(&w.e, &failure), 0);
	assert_false(enforces());
	assert_int_equal(confirm(), -EINVAL);
	arm(300);
	assert_int_equal(confirm(), 0);
	assert_int_equal(enforcer_disarm(&w.e, &failure), 0);
	assert_false(enforces() || w.armed);
	restart(NULL);
	assert_false(enforces());
}

static void a_confirmation_that_cannot_be_saved_counts_and_is_said(void **state)
{
	(void)state;
	start_in_audit_mode();
	arm(300);
	w.save_error = -ENOSPC;
	assert_int_equal(confirm(), ENFORCER_UNSAVED);
	advance(HOUR);
	assert_true(enforces());
	assert_true(logged("<3>cannot save that arming was confirmed"));
	w.save_error = 0;
	assert_int_equal(confirm(), 0);
	assert_true(w.armed);
}

static void what_could_not_be_saved_is_shown_said_once_and_tried_again(void **state)
{
	char words[256];

	(void)state;
	start_in_audit_mode();
	arm(300);
	enforcer_describe_unsaved(&w.e, words, sizeof(words));
	assert_string_equal(words, "");
	w.save_error = -EROFS;
	assert_int_equal(confirm(), ENFORCER_UNSAVED);
	forget_log();
	advance(ENFORCER_SAVE_RETRY_NS * 3);
	enforcer_describe_unsaved(&w.e, words, sizeof(words));
	assert_string_equal(words, "that arming was confirmed (Read-only file system)");
	assert_false(logged("cannot save"));
	w.save_error = 0;
	assert_false(w.armed);
	advance(ENFORCER_SAVE_RETRY_NS);
	assert_true(w.armed);
	assert_true(logged("<5>that arming was confirmed could be saved after all"));
	enforcer_describe_unsaved(&w.e, words, sizeof(words));
	assert_string_equal(words, "");
	assert_int_equal(w.e.save_at.ns, 0);
}

/* A crash between the two leaves what is on trial, and never what enforces for good and is forgotten by a restart. */
static void a_confirmation_is_saved_before_it_is_in_force(void **state)
{
	(void)state;
	start_in_audit_mode();
	arm(300);
	w.on_save_armed = assert_on_trial;
	assert_int_equal(confirm(), 0);
	assert_null(w.on_save_armed);
	assert_int_equal(w.gate.state.mode, JITGATE_ENFORCE);
}

/* ------------------------------------------------------------ the first start */

static void with_nothing_to_close_the_first_answer_is_waited_for(void **state)
{
	struct snapshot s = {0}, too_many = {0};

	(void)state;
	w.conf.n_protect = 0;
	assert_int_equal(enforcer_start(&w.e, NULL), 0);
	assert_false(enforces());
	assert_true(w.e.arming.waiting);
	assert_true(logged("waiting for a feed's first answer"));
	restart(NULL);
	assert_false(enforces());
	enforcer_take_trouble(&w.e, w.clock.wall, "no answer");
	for (int i = 0; i < 300; i++)
		add_grant(&too_many, "10.0.0.1", (uint16_t)(1000 + i), HOUR);
	for (int i = 0; i < 300; i++)
		add_port(&too_many, (uint16_t)(1000 + i));
	assert_int_equal(feed(&too_many), -ENOSPC);
	enforcer_tick(&w.e);
	assert_false(enforces()); /* that was none */
	add_port(&s, 22);
	assert_int_equal(feed(&s), 0);
	assert_true(enforces());
	assert_false(passes("10.0.0.1", 22));
}

static void after_the_first_answer_no_failure_goes_back_to_waiting(void **state)
{
	struct snapshot s = {0}, empty = {0};

	(void)state;
	w.conf.n_protect = 0;
	w.keep_saved = true;
	assert_int_equal(enforcer_start(&w.e, NULL), 0);
	assert_int_equal(feed(&empty), 0); /* good, and names nothing */
	assert_true(enforces());
	restart(NULL); /* no state, no port, no grant: but the maps enforced */
	assert_true(enforces());
	add_port(&s, 22);
	assert_int_equal(feed(&s), 0);
	restart(NULL);
	assert_true(enforces());
	reboot();
	assert_true(enforces());
	advance(24 * HOUR);
	assert_true(enforces());
}

static void with_protect_the_first_start_enforces_at_once(void **state)
{
	struct conf more;

	(void)state;
	assert_int_equal(enforcer_start(&w.e, NULL), 0);
	assert_true(enforces());
	enforcer_free(&w.e);
	memset(&w.gate, 0, sizeof(w.gate));
	w.gate.capacity = 512;
	w.conf.n_protect = 0;
	enforcer_init(&w.e, &w.conf, &fake_gate_ops, &w.gate, &world_hooks, &w);
	assert_int_equal(enforcer_start(&w.e, NULL), 0);
	assert_false(enforces());
	more = w.conf;
	more.n_protect = 1;
	assert_int_equal(enforcer_reload(&w.e, &more), 0);
	assert_true(enforces());
	assert_int_equal(enforcer_reload(&w.e, &w.conf), 0);
	assert_true(enforces());
}

/* ------------------------------------------------------------ opened by hand */

static int open_for(const char *from, uint16_t port, uint32_t seconds, bool beyond)
{
	struct enforcer_opening opening = {.source = source(from),
					   .port = port,
					   .protos = PROTO_BIT_TCP,
					   .seconds = seconds,
					   .beyond = beyond,
					   .requestor = "root, by sudo from uid 1000",
					   .reason = "Azure is down"};
	struct failure failure = {0};
	struct wall_time until = {0};
	int r = enforcer_open(&w.e, &opening, &until, &failure);

	assert_true(r == 0 || failure.text[0]);
	assert_true(r < 0 || until.ns == w.clock.wall.ns + seconds * NS_PER_S);
	return r;
}

static int close_for(const char *from, uint16_t port)
{
	struct cidr c = source(from);
	struct failure failure = {0};

	return enforcer_close(&w.e, &c, port, PROTO_BIT_TCP, &failure);
}

static void what_is_opened_by_hand_opens_at_once_and_ends_on_time(void **state)
{
	struct cidr from = source("10.0.0.1");
	struct enforcer_verdict verdict;

	(void)state;
	enforcer_start(&w.e, NULL);
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.2", 22));
	verdict = enforcer_explain(&w.e, &from, 22, PROTO_BIT_TCP);
	assert_true(verdict.grant && verdict.set == &w.e.opened);
	assert_true(logged("<4>opened id="));
	assert_true(logged("requestor=\"root, by sudo from uid 1000\" reason=\"Azure is down\" origin=\"operator\""));
	advance_alone(HOUR - 1); /* the daemon is dead */
	assert_true(passes("10.0.0.1", 22));
	advance_alone(1);
	assert_false(passes("10.0.0.1", 22));
	advance(1);
	assert_true(logged("<4>expired id="));
	advance(2 * MINUTE);
	assert_int_equal(w.e.opened.n, 0);
	assert_int_equal(w.gate.n, 0);
}

static void no_answer_of_a_feed_touches_what_is_opened_by_hand(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
	for (int i = 0; i < 5; i++) {
		struct snapshot empty = {0};

		feed_grant("10.0.0.1", MINUTE); /* the same key, shorter */
		advance(2 * MINUTE);
		assert_true(passes("10.0.0.1", 22));
		assert_int_equal(feed(&empty), 0);
		assert_true(passes("10.0.0.1", 22));
	}
	advance(50 * MINUTE - 1);
	assert_true(passes("10.0.0.1", 22));
	advance(1);
	assert_false(passes("10.0.0.1", 22));
}

static void closing_ends_what_was_opened_by_hand_and_nothing_else(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	feed_grant("10.0.0.9", HOUR);
	assert_int_equal(close_for("10.0.0.9", 22), -ENOENT);
	assert_true(passes("10.0.0.9", 22));
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
	assert_int_equal(open_for("10.0.0.0/24", 22, 3600, false), 0);
	assert_int_equal(open_for("10.0.0.9", 22, 7200, false), 0);
	assert_int_equal(close_for("10.0.0.0/24", 22), 0);
	assert_true(passes("10.0.0.1", 22));
	assert_false(passes("10.0.0.2", 22));
	assert_int_equal(close_for("10.0.0.1", 22), 0);
	assert_false(passes("10.0.0.1", 22));
	assert_int_equal(close_for("10.0.0.1", 22), -ENOENT);
	assert_int_equal(close_for("10.0.0.9", 22), 0); /* the feed's own goes on, to its own end */
	assert_true(passes("10.0.0.9", 22));
	advance(HOUR);
	assert_false(passes("10.0.0.9", 22));
	assert_true(logged("<4>closed id="));
}

static void opening_again_counts_from_then_on(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
	advance(30 * MINUTE);
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
	assert_int_equal(w.e.opened.n, 1);
	advance(59 * MINUTE);
	assert_true(passes("10.0.0.1", 22));
	assert_int_equal(open_for("10.0.0.1", 22, 60, false), 0);
	advance(MINUTE);
	assert_false(passes("10.0.0.1", 22));
}

static void guard_rails_hold_for_an_operator_unless_put_aside_by_name(void **state)
{
	(void)state;
	w.conf.guard = (struct guard){.longest_s = 1800, .widest_ipv4 = 24};
	enforcer_start(&w.e, NULL);
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), -EPERM);
	assert_int_equal(open_for("10.0.0.0/16", 22, 600, false), -EPERM);
	assert_int_equal(open_for("224.0.0.1", 22, 600, true), -EINVAL);
	assert_false(passes("10.0.0.1", 22));
	assert_int_equal(w.gate.n, 0);
	assert_int_equal(open_for("10.0.0.0/16", 22, 3600, true), 0);
	assert_true(logged("origin=\"operator, past the guard rails\" why=\"wider than guard"));
	assert_true(passes("10.0.99.1", 22));
	/* And stays so: no later judgement takes it back. */
	advance(59 * MINUTE);
	assert_true(passes("10.0.99.1", 22));
	restart(NULL);
	assert_true(passes("10.0.99.1", 22));
	advance(MINUTE);
	assert_false(passes("10.0.99.1", 22));
}

static void a_port_that_is_not_protected_is_not_opened(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	assert_int_equal(open_for("10.0.0.1", 23, 3600, true), -EINVAL);
	assert_int_equal(w.e.opened.n, 0);
	assert_int_equal(w.gate.n, 0);
}

static void what_is_opened_by_hand_survives_restart_and_reboot_to_its_own_end(void **state)
{
	(void)state;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
	restart(NULL);
	assert_true(passes("10.0.0.1", 22));
	assert_int_equal(w.e.opened.n, 1);
	assert_int_equal(w.e.current.grants.n, 0); /* known for what it is, not adopted */
	advance(10 * MINUTE);
	reboot();
	assert_true(passes("10.0.0.1", 22));
	assert_int_equal(close_for("10.0.0.2", 22), -ENOENT);
	advance(50 * MINUTE - 1);
	assert_true(passes("10.0.0.1", 22));
	advance(1);
	assert_false(passes("10.0.0.1", 22));
	advance_alone(HOUR);
	reboot();
	assert_false(passes("10.0.0.1", 22));
	assert_int_equal(w.e.opened.n, 0);
}

static void what_was_closed_stays_closed_over_a_restart_that_still_reads_of_it(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
	w.save_error = -EROFS;
	assert_int_equal(close_for("10.0.0.1", 22), ENFORCER_UNSAVED);
	assert_false(passes("10.0.0.1", 22));
	restart(NULL);
	assert_false(passes("10.0.0.1", 22));
	assert_int_equal(w.e.opened.n, 0);
}

static void opening_does_not_wait_for_a_disk(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	w.save_error = -ENOSPC;
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), ENFORCER_UNSAVED);
	assert_true(passes("10.0.0.1", 22));
	assert_true(logged("<3>cannot save what was opened by hand"));
	restart(NULL); /* the filter still has it */
	assert_true(passes("10.0.0.1", 22));
}

/* It was given for a length of time: no clock that somebody sets makes it longer or shorter. */
static void a_clock_that_is_set_neither_lengthens_nor_ends_what_is_opened_by_hand(void **state)
{
	static const int64_t steps[] = {5 * HOUR, -5 * HOUR, 3 * HOUR};

	(void)state;
	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		uint64_t end = w.clock.boot.ns + (uint64_t)HOUR;

		assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
		advance(20 * MINUTE);
		w.clock.wall.ns += steps[i];
		enforcer_tick(&w.e);
		assert_true(passes("10.0.0.1", 22));
		assert_int_equal(w.gate.entries[0].grant.expires_boot_ns, end);
		advance(20 * MINUTE);
		restart(NULL); /* the file tells the new hour */
		assert_true(passes("10.0.0.1", 22));
		assert_int_equal(w.gate.entries[0].grant.expires_boot_ns, end);
		if (i == 0)
			reboot();
		advance(20 * MINUTE - 1);
		assert_true(passes("10.0.0.1", 22));
		advance(1);
		assert_false(passes("10.0.0.1", 22));
	}
}

/* 1970 after a reboot: nobody can tell whether it has ended. Once the clock is right it counts again. */
static void what_is_opened_by_hand_waits_while_the_clock_is_behind(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
	advance(10 * MINUTE);
	w.clock.wall.ns -= START_WALL;
	reboot();
	assert_false(passes("10.0.0.1", 22));
	assert_true(logged("waits, the clock is behind"));
	advance(MINUTE);
	w.clock.wall.ns += START_WALL;
	enforcer_tick(&w.e);
	assert_true(passes("10.0.0.1", 22));
	advance(49 * MINUTE - 1);
	assert_true(passes("10.0.0.1", 22));
	advance(1);
	assert_false(passes("10.0.0.1", 22));
}

/* It waits, closed, for the clock, as what is saved does; and it is there when that is set. */
static void what_is_opened_by_hand_is_there_when_a_clock_that_was_never_set_is_set(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
	w.clock.wall.ns = 5 * NS_PER_S;
	reboot();
	assert_int_not_equal(w.e.clock_floor.wall.ns, 0);
	assert_false(passes("10.0.0.1", 22));
	step_clock(START_WALL + 10 * MINUTE - w.clock.wall.ns);
	assert_int_equal(w.e.clock_floor.wall.ns, 0);
	assert_true(passes("10.0.0.1", 22));
	advance(50 * MINUTE - 1);
	assert_true(passes("10.0.0.1", 22));
	advance(1);
	assert_false(passes("10.0.0.1", 22));
}

/* While the clock was wrong, the running filter's entry was anybody's. When it is set it is the operator's again. */
static void what_is_opened_by_hand_is_closed_by_hand_after_a_restart_with_a_wrong_clock(void **state)
{
	(void)state;
	enforcer_start(&w.e, NULL);
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
	w.clock.wall.ns = 5 * NS_PER_S;
	restart(NULL);
	assert_true(passes("10.0.0.1", 22));
	assert_int_equal(w.e.current.grants.n, 1);
	step_clock(START_WALL + MINUTE - w.clock.wall.ns);
	assert_true(passes("10.0.0.1", 22));
	assert_int_equal(w.e.current.grants.n, 0);
	assert_int_equal(w.e.opened.n, 1);
	assert_int_equal(close_for("10.0.0.1", 22), 0);
	assert_false(passes("10.0.0.1", 22));
}

static void no_more_than_64_are_opened_by_hand(void **state)
{
	char from[32];

	(void)state;
	enforcer_start(&w.e, NULL);
	for (int i = 0; i < OPENED_MAX; i++) {
		snprintf(from, sizeof(from), "10.0.0.%d", i);
		assert_int_equal(open_for(from, 22, i ? 3600 : 60, false), 0);
	}
	assert_int_equal(open_for("10.0.1.1", 22, 3600, false), -ENOSPC);
	assert_false(passes("10.0.1.1", 22));
	assert_int_equal(open_for("10.0.0.7", 22, 3600, false), 0); /* one of them anew */
	advance(MINUTE);
	assert_int_equal(open_for("10.0.1.1", 22, 3600, false), 0);
	restart(NULL);
	assert_true(passes("10.0.1.1", 22));
	assert_true(passes("10.0.0.63", 22));
}

static void what_does_not_fit_a_smaller_table_does_not_stop_a_start(void **state)
{
	char from[32];

	(void)state;
	enforcer_start(&w.e, NULL);
	for (int i = 0; i < 40; i++) {
		snprintf(from, sizeof(from), "10.0.0.%d", i);
		assert_int_equal(open_for(from, 22, 3600, false), 0);
	}
	w.conf.max_grants = 16;
	restart(NULL);
	assert_true(logged("<3>40 grants opened by hand do not fit max_grants = 16"));
	assert_false(passes("10.0.0.1", 22));
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), 0);
	assert_true(passes("10.0.0.1", 22));
}

static void a_table_that_is_full_refuses_an_opening_whole(void **state)
{
	struct snapshot s = {0};
	char from[32];

	(void)state;
	enforcer_start(&w.e, NULL);
	for (int i = 0; i < 256; i++) {
		snprintf(from, sizeof(from), "10.1.0.%d", i);
		add_grant(&s, from, 22, HOUR);
	}
	assert_int_equal(feed(&s), 0);
	assert_int_equal(open_for("10.0.0.1", 22, 3600, false), -ENOSPC);
	assert_int_equal(w.e.opened.n, 0);
	assert_true(passes("10.1.0.255", 22));
	assert_false(passes("10.0.0.1", 22));
}

/* ------------------------------------------------------------ a week */

struct truth {
	struct cidr source;
	struct wall_time until;
};

/* What the feed says now, and the same for the oracle. Ends are seconds to days away, some are beyond the rails. */
static size_t random_truth(struct truth *truth, size_t max)
{
	size_t n = random_below((uint32_t)max);

	for (size_t i = 0; i < n; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.0.%u.%u/%u", random_below(3), random_below(4) * 64,
			 24 + random_below(3) * 4);
		truth[i].source = source(text);
		truth[i].until.ns = w.clock.wall.ns + (int64_t)random_below(26 * 3600) * NS_PER_S;
	}
	return n;
}

static bool truth_passes(const struct truth *truth, size_t n, const struct cidr *from, int64_t learned_at)
{
	for (size_t i = 0; i < n; i++) {
		/* the rails are checked against the time the enforcer last looked: let the oracle be unsure near them
		 */
		if (cidr_covers(&truth[i].source, from) && w.clock.wall.ns < truth[i].until.ns &&
		    truth[i].until.ns - learned_at <= (24 * 3600 + GUARD_CLOCK_SLACK_S) * NS_PER_S)
			return true;
	}
	return false;
}

static void a_week_of_random_grants_never_differs_from_the_oracle(void **state)
{
	struct truth truth[24];
	size_t checked = 0, open = 0;

	(void)state;
	enforcer_start(&w.e, NULL);
	for (int64_t t = 0; t < 7 * 24 * 60; t += 10) {
		struct snapshot s = {0};
		size_t n = random_truth(truth, ARRAY_SIZE(truth));
		int64_t learned_at = w.clock.wall.ns;

		for (size_t i = 0; i < n; i++) {
			struct grant grant = {.source = truth[i].source,
					      .port = 22,
					      .protos = PROTO_BIT_TCP,
					      .until = truth[i].until};

			/* a grant beyond the rails now would come within them later on */
			if (truth[i].until.ns - learned_at > (24 * 3600 + GUARD_CLOCK_SLACK_S) * NS_PER_S)
				truth[i].until.ns = 0;
			grant_set_add(&s.grants, &grant, "", "", "");
			if (!truth[i].until.ns)
				s.grants.n--;
		}
		assert_int_equal(feed(&s), 0);
		for (int probe = 0; probe < 30; probe++) {
			char text[32];
			struct cidr from;
			bool expected;

			(random_below(4) ? advance : advance_alone)((int64_t)random_below(20) * NS_PER_S);
			snprintf(text, sizeof(text), "10.0.%u.%u", random_below(3), random_below(256));
			from = source(text);
			expected = truth_passes(truth, n, &from, learned_at);
			assert_int_equal(fake_passes(&w.gate, &from, 22, 6, w.clock.boot.ns), expected);
			checked++;
			open += expected;
		}
		if (random_below(20) == 0)
			step_clock(random_below(2) ? 30 * NS_PER_S : -30 * NS_PER_S);
		if (random_below(50) == 0)
			restart(NULL);
	}
	print_message("# %zu probes, %zu of them open\n", checked, open);
	assert_in_range(open, checked / 20, checked);
}

#define world_test(f) cmocka_unit_test_setup_teardown(f, fresh_world, end_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(closed_before_any_answer_open_for_a_grant_closed_at_its_end),
		world_test(a_grant_ends_on_time_with_the_daemon_dead),
		world_test(an_ended_entry_stays_a_minute_so_that_its_drops_read_expired),
		world_test(a_revoked_grant_closes_at_once_and_is_said),
		world_test(a_renewed_grant_has_no_gap_and_keeps_its_counters),
		world_test(the_wider_grant_goes_on_when_the_narrower_ends),
		world_test(an_unchanged_snapshot_writes_nothing),
		world_test(remote_strings_cannot_forge_a_line),
		world_test(a_grant_beyond_the_guard_rails_is_refused_whole_and_said_once),
		world_test(a_refused_request_takes_nothing_from_a_grant_of_the_same_key),
		world_test(guard_rails_that_move_judge_both_requests_of_a_key_anew),
		world_test(more_grants_than_fit_leave_the_old_ones),
		world_test(a_clock_step_forward_ends_a_grant_by_its_wall_end),
		world_test(a_clock_step_is_known_before_the_feed_says_it),
		world_test(a_clock_step_back_never_gives_more_than_the_longest_grant),
		world_test(a_grant_that_is_over_and_gone_from_the_feed_never_comes_back),
		world_test(a_renewal_right_after_the_end_opens_again),
		world_test(slewing_does_not_rewrite_entries),
		world_test(a_failed_write_is_tried_again),
		world_test(a_state_that_cannot_be_saved_does_not_stop_a_grant),
		world_test(trouble_changes_nothing_and_staleness_is_said_once),
		world_test(a_learned_port_is_released_only_after_several_answers_over_ten_minutes),
		world_test(two_empty_answers_never_release_a_port),
		world_test(a_policy_that_is_gone_ends_its_grants_at_once_and_opens_no_port),
		world_test(a_port_in_protect_is_never_released),
		world_test(failures_between_answers_release_no_port),
		world_test(a_port_that_is_named_again_starts_over),
		world_test(one_answer_sent_again_and_again_is_one_answer),
		world_test(nor_is_it_another_one_when_the_clock_was_set_back),
		world_test(a_restart_between_answers_releases_no_port),
		world_test(a_reload_adds_and_removes_ports_and_keeps_grants),
		world_test(an_allowed_source_is_in_from_the_first_moment_a_port_closes),
		world_test(a_restart_without_state_keeps_what_the_filter_holds),
		world_test(a_reboot_opens_live_grants_and_not_the_ended_ones),
		world_test(the_state_holds_learned_ports_and_live_grants),
		world_test(a_state_older_than_the_maps_neither_reopens_a_port_nor_revives_a_grant),
		world_test(a_renewal_that_was_saved_but_not_written_ends_at_the_old_end),
		world_test(a_disk_holds_up_what_closes_and_not_what_opens),
		world_test(a_grant_of_several_protocols_is_one_grant_after_a_restart),
		world_test(a_port_taken_out_of_protect_is_open_after_a_restart),
		world_test(a_source_taken_out_of_allow_is_out_after_a_restart),
		world_test(a_clock_behind_the_state_brings_no_grant_back_and_keeps_ports_closed),
		world_test(a_clock_that_is_set_brings_back_what_has_not_ended),
		world_test(time_that_passes_sets_no_clock),
		world_test(an_answer_ends_the_wait_for_the_clock),
		world_test(an_answer_believes_a_clock_that_is_behind_the_state),
		world_test(a_restart_with_a_wrong_clock_keeps_what_the_filter_holds),
		world_test(what_only_the_maps_knew_is_saved),
		world_test(nothing_known_is_not_saved),
		world_test(saved_grants_that_do_not_fit_leave_the_ports_closed),
		world_test(ended_entries_make_room_for_live_grants),
		world_test(no_step_of_a_change_opens_or_closes_what_stays),
		world_test(a_grant_moved_to_an_earlier_end_is_said_and_ends_then),
		world_test(ends_close_together_are_few_rounds_of_work),
		world_test(the_end_of_time_is_no_trap),
		world_test(freshness_counts_from_when_the_feed_learned_it),
		world_test(what_is_refused_and_the_clock_are_those_of_the_last_good_answer),
		world_test(a_feed_that_can_judge_no_grant_keeps_what_is_held),
		world_test(a_feed_that_can_judge_no_grant_brings_none),
		world_test(what_is_kept_ends_at_its_own_end),
		world_test(after_the_cure_the_feed_rules_again),
		world_test(what_is_kept_is_judged_by_the_guard_rails),
		world_test(what_a_restart_restores_is_kept_too),
		world_test(who_comes_inside_the_guard_rails_by_time_is_granted_once),
		world_test(a_keeping_answer_that_does_not_fit_changes_nothing),
		world_test(a_good_answer_clears_trouble_and_a_refused_snapshot_is_trouble),
		world_test(a_source_that_knocks_in_a_loop_is_told_of_once_a_second),
		world_test(another_source_does_not_wait_for_the_first),
		world_test(a_flood_of_events_does_not_flood_the_log),
		world_test(who_came_in_is_logged_in_a_flood_too),
		world_test(audit_mode_says_what_enforcement_would_do),
		world_test(a_trial_ends_by_itself_with_the_daemon_dead),
		world_test(a_trial_that_lapses_is_said_once_and_cannot_be_confirmed_any_more),
		world_test(a_confirmation_a_nanosecond_too_late_is_refused),
		world_test(what_is_confirmed_lasts_over_restart_and_reboot),
		world_test(a_restart_goes_on_with_a_trial_and_a_reboot_does_not),
		world_test(a_trial_that_ended_while_the_daemon_was_dead_is_said_at_the_start),
		world_test(the_wall_clock_moves_no_trial),
		world_test(another_mode_in_the_config_rules),
		world_test(a_trial_that_the_config_takes_over_has_no_end_left),
		world_test(a_restart_with_enforce_in_the_config_forgets_what_was_armed),
		world_test(arming_what_enforces_does_nothing_and_says_so),
		world_test(disarming_ends_a_trial_and_what_was_confirmed),
		world_test(a_confirmation_that_cannot_be_saved_counts_and_is_said),
		world_test(what_could_not_be_saved_is_shown_said_once_and_tried_again),
		world_test(a_confirmation_is_saved_before_it_is_in_force),
		world_test(with_nothing_to_close_the_first_answer_is_waited_for),
		world_test(after_the_first_answer_no_failure_goes_back_to_waiting),
		world_test(with_protect_the_first_start_enforces_at_once),
		world_test(what_is_opened_by_hand_opens_at_once_and_ends_on_time),
		world_test(no_answer_of_a_feed_touches_what_is_opened_by_hand),
		world_test(closing_ends_what_was_opened_by_hand_and_nothing_else),
		world_test(opening_again_counts_from_then_on),
		world_test(guard_rails_hold_for_an_operator_unless_put_aside_by_name),
		world_test(a_port_that_is_not_protected_is_not_opened),
		world_test(what_is_opened_by_hand_survives_restart_and_reboot_to_its_own_end),
		world_test(what_was_closed_stays_closed_over_a_restart_that_still_reads_of_it),
		world_test(opening_does_not_wait_for_a_disk),
		world_test(a_clock_that_is_set_neither_lengthens_nor_ends_what_is_opened_by_hand),
		world_test(what_is_opened_by_hand_waits_while_the_clock_is_behind),
		world_test(what_is_opened_by_hand_is_there_when_a_clock_that_was_never_set_is_set),
		world_test(what_is_opened_by_hand_is_closed_by_hand_after_a_restart_with_a_wrong_clock),
		world_test(no_more_than_64_are_opened_by_hand),
		world_test(what_does_not_fit_a_smaller_table_does_not_stop_a_start),
		world_test(a_table_that_is_full_refuses_an_opening_whole),
		world_test(a_week_of_random_grants_never_differs_from_the_oracle),
	};

	return cmocka_run_group_tests(tests, seed_random, NULL);
}
