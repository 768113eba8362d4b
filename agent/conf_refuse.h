/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. How everything that refuses a config says where.
 */
#ifndef CONF_REFUSE_H
#define CONF_REFUSE_H

#include "conf.h"

/* Fill *err, unless it is NULL, with "NAME:LINE: what", or "NAME: what" for line 0. Returns -EINVAL. */
int conf_refuse(struct conf_error *err, const char *name, int line, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
