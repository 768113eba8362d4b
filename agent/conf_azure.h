/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. The section azure of the config; all but `user`, which is read together with jitgated's own.
 */
#ifndef CONF_AZURE_H
#define CONF_AZURE_H

#include "conf_read.h"

/* 0, or -EINVAL / -ENOMEM with the reader's error filled; *azure may be filled in part, the caller frees it. */
int conf_azure_read(const struct conf_reader *r, struct conf_azure *azure);
void conf_azure_free(struct conf_azure *azure);

#endif
