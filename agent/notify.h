/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. Readiness and watchdog messages to the service manager ($NOTIFY_SOCKET), without libsystemd. The socket
 * is opened once, while the environment and the file system can still be reached.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdint.h>

/*
 * *ret_fd is -1 when there is nobody to tell (no $NOTIFY_SOCKET, or nobody listens there); the other calls take -1 and
 * do nothing. 0 or -errno when there is no room for a socket: a service that cannot say that it is ready had better
 * start again.
 */
int notify_open(int *ret_fd);
/* "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=…", several joined with newlines. 0 (also when there is nobody),
 * -errno. */
int notify_send(int fd, const char *message);
/* Half of $WATCHDOG_USEC in ms when it is meant for this process, else 0. */
uint32_t notify_watchdog_ms(void);

#endif
