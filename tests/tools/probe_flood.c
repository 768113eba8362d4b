// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * As many numbered packets as the way takes, half of them from a source that has a grant and half from one that has
 * none, and which of them the receiving kernel delivered. Few are under way at a time, so that no queue between the two
 * ends overflows: one that is lost was dropped by a filter. Raw UDP with a wrong checksum, as in probe_stream.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <string.h>

#include "probe.h"
#include "util.h"

#define FLOOD_SPORT 40405
#define FLOOD_MAGIC 0x6a676664u
#define FLOOD_MAX (1u << 27) /* packets of a source */
#define FLOOD_MS_MAX 600000
#define BATCH 8
#define UNDER_WAY_MAX 48 /* of the granted source; a veth queue takes 256 of both */
#define STALL_MS 200     /* so long without an arrival, and what is under way is waited for no longer */
#define LINGER_MS 300

struct flood_packet {
	uint16_t sport_be, dport_be, len_be, checksum;
	uint32_t number_be, magic_be;
};
_Static_assert(sizeof(struct flood_packet) == 16, "a UDP header and eight bytes");

struct source {
	int fd;
	uint32_t address_be;
	uint64_t sent, came, twice;
	uint8_t *arrived; /* a bit a number */
};

struct flood {
	struct source granted, ungranted;
	struct sockaddr_in to;
	uint16_t port;
	int to_fd;
	uint64_t given_up; /* granted ones that are not waited for; they still count when they come */
};

static void open_source(struct source *source, const char *netns, const char *address)
{
	struct endpoint from = probe_endpoint(address, 0);

	if (from.addr.ss_family != AF_INET)
		probe_die("%s: not an IPv4 address", address);
	source->fd = probe_socket_in(netns, AF_INET, SOCK_RAW, IPPROTO_UDP);
	if (bind(source->fd, (const struct sockaddr *)&from.addr, from.len))
		probe_die("cannot send from %s: %m", address);
	source->address_be = ((const struct sockaddr_in *)&from.addr)->sin_addr.s_addr;
	source->arrived = calloc(FLOOD_MAX / 8, 1); /* no memory before it is written to */
	if (!source->arrived)
		probe_die("no memory");
}

static void send_batch(struct flood *flood, struct source *source)
{
	struct flood_packet packets[BATCH];
	struct iovec parts[BATCH];
	struct mmsghdr messages[BATCH];
	int n;

	memset(messages, 0, sizeof(messages));
	for (uint32_t i = 0; i < BATCH; i++) {
		packets[i] = (struct flood_packet){.sport_be = htons(FLOOD_SPORT),
						   .dport_be = htons(flood->port),
						   .len_be = htons(sizeof(packets[i])),
						   .checksum = 0xdead,
						   .number_be = htonl((uint32_t)source->sent + i),
						   .magic_be = htonl(FLOOD_MAGIC)};
		parts[i] = (struct iovec){&packets[i], sizeof(packets[i])};
		messages[i].msg_hdr = (struct msghdr){.msg_name = &flood->to,
						      .msg_namelen = sizeof(flood->to),
						      .msg_iov = &parts[i],
						      .msg_iovlen = 1};
	}
	n = sendmmsg(source->fd, messages, BATCH, 0);
	if (n > 0)
		source->sent += (uint64_t)n;
	else if (errno != EINTR && errno != ENOBUFS)
		probe_die("cannot send: %m");
}

static void note_arrival(struct flood *flood, const uint8_t *bytes, size_t len)
{
	struct flood_packet packet;
	struct source *source;
	struct ip ip;
	uint32_t number;

	if (len < sizeof(ip) + sizeof(packet))
		return;
	memcpy(&ip, bytes, sizeof(ip));
	if (len < ip.ip_hl * 4U + sizeof(packet))
		return;
	memcpy(&packet, bytes + ip.ip_hl * 4U, sizeof(packet));
	if (packet.magic_be != htonl(FLOOD_MAGIC) || packet.dport_be != htons(flood->port))
		return;
	source = ip.ip_src.s_addr == flood->granted.address_be ? &flood->granted : &flood->ungranted;
	number = ntohl(packet.number_be);
	if (ip.ip_src.s_addr != source->address_be || number >= FLOOD_MAX)
		return;
	if (source->arrived[number / 8] & 1 << number % 8)
		source->twice++;
	else
		source->came++;
	source->arrived[number / 8] |= (uint8_t)(1 << number % 8);
}

static void drain(struct flood *flood)
{
	uint8_t bytes[256];
	ssize_t n;

	while ((n = recv(flood->to_fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		note_arrival(flood, bytes, (size_t)n);
}

static int64_t under_way(const struct flood *flood)
{
	return (int64_t)(flood->granted.sent - flood->granted.came - flood->given_up);
}

static void run_flood(struct flood *flood, int64_t ms)
{
	int64_t end_ns = probe_now_ns(CLOCK_BOOTTIME) + ms * NS_PER_MS;

	while (!probe_stop && probe_now_ns(CLOCK_BOOTTIME) < end_ns && flood->granted.sent < FLOOD_MAX - BATCH) {
		send_batch(flood, &flood->ungranted);
		send_batch(flood, &flood->granted);
		drain(flood);
		while (!probe_stop && under_way(flood) > UNDER_WAY_MAX) {
			if (probe_wait_readable(flood->to_fd, STALL_MS) != 1 && under_way(flood) > 0)
				flood->given_up += (uint64_t)under_way(flood);
			drain(flood);
		}
	}
	for (int64_t now_ns = probe_now_ns(CLOCK_BOOTTIME), last_ns = now_ns + LINGER_MS * NS_PER_MS; now_ns < last_ns;
	     now_ns = probe_now_ns(CLOCK_BOOTTIME)) {
		probe_wait_readable(flood->to_fd, (last_ns - now_ns) / NS_PER_MS + 1);
		drain(flood);
	}
}

/* probe flood FROM_NS TO_NS GRANTED UNGRANTED DST PORT TIME */
int probe_flood(int argc, char **argv)
{
	struct flood flood = {.port = (uint16_t)probe_number(argv[6], 1, 65535)};
	struct endpoint to = probe_endpoint(argv[5], 0);
	uint64_t ms = probe_millis(argv[7]);
	const int buffer = 8 << 20;
	int64_t start_ns, took_ms;

	(void)argc;
	if (ms > FLOOD_MS_MAX)
		probe_die("a flood of more than %d ms", FLOOD_MS_MAX);
	memcpy(&flood.to, &to.addr, sizeof(flood.to));
	flood.to_fd = probe_socket_in(argv[2], AF_INET, SOCK_RAW, IPPROTO_UDP);
	setsockopt(flood.to_fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
	open_source(&flood.granted, argv[1], argv[3]);
	open_source(&flood.ungranted, argv[1], argv[4]);
	probe_stop_on_signals();
	puts("flooding");
	start_ns = probe_now_ns(CLOCK_BOOTTIME);
	run_flood(&flood, (int64_t)ms);
	took_ms = (probe_now_ns(CLOCK_BOOTTIME) - start_ns) / NS_PER_MS;
	printf("sent=%ju lost=%ju twice=%ju ungranted_sent=%ju ungranted_passed=%ju ms=%jd rate=%ju\n",
	       (uintmax_t)flood.granted.sent, (uintmax_t)(flood.granted.sent - flood.granted.came),
	       (uintmax_t)(flood.granted.twice + flood.ungranted.twice), (uintmax_t)flood.ungranted.sent,
	       (uintmax_t)flood.ungranted.came, (intmax_t)took_ms,
	       (uintmax_t)((flood.granted.sent + flood.ungranted.sent) * 1000 / (uint64_t)(took_ms + 1)));
	free(flood.granted.arrived);
	free(flood.ungranted.arrived);
	return PROBE_YES;
}
