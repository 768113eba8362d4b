// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The kernel as referee: every frame of the packet tests, and fragments that belong together, sent over a real link,
 * and whether the receiving kernel delivered something of it to TCP port 22 (protected) or 23 (next to it). What the
 * gate says to a frame is the packet tests' business; here only what gets through counts.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "corpus.h"
#include "probe.h"
#include "util.h"

#define PORT_GATED 22
#define PORT_OTHER 23
#define PORT_SENTINEL 9
#define SENTINEL_MS 2000
#define TRAIN_MAX 3

/* Several frames of one datagram; all of them are sent before the count. */
struct train {
	const char *name;
	struct layer frames[TRAIN_MAX][FRAME_LAYERS_MAX];
};

/* The last 12 bytes of a TCP header: acknowledgement, offset and SYN, window, no checksum. */
#define TCP_REST HEX("00000000 5002 fa00 0000 0000")

/* Four bytes of content: with a header a multiple of 8, as all but the last fragment have to be. */
#define TCP_DATA HEX("6a676174")

/* clang-format off */
static const struct train trains[] = {
	{"two fragments", {{IP, FRAG(0, 1), TCP(GATED), KEEP(8)}, {IP, FRAG(1, 0), PROTO(6), TCP_REST}}},
	{"two fragments, the last one first",
	 {{IP, FRAG(1, 0), PROTO(6), TCP_REST},
	  {IP, FRAG(0, 1), TCP(GATED), KEEP(8)}}},
	{"two first fragments, the harmless one first",
	 {{IP, FRAG(0, 1), TCP(OTHER), KEEP(8)},
	  {IP, FRAG(0, 1), TCP(GATED), KEEP(8)},
	  {IP, FRAG(1, 0), PROTO(6), TCP_REST}}},
	{"two first fragments, the harmless one last",
	 {{IP, FRAG(0, 1), TCP(GATED), KEEP(8)},
	  {IP, FRAG(0, 1), TCP(OTHER), KEEP(8)},
	  {IP, FRAG(1, 0), PROTO(6), TCP_REST}}},
	/* IPv6 receivers want the whole header in the first one (RFC 8200). */
	{"two fragments, the header whole",
	 {{IP, FRAG(0, 1), TCP(GATED), TCP_DATA},
	  {IP, FRAG(3, 0), PROTO(6), TCP_DATA}}},
	{"two fragments, the header whole, the last one first",
	 {{IP, FRAG(3, 0), PROTO(6), TCP_DATA}, {IP, FRAG(0, 1), TCP(GATED), TCP_DATA}}},
	{"two whole headers, the harmless one first",
	 {{IP, FRAG(0, 1), TCP(OTHER), TCP_DATA},
	  {IP, FRAG(0, 1), TCP(GATED), TCP_DATA},
	  {IP, FRAG(3, 0), PROTO(6), TCP_DATA}}},
	{"two whole headers, the harmless one last",
	 {{IP, FRAG(0, 1), TCP(GATED), TCP_DATA},
	  {IP, FRAG(0, 1), TCP(OTHER), TCP_DATA},
	  {IP, FRAG(3, 0), PROTO(6), TCP_DATA}}},
	{"fragments behind hop-by-hop, the header whole",
	 {{IP6, HBH(0), FRAG(0, 1), TCP(GATED), TCP_DATA}, {IP6, HBH(0), FRAG(3, 0), PROTO(6), TCP_DATA}}},
	{"fragments with a destination header, the TCP header whole",
	 {{IP6, FRAG(0, 1), DST(0), TCP(GATED), TCP_DATA}, {IP6, FRAG(4, 0), PROTO(60), TCP_DATA}}},
	{"the ports are overwritten by the last fragment",
	 {{IP, FRAG(0, 1), TCP(OTHER), KEEP(16)}, {IP, FRAG(0, 0), TCP(GATED)}}},
	{"two fragments behind tags",
	 {{VLAN(0), IP, FRAG(0, 1), TCP(GATED), KEEP(8)}, {VLAN(0), IP, FRAG(1, 0), PROTO(6), TCP_REST}}},
	{"the first fragment has no ports yet",
	 {{IP6, FRAG(0, 1), DST(0), PROTO(6)}, {IP6, FRAG(1, 0), PROTO(60), TCP(GATED)}}},
	{"the first fragment has harmless ports in its padding",
	 {{IP6, FRAG(0, 1), DST(0), IP_ENDS, TCP(OTHER)}, {IP6, FRAG(1, 0), PROTO(60), TCP(GATED)}}},
	{"the first fragment ends inside a header",
	 {{IP6, FRAG(0, 1), PROTO(60), HEX("06 01 1e 0c 00000000")},
	  {IP6, FRAG(1, 0), PROTO(60), HEX("00000000 00000000"), TCP(GATED)}}},
	{"fragments behind hop-by-hop, ports behind a destination header",
	 {{IP6, HBH(0), FRAG(0, 1), DST(0), TCP(GATED), KEEP(8)}, {IP6, HBH(0), FRAG(2, 0), PROTO(60), TCP_REST}}},
};
/* clang-format on */

struct referee {
	int send_fd, tcp4_fd, tcp6_fd, udp4_fd;
	struct sockaddr_ll to;
	uint16_t round;
	unsigned int gated, other; /* delivered in this round */
	bool in_pieces, goes_on;
};

/* Of a TCP header that is in one frame: as if the connection had begun long ago. */
#define TCP_FLAGS_AT 13
#define TCP_ACK 0x10

/*
 * So that only the Ethernet header is in the first piece of what the receiving kernel gets: such a frame has to be
 * long, and is, by padding, which the stack cuts off again.
 */
#define IN_PIECES_BYTES 4400

static void send_in_pieces(const struct referee *r, const struct frame *frame)
{
	static uint8_t bytes[sizeof(struct virtio_net_hdr) + IN_PIECES_BYTES];
	const struct virtio_net_hdr header = {.hdr_len = ETH_HLEN};

	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), frame->data, frame->len);
	if (sendto(r->send_fd, bytes, sizeof(bytes), 0, (const struct sockaddr *)&r->to, sizeof(r->to)) < 0)
		probe_die("cannot send a frame in pieces: %m");
}

static void go_on(struct frame *frame)
{
	if (frame->l4_proto == IPPROTO_TCP && frame->l4_at + TCP_FLAGS_AT < frame->len)
		frame->data[frame->l4_at + TCP_FLAGS_AT] = TCP_ACK;
}

static void send_frame(const struct referee *r, const struct frame *frame)
{
	if (r->in_pieces) {
		send_in_pieces(r, frame);
		return;
	}
	if (sendto(r->send_fd, frame->data, frame->len, 0, (const struct sockaddr *)&r->to, sizeof(r->to)) < 0)
		probe_die("cannot send a frame of %zu bytes: %m", frame->len);
}

/* Ports of a raw socket's next packet, in host order; 0 when there is none. An empty one shows ports 0. */
static int next_ports(int fd, bool with_ip, uint16_t *ret_source, uint16_t *ret_dest)
{
	uint8_t bytes[4096];
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	size_t at = with_ip && n > 0 ? (bytes[0] & 0x0f) * 4U : 0;

	*ret_source = *ret_dest = 0;
	if (n < 0)
		return 0;
	if ((size_t)n >= at + 4) {
		*ret_source = (uint16_t)(bytes[at] << 8 | bytes[at + 1]);
		*ret_dest = (uint16_t)(bytes[at + 2] << 8 | bytes[at + 3]);
	}
	return 1;
}

static void count_tcp(struct referee *r, int fd, bool with_ip)
{
	uint16_t source, dest;

	while (next_ports(fd, with_ip, &source, &dest)) {
		r->gated += dest == PORT_GATED;
		r->other += dest == PORT_OTHER;
	}
}

/* A link keeps the order: when the sentinel has come, whatever was sent before it has come or never will. */
static void end_round(struct referee *r)
{
	int64_t end_ns = probe_now_ns(CLOCK_BOOTTIME) + SENTINEL_MS * NS_PER_MS;
	uint16_t source = 0, dest = 0;
	struct frame frame;

	r->round++;
	frame_eth(&frame);
	frame_ipv4(&frame, 0);
	frame_l4(&frame, IPPROTO_UDP, r->round, PORT_SENTINEL);
	frame_finish(&frame);
	send_frame(r, &frame);
	while (dest != PORT_SENTINEL || source != r->round) {
		if (probe_now_ns(CLOCK_BOOTTIME) > end_ns)
			probe_die("the link is dead: no sentinel came");
		if (!next_ports(r->udp4_fd, true, &source, &dest))
			probe_wait_readable(r->udp4_fd, 10);
	}
	r->gated = r->other = 0;
	count_tcp(r, r->tcp4_fd, true);
	count_tcp(r, r->tcp6_fd, false);
}

static uint32_t real_port(uint32_t port)
{
	return port == GATED ? PORT_GATED : port == OTHER ? PORT_OTHER : port == SWAPPED ? PORT_GATED << 8 : port;
}

static bool either_family(const struct layer *layers)
{
	for (size_t i = 0; i < FRAME_LAYERS_MAX; i++) {
		if (layers[i].kind == LAYER_IP)
			return true;
	}
	return false;
}

/* A source of its own for each round: fragments of two rounds never belong together. */
static const char *source_of(const struct referee *r, const struct layer *layers, enum layer_kind ip,
			     char text[INET6_ADDRSTRLEN])
{
	for (size_t i = FRAME_LAYERS_MAX; i-- > 0;) {
		if (layers[i].kind == LAYER_IPV4 || layers[i].kind == LAYER_IPV6)
			ip = layers[i].kind; /* the outermost one counts, and is seen last */
	}
	if (ip == LAYER_IPV4)
		snprintf(text, INET6_ADDRSTRLEN, "198.18.%u.%u", r->round >> 8, r->round & 0xffU);
	else
		snprintf(text, INET6_ADDRSTRLEN, "2001:db8:1::%x", r->round + 1U);
	return text;
}

/* Put source, family and ports in, build, send. A description that makes no sense in this family is left out. */
static void send_layers(const struct referee *r, const struct layer *layers, enum layer_kind ip)
{
	char source[INET6_ADDRSTRLEN];
	struct layer real[FRAME_LAYERS_MAX + 1] = {FROM(source_of(r, layers, ip, source))};
	struct frame frame;

	memcpy(real + 1, layers, sizeof(real) - sizeof(*real));
	for (size_t i = 1; i < ARRAY_SIZE(real); i++) {
		if (real[i].kind == LAYER_IP)
			real[i].kind = ip;
		if (real[i].kind == LAYER_L4) {
			real[i].b = real_port(real[i].b);
			real[i].c = real_port(real[i].c);
		}
	}
	if (frame_build(real, ARRAY_SIZE(real), &frame) < 0)
		return;
	if (r->goes_on)
		go_on(&frame);
	send_frame(r, &frame);
}

static void run_family(struct referee *r, const char *name, const char *verdict, const struct layer *frames, size_t n,
		       enum layer_kind ip)
{
	const char *family = ip == LAYER_IPV4 ? ", IPv4" : ", IPv6";

	for (size_t i = 0; i < n; i++)
		send_layers(r, frames + i * FRAME_LAYERS_MAX, ip);
	end_round(r);
	printf("%u %u %s %s%s\n", r->gated, r->other, verdict, name, either_family(frames) ? family : "");
}

static void run(struct referee *r, const char *name, const char *verdict, const struct layer *frames, size_t n)
{
	run_family(r, name, verdict, frames, n, LAYER_IPV4);
	if (either_family(frames))
		run_family(r, name, verdict, frames, n, LAYER_IPV6);
}

static size_t train_length(const struct train *train)
{
	size_t n = 0;

	while (n < TRAIN_MAX && train->frames[n][0].kind != LAYER_END)
		n++;
	return n;
}

/*
 * probe frames FROM_NS IFNAME TO_NS [pieces [ack]]: one line a case, "DELIVERED-TO-22 DELIVERED-TO-23 VERDICT NAME",
 * the verdict being the packet tests' for a frame without a grant ("drop", "pass"), "-" for a train of fragments. With
 * "ack" no TCP header says SYN. A case has the same addresses and ports in each run.
 */
int probe_frames(int argc, char **argv)
{
	struct referee r = {.to = {.sll_family = AF_PACKET}};
	const int buffer = 1 << 20;

	r.in_pieces = argc > 4 && strcmp(argv[4], "pieces") == 0;
	r.goes_on = argc > 5 && strcmp(argv[5], "ack") == 0;
	r.tcp4_fd = probe_socket_in(argv[3], AF_INET, SOCK_RAW, IPPROTO_TCP);
	r.tcp6_fd = probe_socket_in(argv[3], AF_INET6, SOCK_RAW, IPPROTO_TCP);
	r.udp4_fd = probe_socket_in(argv[3], AF_INET, SOCK_RAW, IPPROTO_UDP);
	setsockopt(r.tcp4_fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
	r.send_fd = probe_socket_in(argv[1], AF_PACKET, SOCK_RAW, 0);
	if (r.in_pieces && setsockopt(r.send_fd, SOL_PACKET, PACKET_VNET_HDR, &(int){1}, sizeof(int)) < 0)
		probe_die("cannot send frames in pieces: %m");
	r.to.sll_ifindex = (int)if_nametoindex(argv[2]);
	if (!r.to.sll_ifindex)
		probe_die("%s: %m", argv[2]);
	/* Trains first: no half datagram of a case is waiting for a rest then. */
	for (size_t i = 0; i < ARRAY_SIZE(trains); i++)
		run(&r, trains[i].name, "-", trains[i].frames[0], train_length(&trains[i]));
	for (size_t i = 0; i < n_packet_cases; i++)
		run(&r, packet_cases[i].name, packet_cases[i].verdict == XDP_DROP ? "drop" : "pass",
		    packet_cases[i].frame, 1);
	return PROBE_YES;
}
