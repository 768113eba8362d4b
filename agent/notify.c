// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. sd_notify's protocol: datagrams to the socket that $NOTIFY_SOCKET names.
 */
#include "notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "number.h"
#include "util.h"

/* The length of the address, or 0: nobody is to be told. */
static socklen_t read_address(struct sockaddr_un *addr)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len;

	if (!path || (path[0] != '/' && path[0] != '@'))
		return 0;
	len = strlen(path);
	if (len >= sizeof(addr->sun_path))
		return 0;
	memcpy(addr->sun_path, path, len);
	if (path[0] == '@')
		addr->sun_path[0] = '\0'; /* the abstract name space */
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

int notify_open(int *ret_fd)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	socklen_t len = read_address(&addr);
	_cleanup_close_ int fd = -1;

	*ret_fd = -1;
	if (!len)
		return 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, len) == 0)
		*ret_fd = TAKE_FD(fd);
	return 0;
}

int notify_send(int fd, const char *message)
{
	if (fd < 0)
		return 0;
	return send(fd, message, strlen(message), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Digits of an environment variable; 0 when absent or anything else. */
static uint64_t env_number(const char *name)
{
	const char *text = getenv(name);
	uint64_t number;

	return text && number_parse(text, strlen(text), UINT64_MAX, &number) == 0 ? number : 0;
}

uint32_t notify_watchdog_ms(void)
{
	uint64_t usec = env_number("WATCHDOG_USEC");
	uint64_t pid = env_number("WATCHDOG_PID");

	if (!usec || (pid && pid != (uint64_t)getpid()))
		return 0;
	usec /= 2000;
	return usec > UINT32_MAX ? UINT32_MAX : (uint32_t)usec;
}
