/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. The verdict table as cases: a frame, the grants in force, and what the gate has to do. Data only.
 *
 * A case is written for a port that stands for itself: it is run with each of case_ports in its place. A layer
 * or grant named IP or with two prefixes is run for both families.
 */
#ifndef CORPUS_H
#define CORPUS_H

#include <stddef.h>
#include <stdint.h>

#include "jitgate_abi.h"
#include "frame.h"

/* Ports of a description that are replaced before it is built. */
#define GATED 0x10000U   /* protected, for TCP unless the case says otherwise */
#define OTHER 0x10001U   /* next to it, not protected */
#define SWAPPED 0x10002U /* its bytes the other way round, not protected */

#define CASE_GRANTS_MAX 3
#define CASE_SLOT(i) ((uint32_t)(i) + 1) /* slot of the grant with index i, unless the grant says otherwise */

enum grant_end {
	ENDS_LATER = 0,
	ENDS_NEVER,
	ENDS_SOON,   /* in half a minute: while a fragment may still wait for the rest */
	ENDED,       /* an hour ago */
	ENDS_AT_ONCE /* in 1 ns: over when the packet comes */
};

struct case_grant {
	const char *prefix4, *prefix6; /* by the family of the run; NULL, NULL: no grant */
	enum grant_end end;
	uint32_t port; /* 0: GATED */
	uint8_t proto; /* 0: TCP */
	uint32_t slot; /* 0: CASE_SLOT(index) */
};

struct packet_case {
	const char *name; /* the rule */
	struct layer frame[FRAME_LAYERS_MAX];
	int verdict;
	int reason;
	struct case_grant grants[CASE_GRANTS_MAX];
	size_t matched;  /* index of the grant that decides */
	uint8_t protect; /* PROTO_BIT_* of GATED; 0: TCP */
};

/* Frames cut off after every byte: from `from` bytes on, the verdict is this. */
struct cut_step {
	size_t from;
	int verdict;
	int reason;
};

struct cut_case {
	const char *name;
	struct layer frame[FRAME_LAYERS_MAX];
	struct cut_step steps[6];
};

/* { protected, next to it, swapped }; no two of a row are the same. */
struct case_port {
	uint16_t gated, other, swapped;
};

extern const struct case_port case_ports[];
extern const size_t n_case_ports;
extern const struct packet_case packet_cases[];
extern const size_t n_packet_cases;
extern const struct cut_case cut_cases[];
extern const size_t n_cut_cases;

#endif
