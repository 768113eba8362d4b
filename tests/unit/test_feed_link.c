// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* A feed's end of the feed socket: what it hears from the other end, also when that one has hung up. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "feed_link.h"
#include "feed_msg.h"

struct pair {
	int feed, jitgated;
};

static struct pair connect_pair(void)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	return (struct pair){.feed = fds[0], .jitgated = fds[1]};
}

static const struct knock who = {.at.ns = 7, .family = JITGATE_IPV4, .port = 22, .addr = {192, 0, 2, 1}};

static void send_ask(int fd, uint16_t protocol)
{
	struct feed_ask ask;

	feed_encode_ask(&ask, &who);
	ask.header.protocol = protocol;
	assert_int_equal(send(fd, &ask, sizeof(ask), MSG_NOSIGNAL), sizeof(ask));
}

static void ask_is_heard(void **state)
{
	struct pair p = connect_pair();
	struct knock heard = {0};

	(void)state;
	assert_int_equal(feed_link_read(p.feed, &heard), 0);
	send_ask(p.jitgated, FEED_PROTOCOL);
	send_ask(p.jitgated, FEED_PROTOCOL);
	for (int i = 0; i < 2; i++) {
		heard = (struct knock){0};
		assert_int_equal(feed_link_read(p.feed, &heard), 1);
		assert_memory_equal(&heard, &who, sizeof(who));
	}
	assert_int_equal(feed_link_read(p.feed, &heard), 0);
	close(p.jitgated);
	assert_int_equal(feed_link_read(p.feed, &heard), -ECONNRESET);
	assert_false(feed_link_is_foreign(p.feed));
	close(p.feed);
}

/* Read while the connection lasts; anything that is no ASK is no business of another version. */
static void another_version_is_told_from_rubbish(void **state)
{
	struct pair p = connect_pair();
	struct knock heard = {0};

	(void)state;
	send_ask(p.jitgated, FEED_PROTOCOL + 1);
	assert_int_equal(feed_link_read(p.feed, &heard), -EPROTONOSUPPORT);
	assert_int_equal(send(p.jitgated, "what", 4, 0), 4);
	assert_int_equal(feed_link_read(p.feed, &heard), -EPROTO);
	assert_int_equal(heard.family, 0);
	close(p.feed);
	close(p.jitgated);
}

/* jitgated says its version and hangs up, while messages of ours are still on their way to it. */
static void last_word_of_a_closed_link_is_heard(void **state)
{
	static const struct {
		uint16_t protocol;
		bool unread, foreign;
	} cases[] = {{FEED_PROTOCOL + 1, false, true},
		     {FEED_PROTOCOL + 1, true, true},
		     {FEED_PROTOCOL - 1, true, true},
		     {FEED_PROTOCOL, false, false},
		     {FEED_PROTOCOL, true, false}};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		const bool tries = i % 2; /* whether a call of ours fails before, which takes the error away */
		struct pair p = connect_pair();
		const struct snapshot snapshot = {.fresh_for_s = 60};

		if (cases[i / 2].unread)
			assert_int_equal(feed_link_send_snapshot(p.feed, &snapshot, -1), 0);
		send_ask(p.jitgated, cases[i / 2].protocol);
		close(p.jitgated);
		if (tries)
			assert_true(feed_link_send_trouble(p.feed, (struct wall_time){1}, "x", -1) < 0);
		assert_int_equal(feed_link_is_foreign(p.feed), cases[i / 2].foreign);
		close(p.feed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ask_is_heard),
		cmocka_unit_test(another_version_is_told_from_rubbish),
		cmocka_unit_test(last_word_of_a_closed_link_is_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
