/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the parts of the bench tool share. A tool for measurements: what cannot go on ends the process with exit code 2,
 * and what was measured is one line of JSON on stdout.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "cidr.h"
#include "frame.h"

struct port_rule;

void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
uint64_t bench_number(const char *text, uint64_t min, uint64_t max);
unsigned int bench_family(const char *text);           /* "v4", "v6": 4 or 6 */
void bench_port(const char *text, struct port_rule *); /* "22/tcp" */
uint64_t bench_now_ns(void);

/* Source number i as an address; see traffic.h. */
void bench_source(unsigned int family, uint32_t i, struct cidr *ret);

/*
 * The frame that is sent: a SYN, or an empty UDP datagram without checksum, to PORT/PROTO of the frames' usual
 * destination; from that source.
 */
void bench_frame(const struct cidr *source, const struct port_rule *to, struct frame *ret);

/* Subcommands: argv[0] is the subcommand's name, the return value the exit code. */
int bench_flood(int argc, char **argv);
int bench_bare(int argc, char **argv);
int bench_run(int argc, char **argv);
int bench_feed(int argc, char **argv);
int bench_sink(int argc, char **argv);

#endif
