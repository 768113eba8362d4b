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

#endif
