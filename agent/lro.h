/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. Large receive offload, which Azure's driver has on by default and with which it refuses native XDP: switched
 * off for the filter's sake, and on again when that is taken off. What was switched is noted in the pin folder, as a
 * symbolic link lro_<ifname> -> <ifindex>, so that it outlives the process, and ends with the pins at a reboot.
 */
#ifndef LRO_H
#define LRO_H

#include <stdbool.h>
#include <stdint.h>

/* How it is asked and switched; ethtool.h has both. Reading: 1 on, 0 off, or -errno. */
struct lro_switch {
	int (*get)(const char *ifname);
	int (*set)(const char *ifname, bool on);
};

extern const struct lro_switch lro_by_ethtool;

/* 1: it was on, and is off and noted now; 0: it was not on; -errno: it is on and stays so. */
int lro_switch_off(const struct lro_switch *lro, int dir_fd, const char *ifname, uint32_t ifindex);

/* For this interface, or for all that are noted (NULL): on again, and the note removed. */
void lro_restore(const struct lro_switch *lro, int dir_fd, const char *ifname);

#endif
