/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * TOP. The guardian at work: its calls made of datapath, netif and log, its looks driven by the kernel's news and by
 * time.
 */
#ifndef DAEMON_GUARDIAN_H
#define DAEMON_GUARDIAN_H

#include "daemon.h"

#define DAEMON_NEWS_NS (10 * NS_PER_MS) /* between two looks, however much news there is */

/* ctx = struct daemon */
extern const struct guardian_ops daemon_guardian_ops;

/* From here on interfaces that appear are attached, and what is taken off is put back. 0 or -errno. */
int daemon_guardian_open(struct daemon *d);
void daemon_guardian_close(struct daemon *d);

#endif
