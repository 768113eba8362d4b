// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See selftest_run.h.
 */
#include "selftest_run.h"

#include <errno.h>
#include <string.h>

#include "arming.h"
#include "clock.h"
#include "datapath.h"
#include "gate_tags.h"
#include "report_interfaces.h"
#include "report_build.h"
#include "trial.h"

/* On the way that packets take, from the root program on. Cases by hand are tried in audit mode, too. */
static const struct trial_mode modes[] = {
	{"enforce", JITGATE_ENFORCE, 5, true, 0},
	{"audit", JITGATE_AUDIT, 5, true, 0},
};

/* 1: as it has to be; 0: not, with `why`; or -errno. */
static int try_at(struct trial *trial, const struct corpus_case *c, bool tc, char why[EFFECT_WHY_MAX],
		  struct failure *failure)
{
	size_t n = c->kind < CORPUS_NEXT_DOOR ? ARRAY_SIZE(modes) : 1;
	int r = 1;

	trial_set_hook(trial, tc);
	for (size_t i = 0; r == 1 && i < n; i++) {
		char wrong[EFFECT_WHY_MAX];

		r = trial_case(trial, c, &case_ports[0], &modes[i], wrong, failure);
		if (r == 0)
			snprintf(why, EFFECT_WHY_MAX, "%s%s: %.200s", tc ? "at tc, " : "", modes[i].name, wrong);
	}
	return r;
}

/* At the tc hook, too, when that is in use. There BPF_PROG_RUN does not take frames that end before their IP header. */
static int try_frame(struct trial *trial, const struct corpus_case *c, bool tc_too, char why[EFFECT_WHY_MAX],
		     struct failure *failure)
{
	int r = try_at(trial, c, false, why, failure);

	if (r != 1 || !tc_too)
		return r;
	r = try_at(trial, c, true, why, failure);
	return r == -EOPNOTSUPP ? 1 : r;
}

static int try_corpus(struct trial *trial, bool keep_all, struct selftest *test, struct failure *failure)
{
	struct corpus_case c;

	for (struct corpus_at at = {0}; corpus_next(&at, &c);) {
		char why[EFFECT_WHY_MAX];
		int r = try_frame(trial, &c, *test->tried_tc.gate, why, failure);

		if (r < 0)
			return r;
		if (selftest_note(test, &c, r == 0 ? why : NULL, keep_all) < 0)
			return failure_set(failure, -ENOMEM, "out of memory");
	}
	return 0;
}

static int read_tags(struct trial *trial, bool tc, struct selftest_tags *ret, struct failure *failure)
{
	uint8_t gate[TRIAL_TAG_BYTES], root[TRIAL_TAG_BYTES];
	int r;

	trial_set_hook(trial, tc);
	r = trial_tags(trial, gate, root, failure);
	if (r < 0)
		return r;
	selftest_tag(gate, ret->gate);
	selftest_tag(root, ret->root);
	ret->tc = tc;
	return 0;
}

/* Wanted by the config, or attached. */
static bool uses_tc(const struct conf *conf, const struct selftest *test)
{
	for (size_t i = 0; i < test->n_attached; i++) {
		if (test->attached[i].tags.tc)
			return true;
	}
	return conf->conflict == CONF_CONFLICT_TC;
}

static int note_unverified(struct datapath *dp, const struct conf *conf, struct selftest *test)
{
	CLEANUP(report_clear) struct report report = {0};
	int r = report_list_interfaces(dp, conf, &report);

	for (size_t i = 0; r == 0 && i < report.n_interfaces; i++) {
		if (!report.interfaces[i].verified)
			r = selftest_add_unverified(test, report.interfaces[i].name, report.interfaces[i].why);
	}
	return r;
}

/* What the tags do not show: whose maps the programs work on, in which mode, and which interface has none. */
static int read_force(const struct conf *conf, struct selftest *test, struct failure *failure)
{
	_cleanup_datapath_ struct datapath *dp = NULL;
	struct failure why = {0};
	struct gate_state state;
	int r = datapath_open_readonly(conf->pin_dir, &dp, &why);

	test->pinned = r != -ENOENT;
	if (r < 0) {
		if (test->pinned)
			snprintf(test->unclear, sizeof(test->unclear), "%.255s", why.text);
		return 0;
	}
	datapath_gate_ops.get_state(dp, &state);
	test->audit = arming_in_force(&state, clock_now().boot) == JITGATE_AUDIT;
	r = note_unverified(dp, conf, test);
	return r < 0 ? failure_set(failure, r, "cannot list the interfaces: %s", strerror(-r)) : 0;
}

static int open_trial(struct trial **ret, struct failure *failure)
{
	struct failure why = {0};
	int r = trial_open(NULL, true, ret, &why);

	if (r == -EPERM || r == -EACCES)
		return failure_set(
			failure, r,
			"%.200s; run as root: it takes CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, and no kernel "
			"lockdown (JITGATE_LOG=debug shows the kernel's words)",
			why.text);
	return r < 0 ? failure_set(failure, r, "%.400s (JITGATE_LOG=debug shows the kernel's words)", why.text) : 0;
}

int selftest_run(const struct conf *conf, bool keep_all, struct selftest *ret, struct failure *failure)
{
	_cleanup_selftest_ struct selftest test = {0};
	_cleanup_trial_ struct trial *trial = NULL;
	int r = open_trial(&trial, failure);

	if (r == 0)
		r = read_tags(trial, false, &test.tried, failure);
	if (r == 0)
		r = gate_tags_read(conf->pin_dir, &test, failure);
	if (r == 0 && uses_tc(conf, &test))
		r = read_tags(trial, true, &test.tried_tc, failure);
	if (r == 0)
		r = read_force(conf, &test, failure);
	if (r == 0)
		r = try_corpus(trial, keep_all, &test, failure);
	if (r < 0)
		return r;
	*ret = test;
	test = (struct selftest){0};
	return 0;
}
