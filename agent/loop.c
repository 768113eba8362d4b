// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. epoll, timerfd, signalfd. Nothing here knows what it drives.
 */
#include "loop.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "util.h"

/* The year 2243: the kernel's time in ns ends a little later. */
#define FAR_AWAY_S ((time_t)1 << 33)

enum source_kind { SOURCE_FD, SOURCE_TIMER, SOURCE_CLOCK, SOURCE_SIGNAL };

struct loop_source {
	struct loop *loop;
	struct loop_source *next;
	loop_handler handler;
	void *ctx;
	int fd;
	enum source_kind kind;
	bool removed; /* freed after the round: its event may still be in the batch */
};

struct loop {
	int epoll_fd;
	bool stopping;
	struct loop_source *sources;
};

int loop_new(struct loop **ret_loop)
{
	_cleanup_free_ struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return -errno;
	*ret_loop = TAKE_PTR(loop);
	return 0;
}

static void free_source(struct loop_source *source)
{
	if (source->kind != SOURCE_FD)
		close_fd(&source->fd);
	free(source);
}

void loop_free(struct loop **loop)
{
	if (!*loop)
		return;
	while ((*loop)->sources) {
		struct loop_source *source = (*loop)->sources;

		(*loop)->sources = source->next;
		free_source(source);
	}
	close_fd(&(*loop)->epoll_fd);
	free(*loop);
	*loop = NULL;
}

/* Takes the descriptor over only when it succeeds, and only for kinds that the loop opened itself. */
static int add_source(struct loop *loop, int fd, enum source_kind kind, uint32_t events, loop_handler handler,
		      void *ctx, struct loop_source **ret_source)
{
	_cleanup_free_ struct loop_source *source = calloc(1, sizeof(*source));
	struct epoll_event event = {.events = events, .data.ptr = source};

	if (!source)
		return -ENOMEM;
	*source = (struct loop_source){.loop = loop, .handler = handler, .ctx = ctx, .fd = fd, .kind = kind};
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	source->next = loop->sources;
	loop->sources = source;
	if (ret_source)
		*ret_source = source;
	(void)TAKE_PTR(source);
	return 0;
}

int loop_add(struct loop *loop, int fd, uint32_t events, loop_handler handler, void *ctx,
	     struct loop_source **ret_source)
{
	return add_source(loop, fd, SOURCE_FD, events, handler, ctx, ret_source);
}

int loop_modify(struct loop_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	return epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) < 0 ? -errno : 0;
}

void loop_remove(struct loop_source *source)
{
	if (!source || source->removed)
		return;
	epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	source->removed = true;
}

int loop_add_timer(struct loop *loop, loop_handler handler, void *ctx, struct loop_source **ret_source)
{
	_cleanup_close_ int fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	int r;

	if (fd < 0)
		return -errno;
	r = add_source(loop, fd, SOURCE_TIMER, EPOLLIN, handler, ctx, ret_source);
	if (r == 0)
		(void)TAKE_FD(fd);
	return r;
}

void loop_arm_at(struct loop_source *timer, struct boot_time at)
{
	/* 0 would disarm; 1 ns after boot is long past. */
	uint64_t ns = at.ns ? at.ns : 1;
	struct itimerspec spec = {.it_value = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)}};

	if (spec.it_value.tv_sec > FAR_AWAY_S)
		spec.it_value.tv_sec = FAR_AWAY_S;
	timerfd_settime(timer->fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

void loop_disarm(struct loop_source *timer)
{
	struct itimerspec spec = {0};

	timerfd_settime(timer->fd, 0, &spec, NULL);
}

/* A timer that never fires, but is cancelled when somebody sets the clock. */
static int arm_clock_watch(int fd)
{
	struct itimerspec spec = {.it_value = {.tv_sec = FAR_AWAY_S}};

	if (timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, NULL) < 0 && errno != ECANCELED)
		return -errno;
	return 0;
}

int loop_add_clock_watch(struct loop *loop, loop_handler handler, void *ctx, struct loop_source **ret_source)
{
	_cleanup_close_ int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	int r;

	if (fd < 0)
		return -errno;
	r = arm_clock_watch(fd);
	if (r == 0)
		r = add_source(loop, fd, SOURCE_CLOCK, EPOLLIN, handler, ctx, ret_source);
	if (r == 0)
		(void)TAKE_FD(fd);
	return r;
}

int loop_add_signals(struct loop *loop, const int *signals, int n_signals, loop_handler handler, void *ctx,
		     struct loop_source **ret_source)
{
	_cleanup_close_ int fd = -1;
	sigset_t set;
	int r;

	sigemptyset(&set);
	for (int i = 0; i < n_signals; i++)
		sigaddset(&set, signals[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	r = add_source(loop, fd, SOURCE_SIGNAL, EPOLLIN, handler, ctx, ret_source);
	if (r == 0)
		(void)TAKE_FD(fd);
	return r;
}

static void dispatch(struct loop_source *source, uint32_t events)
{
	struct signalfd_siginfo info;
	uint64_t expirations;

	switch (source->kind) {
	case SOURCE_FD:
		source->handler(source->ctx, events);
		return;
	case SOURCE_TIMER:
		if (read(source->fd, &expirations, sizeof(expirations)) == sizeof(expirations))
			source->handler(source->ctx, events);
		return;
	case SOURCE_CLOCK:
		if (read(source->fd, &expirations, sizeof(expirations)) < 0 && errno != ECANCELED)
			return;
		arm_clock_watch(source->fd);
		source->handler(source->ctx, events);
		return;
	case SOURCE_SIGNAL:
		while (!source->removed && read(source->fd, &info, sizeof(info)) == sizeof(info))
			source->handler(source->ctx, info.ssi_signo);
		return;
	}
}

static void sweep_removed(struct loop *loop)
{
	struct loop_source **link = &loop->sources;

	while (*link) {
		struct loop_source *source = *link;

		if (!source->removed) {
			link = &source->next;
			continue;
		}
		*link = source->next;
		free_source(source);
	}
}

int loop_run(struct loop *loop)
{
	struct epoll_event events[32];

	while (!loop->stopping) {
		int n = epoll_wait(loop->epoll_fd, events, ARRAY_SIZE(events), -1);

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++) {
			struct loop_source *source = events[i].data.ptr;

			if (!source->removed)
				dispatch(source, events[i].events);
		}
		sweep_removed(loop);
	}
	loop->stopping = false;
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopping = true;
}
