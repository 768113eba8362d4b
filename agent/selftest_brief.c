// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See selftest_brief.h.
 */
#include "selftest_brief.h"

#include <errno.h>
#include <string.h>

#include "trial.h"

/* On the way that packets take, from the root program on. */
static const struct trial_mode enforcing = {"enforce", JITGATE_ENFORCE, 5, true, 0};

struct count {
	size_t frames, wrong;
	char first[320]; /* of those that were judged wrong */
};

static int try_case(struct trial *trial, const struct corpus_case *c, bool tc, struct count *count,
		    struct failure *failure)
{
	char why[EFFECT_WHY_MAX];
	int r = trial_case(trial, c, &case_ports[0], &enforcing, why, failure);

	/* BPF_PROG_RUN does not show every frame to a program of the tc hook. */
	if (tc && r == -EOPNOTSUPP)
		return 0;
	if (r < 0)
		return r;
	count->frames++;
	if (r == 0 && count->wrong++ == 0)
		snprintf(count->first, sizeof(count->first), "%s%.150s: %.150s", tc ? "at tc, " : "", c->name, why);
	return 0;
}

static int try_all(struct trial *trial, bool tc, struct count *count, struct failure *failure)
{
	struct corpus_case c;
	int r = 0;

	for (struct corpus_at at = {0}; r == 0 && corpus_next(&at, &c);) {
		if (corpus_is_brief(&c))
			r = try_case(trial, &c, tc, count, failure);
	}
	return r;
}

static int check_tag(const struct trial *trial, const uint8_t tag[8], struct failure *failure)
{
	uint8_t gate[TRIAL_TAG_BYTES], root[TRIAL_TAG_BYTES];
	int r = trial_tags(trial, gate, root, failure);

	if (r == 0 && memcmp(gate, tag, sizeof(gate)) != 0)
		r = failure_set(failure, -EBADMSG, "what was tried is not what was loaded");
	return r;
}

/* The programs of one hook. */
static int try_hook(struct trial *trial, bool tc, const uint8_t tag[8], struct count *count, struct failure *failure)
{
	int r;

	trial_set_hook(trial, tc);
	r = check_tag(trial, tag, failure);
	return r < 0 ? r : try_all(trial, tc, count, failure);
}

int selftest_brief(const uint8_t tag[8], const uint8_t *tc_tag, size_t *ret_frames, struct failure *failure)
{
	_cleanup_trial_ struct trial *trial = NULL;
	struct failure why = {0};
	struct count count = {0};
	int r = trial_open(NULL, tc_tag != NULL, &trial, &why);

	if (r == 0)
		r = try_hook(trial, false, tag, &count, &why);
	if (r == 0 && tc_tag)
		r = try_hook(trial, true, tc_tag, &count, &why);
	if (r < 0)
		return failure_set(failure, r,
				   "the self-test of the new filter cannot be done: %.300s; nothing was changed",
				   why.text);
	if (count.wrong)
		return failure_set(
			failure, -EBADMSG,
			"SELF-TEST FAILED: the new filter judges %zu of %zu frames wrong, the first: %.260s; "
			"nothing was changed. See `jitgate selftest`; go on with the version before",
			count.wrong, count.frames, count.first);
	*ret_frames = count.frames;
	return 0;
}
