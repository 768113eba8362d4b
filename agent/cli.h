/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. What all commands of jitgate have in common: answers on standard output, complaints on standard error, and the
 * config when it is broken. What returns an exit code (exit_codes.h) other than EXIT_OK has complained.
 */
#ifndef CLI_H
#define CLI_H

#include <stddef.h>

#include "conf.h"
#include "text.h"

/* One line on standard error, whatever the bytes, at most 1,023 of them. Returns `code`. */
int cli_complain(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* All of it to standard output: `code`, or EXIT_FAILED: a full disk must not look like an empty list. */
int cli_put(const char *bytes, size_t len, int code);
int cli_put_text(const struct text *text, int code);

/*
 * The config, for where to ask. A broken one must not hide what is in force: questions are asked all the same, at the
 * default places, after a warning. But only for the default config: whoever names another file means another instance.
 * EXIT_OK with *ret filled (free with conf_free), or the exit code.
 */
int cli_read_places(const char *path, struct conf *ret);

#endif
