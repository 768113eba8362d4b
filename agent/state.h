/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. The state file's bytes: the last good snapshot, as feed messages (those of the grants packed) behind a header
 * with version, length and CRC-32. Decoding uses the feed's own receiver, so the file can say nothing that a feed
 * could not.
 */
#ifndef STATE_H
#define STATE_H

#include "grant.h"

/*
 * Raised with every change of the bytes. From the first release on state_decode reads the version before, too: after
 * an upgrade and a reboot nothing else knows the ports and grants. Of a version that it does not know nothing is taken.
 */
#define STATE_FILE_VERSION 3
#define STATE_FILE_NAME "snapshot"

/* The whole file into *ret (malloc, caller frees). 0 or -ENOMEM. */
int state_encode(const struct snapshot *snapshot, void **ret_bytes, size_t *ret_len);

/* 0 with *ret filled (must be {0} before), else -EINVAL, -EPROTO for another version, -ENOMEM; *ret untouched. */
int state_decode(const void *bytes, size_t len, size_t max_ports, size_t max_grants, struct snapshot *ret,
		 struct parse_error *err);

#endif
