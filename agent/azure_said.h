/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * TOP. What Azure said, after a poll: kept until the next good answer, logged when it is new, told to jitgated, to the
 * service manager, and by --once to people. Asks nothing and knows no schedule.
 */
#ifndef AZURE_SAID_H
#define AZURE_SAID_H

#include "azure_poll.h"
#include "feed_client.h"
#include "feed_msg.h"
#include "util.h"

/* Starts as {0}; free with azure_said_free. */
struct azure_said {
	struct azure_jit good;          /* the last good answer */
	bool has_good, silent;          /* silent: Azure does not answer as it should */
	char trouble[FEED_TROUBLE_MAX]; /* "" when the last poll was good */
	struct wall_time trouble_at;
	int64_t offset_s; /* of the clock, as last logged; 0: not off */
	bool clock_wrong; /* as last logged */
};

/* A good answer: its snapshot becomes ours and goes to jitgated, which may rely on it for `fresh_for_s`. */
void azure_said_good(struct azure_said *said, struct azure_answer *answer, uint32_t fresh_for_s,
		     struct feed_client *feed);

/* No good answer. Nothing is granted, extended or taken away by this; jitgated is told, so that status can say it. */
void azure_said_trouble(struct azure_said *said, const struct azure_answer *answer, struct wall_time now,
			uint32_t next_s, struct feed_client *feed);

/* A new jitgated gets the last good snapshot, with the time it was taken at, and the trouble since. */
void azure_said_again(const struct azure_said *said, struct feed_client *feed);

/* The service manager's line: when Azure is asked next, and why then. */
void azure_said_status(const struct azure_said *said, uint32_t next_s, const char *why, int notify_fd);

/* --once: `r` is what azure_poll returned. Prints the answer, or says why there is none. 0, or -errno. */
int azure_said_once(int r, const struct azure_answer *answer, const char *vm_id);

void azure_said_free(struct azure_said *said);

#endif
