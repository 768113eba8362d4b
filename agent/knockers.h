/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Who knocked lately, and what asking for them has brought. A read answers all who knocked before it began, so
 * the table says only this: is anybody waiting whom no read has answered, and how much trust do they have. It is the
 * memory of pace.c, which decides what that is worth.
 */
#ifndef KNOCKERS_H
#define KNOCKERS_H

#include "grant.h"
#include "knock.h"

#define KNOCKERS_MAX 512     /* the least recently heard makes room */
#define KNOCKERS_QUIET_S 300 /* who was not heard for so long starts anew */

/* A source that a read was for and that knocks on waits 5, 10, 20, ... 80 s for the next one on its account. */
#define KNOCKERS_WAIT_MIN_S 5
#define KNOCKERS_WAIT_MAX_S 80

/* A TCP client repeats its SYN after 1, 2 or 4 s. Who sends more in between, or something else, is not one. */
#define KNOCKERS_PATIENT_MIN_NS 500000000ULL
#define KNOCKERS_PATIENT_MAX_NS 4500000000ULL

enum knock_class {
	KNOCK_PATIENT, /* new, and has knocked again as a TCP client does */
	KNOCK_NEW,     /* not asked for in the last five minutes */
	KNOCK_KNOWN,   /* a read for it has brought nothing that stopped it */
	_KNOCK_CLASS_MAX,
};

struct knocker {
	struct boot_time since;  /* the first knock that no read has answered; looked at while waiting */
	struct boot_time heard;  /* the last knock */
	struct boot_time served; /* when the last read for it began */
	uint8_t family;
	uint8_t n_vain; /* reads for it that did not stop it */
	bool waiting, patient;
	bool granted; /* by the last good answer that was looked at for it */
	uint8_t addr[16];
};

/* Starts as {0}. */
struct knockers {
	uint32_t n, n_waiting;
	struct knocker list[KNOCKERS_MAX];
};

/* A knock from later than now came now. */
void knockers_hear(struct knockers *k, const struct knock *knock, struct boot_time now);

/* From when on somebody of each class may be asked for on account of itself; UINT64_MAX: nobody waits. The waits of
 * those that are known are `stretch` times as long; with `only_patient` only those who were patient count. */
void knockers_due(const struct knockers *k, double stretch, bool only_patient, struct boot_time ret[_KNOCK_CLASS_MAX]);

/*
 * A read that began then has ended. A failed one answers too, since failures have a schedule of their own, but it says
 * nothing about who knocked. Who was not granted before and is now has not knocked in vain: when that grant ends, it is
 * new again. `granted`: of the good answer, NULL without one.
 */
void knockers_served(struct knockers *k, struct boot_time began, const struct grant_set *granted);

#endif
