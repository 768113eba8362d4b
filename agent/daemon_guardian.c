// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * TOP. See daemon_guardian.h.
 *
 * The kernel tells of links and routes, but not of a program that was taken off an interface, nor of a pin: so the
 * attachments are verified twice a second. That is some dozen system calls each time, three more when the filter is
 * tried, and all that wakes jitgated up when nothing happens.
 */
#include "daemon_guardian.h"

#include <errno.h>
#include <string.h>

#include "clock.h"
#include "ethtool.h"
#include "log.h"
#include "netif_watch.h"
#include "util.h"

/* ------------------------------------------------------------ calls */

static struct clock_pair guard_now(void *ctx)
{
	(void)ctx;
	return clock_now();
}

static void guard_say(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	log_line(level, "%s", line);
}

static int guard_list(void *ctx, bool with_routes, struct netif **ret, size_t *ret_n)
{
	(void)ctx;
	return netif_list(with_routes, ret, ret_n);
}

static int guard_attach(void *ctx, const struct netif *netif, struct attachment *ret, struct failure *failure)
{
	struct daemon *d = ctx;
	int r = datapath_heal(d->dp, failure);

	return r < 0 ? r : datapath_attach(d->dp, netif, d->conf.xdp_mode, ret, failure);
}

static int guard_let_go(void *ctx, uint32_t ifindex, int *ret_lro)
{
	struct daemon *d = ctx;
	int r = datapath_let_go(d->dp, ifindex);

	/* As long as the filter is on, the driver would refuse it. */
	*ret_lro = r < 0 ? 0 : datapath_restore_lro(d->dp, ifindex);
	return r;
}

static bool guard_verify(void *ctx, uint32_t ifindex, struct netif *ret_now, char why[REPORT_WHY_MAX])
{
	struct daemon *d = ctx;

	return datapath_verify(d->dp, ifindex, ret_now, why);
}

static enum probe_result guard_probe(void *ctx, bool tc, char why[REPORT_WHY_MAX])
{
	struct daemon *d = ctx;

	return datapath_probe(d->dp, tc, why);
}

static bool guard_is_off(void *ctx)
{
	struct daemon *d = ctx;

	return datapath_is_off(d->dp);
}

static void add_drops(void *ctx, const char *name, uint64_t value)
{
	uint64_t *drops = ctx;

	if (vf_is_xdp_drop(name))
		*drops += value;
}

static bool guard_sample_vf(void *ctx, const struct netif *vf, struct vf_sample *ret)
{
	struct daemon *d = ctx;
	struct gate_counter stats[_REASON_MAX];

	*ret = (struct vf_sample){.rx_packets = vf->rx_packets};
	if (datapath_read_stats(d->dp, stats) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(stats); i++)
		ret->counted += i == REASON_PROBE ? 0 : stats[i].packets;
	/* Not every driver has such counters; the filter's own count for the rest. */
	ethtool_each_counter(vf->name, add_drops, &ret->xdp_drops);
	return true;
}

const struct guardian_ops daemon_guardian_ops = {
	.now = guard_now,
	.say = guard_say,
	.list = guard_list,
	.attach = guard_attach,
	.let_go = guard_let_go,
	.verify = guard_verify,
	.probe = guard_probe,
	.is_off = guard_is_off,
	.sample_vf = guard_sample_vf,
};

/* ------------------------------------------------------------ time and news */

static void arm_guard(struct daemon *d, uint64_t ns)
{
	struct boot_time at = clock_now().boot;

	at.ns += ns;
	loop_arm_at(d->guard_timer, at);
}

static void look(struct daemon *d, struct boot_time now)
{
	bool routes = d->news_of_routes;

	d->news = d->news_of_routes = false;
	d->looked_at = now;
	guardian_look(&d->guardian, routes);
}

static void on_guard_timer(void *ctx, uint32_t events)
{
	struct daemon *d = ctx;
	struct boot_time now = clock_now().boot;

	(void)events;
	if (d->news || now.ns - d->looked_at.ns >= GUARDIAN_LOOK_NS)
		look(d, now);
	else
		guardian_check(&d->guardian);
	arm_guard(d, GUARDIAN_CHECK_NS);
}

/* A burst of news is one look, or one each 10 ms. */
static void on_news(void *ctx, uint32_t events)
{
	struct daemon *d = ctx;
	struct boot_time now = clock_now().boot;
	struct netif_news news;
	int r = netif_watch_drain(d->netif_fd, &news);

	(void)events;
	if (r < 0)
		log_warning("cannot read the kernel's news of interfaces: %s; they are looked at every 10 s",
			    strerror(-r));
	if (news.overrun)
		log_info("the kernel had more news of interfaces than it could keep; all are looked at again");
	if (!news.links && !news.routes)
		return;
	d->news = true;
	d->news_of_routes |= news.routes;
	if (now.ns - d->looked_at.ns >= DAEMON_NEWS_NS)
		look(d, now);
	else
		arm_guard(d, DAEMON_NEWS_NS);
}

int daemon_guardian_open(struct daemon *d)
{
	int r = netif_watch_open();

	if (r < 0)
		return r;
	d->netif_fd = r;
	r = loop_add(d->loop, d->netif_fd, EPOLLIN, on_news, d, NULL);
	if (r == 0)
		r = loop_add_timer(d->loop, on_guard_timer, d, &d->guard_timer);
	if (r < 0)
		return r;
	/* What came between the choice and this is found by the first look. */
	d->news = d->news_of_routes = true;
	arm_guard(d, 0);
	return 0;
}

void daemon_guardian_close(struct daemon *d)
{
	close_fd(&d->netif_fd);
	guardian_free(&d->guardian);
}
