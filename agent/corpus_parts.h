/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. What the files of the corpus share: the words that cases are written in, and the parts that frames are put
 * together from. Nobody else includes it.
 */
#ifndef CORPUS_PARTS_H
#define CORPUS_PARTS_H

#include <linux/bpf.h>

#include "corpus.h"

/* clang-format off */
#define FRAME(...) .frame = {__VA_ARGS__}
#define DROP(why) .verdict = XDP_DROP, .reason = REASON_##why
#define PASS(why) .verdict = XDP_PASS, .reason = REASON_##why
#define GRANTS(...) .grants = {__VA_ARGS__}

/* Sources of a grant, by family. */
#define SOURCES(v4, v6) .prefix4 = (v4), .prefix6 = (v6)
#define EXACT SOURCES(FRAME_SOURCE4 "/32", FRAME_SOURCE6 "/128")
#define NET SOURCES("192.0.2.0/24", "2001:db8::/64")
#define ANYONE SOURCES("0.0.0.0/0", "::/0")
/* clang-format on */

/* The case with this index of a part of the corpus. Indexes are combinations, and some of them make no sense. */
enum corpus_got { CORPUS_END = -1, CORPUS_LEFT_OUT = 0, CORPUS_CASE = 1 };

enum corpus_got corpus_table_get(size_t i, struct corpus_case *ret);
enum corpus_got corpus_next_door_get(size_t i, struct corpus_case *ret);
enum corpus_got corpus_protocol_get(size_t i, struct corpus_case *ret);
enum corpus_got corpus_stack_get(size_t i, struct corpus_case *ret);
enum corpus_got corpus_options_get(size_t i, struct corpus_case *ret);
enum corpus_got corpus_fragment_get(size_t i, struct corpus_case *ret);
enum corpus_got corpus_order_get(size_t i, struct corpus_case *ret);
enum corpus_got corpus_chain_get(size_t i, struct corpus_case *ret);
enum corpus_got corpus_tags_get(size_t i, struct corpus_case *ret);
enum corpus_got corpus_cut_get(size_t i, struct corpus_case *ret);
enum corpus_got corpus_stack_cut_get(size_t i, struct corpus_case *ret);

#define PARTS_MAX 4

/* What stands in front of IP. */
struct framing_part {
	const char *name;
	struct layer layers[PARTS_MAX];
	size_t bytes;
};

/* An IP header with what belongs to it. */
struct inner_part {
	const char *name;
	int family;
	struct layer layers[PARTS_MAX];
	size_t bytes; /* of all its headers */
};

struct proto_part {
	const char *name;
	uint8_t proto;
	uint8_t bit;
	size_t bytes; /* of its header */
};

#define N_FRAMINGS 5
#define N_INNERS 12
#define N_PROTOS 5
extern const struct framing_part corpus_framings[N_FRAMINGS];
extern const struct inner_part corpus_inners[N_INNERS];
extern const struct proto_part corpus_protos[N_PROTOS];

/* The next digit of an index that stands for a combination: below `n`, the rest stays in *i. */
size_t corpus_digit(size_t *i, size_t n);

/* Append layers to a case; they end with LAYER_END or after `n`. */
void corpus_add(struct corpus_case *c, const struct layer *layers, size_t n);
/* The transport header, and which protocol the port is closed for. */
void corpus_add_l4(struct corpus_case *c, const struct proto_part *proto, uint32_t port);

__attribute__((format(printf, 2, 3))) void corpus_set_name(struct corpus_case *c, const char *format, ...);
__attribute__((format(printf, 2, 3))) void corpus_set_set(struct corpus_case *c, const char *format, ...);

/* Of either family (0), or only this one. */
int corpus_family_of(const struct layer *layers);

#endif
