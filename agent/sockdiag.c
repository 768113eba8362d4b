// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See sockdiag.h.
 */
#include "sockdiag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "util.h"

#define DUMP_BYTES 32768 /* what the kernel fills at most per message of a dump */

struct dump {
	struct sessions *sessions;
	uint8_t proto_bit;
	int error;
};

static void close_mnl(struct mnl_socket **socket)
{
	if (*socket)
		mnl_socket_close(*socket);
}

/* A socket for both families shows an IPv4 peer as an IPv6 address; on the wire it is IPv4. */
static struct cidr address_of(uint8_t family, const __be32 words[4])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct cidr address = {.family = JITGATE_IPV4, .prefix_len = 32};

	if (family == AF_INET) {
		memcpy(address.addr, words, 4);
	} else if (memcmp(words, mapped, sizeof(mapped)) == 0) {
		memcpy(address.addr, &words[3], 4);
	} else {
		address = (struct cidr){.family = JITGATE_IPV6, .prefix_len = 128};
		memcpy(address.addr, words, 16);
	}
	return address;
}

static int take_socket(const struct nlmsghdr *message, void *ctx)
{
	struct dump *dump = ctx;
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(message);
	struct session session = {.proto_bit = dump->proto_bit};

	if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY || mnl_nlmsg_get_payload_len(message) < sizeof(*m))
		return MNL_CB_OK;
	session.local = address_of(m->idiag_family, m->id.idiag_src);
	session.peer = address_of(m->idiag_family, m->id.idiag_dst);
	session.port = ntohs(m->id.idiag_sport);
	session.peer_port = ntohs(m->id.idiag_dport);
	session.inode = m->idiag_inode;
	if (!session.peer_port)
		return MNL_CB_OK;
	dump->error = sessions_add(dump->sessions, &session);
	return dump->error < 0 ? MNL_CB_ERROR : MNL_CB_OK;
}

static int ask(struct mnl_socket *socket, uint8_t family, uint8_t protocol, unsigned int seq)
{
	char buffer[MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(struct inet_diag_req_v2))];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *request;

	message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->nlmsg_seq = seq;
	request = mnl_nlmsg_put_extra_header(message, sizeof(*request));
	request->sdiag_family = family;
	request->sdiag_protocol = protocol;
	/* A session that is closed on one side still has packets to get; of UDP only the connected have a state. */
	request->idiag_states = 1U << TCP_ESTABLISHED;
	if (protocol == IPPROTO_TCP)
		request->idiag_states |= 1U << TCP_CLOSE_WAIT | 1U << TCP_FIN_WAIT1 | 1U << TCP_FIN_WAIT2;
	return mnl_socket_sendto(socket, message, message->nlmsg_len) < 0 ? -errno : 0;
}

static int dump_family(struct mnl_socket *socket, uint8_t family, uint8_t protocol, unsigned int seq, struct dump *dump)
{
	_cleanup_free_ char *buffer = malloc(DUMP_BYTES);
	int r, more = MNL_CB_OK;

	if (!buffer)
		return -ENOMEM;
	r = ask(socket, family, protocol, seq);
	if (r < 0)
		return r;
	while (more > MNL_CB_STOP) {
		ssize_t n = mnl_socket_recvfrom(socket, buffer, DUMP_BYTES);

		if (n < 0)
			return -errno;
		more = mnl_cb_run(buffer, (size_t)n, seq, mnl_socket_get_portid(socket), take_socket, dump);
		if (more < 0)
			return dump->error < 0 ? dump->error : -errno;
	}
	return 0;
}

/* A protocol that the kernel cannot list (its module is missing) has ENOENT; then nobody uses it either, but for TCP.
 */
static int dump_protocol(struct mnl_socket *socket, uint8_t protocol, uint8_t bit, struct sessions *ret)
{
	struct dump dump = {.sessions = ret, .proto_bit = bit};
	int r = dump_family(socket, AF_INET, protocol, 1 + bit * 2U, &dump);

	if (r == 0)
		r = dump_family(socket, AF_INET6, protocol, 2 + bit * 2U, &dump);
	return r;
}

int sockdiag_list(struct sessions *ret, struct failure *failure)
{
	CLEANUP(close_mnl) struct mnl_socket *socket = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	int r;

	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return failure_set(failure, -errno, "cannot ask the kernel for the connected sockets: %s",
				   strerror(errno));
	r = dump_protocol(socket, IPPROTO_TCP, PROTO_BIT_TCP, ret);
	if (r == 0)
		r = dump_protocol(socket, IPPROTO_UDP, PROTO_BIT_UDP, ret);
	if (r == -ENOENT)
		return failure_set(failure, r,
				   "this kernel does not list connected sockets: modprobe tcp_diag udp_diag inet_diag");
	return r < 0 ? failure_set(failure, r, "cannot list the connected sockets: %s", strerror(-r)) : 0;
}
