/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. The frame that the filter in force is tried with; what it is and how it is told apart is in jitgate_abi.h.
 */
#ifndef PROBE_FRAME_H
#define PROBE_FRAME_H

#include <stdint.h>
#include <string.h>

#include "jitgate_abi.h"

#define PROBE_FRAME_BYTES (14 + 20) /* both hooks' programs are shown a whole IP header, at least */

static inline void probe_frame(uint8_t ret[PROBE_FRAME_BYTES])
{
	memset(ret, 0, PROBE_FRAME_BYTES);
	memcpy(ret, JITGATE_PROBE_MAC, 6);
	ret[12] = 0x08; /* IPv4 */
	ret[14] = 0x44; /* of 16 bytes, where 20 are the least */
}

#endif
