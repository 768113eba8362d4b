/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. Reads everything that the plan names, each list with all its pages: whole or not at all.
 */
#ifndef AZURE_LIST_H
#define AZURE_LIST_H

#include "azure_ask.h"
#include "azure_json.h"
#include "clockmap.h"

#define AZURE_PAGES_MAX 50 /* of one list */
#define AZURE_LINK_MAX 8192

/* The policies that name this VM, each once. 0, or -errno with answer->why and *listing to be thrown away. */
int azure_list(struct azure_asker *asker, struct clock_pair now, struct azure_listing *listing,
	       struct azure_answer *answer);

#endif
