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
	__u32 ip_sum;    /* IPv4: sum of the header's words with source and checksum 0 */
};

/*
 * Source number i. Odd factors: numbers below 2^29 have different addresses, without order. Grants and flood come out
 * of the same networks, so that a trie finds no difference in the first bits. IPv4: 128.0.0.0/3, where no address is
 * special.
 */
static inline __u32 traffic_source4(__u32 i)
{
	return 0x80000000u | ((i * 0x9e3779b1u) & 0x1fffffffu);
}

/* The last two words; the first two are 2001:db8:0:0. */
#define TRAFFIC_SOURCE6_WORD0 0x20010db8u
static inline __u64 traffic_source6(__u32 i)
{
	return (__u64)(i * 0x85ebca6bu) << 32 | (i * 0x9e3779b1u);
}

#endif
