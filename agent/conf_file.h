/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. The config file: read it after its checks (owner, mode, size), parse it, and say in one line what is wrong.
 */
#ifndef CONF_FILE_H
#define CONF_FILE_H

#include "conf.h"
#include "failure.h"

/* 0 with *ret filled; else a negative errno, the line in *failure, and *ret untouched. */
int conf_file_load(const char *path, struct conf *ret, struct failure *failure);

#endif
