/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. The policies of several questions as one listing.
 */
#ifndef AZURE_LISTING_H
#define AZURE_LISTING_H

#include "azure_json.h"

/*
 * A policy that was read more than once counts once, as it was read last; ids are compared without case. What stays
 * keeps its order. 0 or -ENOMEM, with *listing untouched.
 */
int azure_listing_unique(struct azure_listing *listing);

/* Move all policies of `from` behind those of `to`. 0, -ENOMEM, or -EINVAL with err: more than AZURE_ENTRIES_MAX. */
int azure_listing_move(struct azure_listing *to, struct azure_listing *from, struct parse_error *err);

/* -EINVAL and these words. */
int azure_listing_too_many(struct parse_error *err);

#endif
