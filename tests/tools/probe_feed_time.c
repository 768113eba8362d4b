// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * How long jitgated takes, seen from outside: from a feed's snapshot to the maps, and from a denied packet to "ask
 * now". It is the feed, on a connection of its own, and looks at the pinned maps as any root shell could.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "feed_msg.h"
#include "jitgate_abi.h"
#include "probe.h"
#include "reconcile.h"
#include "util.h"

#define STEP_NS 20000 /* between two looks at a map: spinning would take the CPU from what is measured */
#define GIVE_UP_NS (30 * NS_PER_S)
#define PORT 22

/* ------------------------------------------------------------ maps */

static int open_map(const char *dir, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return probe_open_pin(path);
}

static bool has_entry(int fd, const struct gate_key *key, uint64_t expires_after_ns)
{
	struct gate_grant grant = {0};
	union bpf_attr attr = {.map_fd = (uint32_t)fd, .key = (uintptr_t)key, .value = (uintptr_t)&grant};

	return syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr)) == 0 &&
	       grant.expires_boot_ns > expires_after_ns;
}

static const volatile struct gate_state *map_state(const char *pin_dir)
{
	_cleanup_close_ int fd = open_map(pin_dir, "state_v1");
	void *p = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		probe_die("state_v1: %m");
	return p;
}

static void step(int64_t since_ns, const char *what)
{
	const struct timespec pause = {.tv_nsec = STEP_NS};

	if (probe_now_ns(CLOCK_MONOTONIC) - since_ns > GIVE_UP_NS)
		probe_die("%s does not come", what);
	nanosleep(&pause, NULL);
}

/* ------------------------------------------------------------ the feed */

static int connect_feed(const char *run_dir)
{
	char path[512];
	struct feed_hello hello;
	int fd;

	snprintf(path, sizeof(path), "%s/feed.sock", run_dir);
	fd = probe_unix_connect(path, SOCK_SEQPACKET);
	feed_encode_hello(&hello, "probe");
	if (send(fd, &hello, sizeof(hello), MSG_NOSIGNAL) < 0)
		probe_die("%s: %m", path);
	return fd;
}

static void send_whole(int fd, const void *message, size_t len)
{
	if (send(fd, message, len, MSG_NOSIGNAL) != (ssize_t)len)
		probe_die("jitgated takes no more: %m");
}

/* Grant `i`: one address of its own, one person each, one policy for all. */
static void add_grant(struct snapshot *snapshot, uint32_t i, int64_t until_ns)
{
	struct grant grant = {
		.source = {.family = JITGATE_IPV4,
			   .prefix_len = 32,
			   .addr = {10, (uint8_t)(100 + (i >> 16)), (uint8_t)(i >> 8), (uint8_t)i}},
		.port = PORT,
		.protos = PROTO_BIT_TCP,
		.until = {until_ns},
	};
	char who[64];

	snprintf(who, sizeof(who), "engineer-%05u@example.com", i);
	if (grant_set_add(&snapshot->grants, &grant, who, "rolling upgrade of the build pool",
			  "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/production/providers/"
			  "Microsoft.Security/locations/westeurope/jitNetworkAccessPolicies/default") < 0)
		probe_die("no memory");
}

/* The times of sending: before the first message and after the last one. */
static void send_snapshot(int fd, const struct snapshot *snapshot, int64_t *ret_begin_ns, int64_t *ret_end_ns)
{
	union feed_any m;

	*ret_begin_ns = probe_now_ns(CLOCK_MONOTONIC);
	feed_encode_begin(&m.begin, snapshot);
	send_whole(fd, &m, sizeof(m.begin));
	for (size_t i = 0; i < snapshot->n_ports; i++) {
		feed_encode_port(&m.port, &snapshot->ports[i]);
		send_whole(fd, &m, sizeof(m.port));
	}
	for (size_t i = 0; i < snapshot->grants.n; i++) {
		feed_encode_grant(&m.grant, &snapshot->grants, &snapshot->grants.grants[i]);
		send_whole(fd, &m, sizeof(m.grant));
	}
	feed_encode_end(&m.end, snapshot);
	*ret_end_ns = probe_now_ns(CLOCK_MONOTONIC);
	send_whole(fd, &m, sizeof(m.end));
}

/* A question is answered when all that came before it is done: the audit trail too. */
static void wait_for_answer(const char *run_dir)
{
	char path[512], bytes[4096];

	snprintf(path, sizeof(path), "%s/control.sock", run_dir);
	_cleanup_close_ int fd = probe_unix_connect(path, SOCK_STREAM);

	send_whole(fd, "?\n", 2); /* any question is answered, this one without work */
	while (recv(fd, bytes, sizeof(bytes), 0) > 0)
		;
}

/* ------------------------------------------------------------ feed-time */

struct wanted {
	uint32_t n, first, changed;
	int64_t until_ns;
};

static struct wanted parse_wanted(int argc, char **argv)
{
	struct wanted wanted = {.n = (uint32_t)probe_number(argv[3], 0, JITGATE_GRANTS_MAX)};

	wanted.until_ns = (int64_t)probe_number(argv[4], 0, INT64_MAX);
	wanted.changed = argc > 5 ? (uint32_t)probe_number(argv[5], 0, wanted.n) : 0;
	wanted.first = argc > 6 ? (uint32_t)probe_number(argv[6], 0, JITGATE_GRANTS_MAX) : 0;
	return wanted;
}

static void fill_snapshot(struct snapshot *snapshot, const struct wanted *wanted)
{
	const struct port_rule rule = {.port = PORT, .protos = PROTO_BIT_TCP};

	snapshot->fresh_for_s = 3600;
	snapshot->taken.ns = probe_now_ns(CLOCK_REALTIME);
	if (snapshot_add_port(snapshot, &rule) < 0)
		probe_die("no memory");
	for (uint32_t i = 0; i < wanted->n; i++)
		add_grant(snapshot, wanted->first + i, wanted->until_ns + (i < wanted->changed ? NS_PER_S : 0));
}

static bool all_there(int grants_fd, const struct snapshot *snapshot)
{
	uint64_t now = (uint64_t)probe_now_ns(CLOCK_BOOTTIME);

	for (size_t i = 0; i < snapshot->grants.n; i++) {
		struct gate_key key = entry_key(&snapshot->grants.grants[i].source, PORT, IPPROTO_TCP);

		if (!has_entry(grants_fd, &key, now))
			return false;
	}
	return true;
}

/*
 * probe feed-time RUN_DIR PIN_DIR GRANTS UNTIL_WALL_NS [CHANGED [FIRST]]: one snapshot, and when it was where.
 *   sent_us     from its first message to its last
 *   open_us     from its first message to every one of its grants in grants_v1 (looked up one by one)
 *   maps_us     from its last message to all maps written
 *   settled_us  from its last message to jitgated answering the next question
 * GRANTS grants from number FIRST on end at UNTIL_WALL_NS, the first CHANGED of them a second later.
 */
int probe_feed_time(int argc, char **argv)
{
	const struct wanted wanted = parse_wanted(argc, argv);
	_cleanup_snapshot_ struct snapshot snapshot = {0};
	const volatile struct gate_state *state = map_state(argv[2]);
	_cleanup_close_ int grants_fd = open_map(argv[2], "grants_v1"), fd = connect_feed(argv[1]);
	int64_t begin_ns, end_ns, maps_ns, open_ns = 0;
	uint64_t before;

	fill_snapshot(&snapshot, &wanted);
	before = state->last_sync_boot_ns;
	send_snapshot(fd, &snapshot, &begin_ns, &end_ns);
	while (state->last_sync_boot_ns == before) {
		/* So many look-ups cost time themselves: only where it is about a few. */
		if (!open_ns && wanted.n <= 64 && all_there(grants_fd, &snapshot))
			open_ns = probe_now_ns(CLOCK_MONOTONIC);
		step(begin_ns, "the snapshot");
	}
	maps_ns = probe_now_ns(CLOCK_MONOTONIC);
	if (!all_there(grants_fd, &snapshot))
		probe_die("the maps are said to be written, but a grant is missing");
	if (!open_ns)
		open_ns = maps_ns;
	wait_for_answer(argv[1]);
	printf("sent_us=%jd open_us=%jd maps_us=%jd settled_us=%jd\n", (intmax_t)(end_ns - begin_ns) / 1000,
	       (intmax_t)(open_ns - begin_ns) / 1000, (intmax_t)(maps_ns - end_ns) / 1000,
	       (intmax_t)(probe_now_ns(CLOCK_MONOTONIC) - end_ns) / 1000);
	return PROBE_YES;
}

/* ------------------------------------------------------------ knock-time */

static int64_t knock(int feed_fd, const struct endpoint *to, int64_t timeout_ms)
{
	_cleanup_close_ int fd = socket(to->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int64_t begin_ns = probe_now_ns(CLOCK_MONOTONIC), end_ns;
	struct feed_ask ask;

	if (fd < 0 || (connect(fd, (const struct sockaddr *)&to->addr, to->len) < 0 && errno != EINPROGRESS))
		probe_die("connect: %m");
	if (!probe_wait_readable(feed_fd, timeout_ms))
		return -1;
	end_ns = probe_now_ns(CLOCK_MONOTONIC);
	if (recv(feed_fd, &ask, sizeof(ask), 0) != sizeof(ask) || ask.header.type != FEED_ASK)
		probe_die("what came is not \"ask now\"");
	return end_ns - begin_ns;
}

/* probe knock-time RUN_DIR DST PORT TIMES: from a connection attempt to "ask now" at the feed, a line each. */
int probe_knock_time(int argc, char **argv)
{
	const struct endpoint to = probe_endpoint(argv[2], (uint16_t)probe_number(argv[3], 1, 65535));
	uint64_t times = probe_number(argv[4], 1, 1000);
	_cleanup_close_ int fd = connect_feed(argv[1]);
	int r = PROBE_YES;

	(void)argc;
	for (uint64_t i = 0; i < times && r == PROBE_YES; i++) {
		/* jitgated asks at most once a second. */
		const struct timespec pause = {.tv_sec = 1, .tv_nsec = 50000000};
		int64_t took_ns;

		nanosleep(&pause, NULL);
		took_ns = knock(fd, &to, 900);
		if (took_ns < 0)
			r = PROBE_NO;
		else
			printf("ask_us=%jd\n", (intmax_t)took_ns / 1000);
	}
	return r;
}
