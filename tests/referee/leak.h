/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What to do with a delivery that should not have been: find the train, leave out what is not needed, show it.
 */
#ifndef LEAK_H
#define LEAK_H

#include "referee/wire.h"

/* The train as hex, a frame a line. */
void leak_show(const struct stream *stream, uint32_t number);
/* Send the trains begin to end - 1 again, one at a time; a pcap of each that is delivered goes into folder. */
void leak_explain(struct wire *wire, const struct stream *stream, uint32_t begin, uint32_t end, const char *folder);

#endif
