/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. The verdict table as cases: a frame, the grants in force, and what the gate has to do. Cases are written by
 * hand (corpus_table.c), follow from those (corpus_twins.c), or from tables of parts that are put together
 * (corpus_stacks.c, corpus_chains.c, corpus_cuts.c). What is due is said beside the parts, by the rules of the verdict
 * table; the code that reads packets has no say in it.
 *
 * A case is written for a port that stands for itself: it is run with one of case_ports in its place, or each. A layer
 * or grant named IP or with two prefixes stands for two cases, one of each family.
 */
#ifndef CORPUS_H
#define CORPUS_H

#include <stdbool.h>
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

/* A frame that is cut off after every byte: from `from` bytes on, the verdict is this. */
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

/* What a case is about, for a table of results. */
enum corpus_kind {
	CORPUS_NOT_IP = 0, /* the lines of the verdict table, cases by hand */
	CORPUS_MALFORMED,
	CORPUS_TOO_DEEP,
	CORPUS_LATER_FRAGMENT,
	CORPUS_OTHER_PROTO,
	CORPUS_SHORT_L4,
	CORPUS_UNPROTECTED,
	CORPUS_GRANTED,
	CORPUS_EXPIRED,
	CORPUS_NO_GRANT,
	CORPUS_NEXT_DOOR, /* the closed ones again, one port further, and by the other protocols */
	CORPUS_PROTOCOL,
	CORPUS_FRAMING, /* put together from parts */
	CORPUS_FRAGMENT,
	CORPUS_EXTENSION,
	CORPUS_CUT, /* cut off after every byte */
	_CORPUS_KIND_MAX,
};

/* A few words, for a row of that table. */
const char *corpus_kind_name(enum corpus_kind kind);

#define CORPUS_NAME_MAX 160

/* One frame, with what is due. */
struct corpus_case {
	char name[CORPUS_NAME_MAX];
	char set[CORPUS_NAME_MAX]; /* cases that stand one after another and share it belong together */
	enum corpus_kind kind;
	int family; /* 4 or 6: of IP layers, and of the grants' prefixes */
	struct packet_case rule;
	size_t cut; /* the frame ends after so many bytes; 0: it is whole */
};

/* All cases, one after another: begins with {0}. False behind the last one, then *ret is not to be used. */
struct corpus_at {
	size_t part, i;
};
bool corpus_next(struct corpus_at *at, struct corpus_case *ret);

/* Whether a case belongs to the part that is tried before a program is put in force: every line of the verdict table in
 * every framing, IP header and order of extension headers, without what differs from these by protocol or length only.
 */
bool corpus_is_brief(const struct corpus_case *c);

/* The frame of a case, with these ports. -EINVAL when the description makes none. */
int corpus_build(const struct corpus_case *c, const struct case_port *ports, struct frame *ret_frame);

/* GATED, OTHER and SWAPPED as numbers; any other port is itself. */
uint16_t case_port_of(uint32_t port, const struct case_port *ports);

extern const struct case_port case_ports[];
extern const size_t n_case_ports;
extern const struct packet_case packet_cases[];
extern const size_t n_packet_cases;
extern const struct cut_case cut_cases[];
extern const size_t n_cut_cases;

#endif
