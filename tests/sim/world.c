// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * See world.h.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opened.h"

struct world w;

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

int fresh_world(void **state)
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

void replace_enforcer(void)
{
	enforcer_free(&w.e);
	enforcer_init(&w.e, &w.conf, &fake_gate_ops, &w.gate, &world_hooks, &w);
}

int end_world(void **state)
{
	(void)state;
	enforcer_free(&w.e);
	snapshot_free(&w.saved);
	free(w.opened);
	return 0;
}

void advance(int64_t ns)
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

void advance_alone(int64_t ns)
{
	w.clock.boot.ns += (uint64_t)ns;
	w.clock.wall.ns += ns;
}

struct cidr source(const char *text)
{
	struct cidr c;

	assert_int_equal(cidr_parse(text, strlen(text), &c, NULL), 0);
	return c;
}

bool passes(const char *from, uint16_t port)
{
	struct cidr c = source(from);

	return fake_passes(&w.gate, &c, port, 6, w.clock.boot.ns);
}

void add_grant(struct snapshot *s, const char *from, uint16_t port, int64_t for_ns)
{
	struct grant grant = {
		.source = source(from), .port = port, .protos = PROTO_BIT_TCP, .until.ns = w.clock.wall.ns + for_ns};

	assert_int_equal(grant_set_add(&s->grants, &grant, "alice", "a\nforged line", "test"), 0);
}

void add_port(struct snapshot *s, uint16_t port)
{
	struct port_rule rule = {.port = port, .protos = PROTO_BIT_TCP};

	assert_int_equal(snapshot_add_port(s, &rule), 0);
}

int feed(struct snapshot *s)
{
	int r;

	s->taken = w.clock.wall;
	if (!s->fresh_for_s)
		s->fresh_for_s = 600;
	r = enforcer_take_snapshot(&w.e, s);
	snapshot_free(s);
	return r;
}

void feed_grant(const char *from, int64_t for_ns)
{
	struct snapshot s = {0};

	add_grant(&s, from, 22, for_ns);
	assert_int_equal(feed(&s), 0);
}

bool logged(const char *text)
{
	return strstr(w.log, text);
}

void forget_log(void)
{
	w.log[0] = '\0';
}

void step_clock(int64_t ns)
{
	w.clock.wall.ns += ns;
	enforcer_tick(&w.e);
}

void answers_without(int n, int64_t every_ns)
{
	for (int i = 0; i < n; i++) {
		struct snapshot without = {0};

		advance(every_ns);
		feed(&without);
	}
}

void learn(uint16_t port)
{
	struct snapshot with = {0};

	add_port(&with, port);
	feed(&with);
}

/* What an operator did, from what the files hold. */
static void restore_by_hand(void)
{
	struct grant_set opened = {0};

	if (w.opened)
		assert_int_equal(opened_decode(w.opened, w.opened_len, &opened, NULL), 0);
	enforcer_restore(&w.e, &opened,
			 w.armed_unreadable ? ARMING_RECORD_UNKNOWN
			 : w.armed          ? ARMING_RECORDED
					    : ARMING_NO_RECORD);
}

void restart(struct snapshot *saved)
{
	replace_enforcer();
	restore_by_hand();
	assert_int_equal(enforcer_start(&w.e, saved), 0);
	enforcer_settle(&w.e);
}

void restart_with_state(void)
{
	struct snapshot saved = {0};

	copy_snapshot(&w.saved, &saved);
	restart(&saved);
	snapshot_free(&saved);
}

void reboot(void)
{
	memset(&w.gate, 0, sizeof(w.gate));
	w.gate.capacity = 512;
	w.clock.boot.ns = 3 * NS_PER_S;
	restart_with_state();
}

void save_two_grants(void)
{
	struct snapshot s = {0};

	w.keep_saved = true;
	enforcer_start(&w.e, NULL);
	add_port(&s, 3389);
	add_grant(&s, "10.0.0.1", 22, 10 * MINUTE);
	add_grant(&s, "10.0.0.2", 22, MINUTE);
	feed(&s);
}
