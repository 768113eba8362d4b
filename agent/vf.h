/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Does the virtual function under a netvsc run the program that the netvsc was given? The kernel does not say,
 * and the driver's refusal is ignored when the function comes back later: only counters can tell.
 */
#ifndef VF_H
#define VF_H

#include <stdbool.h>
#include <stdint.h>

#include "report.h"

#define VF_PACKETS_MIN 100 /* fewer in a round say nothing */

struct vf_sample {
	uint64_t rx_packets; /* of the function */
	uint64_t xdp_drops;  /* of the function's own counters */
	uint64_t counted;    /* packets that the filter counted, on all interfaces */
};

/* Whether a driver's counter counts packets that an XDP program dropped: rx_queue_N_xdp_drop, rx_xdp_drop,
 * rx_N_xdp_drop. */
bool vf_is_xdp_drop(const char *counter);

enum vf_verdict { VF_NOT_KNOWN = 0, VF_FILTERED, VF_UNFILTERED };

/*
 * From two samples, a round apart. Drops that the function counted show the program. What passes is in none of its
 * counters, so that their rest alone proves nothing: only when the filter has counted, on all interfaces together, not
 * even half of what the function took in, packets have gone past it.
 */
enum vf_verdict vf_judge(const struct vf_sample *before, const struct vf_sample *after);

#endif
