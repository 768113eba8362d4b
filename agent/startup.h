/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * TOP. The steps of jitgated's start, from a config that was read to a process without root that guards its interfaces.
 * The order of the steps is jitgated.c's, in which they stand here; each logs what does not fail it.
 */
#ifndef STARTUP_H
#define STARTUP_H

#include <stdbool.h>

#include "daemon.h"
#include "failure.h"
#include "sandbox.h"

/* What a start knows and its daemon does not need. Descriptors begin at -1. */
struct startup {
	struct sandbox_user user, feed_user;
	int feed_fd, control_fd; /* listening */
	bool taken_over;         /* pins of a former run were there */
	bool have_state;         /* the state file could be read */
};

void startup_close(struct startup *start);

/* Each: 0, or -errno with *failure filled. */

/* Whom jitgated becomes, and who may be a feed. */
int startup_find_users(const struct conf *conf, struct startup *start, struct failure *failure);

/*
 * Choose interfaces, open folders and sockets, load or take over the filter and try it, fill the maps, attach. What was
 * guarded before stays so on failure.
 */
int startup_prepare(struct daemon *d, struct startup *start, struct failure *failure);

/* After a startup_prepare that failed: a first start leaves no pins behind, those of a former run stay as they are. */
void startup_undo(struct daemon *d, const struct startup *start);

/* Protected ports are taken out of the range that own connections start from. Never fails a start. */
void startup_reserve_ports(struct daemon *d);

/* Become the user of the config, without capabilities as far as the kernel allows, under the system-call filter. */
int startup_give_up_root(struct daemon *d, const struct startup *start, struct failure *failure);

#endif
