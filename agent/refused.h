/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. What was asked for and is not granted, as people are told of it: a list of bounded length, of texts of bounded
 * length, and the number of those that are not in it. The texts come from far away: UTF-8 is all that is known of them.
 */
#ifndef REFUSED_H
#define REFUSED_H

#include <stddef.h>
#include <stdint.h>

#include "util.h"

#define REFUSED_MAX 64 /* told one by one; the others are counted */

/* Longest texts with their NUL; longer ones are cut. */
#define REFUSED_WHY_MAX 128
#define REFUSED_SOURCE_MAX 64
#define REFUSED_UNTIL_MAX 40
#define REFUSED_REQUESTOR_MAX 128
#define REFUSED_POLICY_MAX 256

struct refused {
	uint16_t port; /* host order; 0: not about one port */
	char why[REFUSED_WHY_MAX];
	char source[REFUSED_SOURCE_MAX]; /* as it was written, perhaps no address; "": none */
	char until[REFUSED_UNTIL_MAX];   /* as it was written, perhaps no time; "": none */
	char requestor[REFUSED_REQUESTOR_MAX];
	char policy[REFUSED_POLICY_MAX]; /* where it is asked for */
};

/* Starts as {0}. */
struct refused_list {
	struct refused *items;
	size_t n;      /* at most REFUSED_MAX */
	uint32_t more; /* that are not among the items */
};

/* The same with texts of any length and bytes; none is NULL. */
struct refused_texts {
	const char *why, *source, *until, *requestor, *policy;
};

/* Append, texts cut at a character; when the list is full it is counted. 0, or -ENOMEM with the list as it was. */
int refused_add(struct refused_list *list, uint16_t port, const struct refused_texts *texts);

void refused_free(struct refused_list *list);

#endif
