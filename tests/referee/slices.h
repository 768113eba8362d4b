/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Trains that take a datagram apart, or lie about where it ends.
 */
#ifndef SLICES_H
#define SLICES_H

#include "referee/packet.h"

/* Fragments in order or not, nothing else strange; the transport packet carries `payload` bytes. */
void slices_simple(struct packet_plan *plan, size_t payload);
void slices_fragments(struct packet_plan *plan);
void slices_overlap(struct packet_plan *plan);
void slices_hidden(struct packet_plan *plan);
void slices_lengths(struct packet_plan *plan);

#endif
