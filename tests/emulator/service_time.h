/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The emulated service's times: ticks of 100 ns since 1970, as .NET counts them, and the texts it makes of
 * them. Deliberately shares no code with the agent's own parser: a referee that copies the player proves nothing.
 */
#ifndef EMULATOR_SERVICE_TIME_H
#define EMULATOR_SERVICE_TIME_H

#include <stdint.h>

#define TICKS_PER_S 10000000LL
#define TICKS_TEXT_MAX 40
#define HTTP_DATE_MAX 40

/* This machine's wall clock, in ticks. */
int64_t ticks_now(void);

/* Milliseconds of a clock that nobody steps. */
int64_t mono_ms(void);

/* "2018-07-22T15:51:55.21337Z": up to seven fraction digits, trailing zeros dropped. */
void ticks_format(int64_t ticks, char out[TICKS_TEXT_MAX]);

/* RFC 3339 with any number of fraction digits, "Z" or an offset. -EINVAL on anything else, ret untouched. */
int ticks_parse(const char *text, int64_t *ret);

/* "PT3H", "P1D", "PT1H30M", "PT5S". -EINVAL on anything else. */
int duration_parse(const char *text, int64_t *ret_ticks);

/* "Thu, 17 Nov 2022 09:44:54 GMT" */
void http_date(int64_t ticks, char out[HTTP_DATE_MAX]);

#endif
