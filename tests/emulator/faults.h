/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Misbehaviour on demand: which fault meets which request, and how often. What a fault does to the answer is
 * server.c's job. Not locked: the caller holds the emulator's lock.
 */
#ifndef EMULATOR_FAULTS_H
#define EMULATOR_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "target.h"

enum fault_kind {
	FAULT_NONE,
	FAULT_STATUS,       /* a status with the service's error body */
	FAULT_HTML,         /* a status with a gateway's page */
	FAULT_EMPTY,        /* 200 and nothing */
	FAULT_NOT_JSON,     /* 200 and text */
	FAULT_HUGE,         /* 200 and 100 MB of good-looking JSON */
	FAULT_BOMB,         /* 200 and 100 KB of gzip that are 100 MB, asked for or not */
	FAULT_HANG,         /* no answer */
	FAULT_RESET,        /* connection reset */
	FAULT_TRUNCATED,    /* the right answer, cut before its Content-Length */
	FAULT_WRONG_LENGTH, /* half of the right answer, under a Content-Length that agrees with the half */
	FAULT_SLOW,         /* the right answer, a byte per second */
	FAULT_SKEW,         /* the right answer, its Date so many seconds off */
	FAULT_DUP_KEYS,     /* the right answer with members given twice */
	_FAULT_MAX,
};

struct fault {
	struct target target;
	enum fault_kind kind;
	unsigned status;
	int retry_after_s; /* < 0: no header */
	int skew_s;
	bool details;  /* the error body has all that one may have */
	char code[64]; /* of the error body; "": the usual one for the status */
};

#define FAULTS_MAX 16

struct faults {
	struct fault list[FAULTS_MAX];
	size_t n;
	unsigned generation; /* changes when faults are cleared: what hangs may go */
};

/* Does the fault take the place of the answer, so that the request has no effect? */
bool fault_replaces_answer(enum fault_kind kind);

/* Take a fault from its JSON form; one for the same `on` and `path` is replaced. Returns NULL, or why it was refused.
 */
const char *faults_set(struct faults *faults, const cJSON *json);

void faults_clear(struct faults *faults);

/* The first fault that meets this request, counted down; FAULT_NONE when there is none. */
struct fault faults_take(struct faults *faults, enum operation op, const char *path);

/* An array of what is active. */
cJSON *faults_render(const struct faults *faults);

#endif
