/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. What the guardian and the datapath tell each other of an attachment. Types only.
 */
#ifndef ATTACHMENT_H
#define ATTACHMENT_H

#include <stdbool.h>

/* What there is to say about an attachment that succeeded. */
struct attachment {
	int refused;     /* errno with which the driver refused native mode, so that it is generic; 0: it did not */
	bool lro;        /* and large receive offload is on, which could not be switched off */
	bool lro_off;    /* that was switched off, and then the driver took native mode */
	int lro_left;    /* errno: it was switched off in vain, and cannot be switched on again; 0: not so */
	bool other_mode; /* an earlier start's attachment was kept, and runs in another mode than is wanted */
};

/* What came of trying the filter of a hook with a frame that has to be dropped. */
enum probe_result {
	PROBE_IMPOSSIBLE = 0, /* the kernel does not let it be tried: nothing is known by this */
	PROBE_GOOD,           /* it was dropped (or passed, in audit mode), and counted */
	PROBE_BAD             /* it was not, or the kernel failed at it */
};

#endif
