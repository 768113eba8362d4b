// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * gate_parse natively, under the sanitizers: what the verifier proves about memory is proved here once more, on heap
 * buffers that end where the frame ends, and what it cannot know: that a cut frame never shows ports that the
 * whole one does not have.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC diagnostic ignored "-Wunknown-pragmas" /* clang unrolls loops when told */
#include "gate_parse.h"
#include "corpus.h"
#include "frame.h"
#include "util.h"

#define RANDOM_FRAMES 200000
#define SHIFT 2 /* as a network card puts it: the IP header is aligned, not the Ethernet header */

static uint64_t seed;

/* splitmix64: small, and the same everywhere. */
static uint64_t next_random(void)
{
	uint64_t z = (seed += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static uint32_t below(uint32_t n)
{
	return next_random() % n;
}

static void start_random(void)
{
	const char *given = getenv("SEED");

	seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	print_message("# SEED=%llu\n", (unsigned long long)seed);
}

/* Parse a copy that has not a byte to spare. Pointers of *ret_pkt are checked and must not be followed. */
static int parse_exact(const uint8_t *bytes, size_t len, struct packet *ret_pkt)
{
	_cleanup_free_ uint8_t *copy = malloc(len + SHIFT);
	const uint8_t *data;
	int reason;

	assert_non_null(copy);
	data = memcpy(copy + SHIFT, bytes, len);
	memset(ret_pkt, 0, sizeof(*ret_pkt));
	reason = gate_parse(data, data + len, ret_pkt);
	assert_in_range(reason, 0, GATE_HAS_PORTS);
	if (ret_pkt->family) {
		size_t address = ret_pkt->family == JITGATE_IPV4 ? 4 : 16;

		assert_in_range(ret_pkt->saddr - data, 0, len - address);
		assert_in_range(ret_pkt->daddr - data, 0, len - address);
	}
	if (reason == GATE_HAS_PORTS) {
		assert_int_not_equal(ret_pkt->family, 0);
		assert_in_range(ret_pkt->proto_index, 0, _PROTO_INDEX_MAX - 1);
		assert_int_equal(ret_pkt->proto_index, proto_index(ret_pkt->proto));
	}
	return reason;
}

/* The frame of a case, for one family and with ports in place of names. */
static void build_case(const struct packet_case *c, int family, struct frame *ret_frame)
{
	struct layer layers[FRAME_LAYERS_MAX];
	size_t i;

	memcpy(layers, c->frame, sizeof(layers));
	for (i = 0; i < FRAME_LAYERS_MAX; i++) {
		if (layers[i].kind == LAYER_IP)
			layers[i].kind = family == 4 ? LAYER_IPV4 : LAYER_IPV6;
		if (layers[i].kind == LAYER_L4 && layers[i].b == GATED)
			layers[i].b = 22;
	}
	assert_int_equal(frame_build(layers, FRAME_LAYERS_MAX, ret_frame), 0);
}

static void build_any_case(struct frame *ret_frame)
{
	build_case(&packet_cases[below(n_packet_cases)], below(2) ? 4 : 6, ret_frame);
}

/* Whatever gate_parse does not settle is settled by look-ups. */
static int is_settled(int reason)
{
	return reason < REASON_UNPROTECTED;
}

static void every_case_is_read_as_in_the_kernel(void **state)
{
	struct packet pkt;
	struct frame frame;
	int family;
	size_t i;

	(void)state;
	for (i = 0; i < n_packet_cases; i++) {
		const struct packet_case *c = &packet_cases[i];

		for (family = 4; family <= 6; family += 2) {
			build_case(c, family, &frame);
			assert_int_equal(parse_exact(frame.data, frame.len, &pkt),
					 is_settled(c->reason) ? c->reason : (int)GATE_HAS_PORTS);
		}
	}
}

static void random_bytes_are_never_read_outside(void **state)
{
	uint8_t bytes[256];
	struct packet pkt;
	size_t i, j;

	(void)state;
	start_random();
	for (i = 0; i < RANDOM_FRAMES; i++) {
		static const uint16_t types[] = {0x0800, 0x86dd, 0x8100, 0x88a8};
		uint16_t type = htons(types[below(ARRAY_SIZE(types))]);

		for (j = 0; j < sizeof(bytes); j++)
			bytes[j] = next_random();
		memcpy(bytes + 12, &type, sizeof(type));
		if (below(4))
			bytes[14] = below(2) ? 0x45 + below(11) : 0x60;
		parse_exact(bytes, below(sizeof(bytes)), &pkt);
	}
}

static void damaged_frames_are_never_read_outside(void **state)
{
	/* Next headers and lengths that lead somewhere. */
	static const uint8_t telling[] = {0,  1,  4,  6,   17,  33,  43,   44,   50, 51,
					  58, 59, 60, 132, 135, 136, 0x45, 0x60, 255};
	struct packet pkt;
	struct frame frame;
	size_t i, hits;

	(void)state;
	start_random();
	for (i = 0; i < RANDOM_FRAMES; i++) {
		build_any_case(&frame);
		for (hits = below(6); hits; hits--)
			frame.data[12 + below(frame.len - 12)] =
				below(2) ? telling[below(ARRAY_SIZE(telling))] : next_random();
		parse_exact(frame.data, below(4) ? frame.len : below(frame.len + 1), &pkt);
	}
}

static void a_cut_frame_never_shows_other_ports(void **state)
{
	struct packet whole, cut;
	struct frame frame;
	size_t i, len;
	int family;

	(void)state;
	for (i = 0; i < n_packet_cases; i++) {
		for (family = 4; family <= 6; family += 2) {
			int reason;

			build_case(&packet_cases[i], family, &frame);
			reason = parse_exact(frame.data, frame.len, &whole);
			for (len = 0; len < frame.len; len++) {
				if (parse_exact(frame.data, len, &cut) != GATE_HAS_PORTS)
					continue;
				assert_int_equal(reason, GATE_HAS_PORTS);
				assert_int_equal(cut.sport_be, whole.sport_be);
				assert_int_equal(cut.dport_be, whole.dport_be);
				assert_int_equal(cut.proto, whole.proto);
			}
		}
	}
}

/* Bytes behind the end that the header names are cut off by the stack: they must not be read as headers or ports. */
static void ipv6_padding_never_changes_what_is_read(void **state)
{
	struct packet bare, padded;
	struct frame frame;
	size_t i, j, end;

	(void)state;
	start_random();
	for (i = 0; i < n_packet_cases * 50; i++) {
		int reason;

		build_case(&packet_cases[i % n_packet_cases], 6, &frame);
		if (!frame.n_ips || frame.ips[0].family != 6 || frame.len < frame.ips[0].at + 40)
			continue;
		/* The header names less than there is; the rest is noise. */
		end = frame.ips[0].at + 40 + below(frame.len - frame.ips[0].at - 40 + 1);
		if (end == frame.ips[0].at + 40)
			continue;
		frame.data[frame.ips[0].at + 4] = (end - frame.ips[0].at - 40) >> 8;
		frame.data[frame.ips[0].at + 5] = (end - frame.ips[0].at - 40) & 0xff;
		reason = parse_exact(frame.data, end, &bare);
		for (j = end; j < frame.len; j++)
			frame.data[j] = next_random();
		assert_int_equal(parse_exact(frame.data, frame.len, &padded), reason);
		assert_int_equal(padded.dport_be, bare.dport_be);
	}
}

/* Merged packets of over 64 KiB carry length 0 and no hop-by-hop header on newer kernels. */
static void merged_ipv6_packets_have_ports(void **state)
{
	static const struct layer syn[] = {IP6, IP_LEN(0), TCP(22)};
	const size_t big = 14 + 40 + 65536;
	_cleanup_free_ uint8_t *bytes = calloc(1, big);
	struct packet pkt;
	struct frame frame;

	(void)state;
	assert_non_null(bytes);
	assert_int_equal(frame_build(syn, ARRAY_SIZE(syn), &frame), 0);
	memcpy(bytes, frame.data, frame.len);
	assert_int_equal(parse_exact(bytes, big, &pkt), GATE_HAS_PORTS);
	assert_int_equal(ntohs(pkt.dport_be), 22);
	assert_int_equal(parse_exact(bytes, frame.len, &pkt), REASON_SHORT_L4);
}

static void eight_longest_extension_headers_are_walked_over(void **state)
{
	const size_t at = 14 + 40, one = 2048, len = at + 8 * one + 20;
	_cleanup_free_ uint8_t *bytes = calloc(1, len);
	static const struct layer ip6[] = {IP6, PROTO(60)};
	struct packet pkt;
	struct frame frame;
	size_t i;

	(void)state;
	assert_non_null(bytes);
	assert_int_equal(frame_build(ip6, ARRAY_SIZE(ip6), &frame), 0);
	memcpy(bytes, frame.data, frame.len);
	bytes[18] = (len - at) >> 8;
	bytes[19] = (len - at) & 0xff;
	for (i = 0; i < 8; i++) {
		bytes[at + i * one] = i == 7 ? 6 : 60;
		bytes[at + i * one + 1] = 255;
	}
	bytes[at + 8 * one + 3] = 22;
	assert_int_equal(parse_exact(bytes, len, &pkt), GATE_HAS_PORTS);
	assert_int_equal(ntohs(pkt.dport_be), 22);
	assert_int_equal(parse_exact(bytes, len - 17, &pkt), REASON_SHORT_L4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case_is_read_as_in_the_kernel),
		cmocka_unit_test(random_bytes_are_never_read_outside),
		cmocka_unit_test(damaged_frames_are_never_read_outside),
		cmocka_unit_test(a_cut_frame_never_shows_other_ports),
		cmocka_unit_test(ipv6_padding_never_changes_what_is_read),
		cmocka_unit_test(merged_ipv6_packets_have_ports),
		cmocka_unit_test(eight_longest_extension_headers_are_walked_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
