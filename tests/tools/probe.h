/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the parts of the test tool share. A tool for tests: what cannot go on ends the process, with exit code 2, and
 * what was measured is one line of key=value words on stdout.
 */
#ifndef PROBE_H
#define PROBE_H

#include <signal.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

#define PROBE_YES 0   /* it answered, it came, as expected */
#define PROBE_NO 1    /* silence until the time-out */
#define PROBE_ERROR 2 /* wrong use, or the tool itself failed */
#define PROBE_OTHER 3 /* an answer, but another one: refused, reset */

/* A socket address of either family with its length. */
struct endpoint {
	struct sockaddr_storage addr;
	socklen_t len;
};

/* Set by SIGTERM and SIGINT: report what was measured so far, and end. */
extern volatile sig_atomic_t probe_stop;
void probe_stop_on_signals(void);

void probe_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
uint64_t probe_number(const char *text, uint64_t min, uint64_t max);
/* "1500ms", "5s", "2m"; milliseconds. */
uint64_t probe_millis(const char *text);
/* "22/tcp" -> 22 and IPPROTO_TCP; also udp. */
uint16_t probe_port_proto(const char *text, int *ret_proto);

int64_t probe_now_ns(clockid_t clock);
/* Sleep up to `ms` or until `fd` can be read; 1 when it can, 0 at the end of the time or on a signal. */
int probe_wait_readable(int fd, int64_t ms);
struct endpoint probe_endpoint(const char *address, uint16_t port);
/* Connected, of SOCK_STREAM or SOCK_SEQPACKET. */
int probe_unix_connect(const char *path, int type);
/* A socket of that network namespace; this process has moved there. */
int probe_socket_in(const char *netns, int family, int type, int proto);
/* What is pinned there, by a plain system call. */
int probe_open_pin(const char *path);

/* Subcommands: argv[0] is the subcommand's name, the return value the exit code. */
int probe_serve(int argc, char **argv);
int probe_connect(int argc, char **argv);
int probe_open_wait(int argc, char **argv);
int probe_hold(int argc, char **argv);
int probe_shell(int argc, char **argv);
int probe_udp_ask(int argc, char **argv);
int probe_stream(int argc, char **argv);
int probe_stream_check(int argc, char **argv);
int probe_dhcp(int argc, char **argv);
int probe_raw(int argc, char **argv);
int probe_flood(int argc, char **argv);
int probe_frames(int argc, char **argv);
int probe_feed(int argc, char **argv);
int probe_feed_time(int argc, char **argv);
int probe_knock_time(int argc, char **argv);
int probe_scan(int argc, char **argv);
int probe_ask(int argc, char **argv);
int probe_notify_wait(int argc, char **argv);
int probe_unix_listen(int argc, char **argv);
int probe_proxy(int argc, char **argv);
int probe_http_file(int argc, char **argv);
int probe_link_update(int argc, char **argv);
int probe_state_shift(int argc, char **argv);
int probe_tcx_first(int argc, char **argv);
int probe_xdp_link(int argc, char **argv);

#endif
