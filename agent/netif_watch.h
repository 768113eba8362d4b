/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. News of network interfaces and default routes, from rtnetlink's multicast groups. Says that there is news, not
 * which: who wants to know asks again, so that a message that was lost costs nothing.
 */
#ifndef NETIF_WATCH_H
#define NETIF_WATCH_H

#include <stdbool.h>

/* A descriptor that becomes readable with news, of this network namespace. -errno on failure. */
int netif_watch_open(void);

struct netif_news {
	bool links, routes;
	bool overrun; /* the kernel had more than it could keep: both may have changed */
};

/* Everything that has come. 0 or -errno. */
int netif_watch_drain(int fd, struct netif_news *ret);

#endif
