/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Whose frames the generator sends: one numbering of sources for the packet program that writes them and for the lists
 * of grants, so that "granted traffic" comes from exactly the sources that were granted. No I/O, no state.
 */
#ifndef BENCH_TRAFFIC_H
#define BENCH_TRAFFIC_H

#include <linux/types.h>

/* Constants of one flood, set before the program is loaded, so that what it does not need is not in it. */
struct traffic_conf {
	__u32 ifindex;   /* redirect to this interface */
	__u32 family;    /* 4 or 6 */
	__u32 n_sources; /* sources 0 to n-1, evenly; 0: any of 2^32 */
	__u32 near;      /* not those sources but others, each in the network of one of them */
	__u32 ip_sum;    /* IPv4: sum of the header's words with source and checksum 0 */
};

/*
 * Source number i: anywhere among the addresses that a packet from afar can have, without order, so that grants and
 * flood come from everywhere. IPv4: 1.0.0.0 to 223.255.255.255 without 127.0.0.0/8; two numbers may rarely be one
 * address.
 */
static inline __u32 traffic_source4(__u32 i)
{
	__u32 spread = i * 0x9e3779b1u;
	__u32 first = ((spread >> 24) * 222 >> 8) + 1;

	return (first == 127 ? 223 : first) << 24 | (spread & 0xffffff);
}

/* IPv6: 2000::/3. The first four bytes, the next four are 0, the last eight. */
static inline __u32 traffic_source6_net(__u32 i)
{
	return 0x20000000u | ((i * 0x9e3779b1u) & 0x1fffffffu);
}
static inline __u64 traffic_source6_host(__u32 i)
{
	return (__u64)(i * 0x85ebca6bu) << 32 | (i * 0xc2b2ae35u);
}

#endif
