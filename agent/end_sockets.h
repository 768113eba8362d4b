/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. Ends TCP sockets of this machine, by the best means that the kernel gives: a BPF iterator that is made as root
 * and needs no capability later (since 6.5), or SOCK_DESTROY with CAP_NET_ADMIN. Decides nothing about them.
 */
#ifndef END_SOCKETS_H
#define END_SOCKETS_H

#include "conf.h"
#include "failure.h"
#include "open_socket.h"

enum end_means {
	END_MEANS_NONE = 0, /* nothing is ended */
	END_MEANS_BPF,
	END_MEANS_NETLINK, /* CAP_NET_ADMIN has to be kept */
};

struct end_sockets;

/*
 * As root. CONF_END_OFF: nothing is made. CONF_END_AUTO: by BPF or not at all. CONF_END_ON: by BPF, else by netlink; 0,
 * or -errno when the kernel has neither. With END_MEANS_NONE in spite of CONF_END_AUTO, *failure says why.
 */
int end_sockets_open(enum conf_end_sockets wanted, struct end_sockets **ret, struct failure *failure);
void end_sockets_free(struct end_sockets **ender);

/* NULL: none. */
enum end_means end_sockets_means(const struct end_sockets *ender);
const char *end_means_text(enum end_means means); /* "none", "bpf", "netlink" */

/* Fills `result` of each. 0, or -errno when it could not be tried. */
int end_sockets_run(struct end_sockets *ender, struct open_sockets *sockets);

#endif
