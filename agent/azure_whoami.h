/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. Who this VM is and in which cloud, of IMDS: remembered for an hour, since a running VM can be moved to another
 * resource group or subscription.
 */
#ifndef AZURE_WHOAMI_H
#define AZURE_WHOAMI_H

#include "azure_ask.h"
#include "clockmap.h"

#define AZURE_IDENTITY_S 3600

/*
 * The beginning of a poll. Fill asker->vm, cloud and plan, asking IMDS when the hour is over; asker->vm_fresh says
 * whether it was asked. When it does not answer, what is remembered goes on, if there is anything. 0, or -errno with
 * answer->why.
 */
int azure_whoami(struct azure_asker *asker, struct boot_time now, struct azure_answer *answer);

/* Ask IMDS in any case; an error leaves what is remembered as it is. *ret_moved: this VM has another id now. */
int azure_whoami_again(struct azure_asker *asker, struct boot_time now, bool *ret_moved, struct azure_answer *answer);

#endif
