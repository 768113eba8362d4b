// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The tests' small traffic tool: main, the table of subcommands, and what they share. It judges nothing: it says what
 * was sent and what arrived, with times, and the scripts decide.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"
#include "util.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	int args_min;
	const char *usage;
} commands[] = {
	{"clock", NULL, 0, "                                          print both clocks"},
	{"serve", probe_serve, 1, "PORT/PROTO…                               echo server, both families"},
	{"connect", probe_connect, 4, "SRC DST PORT TIMEOUT                    one TCP connection, one echoed byte"},
	{"open-wait", probe_open_wait, 4, "SRC DST PORT TIMEOUT                  new attempts until one answers"},
	{"hold", probe_hold, 5, "SRC DST PORT TIME STALL                    a session with a heartbeat every 5 ms"},
	{"shell", probe_shell, 2, "ADDRESS PORT…                            a child that reads, for each session"},
	{"udp-ask", probe_udp_ask, 4, "SRC DST PORT TIMEOUT [SIZE]             one datagram and its echo"},
	{"stream", probe_stream, 7, "FROM_NS TO_NS SRC DST PORT/PROTO TIME FILE   a numbered packet every ms"},
	{"stream-check", probe_stream_check, 1, "FILE [DEADLINE_BOOT_NS]            what arrived, before and after"},
	{"flood", probe_flood, 7,
	 "FROM_NS TO_NS GRANTED UNGRANTED DST PORT TIME     numbered UDP packets of two sources, as fast as they go"},
	{"frames", probe_frames, 3, "FROM_NS IFNAME TO_NS [pieces [ack]]       which frames the kernel delivers"},
	{"dhcp-discover", probe_dhcp, 1, "IFNAME                             broadcast from 0.0.0.0"},
	{"raw", probe_raw, 3, "IFNAME HEX TIMES                             a frame as it is given"},
	{"feed", probe_feed, 1, "SOCK ITEM…                                 speak the feed protocol"},
	{"feed-time", probe_feed_time, 4,
	 "RUN_DIR PIN_DIR GRANTS UNTIL_WALL_NS [CHANGED [FIRST]]   a snapshot, and when it was in the maps"},
	{"knock-time", probe_knock_time, 4, "RUN_DIR DST PORT TIMES               from a denied packet to \"ask now\""},
	{"scan", probe_scan, 6, "SRC SOURCES DST PORT RATE TIME             SYNs from many addresses"},
	{"ask", probe_ask, 2, "SOCK LINE                                   one control request"},
	{"notify-wait", probe_notify_wait, 2,
	 "SOCK TIMEOUT                         be the service manager until READY=1"},
	{"unix-listen", probe_unix_listen, 1, "SOCK                                 hold a socket path"},
	{"proxy", probe_proxy, 1,
	 "PORT                                       an HTTP proxy for CONNECT; says who came"},
	{"http-file", probe_http_file, 2,
	 "PORT FILE                              to every request, what the file says, head and body"},
	{"link-update", probe_link_update, 2,
	 "LINK PROGRAM                         another program for a pinned XDP link"},
	{"state-shift", probe_state_shift, 2, "FILE [-]TIME                       the state file, saved so much later"},
	{"xdp-link", probe_xdp_link, 3,
	 "PROGRAM IFNAME LINK                     a pinned program on an interface, as a pinned link"},
	{"tcx-first", probe_tcx_first, 3,
	 "PROGRAM IFNAME LINK                    a pinned program before all others at the tc hook, as a pinned link"},
};

volatile sig_atomic_t probe_stop;

static void on_signal(int signal_number)
{
	(void)signal_number;
	probe_stop = 1;
}

void probe_stop_on_signals(void)
{
	/* No SA_RESTART: a sleeping call has to return. */
	const struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
}

void probe_die(const char *format, ...)
{
	va_list args;

	fputs("probe: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(PROBE_ERROR);
}

uint64_t probe_number(const char *text, uint64_t min, uint64_t max)
{
	char *end = NULL;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value < min || value > max)
		probe_die("not a number from %ju to %ju: %s", (uintmax_t)min, (uintmax_t)max, text);
	return value;
}

uint64_t probe_millis(const char *text)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
	size_t digits = strspn(text, "0123456789");
	char number[24];

	if (!digits || digits >= sizeof(number))
		probe_die("not a duration: %s", text);
	memcpy(number, text, digits);
	number[digits] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(text + digits, units[i].unit) == 0)
			return probe_number(number, 0, UINT32_MAX) * units[i].ms;
	}
	probe_die("a duration needs one of the units ms, s, m, h: %s", text);
}

uint16_t probe_port_proto(const char *text, int *ret_proto)
{
	const char *slash = strchr(text, '/');
	char number[8] = "";

	if (!slash || slash - text >= (int)sizeof(number))
		probe_die("not PORT/PROTO: %s", text);
	memcpy(number, text, (size_t)(slash - text));
	if (strcmp(slash, "/tcp") == 0)
		*ret_proto = IPPROTO_TCP;
	else if (strcmp(slash, "/udp") == 0)
		*ret_proto = IPPROTO_UDP;
	else
		probe_die("neither tcp nor udp: %s", text);
	return (uint16_t)probe_number(number, 1, 65535);
}

int64_t probe_now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

int probe_wait_readable(int fd, int64_t ms)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};

	if (ms < 0)
		ms = 0;
	return poll(&ready, 1, (int)ms) > 0;
}

struct endpoint probe_endpoint(const char *address, uint16_t port)
{
	struct endpoint endpoint = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)&endpoint.addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&endpoint.addr;

	if (inet_pton(AF_INET, address, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		endpoint.len = sizeof(*in);
	} else if (inet_pton(AF_INET6, address, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		endpoint.len = sizeof(*in6);
	} else {
		probe_die("not an address: %s", address);
	}
	return endpoint;
}

int probe_socket_in(const char *netns, int family, int type, int proto)
{
	_cleanup_close_ int ns = open(netns, O_RDONLY | O_CLOEXEC);
	int fd;

	if (ns < 0 || setns(ns, CLONE_NEWNET))
		probe_die("%s: %m", netns);
	fd = socket(family, type | SOCK_CLOEXEC, proto);
	if (fd < 0)
		probe_die("raw socket: %m");
	return fd;
}

int probe_open_pin(const char *path)
{
	union bpf_attr attr = {.pathname = (uintptr_t)path};
	int fd = (int)syscall(SYS_bpf, BPF_OBJ_GET, &attr, sizeof(attr));

	if (fd < 0)
		probe_die("%s: %m", path);
	return fd;
}

static int print_clocks(void)
{
	printf("wall_ns=%jd boot_ns=%jd\n", (intmax_t)probe_now_ns(CLOCK_REALTIME),
	       (intmax_t)probe_now_ns(CLOCK_BOOTTIME));
	return PROBE_YES;
}

static int print_usage(FILE *to, int code)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(to, "usage: probe %s %s\n", commands[i].name, commands[i].usage);
	return code;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return print_usage(stdout, PROBE_YES);
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		if (argc - 2 < commands[i].args_min)
			break;
		return commands[i].run ? commands[i].run(argc - 1, argv + 1) : print_clocks();
	}
	return print_usage(stderr, PROBE_ERROR);
}
