// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See ended_index.h. Sorted by port and source; a peer is looked for once for each prefix length that there is.
 */
#include "ended_index.h"

#include <errno.h>
#include <stdlib.h>

static int compare_key(const struct ended_grant *ended, uint16_t port, const struct cidr *source)
{
	if (ended->port != port)
		return ended->port < port ? -1 : 1;
	return cidr_compare(&ended->source, source);
}

static int compare_places(const void *a, const void *b, void *list)
{
	const struct ended_grant *v = list;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int r = compare_key(&v[x], v[y].port, &v[y].source);

	return r ? r : (x > y) - (x < y);
}

int ended_index_build(struct ended_list *list, uint16_t port, struct boot_time now, struct ended_index *ret)
{
	struct ended_index index = {.list = list, .order = calloc(list->n + 1, sizeof(*index.order))};

	if (!index.order)
		return -ENOMEM;
	for (size_t i = 0; i < list->n; i++) {
		const struct ended_grant *ended = &list->v[i];

		if (ended->due.ns > now.ns || !(ended->protos & PROTO_BIT_TCP) ||
		    (port && ended->port && ended->port != port))
			continue;
		index.has_len[ended->source.family == JITGATE_IPV6][ended->source.prefix_len] = true;
		index.order[index.n++] = (uint32_t)i;
	}
	qsort_r(index.order, index.n, sizeof(*index.order), compare_places, list->v);
	*ret = index;
	return 0;
}

/* The place of the last one with this key and one more, 0: there is none. */
static size_t find_last(const struct ended_index *index, uint16_t port, const struct cidr *source)
{
	size_t low = 0, high = index->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_key(&index->list->v[index->order[middle]], port, source) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || compare_key(&index->list->v[index->order[low - 1]], port, source) != 0)
		return 0;
	return (size_t)index->order[low - 1] + 1;
}

struct ended_grant *ended_index_find(const struct ended_index *index, const struct cidr *peer, uint16_t port)
{
	size_t latest = 0;

	for (unsigned int len = 0; len <= peer->prefix_len; len++) {
		struct cidr cover;

		if (!index->has_len[peer->family == JITGATE_IPV6][len])
			continue;
		cover = cidr_cut(peer, (uint8_t)len);
		for (int any = 0; any < 2; any++) {
			size_t place = find_last(index, any ? 0 : port, &cover);

			latest = place > latest ? place : latest;
		}
	}
	return latest ? &index->list->v[latest - 1] : NULL;
}

void ended_index_free(struct ended_index *index)
{
	free(index->order);
	*index = (struct ended_index){0};
}
