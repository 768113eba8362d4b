// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. One case of the corpus, as one trial: maps set, frame run, effect compared. See trial.h.
 */
#include <linux/bpf.h>
#include <netinet/in.h>

#include "trial.h"

#define HOUR_NS (3600 * NS_PER_S)

static uint64_t deadline(enum grant_end end)
{
	uint64_t now = trial_now_boot_ns();

	switch (end) {
	case ENDS_NEVER:
		return JITGATE_NO_DEADLINE;
	case ENDS_SOON:
		return now + 30 * NS_PER_S;
	case ENDED:
		return now > HOUR_NS ? now - HOUR_NS : 1;
	case ENDS_AT_ONCE:
		return now + 1;
	default:
		return now + HOUR_NS;
	}
}

static uint32_t slot_of(const struct packet_case *rule, size_t i)
{
	return rule->grants[i].slot ? rule->grants[i].slot : CASE_SLOT(i);
}

static int set_maps(struct trial *trial, const struct corpus_case *c, const struct case_port *ports,
		    struct failure *failure)
{
	const struct packet_case *rule = &c->rule;
	int r = trial_reset(trial, failure);

	trial_protect(trial, ports->gated, rule->protect ? rule->protect : PROTO_BIT_TCP);
	for (size_t i = 0; r == 0 && i < CASE_GRANTS_MAX; i++) {
		const struct case_grant *grant = &rule->grants[i];
		const char *prefix = c->family == 4 ? grant->prefix4 : grant->prefix6;

		if (prefix)
			r = trial_grant(trial, prefix, case_port_of(grant->port ? grant->port : GATED, ports),
					grant->proto ? grant->proto : IPPROTO_TCP, deadline(grant->end),
					slot_of(rule, i), failure);
	}
	return r;
}

static int run_and_read(struct trial *trial, const struct frame *frame, bool through_root, struct effect *ret,
			struct failure *failure)
{
	uint64_t before = trial_now_boot_ns();
	int verdict = trial_run(trial, through_root, frame->data, frame->len, failure);
	uint64_t after = trial_now_boot_ns();
	int r = verdict < 0 ? verdict : trial_read(trial, ret, failure);

	ret->verdict = verdict;
	ret->before_boot_ns = before;
	ret->after_boot_ns = after;
	return r;
}

/* Audit mode on trial enforces; its deadline is far away or long past. */
static uint32_t mode_in_force(const struct trial_mode *mode)
{
	if (mode->mode == JITGATE_AUDIT && mode->confirm_until_boot_ns > trial_now_boot_ns())
		return JITGATE_ENFORCE;
	return mode->mode;
}

int trial_case(struct trial *trial, const struct corpus_case *c, const struct case_port *ports,
	       const struct trial_mode *mode, char why[EFFECT_WHY_MAX], struct failure *failure)
{
	struct frame frame;
	struct due due = {.frame = &frame,
			  .verdict = c->rule.verdict,
			  .reason = c->rule.reason,
			  .slot = slot_of(&c->rule, c->rule.matched),
			  .mode = mode_in_force(mode),
			  .budget = mode->budget};
	struct effect effect;
	int r = corpus_build(c, ports, &frame);

	if (r < 0)
		return failure_set(failure, r, "\"%s\": the description makes no frame", c->name);
	r = set_maps(trial, c, ports, failure);
	trial_set_mode(trial, mode->mode, mode->budget);
	trial_set_confirm(trial, mode->confirm_until_boot_ns);
	if (r == 0)
		r = run_and_read(trial, &frame, mode->through_root, &effect, failure);
	return r < 0 ? r : effect_is_due(&due, &effect, why);
}
