/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Small helpers that every file may use: cleanup attributes, ownership transfer, checked
 * arithmetic. No I/O beyond close().
 */
#ifndef UTIL_H
#define UTIL_H

#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define CLEANUP(f) __attribute__((cleanup(f)))

/* In place, each of them. */
static inline void replace_char(char *text, char from, char to)
{
	for (; *text; text++) {
		if (*text == from)
			*text = to;
	}
}

static inline void free_ptr(void *p)
{
	free(*(void **)p);
}

static inline void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void close_file(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

#define _cleanup_free_ CLEANUP(free_ptr)
#define _cleanup_close_ CLEANUP(close_fd)
#define _cleanup_fclose_ CLEANUP(close_file)
#define _cleanup_closedir_ CLEANUP(close_dir)

/* Hand ownership out of a variable with a cleanup attribute. */
#define TAKE_PTR(p)                     \
	({                              \
		__typeof__(p) _p = (p); \
		(p) = NULL;             \
		_p;                     \
	})

#define TAKE_FD(fd)             \
	({                      \
		int _fd = (fd); \
		(fd) = -1;      \
		_fd;            \
	})

/* a * b into *ret; nonzero on overflow. Sizes that come from outside go through these. */
static inline int mul_overflows(size_t a, size_t b, size_t *ret)
{
	return __builtin_mul_overflow(a, b, ret);
}

/* Why bytes were refused: an offset into them and a static text. A parser never prints. */
struct parse_error {
	size_t offset;
	const char *why;
};

static inline int parse_fail(struct parse_error *err, size_t offset, const char *why)
{
	if (err) {
		err->offset = offset;
		err->why = why;
	}
	return -22; /* -EINVAL */
}

#define NS_PER_S 1000000000LL
#define NS_PER_MS 1000000LL

#endif
