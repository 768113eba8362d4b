/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. One round of questions to Azure: who is this VM, a token, the policies; whole or not at all. Does not log and
 * keeps no schedule.
 */
#ifndef AZURE_POLL_H
#define AZURE_POLL_H

#include "azure_ask.h"
#include "clockmap.h"

/*
 * 0, or -errno with ret->why; -ECANCELED for stop_fd. `now` is sampled just before.
 *
 * That no policy names this VM is believed only when IMDS has said in the same poll who this VM is; and when ARM says
 * 403 or 404 of the place where the VM was, IMDS is asked whether it is there still.
 */
int azure_poll(struct azure_asker *asker, struct clock_pair now, struct azure_answer *ret);

#endif
