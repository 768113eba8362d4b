/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. Large receive offload, which Azure's driver has on by default and with which it refuses native XDP: switched
 * off for the filter's sake, and on again when that is taken off the interface. What was switched is noted in the pin
 * folder, as a symbolic link lro_<ifindex> -> <ifname>, so that it outlives the process, and ends with the pins at a
 * reboot.
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

/*
 * On again, and the note removed: for those noted interfaces that `is_meant` says yes to, or for all (NULL). What
 * cannot be switched stays noted. 0 or -errno of one of these.
 */
int lro_restore(const struct lro_switch *lro, int dir_fd, bool (*is_meant)(void *ctx, uint32_t ifindex), void *ctx);

#endif
