/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. What Azure's policies mean for this VM at one moment: policies and requests + now -> snapshot. What
 * is not understood is not granted, and is said.
 */
#ifndef AZURE_JIT_H
#define AZURE_JIT_H

#include "azure_json.h"
#include "grant.h"
#include "text.h"
#include "util.h"

/* The end is set by the requester's clock, the start by the service's; and ours may differ from both. */
#define AZURE_CLOCK_SLACK_S 60

/* Something live that is not granted, or a rule that protects less or more than it says. Texts as Azure wrote them,
 * never NULL. */
struct azure_refused {
	const char *why; /* static */
	uint16_t port;
	char *source, *until, *requestor, *policy;
};

struct azure_jit {
	struct snapshot snapshot; /* fresh_for_s is 0: the caller knows its schedule */
	struct azure_refused *refused;
	size_t n_refused;
	size_t n_policies; /* that name this VM */
	bool initiating;   /* a request is on its way: ask again soon */
};

/*
 * A port is protected when a rule names it; the same port in several rules has the protocols of all. A request is
 * granted when its status is Initiated (in any case), now is before its end, and its own policy has a rule for its
 * port, whose longest duration it keeps to. Requests for one key are all kept. Refused in particular: an end later than
 * the rule allows (never clipped), a start ahead of our clock, sources other than address, CIDR and "*".
 *
 * 0, -ENOMEM, or -E2BIG: more ports or grants than jitgate can hold; *ret untouched on error.
 */
int azure_jit_snapshot(const struct azure_listing *listing, struct wall_time now, struct azure_jit *ret);
void azure_jit_free(struct azure_jit *jit);
#define _cleanup_azure_jit_ CLEANUP(azure_jit_free)

/* The same refusal: so that it is logged once and not at every poll. */
bool azure_refused_equal(const struct azure_refused *a, const struct azure_refused *b);

/* What `jitgate-azure --once` prints: JSON, its field names are a contract. */
void azure_jit_report(const struct azure_jit *jit, const char *vm_id, struct text *out);

#endif
