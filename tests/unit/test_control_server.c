// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The control socket with a real loop: whole answers, errors said as what they are, and no client who holds up others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "control_server.h"
#include "usock.h"
#include "util.h"

#define AT_ONCE 8
#define OF_OTHERS 6 /* that are not root */
#define OTHER_UID 64000

/* One loop for server and client: it runs until the client has read up to the server's hang-up. */
struct setting {
	struct loop *loop;
	struct control_server *server;
	char path[64];
	const char *body; /* of the next answer, or with an error what goes wrong */
	int error;
	char got[512];
	size_t got_len;
	int fd;
};

static int answer(void *ctx, const struct control_request *request, struct text *out)
{
	const struct setting *s = ctx;

	(void)request;
	if (s->body)
		text_printf(out, "%s", s->body);
	return s->error;
}

static int set_up(void **state)
{
	struct setting *s = calloc(1, sizeof(*s));
	int fd;

	assert_non_null(s);
	snprintf(s->path, sizeof(s->path), "/tmp/jitgate-control-%ld", (long)getpid());
	assert_int_equal(loop_new(&s->loop), 0);
	fd = usock_listen(s->path, SOCK_STREAM, 0600, getgid());
	assert_true(fd >= 0);
	assert_int_equal(control_server_new(s->loop, fd, answer, s, &s->server), 0);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct setting *s = *state;

	control_server_free(&s->server);
	loop_free(&s->loop);
	unlink(s->path);
	free(s);
	return 0;
}

static void read_answer(void *ctx, uint32_t events)
{
	struct setting *s = ctx;
	ssize_t n = recv(s->fd, s->got + s->got_len, sizeof(s->got) - 1 - s->got_len, 0);

	(void)events;
	if (n > 0)
		s->got_len += (size_t)n;
	else if (n == 0 || errno != EAGAIN)
		loop_stop(s->loop);
}

static const char *ask(struct setting *s, const char *question)
{
	struct loop_source *source = NULL;

	s->got_len = 0;
	s->fd = usock_connect(s->path, SOCK_STREAM);
	assert_true(s->fd >= 0);
	assert_int_equal(send(s->fd, question, strlen(question), MSG_NOSIGNAL), strlen(question));
	assert_int_equal(loop_add(s->loop, s->fd, EPOLLIN, read_answer, s, &source), 0);
	assert_int_equal(loop_run(s->loop), 0);
	loop_remove(source);
	close_fd(&s->fd);
	s->got[s->got_len] = '\0';
	return s->got;
}

static void an_answer_has_its_length_in_front(void **state)
{
	struct setting *s = *state;

	s->body = "two\nlines\n";
	assert_string_equal(ask(s, "status text\n"), "OK 10\ntwo\nlines\n");
	s->body = NULL;
	assert_string_equal(ask(s, "status text\n"), "OK 0\n");
}

static void an_error_is_told_as_what_it_is(void **state)
{
	struct setting *s = *state;

	s->error = -EBADF;
	s->body = "cannot read the maps: Bad file descriptor";
	assert_string_equal(ask(s, "status text\n"), "ERR cannot read the maps: Bad file descriptor\n");
	s->body = NULL;
	assert_string_equal(ask(s, "status text\n"), "ERR Bad file descriptor\n");
	assert_memory_equal(ask(s, "frobnicate\n"), "ERR ", 4);
}

/* By who connected, as the kernel says it. Reading is for whoever could connect. */
static void only_root_changes_anything(void **state)
{
	static const char *const orders[] = {"arm text 300\n", "confirm text\n", "disarm json\n",
					     "open text 10.0.0.1 22 tcp 60 within - why\n",
					     "close text 10.0.0.1 22 tcp\n"};
	struct setting *s = *state;
	bool is_root = geteuid() == 0;

	s->body = "done\n";
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		if (is_root) {
			assert_string_equal(ask(s, orders[i]), "OK 5\ndone\n");
			assert_int_equal(chmod(s->path, 0666), 0);
			assert_int_equal(seteuid(OTHER_UID), 0);
		}
		assert_string_equal(ask(s, orders[i]), "ERR only root may change anything; use sudo\n");
		assert_string_equal(ask(s, "status text\n"), "OK 5\ndone\n");
		assert_int_equal(seteuid(getuid()), 0);
	}
}

static void connect_so_many(const struct setting *s, int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		fds[i] = usock_connect(s->path, SOCK_STREAM);
		assert_true(fds[i] >= 0);
	}
}

static void hang_up(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close_fd(&fds[i]);
}

/* The positive control: as soon as one of the eight has gone, the next is served. */
static void the_ninth_at_once_is_told_to_come_back(void **state)
{
	struct setting *s = *state;
	bool is_root = geteuid() == 0;
	size_t n = is_root ? AT_ONCE : OF_OTHERS;
	const char *busy =
		is_root ? "ERR busy: 8 questions at once; try again\n" : "ERR busy: 6 questions at once; try again\n";
	int fds[AT_ONCE];

	s->body = "here\n";
	connect_so_many(s, fds, n);
	assert_string_equal(ask(s, "status text\n"), busy);
	assert_string_equal(ask(s, ""), busy);
	close_fd(&fds[0]);
	assert_string_equal(ask(s, "status text\n"), "OK 5\nhere\n");
	hang_up(fds + 1, n - 1);
}

/* Whoever comes again and again does not take the last places: these are root's. */
static void others_leave_two_places_to_root(void **state)
{
	struct setting *s = *state;
	int others[OF_OTHERS], roots[AT_ONCE - OF_OTHERS];

	if (geteuid() != 0)
		skip(); /* nobody else can be played */
	s->body = "here\n";
	assert_int_equal(chmod(s->path, 0666), 0);
	assert_int_equal(seteuid(OTHER_UID), 0);
	connect_so_many(s, others, OF_OTHERS);
	for (int i = 0; i < 3; i++)
		assert_string_equal(ask(s, "status text\n"), "ERR busy: 6 questions at once; try again\n");
	assert_int_equal(seteuid(0), 0);
	assert_string_equal(ask(s, "arm text 300\n"), "OK 5\nhere\n");
	connect_so_many(s, roots, ARRAY_SIZE(roots));
	assert_string_equal(ask(s, "status text\n"), "ERR busy: 8 questions at once; try again\n");
	hang_up(roots, ARRAY_SIZE(roots));
	close_fd(&others[0]);
	assert_int_equal(seteuid(OTHER_UID), 0);
	assert_string_equal(ask(s, "status text\n"), "OK 5\nhere\n");
	assert_int_equal(seteuid(0), 0);
	hang_up(others + 1, OF_OTHERS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_answer_has_its_length_in_front, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_error_is_told_as_what_it_is, set_up, tear_down),
		cmocka_unit_test_setup_teardown(only_root_changes_anything, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_ninth_at_once_is_told_to_come_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(others_leave_two_places_to_root, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
