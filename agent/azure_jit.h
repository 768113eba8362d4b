/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. What Azure's policies mean for this VM at one moment: policies and requests + now -> snapshot. What
 * is not understood is not granted, and is said.
 */
#ifndef AZURE_JIT_H
#define AZURE_JIT_H

#include "azure_clock.h"
#include "azure_json.h"
#include "azure_refused.h"
#include "grant.h"
#include "guard.h"
#include "util.h"

/* The end is set by the requester's clock, the start by the service's; and ours may differ from both. */
#define AZURE_CLOCK_SLACK_S 60
#define AZURE_LONGEST_S 86400 /* the longest maxRequestAccessDuration that Azure has: a day */

struct azure_jit {
	struct snapshot snapshot; /* fresh_for_s is 0: the caller knows its schedule */
	struct azure_refused *refused;
	size_t n_refused;
	size_t n_policies; /* that name this VM */
	bool initiating;   /* a request is on its way: ask again soon */
	bool clock_wrong;  /* so no new grant is believed */
};

/* What a judgement goes by, besides what Azure says. The pointers are borrowed. */
struct azure_basis {
	struct wall_time now;
	struct azure_clock clock;       /* this machine's against Azure's */
	uint32_t clock_tolerance_s;     /* wrong by more: no new grant is believed; 0: believed all the same */
	const struct azure_jit *before; /* the last good answer; NULL: none. One that itself kept grants is none */
	const struct cidr *translate;   /* what a firewall or Bastion puts in place of a client's address */
	size_t n_translate;
	const struct guard *guard; /* who is beyond it is not translated, since jitgated lets nobody in; NULL: none */
};

/*
 * A port is protected when a rule names it; the same port in several rules has the protocols of all. A request is
 * granted when its status is Initiated (in any case), now is before its end, and its own policy has a rule for its
 * port, whose longest duration it keeps to. Requests for one key are all kept. Refused in particular: an end later than
 * the rule allows (never clipped) or more than a day from the start, a start ahead of our clock and of
 * Azure's, sources other than address, CIDR and "*", and with a clock that is wrong whatever was not granted in
 * the last good answer; when none is known, the snapshot has jitgated keep what it holds. What is granted for an
 * address is granted, too, for each network of `translate`.
 *
 * 0, -ENOMEM, or -E2BIG: more ports or grants than jitgate can hold; *ret untouched on error.
 */
int azure_jit_snapshot(const struct azure_listing *listing, const struct azure_basis *basis, struct azure_jit *ret);
void azure_jit_free(struct azure_jit *jit);
#define _cleanup_azure_jit_ CLEANUP(azure_jit_free)

#endif
