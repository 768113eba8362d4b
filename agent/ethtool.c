// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See ethtool.h. Any socket will do for the ioctl: a unix one needs no address family that the unit forbids.
 */
#include "ethtool.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "util.h"

#define COUNTERS_MAX 65536 /* a driver with some hundred queues has some thousand */

_Static_assert(ETHTOOL_NAME_MAX == sizeof(((struct ethtool_drvinfo *)0)->driver), "a driver's name fits");

static int ask_driver(const char *ifname, void *command)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_data = command};

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
	return ioctl(fd, SIOCETHTOOL, &request) < 0 ? -errno : 0;
}

int ethtool_driver(const char *ifname, char ret[ETHTOOL_NAME_MAX])
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	int r = ask_driver(ifname, &info);

	if (r == 0)
		snprintf(ret, ETHTOOL_NAME_MAX, "%.*s", ETHTOOL_NAME_MAX - 1, info.driver);
	return r;
}

int ethtool_lro(const char *ifname)
{
	struct ethtool_value value = {.cmd = ETHTOOL_GFLAGS};
	int r = ask_driver(ifname, &value);

	return r < 0 ? r : (value.data & ETH_FLAG_LRO) != 0;
}

int ethtool_set_lro(const char *ifname, bool on)
{
	struct ethtool_value value = {.cmd = ETHTOOL_GFLAGS};
	int r = ask_driver(ifname, &value);

	if (r < 0)
		return r;
	value.cmd = ETHTOOL_SFLAGS;
	value.data = on ? value.data | ETH_FLAG_LRO : value.data & ~(uint32_t)ETH_FLAG_LRO;
	return ask_driver(ifname, &value);
}

static int count_counters(const char *ifname, uint32_t *ret_n)
{
	struct {
		struct ethtool_sset_info info;
		uint32_t n;
	} question = {.info = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_STATS}};
	int r = ask_driver(ifname, &question);

	if (r < 0)
		return r;
	if (!question.info.sset_mask || !question.n)
		return -EOPNOTSUPP;
	*ret_n = question.n;
	return question.n > COUNTERS_MAX ? -E2BIG : 0;
}

int ethtool_each_counter(const char *ifname, void (*visit)(void *ctx, const char *name, uint64_t value), void *ctx)
{
	_cleanup_free_ struct ethtool_gstrings *names = NULL;
	_cleanup_free_ struct ethtool_stats *values = NULL;
	uint32_t n = 0;
	int r = count_counters(ifname, &n);

	if (r < 0)
		return r;
	/* A driver that has more of them by now writes what it has: queues can be added meanwhile. */
	names = calloc(1, sizeof(*names) + 2 * (size_t)n * ETH_GSTRING_LEN);
	values = calloc(1, sizeof(*values) + 2 * (size_t)n * sizeof(uint64_t));
	if (!names || !values)
		return -ENOMEM;
	*names = (struct ethtool_gstrings){.cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_STATS, .len = n};
	*values = (struct ethtool_stats){.cmd = ETHTOOL_GSTATS, .n_stats = n};
	r = ask_driver(ifname, names);
	if (r == 0)
		r = ask_driver(ifname, values);
	for (uint32_t i = 0; r == 0 && i < n && i < names->len && i < values->n_stats; i++) {
		char name[ETH_GSTRING_LEN + 1];

		snprintf(name, sizeof(name), "%.*s", ETH_GSTRING_LEN, (const char *)names->data + i * ETH_GSTRING_LEN);
		visit(ctx, name, values->data[i]);
	}
	return r;
}
