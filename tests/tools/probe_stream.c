// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A numbered packet every millisecond from one network namespace to another, and which of them the receiving kernel
 * delivered. One process holds both ends, so that there is one clock and nothing to synchronise. The packets are raw L4
 * with no checksum: a raw socket behind the receiving stack's routing sees them, TCP and UDP itself throw them away
 * unanswered.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>

#include "probe.h"
#include "util.h"

#define STREAM_SPORT 40404
#define STREAM_MAGIC 0x6a676174u
#define STREAM_MS_MAX 600000
#define STREAM_LINGER_NS (200 * NS_PER_MS)
#define TCP_SYN 0x02

/* The first 12 bytes of a TCP header (number in seq, magic in ack), or a UDP header with 8 bytes of payload. */
struct stream_packet {
	uint16_t sport_be, dport_be;
	union {
		struct {
			uint32_t number_be, magic_be;
			uint8_t offset, flags;
			uint16_t window_be, checksum, urgent_be;
		} tcp;
		struct {
			uint16_t len_be, checksum;
			uint32_t number_be, magic_be;
		} udp;
	};
};
_Static_assert(sizeof(struct stream_packet) == 20, "a TCP header without options");

struct record {
	int64_t sent_boot_ns;
	int64_t came_boot_ns; /* 0: never */
};

struct stream {
	int from_fd, to_fd;
	int proto;
	uint16_t port;
	struct endpoint to;
	struct record *records;
	uint32_t n, cap;
};

static void send_next(struct stream *stream)
{
	struct stream_packet packet = {.sport_be = htons(STREAM_SPORT), .dport_be = htons(stream->port)};
	size_t len = sizeof(packet);
	struct endpoint to = stream->to;

	if (stream->proto == IPPROTO_TCP) {
		packet.tcp.number_be = htonl(stream->n);
		packet.tcp.magic_be = htonl(STREAM_MAGIC);
		packet.tcp.offset = 5 << 4;
		packet.tcp.flags = TCP_SYN;
	} else {
		len = 16;
		packet.udp.len_be = htons((uint16_t)len);
		packet.udp.checksum = 0xdead;
		packet.udp.number_be = htonl(stream->n);
		packet.udp.magic_be = htonl(STREAM_MAGIC);
	}
	stream->records[stream->n].sent_boot_ns = probe_now_ns(CLOCK_BOOTTIME);
	if (sendto(stream->from_fd, &packet, len, MSG_DONTWAIT, (const struct sockaddr *)&to.addr, to.len) ==
	    (ssize_t)len)
		stream->n++;
}

static void note_arrival(struct stream *stream, const uint8_t *bytes, size_t len)
{
	struct stream_packet packet = {0};
	size_t skip = stream->to.addr.ss_family == AF_INET && len ? (size_t)(bytes[0] & 0x0f) * 4 : 0;
	uint32_t number, magic;

	if (len < skip + 16)
		return;
	memcpy(&packet, bytes + skip, len - skip < sizeof(packet) ? len - skip : sizeof(packet));
	number = ntohl(stream->proto == IPPROTO_TCP ? packet.tcp.number_be : packet.udp.number_be);
	magic = ntohl(stream->proto == IPPROTO_TCP ? packet.tcp.magic_be : packet.udp.magic_be);
	if (magic != STREAM_MAGIC || packet.sport_be != htons(STREAM_SPORT) || packet.dport_be != htons(stream->port) ||
	    number >= stream->n)
		return;
	if (!stream->records[number].came_boot_ns)
		stream->records[number].came_boot_ns = probe_now_ns(CLOCK_BOOTTIME);
}

static void drain(struct stream *stream)
{
	uint8_t bytes[2048];
	ssize_t n;

	while ((n = recv(stream->to_fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		note_arrival(stream, bytes, (size_t)n);
}

static void run_stream(struct stream *stream, int64_t ms)
{
	int64_t now_ns = probe_now_ns(CLOCK_BOOTTIME);
	int64_t end_ns = now_ns + ms * NS_PER_MS;

	for (int64_t tick_ns = now_ns; !probe_stop && now_ns < end_ns && stream->n < stream->cap;) {
		struct timespec pause = {.tv_nsec = tick_ns - now_ns};

		if (tick_ns > now_ns)
			nanosleep(&pause, NULL);
		send_next(stream);
		drain(stream);
		now_ns = probe_now_ns(CLOCK_BOOTTIME);
		/* Late ticks are left out, not made up for in a burst. */
		tick_ns = tick_ns + NS_PER_MS > now_ns ? tick_ns + NS_PER_MS : now_ns + 1;
	}
	for (end_ns = now_ns + STREAM_LINGER_NS; now_ns < end_ns; now_ns = probe_now_ns(CLOCK_BOOTTIME)) {
		probe_wait_readable(stream->to_fd, (end_ns - now_ns) / NS_PER_MS + 1);
		drain(stream);
	}
}

static void write_records(const struct stream *stream, const char *path)
{
	_cleanup_fclose_ FILE *file = fopen(path, "we");

	if (!file)
		probe_die("%s: %m", path);
	for (uint32_t i = 0; i < stream->n; i++)
		fprintf(file, "%jd %jd\n", (intmax_t)stream->records[i].sent_boot_ns,
			(intmax_t)stream->records[i].came_boot_ns);
}

/* probe stream FROM_NS TO_NS SRC DST PORT/PROTO TIME FILE */
int probe_stream(int argc, char **argv)
{
	struct stream stream = {.port = probe_port_proto(argv[5], &stream.proto)};
	struct endpoint from = probe_endpoint(argv[3], 0);
	uint64_t ms = probe_millis(argv[6]);
	const int buffer = 1 << 20;

	(void)argc;
	if (ms > STREAM_MS_MAX)
		probe_die("a stream of more than %d ms", STREAM_MS_MAX);
	stream.to = probe_endpoint(argv[4], 0);
	stream.cap = (uint32_t)ms + 1000;
	stream.records = calloc(stream.cap, sizeof(*stream.records));
	if (!stream.records)
		probe_die("no memory");
	stream.to_fd = probe_socket_in(argv[2], stream.to.addr.ss_family, SOCK_RAW, stream.proto);
	stream.from_fd = probe_socket_in(argv[1], stream.to.addr.ss_family, SOCK_RAW, stream.proto);
	setsockopt(stream.to_fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
	if (bind(stream.from_fd, (const struct sockaddr *)&from.addr, from.len))
		probe_die("cannot send from %s: %m", argv[3]);
	/* Another stream to the same port is none of this one's. */
	if (connect(stream.to_fd, (const struct sockaddr *)&from.addr, from.len))
		probe_die("cannot listen to %s alone: %m", argv[3]);
	/* The measure is jitgate, not the wait for a turn on a busy machine; without the right to it, go on. */
	(void)setpriority(PRIO_PROCESS, 0, -15);
	probe_stop_on_signals();
	puts("streaming");
	run_stream(&stream, (int64_t)ms);
	write_records(&stream, argv[7]);
	free(stream.records);
	return PROBE_YES;
}

/* ---- evaluation */

struct tally {
	uint64_t before_passed, before_lost, after_passed, after_lost;
	int64_t first_lost_ns;  /* when the first packet of the last unbroken loss was sent; 0: the last one passed */
	int64_t last_passed_ns; /* when the last packet that passed was sent; 0: none did */
};

/*
 * The stamp is taken before the send, and a busy machine delivers late: a packet stamped this shortly before the
 * deadline and dropped may well have met the gate after it. One that passed is counted by its stamp alone.
 */
#define UNDER_WAY_NS (5 * NS_PER_MS)

static void tally_record(struct tally *tally, const struct record *record, int64_t deadline_ns)
{
	int64_t until_ns = record->came_boot_ns ? deadline_ns : deadline_ns - UNDER_WAY_NS;
	bool before = !deadline_ns || record->sent_boot_ns < until_ns;

	if (record->came_boot_ns) {
		*(before ? &tally->before_passed : &tally->after_passed) += 1;
		tally->last_passed_ns = record->sent_boot_ns;
		tally->first_lost_ns = 0;
	} else {
		*(before ? &tally->before_lost : &tally->after_lost) += 1;
		if (!tally->first_lost_ns)
			tally->first_lost_ns = record->sent_boot_ns;
	}
}

static void print_micros(const char *key, int64_t at_ns, int64_t deadline_ns)
{
	if (at_ns)
		printf(" %s=%jd", key, (intmax_t)((at_ns - deadline_ns) / 1000));
	else
		printf(" %s=none", key);
}

/* probe stream-check FILE [DEADLINE_BOOT_NS]: counts by the moment of sending; *_us are relative to the deadline. */
int probe_stream_check(int argc, char **argv)
{
	int64_t deadline_ns = argc > 2 ? (int64_t)probe_number(argv[2], 0, INT64_MAX) : 0;
	_cleanup_fclose_ FILE *file = fopen(argv[1], "re");
	struct tally tally = {0};
	uint64_t passed, lost;
	char line[64];

	if (!file)
		probe_die("%s: %m", argv[1]);
	while (fgets(line, sizeof(line), file)) {
		struct record record;
		char *rest = NULL;

		record.sent_boot_ns = strtoll(line, &rest, 10);
		record.came_boot_ns = strtoll(rest, NULL, 10);
		tally_record(&tally, &record, deadline_ns);
	}
	passed = tally.before_passed + tally.after_passed;
	lost = tally.before_lost + tally.after_lost;
	printf("sent=%ju passed=%ju lost=%ju", (uintmax_t)(passed + lost), (uintmax_t)passed, (uintmax_t)lost);
	printf(" before_passed=%ju before_lost=%ju", (uintmax_t)tally.before_passed, (uintmax_t)tally.before_lost);
	printf(" after_passed=%ju after_lost=%ju", (uintmax_t)tally.after_passed, (uintmax_t)tally.after_lost);
	print_micros("first_lost_us", tally.first_lost_ns, deadline_ns);
	print_micros("last_passed_us", tally.last_passed_ns, deadline_ns);
	putchar('\n');
	return PROBE_YES;
}

/* ---- DHCP */

struct dhcp_frame {
	struct ether_header ether;
	struct ip ip;
	struct udphdr udp;
	uint8_t bootp[244];
} __attribute__((packed));

static uint16_t ip_checksum(const void *header)
{
	uint32_t sum = 0;
	uint16_t words[10];

	memcpy(words, header, sizeof(words));
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

static uint8_t hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

	if (!at)
		probe_die("a frame is written in hex digits");
	return (uint8_t)(at - digits);
}

/* raw IFNAME HEX TIMES: a frame as it is given, out of that interface. */
int probe_raw(int argc, char **argv)
{
	_cleanup_close_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(argv[1])};
	size_t len = strlen(argv[2]) / 2;
	uint8_t frame[1500];

	(void)argc;
	if (len > sizeof(frame))
		probe_die("a frame has at most %zu bytes", sizeof(frame));
	for (size_t i = 0; i < len; i++)
		frame[i] = (uint8_t)(hex_digit(argv[2][2 * i]) << 4 | hex_digit(argv[2][2 * i + 1]));
	for (uint64_t left = probe_number(argv[3], 1, 1000000); left > 0; left--) {
		if (sendto(fd, frame, len, 0, (const struct sockaddr *)&to, sizeof(to)) != (ssize_t)len)
			probe_die("%s: %m", argv[1]);
	}
	return PROBE_YES;
}

/* A DISCOVER as a client without an address sends it: 0.0.0.0:68 to 255.255.255.255:67. */
int probe_dhcp(int argc, char **argv)
{
	_cleanup_close_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(argv[1])};
	struct dhcp_frame frame = {
		.ether = {.ether_dhost = {255, 255, 255, 255, 255, 255},
			  .ether_shost = {2, 0, 0, 0, 0, 9},
			  .ether_type = htons(ETHERTYPE_IP)},
		.ip = {.ip_v = 4, .ip_hl = 5, .ip_ttl = 64, .ip_p = IPPROTO_UDP, .ip_dst = {INADDR_BROADCAST}},
		.udp = {.uh_sport = htons(68), .uh_dport = htons(67)},
		.bootp = {1, 1, 6, 0},
	};
	static const uint8_t options[] = {0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255}; /* magic cookie, DISCOVER, end */

	(void)argc;
	memcpy(frame.bootp + 236, options, sizeof(options));
	frame.ip.ip_len = htons(sizeof(frame) - sizeof(frame.ether));
	frame.ip.ip_sum = ip_checksum(&frame.ip);
	frame.udp.uh_ulen = htons(sizeof(frame.udp) + sizeof(frame.bootp));
	if (fd < 0 || !to.sll_ifindex)
		probe_die("%s: %m", argv[1]);
	if (sendto(fd, &frame, sizeof(frame), 0, (const struct sockaddr *)&to, sizeof(to)) != (ssize_t)sizeof(frame))
		probe_die("%s: %m", argv[1]);
	return PROBE_YES;
}
