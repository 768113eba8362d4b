/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. Asks IMDS for the token when one is due. What a token is, and where it is kept, is azure_token's.
 */
#ifndef AZURE_RENEW_H
#define AZURE_RENEW_H

#include "azure_ask.h"
#include "clockmap.h"

/*
 * See to it that asker->token is usable. While the old one lives, IMDS may fail: it is asked again later, and
 * answer->news says so. 0, or -errno with answer->why.
 */
int azure_renew(struct azure_asker *asker, struct clock_pair now, struct azure_answer *answer);

/*
 * ARM has answered 401. 1: there is another token, ask again; 0: there is none, or the poll has had its second try.
 * -errno with answer->why when IMDS fails.
 */
int azure_renew_refused(struct azure_asker *asker, struct clock_pair now, struct azure_answer *answer);

#endif
