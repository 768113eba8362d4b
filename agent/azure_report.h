/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. What `jitgate-azure --once` prints.
 */
#ifndef AZURE_REPORT_H
#define AZURE_REPORT_H

#include "azure_jit.h"
#include "text.h"

/* JSON; its field names are a contract. All that is refused is in it, however much. */
void azure_report(const struct azure_jit *jit, const char *vm_id, struct text *out);

#endif
