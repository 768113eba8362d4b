/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The link and the receiving kernel. Frames go out of one network namespace; what arrives is read from sockets in the
 * other one. A tool for tests: what cannot go on ends the process, with exit code 2.
 */
#ifndef WIRE_H
#define WIRE_H

#include <linux/if_packet.h>

#include "referee/train.h"

#define WIRE_RAW_PROTOS 5

/* A packet that a raw socket was given: behind reassembly, in front of the transport protocol. */
struct arrival {
	uint8_t family, proto;
	uint16_t sport, dport;
	uint32_t number; /* of the train, out of the source address */
	uint32_t mask;   /* as much of the number as is there */
	bool granted;
	bool known; /* the source is one that trains have */
};

/* Real sockets at the closed ports, and how much they got. UDP-Lite is counted where the kernel has it. */
enum wire_socket { WIRE_UDP4, WIRE_UDP6, WIRE_UDPLITE4, WIRE_UDPLITE6, WIRE_TCP, _WIRE_SOCKET_MAX };

struct wire {
	int send_fd, super_fd;
	struct sockaddr_ll to;
	int raw_fds[WIRE_RAW_PROTOS][2];
	int socket_fds[_WIRE_SOCKET_MAX][2 * TRAIN_CLOSED_PORTS]; /* -1: none; of TCP both families */
	uint64_t got[_WIRE_SOCKET_MAX];                           /* by the real sockets; TCP at wire_count_tcp() */
	uint64_t tcp_before;
	uint16_t round;
	void (*arrived)(void *context, const struct arrival *arrival);
	void *context;
};

void wire_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
const char *wire_proto_name(size_t index);
int wire_proto_index(uint8_t proto); /* -1: none of ours */
const char *wire_socket_name(enum wire_socket socket);

void wire_open(struct wire *wire, const char *from_ns, const char *ifname, const char *to_ns);
void wire_send(struct wire *wire, const struct train *train, uint32_t without_frames);
/*
 * Wait until all that was sent has come or never will, and hand each arrival to `arrived`. Not more than
 * WIRE_WINDOW frames may be sent in between: what the link holds without loss.
 */
#define WIRE_WINDOW 150
void wire_settle(struct wire *wire);
/* SYNs that listening sockets have answered since wire_open; nothing but closed ports has a listener. */
void wire_count_tcp(struct wire *wire);

#endif
