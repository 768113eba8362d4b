/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. A config in words: what would be in force.
 */
#ifndef CONF_SHOW_H
#define CONF_SHOW_H

#include "conf.h"
#include "text.h"

/* Append a labelled line, or several, for each thing. */
void conf_show(const struct conf *conf, struct text *out);

#endif
