// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * TOP. What the enforcer asks about sockets, answered by netlink and the data path. See daemon.h.
 */
#include <errno.h>

#include "daemon.h"
#include "log.h"
#include "sock_diag.h"

int daemon_list_sockets(void *ctx, uint16_t port, struct open_sockets *ret)
{
	(void)ctx;
	return sock_diag_list(PROTO_BIT_TCP, port, ret);
}

static bool is_verified(struct daemon *d, uint32_t ifindex)
{
	char why[REPORT_WHY_MAX];
	struct netif now;

	for (size_t i = 0; i < d->guardian.n; i++) {
		if (d->guardian.v[i].now.ifindex == ifindex)
			return d->guardian.v[i].verified && datapath_verify(d->dp, ifindex, &now, why);
	}
	return false;
}

/* What comes in takes the way that goes out: of another the kernel keeps no record. */
int daemon_is_guarded(void *ctx, const struct open_socket *socket)
{
	struct daemon *d = ctx;
	uint32_t ifindex = 0;
	int r = sock_diag_way_back(socket, &ifindex);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return is_verified(d, ifindex);
}

int daemon_end_sockets(void *ctx, struct open_sockets *sockets)
{
	struct daemon *d = ctx;

	return end_sockets_run(d->ender, sockets);
}

void daemon_open_ender(struct daemon *d)
{
	struct failure failure = {0};
	int r = end_sockets_open(d->conf.end_sockets, &d->ender, &failure);

	switch (end_sockets_means(d->ender)) {
	case END_MEANS_BPF:
		log_info("sockets of a grant that ends are ended, by BPF");
		return;
	case END_MEANS_NETLINK:
		log_warning("%s; end_sockets = \"on\", so CAP_NET_ADMIN IS KEPT and sockets are ended by SOCK_DESTROY",
			    failure.text);
		return;
	default:
		break;
	}
	if (d->conf.end_sockets == CONF_END_OFF)
		return;
	d->no_ending = failure;
	log_line(r < 0 ? LOG_LEVEL_ERR : LOG_LEVEL_NOTICE,
		 "%s: what comes for a socket after its grant's end is dropped, the socket lives on", failure.text);
}
