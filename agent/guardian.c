// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See guardian.h. Whether each interface is guarded, and what is done when one is not; which ones these are is in
 * guardian_choose.c.
 */
#include "guardian_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

void guardian_init(struct guardian *g, const struct conf *conf, const struct guardian_ops *ops, void *ctx)
{
	*g = (struct guardian){.conf = conf, .ops = ops, .ctx = ctx};
	guardian_probe_soon(g);
}

void guardian_free(struct guardian *g)
{
	free(g->v);
	free(g->left);
	*g = (struct guardian){0};
}

void guardian_say(struct guardian *g, enum log_level level, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	g->ops->say(g->ctx, level, line);
}

/* ------------------------------------------------------------ words */

static const char *mode_text(enum netif_xdp mode)
{
	return mode == NETIF_XDP_NATIVE    ? "native"
	       : mode == NETIF_XDP_GENERIC ? "generic"
	       : mode == NETIF_XDP_TC      ? "tc"
					   : "another";
}

/*
 * What made a driver refuse native mode. Azure's drivers say EOPNOTSUPP both of large receive offload and of an MTU
 * above 3506, others ERANGE or EINVAL of an MTU.
 */
static void say_refused(const struct guarded_if *guarded, const struct attachment *attached, char *text, size_t size)
{
	int err = attached->refused;

	if (attached->lro)
		snprintf(text, size,
			 "the driver refused native mode (%s) because large receive offload is on; for native mode: "
			 "jitgated --detach, then restart jitgated, which switches it off",
			 strerror(err));
	else if (err == ERANGE || ((err == EOPNOTSUPP || err == EINVAL) && guarded->now.mtu > 1500))
		snprintf(text, size,
			 "the driver refused native mode (%s), as with an MTU above its limit, on one end of a pair "
			 "or the other; the MTU here is %u; for native mode: set a smaller MTU (Azure's drivers take "
			 "3506), jitgated --detach, then restart jitgated",
			 strerror(err), guarded->now.mtu);
	else
		snprintf(text, size, "the driver refused native mode (%s)", strerror(err));
}

void guardian_say_attached(struct guardian *g, const struct guarded_if *guarded, const char *what,
			   const struct attachment *attached)
{
	char refused[384];

	if (guarded->now.xdp_mode == NETIF_XDP_TC)
		guardian_say(g, LOG_LEVEL_WARNING,
			     "%s: another XDP program (id %u) holds the XDP hook; %s behind it, at the tc ingress "
			     "hook, program id %u",
			     guarded->name, guarded->now.xdp_holder, what, guarded->now.xdp_program);
	else
		guardian_say(g, LOG_LEVEL_NOTICE, "%s: %s in %s mode, program id %u", guarded->name, what,
			     mode_text(guarded->now.xdp_mode), guarded->now.xdp_program);
	if (attached->lro_off)
		guardian_say(
			g, LOG_LEVEL_NOTICE,
			"%s: large receive offload was switched off, for native mode; it is switched on again when "
			"the filter is taken off",
			guarded->name);
	if (attached->lro_left)
		guardian_say(
			g, LOG_LEVEL_WARNING,
			"%s: its large receive offload, which was switched off for native mode in vain, stays off: "
			"%s; ethtool -K %s lro on",
			guarded->name, strerror(attached->lro_left), guarded->name);
	if (attached->refused) {
		say_refused(guarded, attached, refused, sizeof(refused));
		guardian_say(g, LOG_LEVEL_NOTICE, "%s: %s", guarded->name, refused);
	}
	if (attached->other_mode)
		guardian_say(g, LOG_LEVEL_WARNING,
			     "%s: runs in %s mode; xdp_mode = \"%s\" takes effect after jitgated --detach and a start",
			     guarded->name, mode_text(guarded->now.xdp_mode),
			     g->conf->xdp_mode == CONF_XDP_NATIVE ? "native" : "generic");
}

/* Who is taken off all the time does not fill the log with it. */
static void say_healed(struct guardian *g, struct guarded_if *guarded, const char *was, struct boot_time now)
{
	if (!guarded->window.ns || now.ns - guarded->window.ns >= GUARDIAN_WINDOW_NS) {
		guarded->window = now;
		guarded->window_lines = 0;
	}
	if (guarded->window_lines++ < GUARDIAN_LINES)
		guardian_say(g, LOG_LEVEL_WARNING,
			     "%s: was NOT VERIFIED: %s; set right, %s mode, program id %u (number %u since the start)",
			     guarded->name, was, mode_text(guarded->now.xdp_mode), guarded->now.xdp_program,
			     guarded->reattached);
	else if (guarded->window_lines == GUARDIAN_LINES + 1)
		guardian_say(g, LOG_LEVEL_ERR,
			     "%s: something keeps taking its protection off; it is set right each time, but no more is "
			     "said of it for a minute; see jitgate status for how often, and find out who does it",
			     guarded->name);
}

/* Once for each trouble: a second line only when it is another one. */
static void say_trouble(struct guardian *g, struct guarded_if *guarded, const char *more)
{
	if (strcmp(guarded->said, guarded->why) == 0)
		return;
	memcpy(guarded->said, guarded->why, sizeof(guarded->said));
	guardian_say(g, LOG_LEVEL_ERR, "%s: NOT PROTECTED: %s%s%s", guarded->name, guarded->why, *more ? "; " : "",
		     more);
}

/* ------------------------------------------------------------ verify */

/* Generic XDP and tc see packets that the kernel has already put together: their counts say nothing of a VF. */
static bool counts_tell(const struct guarded_if *guarded)
{
	return guarded->now.netvsc && guarded->now.xdp_mode == NETIF_XDP_NATIVE;
}

static void forget_vf(struct guarded_if *guarded)
{
	guarded->vf_why[0] = '\0';
	guarded->vf_ifindex = 0;
}

void guardian_probe_soon(struct guardian *g)
{
	for (size_t i = 0; i < ARRAY_SIZE(g->probes); i++)
		g->probes[i].due = true;
}

static size_t hook_of(const struct guarded_if *guarded)
{
	return guarded->now.xdp_mode == NETIF_XDP_TC;
}

const struct guardian_probe *guardian_probe_of(const struct guardian *g, const struct guarded_if *guarded)
{
	return &g->probes[hook_of(guarded)];
}

/* The program that runs on this interface, if it was not tried already since that became due. */
static const struct guardian_probe *probe(struct guardian *g, const struct guarded_if *guarded)
{
	struct guardian_probe *hook = &g->probes[hook_of(guarded)];

	if (!hook->due)
		return hook;
	hook->due = false;
	hook->result = g->ops->probe(g->ctx, hook_of(guarded), hook->why);
	if (hook->result == PROBE_GOOD)
		hook->good_at = g->ops->now(g->ctx).wall;
	if (hook->result == PROBE_IMPOSSIBLE && !hook->impossible_said) {
		hook->impossible_said = true;
		guardian_say(g, LOG_LEVEL_NOTICE,
			     "the filter cannot be tried with a packet here (%s): interfaces are verified by what the "
			     "kernel says that they run, alone",
			     hook->why);
	}
	return hook;
}

static bool verify(struct guardian *g, struct guarded_if *guarded)
{
	const struct guardian_probe *hook;
	struct netif now = guarded->now;

	guarded->verified = g->ops->verify(g->ctx, guarded->now.ifindex, &now, guarded->why);
	guarded->now.xdp_mode = now.xdp_mode;
	guarded->now.xdp_program = now.xdp_program;
	guarded->now.xdp_holder = now.xdp_holder;
	if (!counts_tell(guarded))
		forget_vf(guarded);
	if (!guarded->verified)
		return false;
	hook = probe(g, guarded);
	if (hook->result == PROBE_BAD || guarded->vf_why[0]) {
		guarded->verified = false;
		memcpy(guarded->why, hook->result == PROBE_BAD ? hook->why : guarded->vf_why, sizeof(guarded->why));
		return false;
	}
	guarded->verified_at = g->ops->now(g->ctx).wall;
	guarded->failures = 0;
	guarded->said[0] = '\0';
	return true;
}

void guardian_adopt(struct guardian *g, struct guarded_if *guarded, const struct attachment *attached)
{
	guarded->attached = true;
	guardian_probe_soon(g);
	if (verify(g, guarded))
		guardian_say_attached(g, guarded, "attached", attached);
	else
		say_trouble(g, guarded, "");
}

/* ------------------------------------------------------------ set right */

static uint64_t next_try(uint32_t failures)
{
	uint64_t wait = GUARDIAN_CHECK_NS;

	while (failures-- > 1 && wait < GUARDIAN_RETRY_MAX_NS)
		wait *= 2;
	return wait < GUARDIAN_RETRY_MAX_NS ? wait : GUARDIAN_RETRY_MAX_NS;
}

static bool may_attach(const struct guarded_if *guarded, struct boot_time now)
{
	if (guarded->attached_at.ns && now.ns - guarded->attached_at.ns < GUARDIAN_REST_NS)
		return false;
	return now.ns >= guarded->retry_at.ns;
}

/* Another program that is there may leave any time, and asking costs nothing: that is tried at each check. */
static void note_failure(struct guarded_if *guarded, int r, struct boot_time now)
{
	if (r != -EBUSY)
		guarded->failures++;
	guarded->retry_at.ns = r == -EBUSY ? 0 : now.ns + next_try(guarded->failures);
	if (r < 0 && r != -EBUSY)
		snprintf(guarded->why, sizeof(guarded->why), "it cannot be attached: %s; trying again", strerror(-r));
}

static void set_right(struct guardian *g, struct guarded_if *guarded)
{
	struct boot_time now = g->ops->now(g->ctx).boot;
	struct attachment attached = {0};
	struct failure failure = {0};
	char was[REPORT_WHY_MAX];
	bool had = guarded->attached;
	int r;

	if (!may_attach(guarded, now))
		return;
	memcpy(was, guarded->why, sizeof(was));
	guarded->attached_at = now;
	r = g->ops->attach(g->ctx, &guarded->now, &attached, &failure);
	if (r == 0) {
		guarded->attached = true;
		guardian_probe_soon(g);
	}
	if (r < 0 || !verify(g, guarded)) {
		note_failure(guarded, r, now);
		say_trouble(g, guarded, failure.text);
		return;
	}
	guarded->retry_at.ns = 0;
	if (!had) {
		guardian_say_attached(g, guarded, "appeared, attached", &attached);
		return;
	}
	guarded->reattached++;
	say_healed(g, guarded, was, now);
}

static void check_one(struct guardian *g, struct guarded_if *guarded)
{
	bool was_verified = guarded->verified;

	if (!guarded->now.ifindex)
		return;
	if (!guarded->now.ethernet) {
		snprintf(guarded->why, sizeof(guarded->why), "it is not an Ethernet interface, and cannot be filtered");
		say_trouble(g, guarded, "");
		return;
	}
	/* A VF that goes past the filter is not set right by attaching again: the driver does not want it. */
	if (verify(g, guarded) || (guarded->vf_why[0] && strcmp(guarded->why, guarded->vf_why) == 0))
		return;
	guarded->lost += was_verified;
	if (!g->off)
		set_right(g, guarded);
	else
		snprintf(guarded->why, sizeof(guarded->why),
			 "enforcement was taken off by jitgated --detach; restart jitgated");
}

void guardian_check(struct guardian *g)
{
	int lro;

	if (!g->off && g->ops->is_off(g->ctx)) {
		g->off = true;
		guardian_say(g, LOG_LEVEL_ERR,
			     "NOTHING IS FILTERED: enforcement was taken off (jitgated --detach); it stays off until "
			     "jitgated is restarted");
		/* --detach does it as well, as root: what is left to it here is no news. */
		for (size_t i = 0; i < g->n; i++)
			g->ops->let_go(g->ctx, g->v[i].now.ifindex, &lro);
	}
	for (size_t i = 0; i < g->n; i++)
		check_one(g, &g->v[i]);
}

/* ------------------------------------------------------------ the VF */

static const struct netif *find_vf(const struct guarded_if *guarded, const struct netif *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (uplink_is_vf(&all[i], &guarded->now))
			return &all[i];
	}
	return NULL;
}

void guardian_check_vf(struct guardian *g, struct guarded_if *guarded, const struct netif *all, size_t n)
{
	const struct netif *vf = counts_tell(guarded) ? find_vf(guarded, all, n) : NULL;
	struct vf_sample now;

	if (!vf || guarded->vf_ifindex != vf->ifindex)
		forget_vf(guarded);
	if (!vf || !g->ops->sample_vf(g->ctx, vf, &now))
		return;
	switch (guarded->vf_ifindex ? vf_judge(&guarded->vf, &now) : VF_NOT_KNOWN) {
	case VF_FILTERED:
		guarded->vf_why[0] = '\0';
		break;
	case VF_UNFILTERED:
		snprintf(guarded->vf_why, sizeof(guarded->vf_why),
			 "VF %s of %s takes packets and its XDP counters do not move", vf->name, guarded->name);
		guarded->verified = false;
		memcpy(guarded->why, guarded->vf_why, sizeof(guarded->why));
		say_trouble(g, guarded, "xdp_mode = \"generic\" filters it, too");
		break;
	default:
		break;
	}
	/* Few packets are added up. */
	if (!guarded->vf_ifindex || now.rx_packets - guarded->vf.rx_packets >= VF_PACKETS_MIN)
		guarded->vf = now;
	guarded->vf_ifindex = vf->ifindex;
}
