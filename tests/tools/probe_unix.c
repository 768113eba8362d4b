// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Unix sockets from the other side: the service manager's, the operator's, and a feed that behaves well or badly.
 * Messages are made with the product's own encoder and then twisted, so that only the fault that is meant is in them.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/un.h>

#include "feed_msg.h"
#include "jitgate_abi.h"
#include "probe.h"
#include "util.h"

static struct sockaddr_un unix_address(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(path);

	if (len >= sizeof(address.sun_path))
		probe_die("path too long: %s", path);
	memcpy(address.sun_path, path, len + 1);
	return address;
}

int probe_unix_connect(const char *path, int type)
{
	struct sockaddr_un address = unix_address(path);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		probe_die("socket: %m");
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		probe_die("%s: %m", path);
	return fd;
}

static int unix_bind(const char *path, int type)
{
	struct sockaddr_un address = unix_address(path);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		probe_die("socket: %m");
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)))
		probe_die("%s: %m", path);
	return fd;
}

int probe_notify_wait(int argc, char **argv)
{
	_cleanup_close_ int fd = unix_bind(argv[1], SOCK_DGRAM);
	int64_t end_ns = probe_now_ns(CLOCK_BOOTTIME) + (int64_t)probe_millis(argv[2]) * NS_PER_MS;
	int64_t now_ns;

	(void)argc;
	while ((now_ns = probe_now_ns(CLOCK_BOOTTIME)) < end_ns) {
		char message[1024];
		ssize_t n;

		if (!probe_wait_readable(fd, (end_ns - now_ns) / NS_PER_MS + 1))
			continue;
		n = recv(fd, message, sizeof(message) - 1, 0);
		message[n > 0 ? n : 0] = 0;
		puts(message);
		if (strstr(message, "READY=1"))
			return PROBE_YES;
	}
	return PROBE_NO;
}

int probe_unix_listen(int argc, char **argv)
{
	_cleanup_close_ int fd = unix_bind(argv[1], SOCK_SEQPACKET);

	(void)argc;
	if (listen(fd, 1))
		probe_die("%s: %m", argv[1]);
	probe_stop_on_signals();
	puts("listening");
	while (!probe_stop)
		poll(NULL, 0, -1);
	return PROBE_YES;
}

int probe_ask(int argc, char **argv)
{
	_cleanup_close_ int fd = probe_unix_connect(argv[1], SOCK_STREAM);
	char bytes[4096];
	ssize_t n;

	(void)argc;
	if (send(fd, argv[2], strlen(argv[2]), MSG_NOSIGNAL) < 0 || send(fd, "\n", 1, MSG_NOSIGNAL) < 0)
		return PROBE_OTHER;
	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		fwrite(bytes, 1, (size_t)n, stdout);
	return PROBE_YES;
}

/* ---- feed */

struct feed {
	int fd;
	struct snapshot snapshot;
	const char *name;
	const char *fault;   /* NULL: none */
	const char *trouble; /* NULL: none */
	int64_t hold_ms;     /* stay connected so long after sending */
	int64_t ask_ms;      /* wait so long for ASK; 0: do not */
	int64_t flood_ms;    /* send the same again for so long, without pause and without reading anything */
	bool no_snapshot, expect_closed;
};

static bool has_fault(const struct feed *feed, const char *fault)
{
	return feed->fault && strcmp(feed->fault, fault) == 0;
}

/* What the other end does about a message is its business: a send that fails means that it has hung up. */
static void send_message(const struct feed *feed, const void *message, size_t len)
{
	(void)send(feed->fd, message, len, MSG_NOSIGNAL);
}

static void add_grant(struct feed *feed, char *text)
{
	char *source = strtok(text, ","), *port = strtok(NULL, ","), *time = strtok(NULL, ","),
	     *who = strtok(NULL, ",");
	struct parse_error error = {0};
	struct port_rule rule = {0};
	struct grant grant = {0};

	if (!source || !port || !time)
		probe_die("grant=SOURCE,PORT/PROTO,TIME[,REQUESTOR]");
	if (cidr_parse(source, strlen(source), &grant.source, &error))
		probe_die("%s: %s", source, error.why);
	if (port_rule_parse(port, strlen(port), &rule, &error))
		probe_die("%s: %s", port, error.why);
	grant.port = rule.port;
	grant.protos = rule.protos;
	grant.until.ns = probe_now_ns(CLOCK_REALTIME);
	/* A leading minus is an end in the past. */
	if (time[0] == '-')
		grant.until.ns -= (int64_t)probe_millis(time + 1) * NS_PER_MS;
	else
		grant.until.ns += (int64_t)probe_millis(time) * NS_PER_MS;
	if (grant_set_add(&feed->snapshot.grants, &grant, who ? who : "tester", "a test", "probe"))
		probe_die("no memory");
}

static void add_port(struct feed *feed, const char *text)
{
	struct parse_error error = {0};
	struct port_rule rule = {0};

	if (port_rule_parse(text, strlen(text), &rule, &error))
		probe_die("%s: %s", text, error.why);
	/* The protocol has one message for a port, with all its protocols. */
	for (size_t i = 0; i < feed->snapshot.n_ports; i++) {
		if (feed->snapshot.ports[i].port == rule.port) {
			feed->snapshot.ports[i].protos |= rule.protos;
			return;
		}
	}
	if (snapshot_add_port(&feed->snapshot, &rule))
		probe_die("no memory");
}

/* `n` single addresses out of 10.200.0.0/16. */
static void fill_grants(struct feed *feed, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		char text[64];

		snprintf(text, sizeof(text), "10.200.%u.%u,22/tcp,1m", (unsigned int)(i >> 8),
			 (unsigned int)(i & 0xff));
		add_grant(feed, text);
	}
}

/* PORT,SOURCE,WHY */
static void add_refused(struct feed *feed, char *text)
{
	char *port = strtok(text, ","), *source = strtok(NULL, ","), *why = strtok(NULL, ",");
	const struct refused_texts texts = {.why = why,
					    .source = source,
					    .until = "2030-01-01T00:00:00Z",
					    .requestor = "tester",
					    .policy = "probe"};

	if (!port || !source || !why)
		probe_die("refused=PORT,SOURCE,WHY");
	if (refused_add(&feed->snapshot.refused, (uint16_t)probe_number(port, 0, UINT16_MAX), &texts))
		probe_die("no memory");
}

/* This machine's clock against that of who grants: seconds ahead, or behind with a minus. */
static void set_clock(struct feed *feed, const char *text)
{
	bool behind = *text == '-';
	int32_t s = (int32_t)probe_number(text + behind, 0, INT32_MAX);

	feed->snapshot.clock_known = true;
	feed->snapshot.clock_offset_s = behind ? -s : s;
}

static const char *value_of(const char *item, const char *key)
{
	size_t len = strlen(key);

	return strncmp(item, key, len) == 0 && item[len] == '=' ? item + len + 1 : NULL;
}

static void take_item(struct feed *feed, char *item)
{
	const char *value;

	if ((value = value_of(item, "port")))
		add_port(feed, value);
	else if ((value = value_of(item, "grant")))
		add_grant(feed, item + strlen("grant="));
	else if ((value = value_of(item, "refused")))
		add_refused(feed, item + strlen("refused="));
	else if ((value = value_of(item, "clock")))
		set_clock(feed, value);
	else if ((value = value_of(item, "fill")))
		fill_grants(feed, probe_number(value, 1, 65536));
	else if ((value = value_of(item, "fresh")))
		feed->snapshot.fresh_for_s = (uint32_t)(probe_millis(value) / 1000);
	else if ((value = value_of(item, "name")))
		feed->name = value;
	else if ((value = value_of(item, "fault")))
		feed->fault = value;
	else if ((value = value_of(item, "trouble")))
		feed->trouble = value;
	else if ((value = value_of(item, "hold")))
		feed->hold_ms = (int64_t)probe_millis(value);
	else if ((value = value_of(item, "ask")))
		feed->ask_ms = (int64_t)probe_millis(value);
	else if ((value = value_of(item, "flood")))
		feed->flood_ms = (int64_t)probe_millis(value);
	else if ((value = value_of(item, "expect")))
		feed->expect_closed = strcmp(value, "closed") == 0;
	else if (strcmp(item, "no-snapshot") == 0)
		feed->no_snapshot = true;
	else
		probe_die("unknown item: %s", item);
}

static void send_faulty(const struct feed *feed)
{
	const struct port_rule rule = {.port = 22, .protos = PROTO_BIT_TCP};
	union feed_any message = {0};
	size_t len = sizeof(message.port);

	feed_encode_port(&message.port, &rule);
	if (has_fault(feed, "type"))
		message.header.type = 99;
	else if (has_fault(feed, "ask"))
		message.header.type = FEED_ASK;
	else if (has_fault(feed, "short"))
		len -= 4;
	else if (has_fault(feed, "long"))
		len += 4;
	else if (has_fault(feed, "size"))
		message.header.size += 4;
	else if (has_fault(feed, "protocol"))
		message.header.protocol = 77;
	else if (has_fault(feed, "port"))
		message.port.port = 70000;
	else if (has_fault(feed, "port-zero"))
		message.port.port = 0;
	else
		return;
	send_message(feed, &message, len);
}

static void send_grant(const struct feed *feed, size_t i)
{
	struct feed_grant message = {0};

	feed_encode_grant(&message, &feed->snapshot.grants, &feed->snapshot.grants.grants[i]);
	if (has_fault(feed, "host-bits"))
		message.addr[15] |= 1;
	if (has_fault(feed, "prefix"))
		message.prefix_len = 129;
	if (has_fault(feed, "text"))
		memset(message.requestor, 'x', sizeof(message.requestor));
	if (has_fault(feed, "past"))
		message.until_wall_ns = INT64_MIN;
	send_message(feed, &message, sizeof(message));
}

static void send_snapshot(struct feed *feed)
{
	size_t n_grants = feed->snapshot.grants.n;
	struct feed_begin begin = {0};
	struct feed_end end = {0};

	feed_encode_begin(&begin, &feed->snapshot);
	feed_encode_end(&end, &feed->snapshot);
	if (has_fault(feed, "count"))
		end.n_grants++;
	/* So that the port that is out of range is not, above all, one too many. */
	if (has_fault(feed, "port") || has_fault(feed, "port-zero")) {
		begin.n_ports++;
		end.n_ports++;
	}
	if (!has_fault(feed, "no-begin"))
		send_message(feed, &begin, sizeof(begin));
	if (has_fault(feed, "half"))
		n_grants /= 2;
	for (size_t i = 0; i < feed->snapshot.n_ports; i++) {
		struct feed_port message = {0};

		feed_encode_port(&message, &feed->snapshot.ports[i]);
		send_message(feed, &message, sizeof(message));
	}
	send_faulty(feed);
	for (size_t i = 0; i < n_grants; i++)
		send_grant(feed, i);
	for (size_t i = 0; i < feed->snapshot.refused.n; i++) {
		struct feed_refused message = {0};

		feed_encode_refused(&message, &feed->snapshot.refused.items[i]);
		send_message(feed, &message, sizeof(message));
	}
	if (!has_fault(feed, "half"))
		send_message(feed, &end, sizeof(end));
}

/* Until the other end hangs up, an ASK comes (when one is waited for), or the time is over. */
static const char *listen_to(const struct feed *feed)
{
	int64_t now_ns = probe_now_ns(CLOCK_BOOTTIME);
	int64_t end_ns = now_ns + (feed->ask_ms > feed->hold_ms ? feed->ask_ms : feed->hold_ms) * NS_PER_MS;

	for (; now_ns < end_ns && !probe_stop; now_ns = probe_now_ns(CLOCK_BOOTTIME)) {
		union feed_any message = {0};
		ssize_t n;

		if (!probe_wait_readable(feed->fd, (end_ns - now_ns) / NS_PER_MS + 1))
			continue;
		n = recv(feed->fd, &message, sizeof(message), MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return "closed";
		if (n == (ssize_t)sizeof(message.ask) && message.header.type == FEED_ASK && feed->ask_ms)
			return "ask";
	}
	return "open";
}

static void send_all(struct feed *feed)
{
	struct feed_trouble trouble = {0};

	if (!feed->no_snapshot)
		send_snapshot(feed);
	if (!feed->trouble)
		return;
	feed_encode_trouble(&trouble, (struct wall_time){probe_now_ns(CLOCK_REALTIME)}, feed->trouble);
	send_message(feed, &trouble, sizeof(trouble));
}

static void flood(struct feed *feed)
{
	int64_t end_ns = probe_now_ns(CLOCK_BOOTTIME) + feed->flood_ms * NS_PER_MS;
	uint64_t n = 0;

	for (; probe_now_ns(CLOCK_BOOTTIME) < end_ns && !probe_stop; n++)
		send_all(feed);
	printf("floods=%ju ", (uintmax_t)n);
}

/* probe feed SOCK ITEM…: one HELLO and one snapshot (or TROUBLE). Exit 0 when the other end did what was expected of
 * it. */
int probe_feed(int argc, char **argv)
{
	struct feed feed = {.fd = -1, .name = "probe", .snapshot = {.fresh_for_s = 3600}};
	struct feed_hello hello = {0};
	const char *seen;

	for (int i = 2; i < argc; i++)
		take_item(&feed, argv[i]);
	if (feed.expect_closed && !feed.hold_ms)
		feed.hold_ms = 3000;
	feed.snapshot.taken.ns = probe_now_ns(CLOCK_REALTIME);
	feed.fd = probe_unix_connect(argv[1], SOCK_SEQPACKET);
	probe_stop_on_signals();
	feed_encode_hello(&hello, feed.name);
	if (has_fault(&feed, "hello-protocol"))
		hello.header.protocol = FEED_PROTOCOL - 1;
	if (!has_fault(&feed, "no-hello"))
		send_message(&feed, &hello, sizeof(hello));
	send_all(&feed);
	if (feed.flood_ms)
		flood(&feed);
	seen = listen_to(&feed);
	printf("%s boot_ns=%jd\n", seen, (intmax_t)probe_now_ns(CLOCK_BOOTTIME));
	close(feed.fd);
	snapshot_free(&feed.snapshot);
	if (feed.ask_ms)
		return strcmp(seen, "ask") == 0 ? PROBE_YES : PROBE_NO;
	return feed.expect_closed == (strcmp(seen, "closed") == 0) ? PROBE_YES : PROBE_NO;
}
