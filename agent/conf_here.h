/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. What a config that is good in itself would run into on this machine. Looks only, opens nothing for writing.
 */
#ifndef CONF_HERE_H
#define CONF_HERE_H

#include "conf.h"
#include "text.h"

/* Append one line for each thing that is amiss; `path` is the config's own file. */
void conf_here_warn(const struct conf *conf, const char *path, struct text *lines);

#endif
