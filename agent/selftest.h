/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. What a self-test found: how many frames of each kind were judged as they have to be, which were not, and
 * whether the program that was tried is the one in force. Judges that, and says it in text and JSON.
 */
#ifndef SELFTEST_H
#define SELFTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "corpus.h"
#include "effect.h"
#include "report.h"
#include "text.h"

#define SELFTEST_TAG_MAX 17 /* 16 hexadecimal digits; "": there is no program */
#define SELFTEST_WHERE_MAX 64

/* Root program and filter, by the kernel's digests of their instructions. */
struct selftest_tags {
	char gate[SELFTEST_TAG_MAX], root[SELFTEST_TAG_MAX];
	bool tc; /* they are for the tc hook */
};

/* What an interface runs: the root program, and the filter that it calls. */
struct selftest_attached {
	char interface[SELFTEST_WHERE_MAX];
	struct selftest_tags tags;
};

/* An interface that ought to be filtered, and is not shown to be. */
struct selftest_unverified {
	char interface[SELFTEST_WHERE_MAX];
	char why[REPORT_WHY_MAX];
};

/* A frame that is worth a line. */
struct selftest_frame {
	enum corpus_kind kind;
	char name[CORPUS_NAME_MAX];
	char why[EFFECT_WHY_MAX]; /* "": as it has to be */
};

struct selftest_count {
	size_t frames, passed;
};

/* Starts as {0}; free with selftest_clear. */
struct selftest {
	struct selftest_tags tried;
	struct selftest_tags tried_tc;      /* gate "": those of the tc hook are not in use, and were not tried */
	bool pinned;                        /* anything of ours is */
	bool audit;                         /* what is in force drops nothing */
	char unclear[256];                  /* why the pins cannot be judged; "": they can */
	char pinned_gate[SELFTEST_TAG_MAX]; /* "": none is pinned */
	struct selftest_attached *attached;
	size_t n_attached;
	struct selftest_unverified *unverified;
	size_t n_unverified;
	struct selftest_count kinds[_CORPUS_KIND_MAX];
	struct selftest_frame *frames;
	size_t n_frames;
};

void selftest_clear(struct selftest *test);
#define _cleanup_selftest_ CLEANUP(selftest_clear)

/* The kernel's digest of a program as 16 hexadecimal digits. */
void selftest_tag(const uint8_t bytes[8], char ret[SELFTEST_TAG_MAX]);

/* Count a frame, and keep it when it is a surprise (why not NULL) or `keep`. 0 or -ENOMEM. */
int selftest_note(struct selftest *test, const struct corpus_case *c, const char *why, bool keep);
/* Both strings are copied, and cut. 0 or -ENOMEM. */
int selftest_add_attached(struct selftest *test, const char *interface, const struct selftest_tags *tags);
int selftest_add_unverified(struct selftest *test, const char *interface, const char *why);

/* No surprise, and when anything is pinned, what was tried is in force wherever it ought to be. */
bool selftest_is_good(const struct selftest *test);

/* `all`: every frame that was kept, not only the surprises. */
void selftest_text(const struct selftest *test, bool all, struct text *out);
void selftest_json(const struct selftest *test, bool all, struct text *out);

#endif
