/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. Readiness and watchdog messages to the service manager ($NOTIFY_SOCKET), without libsystemd. The socket
 * is opened once, while the environment and the file system can still be reached.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdint.h>

/* -1 when there is nobody to tell (no $NOTIFY_SOCKET); the other calls take -1 and do nothing. */
int notify_open(void);
/* "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=…", several joined with newlines. */
void notify_send(int fd, const char *message);
/* Half of $WATCHDOG_USEC in ms when it is meant for this process, else 0. */
uint32_t notify_watchdog_ms(void);

#endif
