/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Changes to finished frames: flipped bits, other bytes, bytes too many or too few, a cut. Most of the time lengths and
 * checksums are put right again afterwards, as a frame that fails there is not looked at any further.
 */
#ifndef MUTATE_H
#define MUTATE_H

#include "referee/packet.h"

void mutate_train(struct packet_plan *plan);
void mutate_cut(struct packet_plan *plan);

#endif
