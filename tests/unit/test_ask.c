// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The asking end of the control protocol, against a child that answers well, badly, slowly or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "ask.h"
#include "util.h"

#define QUESTION "status text"
#define LONG_BYTES (3u * 1024 * 1024) /* far more than a socket holds */
#define PLENTY_MS 20000

/* What the other end does after it has read the question. */
struct answer {
	const char *head;
	size_t body_len; /* 'a' … 'z' again and again */
	size_t pieces;   /* sent in so many, with a pause between; 0: at once */
	bool hangs;      /* and never hangs up */
	bool deaf;       /* does not read: hangs up with the question in its ear */
};

struct outcome {
	int result;
	char *text;
	size_t len;
	struct failure failure;
	int64_t took_ms;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / NS_PER_MS;
}

static bool send_whole(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

static char letter_at(size_t i)
{
	return (char)('a' + i % 26);
}

/* The child; its exit code says whether the question came as it should. */
static int give_answer(int fd, const struct answer *answer)
{
	static char body[LONG_BYTES];
	char question[64] = "";
	size_t step = answer->pieces ? answer->body_len / answer->pieces : answer->body_len;
	ssize_t n = 0;

	if (!answer->deaf) {
		n = recv(fd, question, sizeof(question), MSG_WAITALL); /* to the end: the asking side shuts down */
		if (n != (ssize_t)strlen(QUESTION "\n") || memcmp(question, QUESTION "\n", (size_t)n) != 0)
			return 1;
	}
	for (size_t i = 0; i < answer->body_len; i++)
		body[i] = letter_at(i);
	send_whole(fd, answer->head, strlen(answer->head));
	for (size_t at = 0; at < answer->body_len; at += step) {
		size_t len = answer->body_len - at < step ? answer->body_len - at : step;

		if (!send_whole(fd, body + at, len))
			break;
		if (answer->pieces)
			nanosleep(&(struct timespec){.tv_nsec = 2 * NS_PER_MS}, NULL);
	}
	while (answer->hangs)
		pause();
	return 0;
}

/* Free outcome->text. */
static void ask_child(const struct answer *answer, uint32_t timeout_ms, struct outcome *outcome)
{
	int64_t before = now_ms();
	int fds[2], status = 0;
	pid_t child;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(fds[0]);
		_exit(give_answer(fds[1], answer));
	}
	close(fds[1]);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	*outcome = (struct outcome){.len = 77};
	outcome->result =
		ask_on_fd(fds[0], "the socket", QUESTION, timeout_ms, &outcome->text, &outcome->len, &outcome->failure);
	outcome->took_ms = now_ms() - before;
	close(fds[0]);
	if (answer->hangs)
		kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!answer->hangs)
		assert_int_equal(status, 0);
}

static void expect_result(const struct answer *answer, int result, size_t len)
{
	struct outcome outcome;

	ask_child(answer, PLENTY_MS, &outcome);
	assert_int_equal(outcome.result, result);
	assert_int_equal(outcome.len, len);
	for (size_t i = 0; i < len; i++) {
		if (outcome.text[i] != letter_at(i))
			fail_msg("byte %zu is wrong", i);
	}
	assert_int_equal(outcome.text[len], '\0');
	free(outcome.text);
}

static void expect_answer(const struct answer *answer, size_t len)
{
	expect_result(answer, 0, len);
}

static void expect_failure(const struct answer *answer, uint32_t timeout_ms, int result, const char *text)
{
	struct outcome outcome;

	ask_child(answer, timeout_ms, &outcome);
	assert_int_equal(outcome.result, result);
	assert_string_equal(outcome.failure.text, text);
	assert_null(outcome.text);
	assert_int_equal(outcome.len, 77);
}

static void a_whole_answer_comes_back_as_it_was_sent(void **state)
{
	(void)state;
	expect_answer(&(struct answer){.head = "OK 5\n", .body_len = 5}, 5);
	expect_answer(&(struct answer){.head = "OK 0\n"}, 0);
	expect_answer(&(struct answer){.head = "OK 26\n", .body_len = 26, .pieces = 13}, 26);
	expect_answer(&(struct answer){.head = "OK 3145728\n", .body_len = LONG_BYTES}, LONG_BYTES);
}

static void an_answer_from_an_open_machine_is_whole_and_says_so(void **state)
{
	(void)state;
	expect_result(&(struct answer){.head = "OPEN 5\n", .body_len = 5}, ASK_OPEN, 5);
}

static void half_an_answer_is_none(void **state)
{
	(void)state;
	expect_failure(&(struct answer){.head = "OK 100\n", .body_len = 4}, PLENTY_MS, -EPIPE,
		       "the socket: answer cut short after 4 of 100 bytes; try again");
	expect_failure(&(struct answer){.head = "OK 10"}, PLENTY_MS, -EPIPE,
		       "the socket: answer cut short: jitgated hung up; see its log");
	expect_failure(&(struct answer){.head = ""}, PLENTY_MS, -EPIPE,
		       "the socket: answer cut short: jitgated hung up; see its log");
}

static void more_than_was_announced_is_no_answer(void **state)
{
	(void)state;
	expect_failure(&(struct answer){.head = "OK 2\n", .body_len = 3}, PLENTY_MS, -EPROTO,
		       "the socket: more than the 2 bytes that were announced");
}

static void a_refusal_is_told_in_its_own_words(void **state)
{
	(void)state;
	expect_failure(&(struct answer){.head = "ERR busy: 8 questions at once; try again\n"}, PLENTY_MS, -EREMOTEIO,
		       "busy: 8 questions at once; try again");
}

/* One that turns clients away may never read what they ask. */
static void a_refusal_before_the_question_was_read_is_heard(void **state)
{
	(void)state;
	expect_failure(&(struct answer){.head = "ERR busy\n", .deaf = true}, PLENTY_MS, -EREMOTEIO, "busy");
}

static void what_is_no_header_is_no_answer(void **state)
{
	static const char *const heads[] = {
		"HTTP/1.1 200 OK\r\n",
		"OK\n",
		"OK \n",
		"OK 0x10\n",
		"OK -1\n",
		"OK +1\n",
		"OK 1 \n",
		"ok 1\n",
		"\n",
		"OK 268435457\n", /* one beyond ASK_ANSWER_MAX */
		"ERR\n",
		"OK 1\r\n",
		"ERROR x\n",
		"OK 18446744073709551617\n",
	};
	char endless[1024];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
		expect_failure(&(struct answer){.head = heads[i], .body_len = 1}, PLENTY_MS, -EPROTO,
			       "the socket: this is not jitgated's answer; are both of one version?");
	memset(endless, 'x', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	expect_failure(&(struct answer){.head = endless}, PLENTY_MS, -EPROTO,
		       "the socket: this is not jitgated's answer; are both of one version?");
}

/* One deadline for all of it, however the bytes trickle in. */
static void who_does_not_answer_is_given_up(void **state)
{
	static const struct answer answers[] = {
		{.head = "", .hangs = true},
		{.head = "OK 1", .hangs = true},
		{.head = "OK 10\n", .body_len = 4, .hangs = true},
		{.head = "OK 100000\n", .body_len = 100000, .pieces = 50000, .hangs = true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct outcome outcome;

		ask_child(&answers[i], 200, &outcome);
		assert_int_equal(outcome.result, -ETIMEDOUT);
		assert_in_range(outcome.took_ms, 199, 5000);
		assert_null(outcome.text);
	}
	expect_failure(&answers[0], 1000, -ETIMEDOUT,
		       "the socket: jitgated did not answer within 1 s; is it stopped or overloaded?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_answer_comes_back_as_it_was_sent),
		cmocka_unit_test(an_answer_from_an_open_machine_is_whole_and_says_so),
		cmocka_unit_test(half_an_answer_is_none),
		cmocka_unit_test(more_than_was_announced_is_no_answer),
		cmocka_unit_test(a_refusal_is_told_in_its_own_words),
		cmocka_unit_test(a_refusal_before_the_question_was_read_is_heard),
		cmocka_unit_test(what_is_no_header_is_no_answer),
		cmocka_unit_test(who_does_not_answer_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
