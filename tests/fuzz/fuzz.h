/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What every fuzzer has: the entry that libFuzzer and replay.c call, a way to say that a property does not hold, and
 * objects that must stay as they were.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Inputs that are better described than kept as bytes: a fuzzer that has some hands each to `add`. */
typedef void fuzz_add(const char *name, const void *bytes, size_t len);
void fuzz_seeds(fuzz_add *add) __attribute__((weak));

/* The input that runs, for whoever reports a failure; NULL under libFuzzer, which keeps it as a file. */
extern const char *fuzz_input;

/* Does not return. */
void fuzz_broken(const char *property, const char *file, int line) __attribute__((noreturn));

/* A property of every input. Not assert: it is there in every build. */
#define HOLDS(property) ((property) ? (void)0 : fuzz_broken(#property, __FILE__, __LINE__))

/* Outputs are filled before the call; what failed has left them so. */
#define FUZZ_FILL 0xa5
#define FILL(object) memset(&(object), FUZZ_FILL, sizeof(object))
#define IS_FILLED(object) fuzz_is_filled(&(object), sizeof(object))
bool fuzz_is_filled(const void *object, size_t size);

/* A refusal says where and why. Starts as FUZZ_NO_ERROR. */
#define FUZZ_NO_ERROR ((struct parse_error){.offset = SIZE_MAX})
#define IS_REFUSAL(err, len) ((err).offset <= (len) && (err).why && (err).why[0])

/* Up to eight bytes as a number, for choices that an input makes; 0 for no bytes. */
uint64_t fuzz_number(const uint8_t *data, size_t size);

/* Bytes as a text with a NUL behind; the caller frees it. */
char *fuzz_text(const uint8_t *data, size_t size);

/* What iconv takes for UTF-8: the reference for our own reader. */
bool fuzz_is_utf8(const char *bytes, size_t len);

#endif
