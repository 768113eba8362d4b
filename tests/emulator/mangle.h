/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What a fault does to an answer: the bodies it puts in place, and the streams that misbehave while they are sent.
 */
#ifndef EMULATOR_MANGLE_H
#define EMULATOR_MANGLE_H

#include "emulator.h"

/* The answer that stands for a request that a replacing fault met. */
void mangle_replace(const struct fault *fault, enum operation op, struct answer *answer);

/* Every "status" member, or else the first member of the body, is given twice. */
void mangle_double_members(struct answer *answer);

/* How sending goes on. */
enum wait_result { WAIT_OVER, WAIT_RELEASED, WAIT_GONE };

/* Wait on the connection's own thread: until ms have passed (< 0: for ever), faults were cleared, or the client or the
 * emulator is going. */
enum wait_result mangle_wait(struct emulator *em, struct MHD_Connection *connection, int64_t ms);

/* The response to queue, or NULL when the connection is to be dropped without one. */
struct MHD_Response *mangle_response(struct emulator *em, const struct request *req, const struct fault *fault,
				     const struct answer *answer);

#endif
