// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Sockets on both ends of the link; see wire.h. A raw socket is behind reassembly and in front of everything that a
 * transport protocol may find wrong, so it sees all that a real socket gets, and more, also for protocols that
 * this kernel does not have.
 */
#include "referee/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include "frame.h"
#include "referee/packet.h"
#include "util.h"

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

#define SENTINEL_MS 5000
#define BATCH 32
#define HEAD_BYTES 80 /* the longest IPv4 header and the ports */

static const struct {
	uint8_t proto;
	const char *name;
} protos[WIRE_RAW_PROTOS] = {
	{IPPROTO_UDP, "udp"},   {IPPROTO_TCP, "tcp"},         {IPPROTO_SCTP, "sctp"},
	{IPPROTO_DCCP, "dccp"}, {IPPROTO_UDPLITE, "udplite"},
};

static const char *const socket_names[] = {"udp4", "udp6", "udplite4", "udplite6", "tcp"};
_Static_assert(ARRAY_SIZE(socket_names) == _WIRE_SOCKET_MAX, "a socket has no name");

void wire_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("referee: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(2);
}

const char *wire_proto_name(size_t index)
{
	return protos[index].name;
}

const char *wire_socket_name(enum wire_socket socket)
{
	return socket_names[socket];
}

int wire_proto_index(uint8_t proto)
{
	int i;

	for (i = 0; i < WIRE_RAW_PROTOS; i++) {
		if (protos[i].proto == proto)
			return i;
	}
	return -1;
}

/* ---------------------------------------------------------------- opening */

static void enter(const char *netns)
{
	_cleanup_close_ int fd = open(netns, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET))
		wire_die("%s: %s", netns, strerror(errno));
}

static int must_open(int family, int type, int proto)
{
	const int buffer = 32 << 20;
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, proto);

	if (fd < 0)
		wire_die("socket %d/%d: %s", family, proto, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
	return fd;
}

/* -1: this kernel does not have the protocol. */
static int open_bound(int family, int type, int proto, uint16_t port)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	const struct sockaddr *addr = family == AF_INET ? (const void *)&in4 : (const void *)&in6;
	const int one = 1;
	_cleanup_close_ int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, proto);

	if (fd < 0 && proto == IPPROTO_UDPLITE)
		return -1;
	if (fd < 0)
		wire_die("socket %d/%d: %s", family, proto, strerror(errno));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, addr, family == AF_INET ? sizeof(in4) : sizeof(in6)))
		wire_die("port %u: %s", port, strerror(errno));
	if (type == SOCK_STREAM && listen(fd, 16))
		wire_die("listen: %s", strerror(errno));
	return TAKE_FD(fd);
}

static void open_sockets(struct wire *wire)
{
	size_t i;

	memset(wire->socket_fds, -1, sizeof(wire->socket_fds));
	for (i = 0; i < TRAIN_CLOSED_PORTS; i++) {
		uint16_t port = train_closed_ports[i];
		int *tcp = wire->socket_fds[WIRE_TCP];

		wire->socket_fds[WIRE_UDP4][i] = open_bound(AF_INET, SOCK_DGRAM, 0, port);
		wire->socket_fds[WIRE_UDP6][i] = open_bound(AF_INET6, SOCK_DGRAM, 0, port);
		wire->socket_fds[WIRE_UDPLITE4][i] = open_bound(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE, port);
		wire->socket_fds[WIRE_UDPLITE6][i] = open_bound(AF_INET6, SOCK_DGRAM, IPPROTO_UDPLITE, port);
		tcp[2 * i] = open_bound(AF_INET, SOCK_STREAM, 0, port);
		tcp[2 * i + 1] = open_bound(AF_INET6, SOCK_STREAM, 0, port);
	}
}

/* One CPU for all of it, so that the link keeps the order. */
static void stay_on_one_cpu(void)
{
	int cpu = sched_getcpu();
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu < 0 ? 0 : (size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		wire_die("cannot stay on one CPU: %s", strerror(errno));
}

void wire_open(struct wire *wire, const char *from_ns, const char *ifname, const char *to_ns)
{
	const int one = 1;
	size_t i;

	stay_on_one_cpu();
	enter(from_ns);
	wire->send_fd = must_open(AF_PACKET, SOCK_RAW, 0);
	wire->super_fd = must_open(AF_PACKET, SOCK_RAW, 0);
	setsockopt(wire->send_fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	if (setsockopt(wire->super_fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)))
		wire_die("PACKET_VNET_HDR: %s", strerror(errno));
	wire->to = (struct sockaddr_ll){.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(ifname)};
	if (!wire->to.sll_ifindex || bind(wire->send_fd, (const struct sockaddr *)&wire->to, sizeof(wire->to)))
		wire_die("%s: %s", ifname, strerror(errno));
	if (bind(wire->super_fd, (const struct sockaddr *)&wire->to, sizeof(wire->to)))
		wire_die("%s: %s", ifname, strerror(errno));
	enter(to_ns);
	for (i = 0; i < WIRE_RAW_PROTOS; i++) {
		wire->raw_fds[i][0] = must_open(AF_INET, SOCK_RAW, protos[i].proto);
		wire->raw_fds[i][1] = must_open(AF_INET6, SOCK_RAW, protos[i].proto);
	}
	open_sockets(wire);
	wire_count_tcp(wire);
	wire->tcp_before = wire->got[WIRE_TCP];
	wire->got[WIRE_TCP] = 0;
}

/* ---------------------------------------------------------------- sending */

/* The kernel merges nothing here; it is told that it has. */
static void send_super(const struct wire *wire, const struct train *train)
{
	const struct train_frame *frame = &train->frames[0];
	bool tcp = train->proto == IPPROTO_TCP;
	const uint8_t *bytes = train->bytes + frame->at;
	struct virtio_net_hdr head = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				      .gso_size = frame->segment,
				      .csum_start = frame->l4_at,
				      .csum_offset = tcp ? 16 : 6};
	struct iovec iov[2] = {{&head, sizeof(head)}, {(void *)bytes, frame->len}};

	head.hdr_len = (uint16_t)(frame->l4_at + (tcp ? (bytes[frame->l4_at + 12] >> 4) * 4U : 8U));
	head.gso_type = !tcp                 ? VIRTIO_NET_HDR_GSO_UDP_L4
			: train->family == 4 ? VIRTIO_NET_HDR_GSO_TCPV4
					     : VIRTIO_NET_HDR_GSO_TCPV6;
	while (writev(wire->super_fd, iov, 2) < 0) {
		if (errno == EINVAL && !tcp)
			return; /* before Linux 6.2 nobody can send such a packet */
		if (errno != ENOBUFS && errno != EINTR && errno != EAGAIN)
			wire_die("cannot send a merged packet of %zu bytes: %s", frame->len, strerror(errno));
	}
}

void wire_send(struct wire *wire, const struct train *train, uint32_t without_frames)
{
	struct mmsghdr msgs[TRAIN_FRAMES_MAX] = {0};
	struct iovec iov[TRAIN_FRAMES_MAX];
	unsigned int n = 0, sent = 0;
	size_t i;

	if (train->n && train->frames[0].segment) {
		send_super(wire, train);
		return;
	}
	for (i = 0; i < train->n; i++) {
		if (without_frames & 1U << i)
			continue;
		iov[n].iov_base = (void *)(train->bytes + train->frames[i].at);
		iov[n].iov_len = train->frames[i].len;
		msgs[n].msg_hdr.msg_iov = &iov[n];
		msgs[n].msg_hdr.msg_iovlen = 1;
		n++;
	}
	while (sent < n) {
		int now = sendmmsg(wire->send_fd, msgs + sent, n - sent, 0);

		if (now < 0 && errno != ENOBUFS && errno != EINTR && errno != EAGAIN)
			wire_die("cannot send a frame of %zu bytes: %s", iov[sent].iov_len, strerror(errno));
		sent += now > 0 ? (unsigned int)now : 0;
	}
}

static void send_sentinel(struct wire *wire)
{
	struct frame frame;

	wire->round = (uint16_t)(wire->round + 1) | 0x8000; /* no closed port */
	frame_eth(&frame);
	frame_ipv4(&frame, 0);
	frame_l4(&frame, IPPROTO_UDP, wire->round, TRAIN_SENTINEL_PORT);
	frame_finish(&frame);
	while (send(wire->send_fd, frame.data, frame.len, 0) < 0) {
		if (errno != ENOBUFS && errno != EINTR && errno != EAGAIN)
			wire_die("cannot send the sentinel: %s", strerror(errno));
	}
}

/* ---------------------------------------------------------------- receiving */

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)packet_get16(at) << 16 | packet_get16(at + 2);
}

static void read_source4(const uint8_t *source, struct arrival *a)
{
	uint32_t address = get32(source), net = address & ~TRAIN_NETS_MASK;

	a->granted = net == TRAIN_GRANTED4;
	a->known = a->granted || net == TRAIN_NEAR4 || address >> 24 == TRAIN_SOURCE4;
	a->mask = address >> 24 == TRAIN_SOURCE4 ? TRAIN_NUMBER_MASK : TRAIN_NETS_MASK;
	a->number = address & a->mask;
}

static void read_source6(const uint8_t *source, struct arrival *a)
{
	uint64_t net = (uint64_t)packet_get16(source) << 32 | get32(source + 2);

	a->granted = net == TRAIN_GRANTED6;
	a->known = a->granted || net == TRAIN_NEAR6 || net == TRAIN_SOURCE6;
	a->mask = TRAIN_NUMBER_MASK;
	a->number = get32(source + 12) & a->mask;
}

/* Returns whether it was this round's sentinel. */
static bool take_packet(struct wire *wire, struct arrival *a, const uint8_t *bytes, size_t len,
			const struct sockaddr_in6 *from)
{
	size_t at = 0;

	if (a->family == 4) {
		at = (bytes[0] & 0x0f) * 4U;
		if (len < 20)
			return false;
		read_source4(bytes + 12, a);
	} else {
		read_source6(from->sin6_addr.s6_addr, a);
	}
	if (len < at + 4)
		return false; /* no ports: to no port */
	a->sport = packet_get16(bytes + at);
	a->dport = packet_get16(bytes + at + 2);
	if (a->dport == TRAIN_SENTINEL_PORT)
		return a->sport == wire->round && !a->known;
	wire->arrived(wire->context, a);
	return false;
}

static bool drain_raw(struct wire *wire, size_t proto, int family)
{
	int fd = wire->raw_fds[proto][family == 6];
	uint8_t bytes[BATCH][HEAD_BYTES];
	struct sockaddr_in6 from[BATCH];
	struct mmsghdr msgs[BATCH] = {0};
	struct iovec iov[BATCH];
	bool seen = false;
	int i, n;

	for (i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){bytes[i], HEAD_BYTES};
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
		msgs[i].msg_hdr.msg_name = &from[i];
	}
	do {
		for (i = 0; i < BATCH; i++)
			msgs[i].msg_hdr.msg_namelen = sizeof(from[i]);
		n = recvmmsg(fd, msgs, BATCH, MSG_DONTWAIT, NULL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			wire_die("raw socket: %s", strerror(errno));
		for (i = 0; i < n; i++) {
			struct arrival a = {.family = (uint8_t)family, .proto = protos[proto].proto};

			seen |= take_packet(wire, &a, bytes[i], msgs[i].msg_len, &from[i]);
		}
	} while (n == BATCH);
	return seen;
}

/* Datagrams of granted sources do not count. */
static uint64_t drain_socket(int fd, int family)
{
	struct sockaddr_in6 from;
	socklen_t from_len = sizeof(from);
	uint64_t n = 0;
	uint8_t byte;

	while (recvfrom(fd, &byte, 1, MSG_DONTWAIT, (struct sockaddr *)&from, &from_len) >= 0 || errno == EINTR) {
		struct arrival a = {.family = (uint8_t)family};

		if (family == 4)
			read_source4((const uint8_t *)&((const struct sockaddr_in *)(const void *)&from)->sin_addr, &a);
		else
			read_source6(from.sin6_addr.s6_addr, &a);
		n += !a.granted;
		from_len = sizeof(from);
	}
	return n;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void wire_settle(struct wire *wire)
{
	int64_t end_ms = now_ms() + SENTINEL_MS;
	size_t proto, kind, i;

	send_sentinel(wire);
	while (!drain_raw(wire, 0, 4)) {
		struct pollfd wait = {.fd = wire->raw_fds[0][0], .events = POLLIN};

		if (now_ms() > end_ms)
			wire_die("the link is dead: no sentinel came");
		poll(&wait, 1, 10);
	}
	for (proto = 0; proto < WIRE_RAW_PROTOS; proto++) {
		drain_raw(wire, proto, 4);
		drain_raw(wire, proto, 6);
	}
	for (kind = WIRE_UDP4; kind <= WIRE_UDPLITE6; kind++) {
		for (i = 0; i < TRAIN_CLOSED_PORTS; i++) {
			int fd = wire->socket_fds[kind][i];

			if (fd >= 0)
				wire->got[kind] += drain_socket(fd, kind == WIRE_UDP4 || kind == WIRE_UDPLITE4 ? 4 : 6);
		}
	}
}

/* The value under a name in the pair of lines that begins with "TcpExt:". */
static uint64_t find_value(char *names, char *values, const char *wanted)
{
	char *name_at = NULL, *value_at = NULL;
	char *name = strtok_r(names, " \n", &name_at), *value = strtok_r(values, " \n", &value_at);

	while (name && value) {
		if (strcmp(name, wanted) == 0)
			return strtoull(value, NULL, 10);
		name = strtok_r(NULL, " \n", &name_at);
		value = strtok_r(NULL, " \n", &value_at);
	}
	wire_die("/proc/net/netstat has no %s", wanted);
}

void wire_count_tcp(struct wire *wire)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/net/netstat", "re");
	char names[8192], values[8192];

	if (!file || !fgets(names, sizeof(names), file) || !fgets(values, sizeof(values), file))
		wire_die("/proc/net/netstat: %s", strerror(errno));
	wire->got[WIRE_TCP] = find_value(names, values, "SyncookiesSent") - wire->tcp_before;
}
