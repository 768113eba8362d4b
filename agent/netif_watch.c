// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See netif_watch.h.
 */
#include "netif_watch.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "util.h"

#define NEWS_BYTES 16384

int netif_watch_open(void)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	struct sockaddr_nl address = {.nl_family = AF_NETLINK,
				      .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE};

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* Of routes only default ones: a router's table may change all day. */
static void take_message(const struct nlmsghdr *message, struct netif_news *news)
{
	const struct rtmsg *route = NLMSG_DATA(message);

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		news->links = true;
		return;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		news->routes |= message->nlmsg_len >= NLMSG_LENGTH(sizeof(*route)) && route->rtm_dst_len == 0;
		return;
	default:
		return;
	}
}

int netif_watch_drain(int fd, struct netif_news *ret)
{
	_Alignas(struct nlmsghdr) char buffer[NEWS_BYTES];

	*ret = (struct netif_news){0};
	for (;;) {
		ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
		const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
		size_t left = n > 0 ? (size_t)n : 0;

		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && errno == ENOBUFS)
			*ret = (struct netif_news){.links = true, .routes = true, .overrun = true};
		else if (n < 0 && errno != EINTR)
			return -errno;
		for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left))
			take_message(message, ret);
	}
}
