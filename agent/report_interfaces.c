// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See report_interfaces.h.
 */
#include "report_interfaces.h"

#include <errno.h>
#include <string.h>

#include "report_build.h"
#include "util.h"

static bool is_listed(const struct report *report, const char *name, uint32_t ifindex)
{
	for (size_t i = 0; i < report->n_interfaces; i++) {
		const struct report_interface *known = &report->interfaces[i];

		if ((ifindex && known->ifindex == ifindex) || strcmp(known->name, name) == 0)
			return true;
	}
	return false;
}

static struct report_interface *append(struct report *report)
{
	size_t n = report->n_interfaces;
	struct report_interface *grown = reallocarray(report->interfaces, n + 1, sizeof(*grown));

	if (!grown)
		return NULL;
	report->interfaces = grown;
	report->n_interfaces++;
	return grown + n;
}

static int add(struct datapath *dp, const struct netif *netif, struct report *report)
{
	struct report_interface *out = append(report);

	if (!out)
		return -ENOMEM;
	report_fill_interface(dp, netif, out);
	return 0;
}

/* One that nothing more can be asked about. */
static int add_missing(const char *name, const char *why, struct report *report)
{
	struct report_interface *out = append(report);

	if (!out)
		return -ENOMEM;
	*out = (struct report_interface){.xdp_mode = "none"};
	snprintf(out->name, sizeof(out->name), "%s", name);
	snprintf(out->why, sizeof(out->why), "%s", why);
	return 0;
}

static int add_linked(struct datapath *dp, struct report *report)
{
	_cleanup_free_ struct datapath_link *links = NULL;
	size_t n = 0;
	int r = datapath_linked(dp, &links, &n);

	for (size_t i = 0; r == 0 && i < n; i++) {
		struct netif netif = {.ifindex = links[i].ifindex};

		memcpy(netif.name, links[i].name, sizeof(netif.name));
		r = netif.ifindex ? add(dp, &netif, report)
				  : add_missing(netif.name, "the link is detached; restart jitgated", report);
	}
	return r;
}

/* Those that jitgated would pick. */
static int add_uplinks(struct datapath *dp, const struct netif *all, size_t n, struct report *report)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (uplink_is(&all[i], all, n) && !is_listed(report, all[i].name, all[i].ifindex))
			r = add(dp, &all[i], report);
	}
	return r;
}

/* One name that is wrong does not hide the others. `error`: why the interfaces could not be listed, if so. */
static int add_named(struct datapath *dp, const char *name, const struct netif *all, size_t n, int error,
		     struct report *report)
{
	if (is_listed(report, name, 0))
		return 0;
	if (error)
		return add_missing(name, strerror(-error), report);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(all[i].name, name) != 0)
			continue;
		if (!all[i].ethernet)
			return add_missing(name, "it is not an Ethernet interface", report);
		return is_listed(report, name, all[i].ifindex) ? 0 : add(dp, &all[i], report);
	}
	return add_missing(name, "there is no such interface", report);
}

int report_list_interfaces(struct datapath *dp, const struct conf *conf, struct report *report)
{
	_cleanup_free_ struct netif *all = NULL;
	size_t n = 0;
	int r = add_linked(dp, report), error;

	if (r < 0)
		return r;
	error = netif_list(conf->interfaces_auto, &all, &n);
	if (conf->interfaces_auto)
		r = error < 0 ? error : add_uplinks(dp, all, n, report);
	for (size_t i = 0; r == 0 && i < conf->n_interfaces; i++)
		r = add_named(dp, conf->interfaces[i], all, n, error, report);
	return r;
}
