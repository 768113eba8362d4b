/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. What stray characters of the config were most likely meant to be, and what to do about them.
 */
#ifndef CONF_CHAR_H
#define CONF_CHAR_H

#include <stdbool.h>
#include <stddef.h>

/* Advice on the character at `at`, of which `left` (1 or more) bytes are there; NULL: there is none. */
const char *conf_char_advice(const char *at, size_t left);

/* The text begins with the byte order mark of UTF-16. */
bool conf_char_is_utf16(const char *text, size_t len);

#endif
