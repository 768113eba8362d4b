/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Which grant that has ended a socket was under, among thousands: a search, not a walk, for each.
 */
#ifndef ENDED_INDEX_H
#define ENDED_INDEX_H

#include "ended.h"

/* By place in the list, so that it holds while the list only grows (and knows nothing of what is new). Starts as {0}.
 */
struct ended_index {
	struct ended_list *list;
	uint32_t *order;
	size_t n;
	bool has_len[2][129]; /* IPv4, IPv6 */
};

/*
 * Of TCP, due by `now` (ENDED_NEVER: all), and for that port or for every port; `port` 0: for any. 0 or -ENOMEM with
 * *ret as it was.
 */
int ended_index_build(struct ended_list *list, uint16_t port, struct boot_time now, struct ended_index *ret);

/* The one that a peer at a port was under, or NULL. Of several the latest noted. */
struct ended_grant *ended_index_find(const struct ended_index *index, const struct cidr *peer, uint16_t port);

void ended_index_free(struct ended_index *index);

#endif
