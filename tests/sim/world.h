/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The enforcer with a clock, a data path and a feed of the test's own: rules that take hours or a broken machine to
 * see in life, in milliseconds. Each test starts a fresh world: port 22/tcp in `protect`, nothing granted, the enforcer
 * made and not started.
 */
#ifndef WORLD_H
#define WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "enforcer.h"
#include "fake_gate.h"

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
	bool armed;            /* the record is there */
	bool armed_unreadable; /* nobody can tell */
	void (*on_save_armed)(void);
};

extern struct world w;

int fresh_world(void **state);
int end_world(void **state);
#define world_test(f) cmocka_unit_test_setup_teardown(f, fresh_world, end_world)

/* A file's tests are run when they are registered, and that is done by being linked: none can be forgotten in a list.
 */
void register_tests(const struct CMUnitTest *tests, size_t n);
#define REGISTER_TESTS(tests)                                              \
	__attribute__((constructor)) static void register_them(void)       \
	{                                                                  \
		register_tests(tests, sizeof(tests) / sizeof((tests)[0])); \
	}

/* Time goes on; the daemon is called whenever it asked to be. */
void advance(int64_t ns);
/* Time goes on with the daemon dead. */
void advance_alone(int64_t ns);
/* The wall clock is set, by so much. */
void step_clock(int64_t ns);

struct cidr source(const char *text);
/* A TCP packet, now. */
bool passes(const char *from, uint16_t port);

/* Into a snapshot: alice's, for TCP, from now on. */
void add_grant(struct snapshot *s, const char *from, uint16_t port, int64_t for_ns);
void add_port(struct snapshot *s, uint16_t port);
/* The feed's answer, taken now; frees it. What enforcer_take_snapshot says. */
int feed(struct snapshot *s);
/* One grant on port 22 is all there is. */
void feed_grant(const char *from, int64_t for_ns);
/* The feed names a port. */
void learn(uint16_t port);
/* Empty answers, each that long after what was before. */
void answers_without(int n, int64_t every_ns);

bool logged(const char *text);
void forget_log(void);

/* The process is another one, that has not started: what was in its memory is gone. */
void replace_enforcer(void);
/* It is another one, that has started with this state (NULL: none) and what an operator did. */
void restart(struct snapshot *saved);
/* The same with what the state file holds. */
void restart_with_state(void);
/* The maps are gone, too. */
void reboot(void);

/* From the start on: a port that is learned, 3389, a grant for ten minutes, one for one minute; the state is saved. */
void save_two_grants(void);

#endif
