// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See netlink.h.
 */
#include "netlink.h"

#include <errno.h>
#include <stdlib.h>

#include "util.h"

#define ANSWER_BYTES 32768 /* what the kernel fills at most per message of a dump */
#define SEQUENCE 1         /* of the socket's only question */

static void close_mnl(struct mnl_socket **socket)
{
	if (*socket)
		mnl_socket_close(*socket);
}

int netlink_ask(int bus, struct nlmsghdr *question, mnl_cb_t take, void *ctx)
{
	CLEANUP(close_mnl) struct mnl_socket *socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	_cleanup_free_ char *buffer = malloc(ANSWER_BYTES);
	int r = MNL_CB_OK;

	if (!socket || !buffer)
		return socket ? -ENOMEM : -errno;
	question->nlmsg_seq = SEQUENCE;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(socket, question, question->nlmsg_len) < 0)
		return -errno;
	while (r > MNL_CB_STOP) {
		ssize_t n = mnl_socket_recvfrom(socket, buffer, ANSWER_BYTES);

		if (n < 0)
			return -errno;
		r = mnl_cb_run(buffer, (size_t)n, SEQUENCE, mnl_socket_get_portid(socket), take, ctx);
		if (r < 0)
			return -errno;
		/* The answer about one thing has no end marker. */
		if (!(question->nlmsg_flags & (NLM_F_DUMP | NLM_F_ACK)))
			break;
	}
	return 0;
}
