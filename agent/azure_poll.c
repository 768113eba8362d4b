// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. The order of questions: azure_whoami, azure_renew, azure_list. What the policies mean is azure_jit's.
 */
#include "azure_poll.h"

#include <errno.h>

#include "azure_list.h"
#include "azure_renew.h"
#include "azure_whoami.h"
#include "jitgate_abi.h"

static int read_policies(struct azure_asker *asker, struct clock_pair now, struct azure_listing *listing,
			 struct azure_answer *answer)
{
	int r = azure_renew(asker, now, answer);

	return r ? r : azure_list(asker, now, listing, answer);
}

/* What was read would be so too if the VM had been moved away. */
static bool is_doubtful(const struct azure_asker *asker, int r, const struct azure_listing *listing,
			const struct azure_answer *answer)
{
	if (asker->vm_fresh)
		return false;
	return r ? answer->status == 403 || answer->status == 404 : listing->n == 0;
}

/* Returns r when the VM is the same; else reads for the one that it is now. */
static int read_if_moved(struct azure_asker *asker, struct clock_pair now, int r, struct azure_listing *listing,
			 struct azure_answer *answer)
{
	_cleanup_azure_answer_ struct azure_answer failed = {0};
	bool moved;
	int asked = azure_whoami_again(asker, now.boot, &moved, r ? &failed : answer);

	if (asked == -ECANCELED || (asked && !r))
		return asked;
	if (asked || !moved)
		return r;
	azure_listing_free(listing);
	text_free(&answer->why);
	text_free(&answer->detail);
	return read_policies(asker, now, listing, answer);
}

static int judge(const struct azure_asker *asker, struct wall_time now, const struct azure_listing *listing,
		 struct azure_answer *answer)
{
	const struct conf_azure *conf = asker->conf;
	const struct azure_basis basis = {
		.now = now,
		.clock = answer->clock,
		.clock_tolerance_s = conf->clock_tolerance_s,
		.before = asker->before,
		.translate = conf->translate,
		.n_translate = conf->n_translate,
		.guard = asker->guard,
	};

	return azure_jit_snapshot(listing, &basis, &answer->jit);
}

int azure_poll(struct azure_asker *asker, struct clock_pair now, struct azure_answer *ret)
{
	_cleanup_azure_listing_ struct azure_listing listing = {0};
	int r;

	ret->remaining = -1;
	asker->token_renewed = false;
	r = azure_whoami(asker, now.boot, ret);
	if (r)
		return r;
	r = read_policies(asker, now, &listing, ret);
	if (is_doubtful(asker, r, &listing, ret))
		r = read_if_moved(asker, now, r, &listing, ret);
	if (r)
		return r;
	ret->n_policies = listing.n_seen;
	r = judge(asker, now.wall, &listing, ret);
	if (!r && ret->jit.snapshot.grants.n > asker->max_grants)
		r = -E2BIG;
	if (r == -E2BIG)
		text_printf(&ret->why,
			    "cannot use the JIT policies: more grants for this VM than max_grants, or more than "
			    "%d ports",
			    JITGATE_PORT_RULES_MAX);
	else if (r)
		return azure_ask_no_memory(ret);
	return r;
}
