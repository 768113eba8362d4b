// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Who would be cut, by the maps, and which of them is the caller's own session. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "fake_gate.h"
#include "connections.h"
#include "session.h"
#include "util.h"

#define NOW (1000 * (uint64_t)NS_PER_S)

static struct fake_gate gate;

static struct cidr cidr_of(const char *text)
{
	struct cidr cidr;

	assert_int_equal(cidr_parse(text, strlen(text), &cidr, NULL), 0);
	return cidr;
}

static void grant(const char *prefix, uint16_t port, uint64_t expires_boot_ns)
{
	struct cidr source = cidr_of(prefix);
	struct gate_entry entry = {.key = entry_key(&source, port, IPPROTO_TCP),
				   .grant.expires_boot_ns = expires_boot_ns};

	assert_int_equal(fake_put(&gate, &entry), 0);
}

static int fresh_gate(void **state)
{
	(void)state;
	memset(&gate, 0, sizeof(gate));
	gate.capacity = FAKE_ENTRIES_MAX;
	gate.protected[22] = PROTO_BIT_TCP;
	fake_search_everywhere(&gate);
	return 0;
}

static void connect_from(struct connections *sessions, const char *peer, uint16_t port, uint64_t inode)
{
	struct connection session = {.local = cidr_of(strchr(peer, ':') ? "2001:db8::1" : "10.0.0.1"),
				     .peer = cidr_of(peer),
				     .port = port,
				     .peer_port = 50000,
				     .proto_bit = PROTO_BIT_TCP,
				     .inode = inode};

	assert_int_equal(connections_add(sessions, &session), 0);
}

static void judge(struct connections *sessions, const struct connection_hints *hints)
{
	static const struct connection_hints none;

	connections_judge(sessions, &fake_gate_ops, &gate, (struct boot_time){.ns = NOW}, hints ? hints : &none);
}

static void a_session_is_cut_unless_something_live_covers_it(void **state)
{
	_cleanup_connections_ struct connections sessions = {0};
	size_t own;

	(void)state;
	grant("192.0.2.0/24", 22, NOW + 1);
	grant("198.51.100.1", 22, NOW); /* ended in this very nanosecond */
	grant("2001:db8:1::/48", 22, JITGATE_NO_DEADLINE);
	connect_from(&sessions, "192.0.2.7", 22, 1);
	connect_from(&sessions, "198.51.100.1", 22, 2);
	connect_from(&sessions, "203.0.113.7", 22, 3);
	connect_from(&sessions, "2001:db8:1::7", 22, 4);
	connect_from(&sessions, "2001:db8:2::7", 22, 5);
	judge(&sessions, NULL);
	assert_int_equal(sessions.n, 5);
	assert_false(sessions.v[0].cut);
	assert_true(sessions.v[1].cut);
	assert_true(sessions.v[2].cut);
	assert_false(sessions.v[3].cut);
	assert_true(sessions.v[4].cut);
	assert_int_equal(connections_count_cut(&sessions, &own), 3);
	assert_int_equal(own, 0);
	assert_false(connections_has_own(&sessions));
}

/* As `arm` would find it: a flow of the session, seen at NOW, of a grant that ended at NOW. */
static struct gate_flow *flow_of(const struct connection *s)
{
	size_t at = gate.n_flows++;

	gate.flows[at].key = (struct flow_key){.sport_be = htons(s->peer_port),
					       .dport_be = htons(s->port),
					       .proto = s->proto_bit == PROTO_BIT_UDP ? IPPROTO_UDP : IPPROTO_TCP,
					       .family = s->peer.family};
	memcpy(gate.flows[at].key.saddr, s->peer.addr, 16);
	memcpy(gate.flows[at].key.daddr, s->local.addr, 16);
	gate.flows[at].flow = (struct gate_flow){.end_boot_ns = NOW, .last_seen_boot_ns = NOW, .state = FLOW_ANSWERED};
	return &gate.flows[at].flow;
}

static void nor_when_its_ports_policy_lets_it_go_on(void **state)
{
	_cleanup_connections_ struct connections sessions = {0};
	_cleanup_text_ struct text text = {0};
	static const bool cut[] = {false, true, true, false, true, false};

	(void)state;
	gate.class[22] = 1;
	gate.protected[22] |= PROTO_BIT_UDP;
	gate.sessions[1].drain_ns[PROTO_INDEX_TCP] = 60 * (uint64_t)NS_PER_S;
	gate.sessions[1].drain_ns[PROTO_INDEX_UDP] = SESSION_KEEP;
	connect_from(&sessions, "192.0.2.1", 22, 1);
	connect_from(&sessions, "192.0.2.2", 22, 2); /* the drain is over */
	connect_from(&sessions, "192.0.2.3", 22, 3); /* the flow is that of another port of the peer */
	connect_from(&sessions, "2001:db8:1::7", 22, 4);
	connect_from(&sessions, "192.0.2.5", 22, 5); /* began under no grant */
	connect_from(&sessions, "192.0.2.6", 22, 6);
	sessions.v[5].proto_bit = PROTO_BIT_UDP;
	flow_of(&sessions.v[0]);
	flow_of(&sessions.v[1])->end_boot_ns = NOW - 60 * (uint64_t)NS_PER_S;
	flow_of(&sessions.v[2]);
	gate.flows[2].key.sport_be ^= 1;
	flow_of(&sessions.v[3]);
	flow_of(&sessions.v[5]);
	judge(&sessions, NULL);
	assert_int_equal(sessions.n, ARRAY_SIZE(cut));
	for (size_t i = 0; i < ARRAY_SIZE(cut); i++)
		assert_int_equal(sessions.v[i].cut, cut[i]);
	connections_text(&sessions, &text);
	assert_non_null(strstr(text.data, "192.0.2.1       50000  22/tcp  stays: by session = drain=1m\n"));
	assert_non_null(strstr(text.data, "192.0.2.6       50000  22/udp  stays: by session = keep\n"));
	assert_non_null(strstr(text.data, "192.0.2.2       50000  22/tcp  WOULD BE CUT\n"));
}

static void only_protected_ports_and_protocols_are_told(void **state)
{
	_cleanup_connections_ struct connections sessions = {0};

	(void)state;
	connect_from(&sessions, "203.0.113.7", 80, 1);
	connect_from(&sessions, "203.0.113.7", 22, 2);
	connect_from(&sessions, "203.0.113.8", 22, 3);
	sessions.v[2].proto_bit = PROTO_BIT_UDP;
	judge(&sessions, NULL);
	assert_int_equal(sessions.n, 1);
	assert_int_equal(sessions.v[0].inode, 2);
}

/* Its packets go over no interface that is filtered. The same ports elsewhere are another matter. */
static void a_session_between_two_sockets_of_this_machine_stays(void **state)
{
	_cleanup_connections_ struct connections sessions = {0};
	struct connection other;

	(void)state;
	connect_from(&sessions, "203.0.113.7", 22, 1);
	connect_from(&sessions, "10.0.0.1", 22, 2);
	other = sessions.v[1];
	other.local = sessions.v[1].peer;
	other.peer = sessions.v[1].local;
	other.port = sessions.v[1].peer_port;
	other.peer_port = 22;
	assert_int_equal(connections_add(&sessions, &other), 0);
	judge(&sessions, NULL);
	assert_int_equal(sessions.n, 2);
	assert_true(sessions.v[0].cut);
	assert_true(sessions.v[1].is_inside && !sessions.v[1].cut);
}

static void the_callers_own_is_known_by_the_socket_that_an_ancestor_holds(void **state)
{
	_cleanup_connections_ struct connections sessions = {0};
	const uint64_t inodes[] = {0, 77, 42};
	const struct connection_hints hints = {.inodes = inodes, .n_inodes = ARRAY_SIZE(inodes)};
	size_t own;

	(void)state;
	grant("192.0.2.0/24", 22, NOW + 1);
	connect_from(&sessions, "203.0.113.7", 22, 41);
	connect_from(&sessions, "203.0.113.7", 22, 42);
	connect_from(&sessions, "192.0.2.7", 22, 77);
	connect_from(&sessions, "203.0.113.9", 22, 0); /* a socket without an inode is nobody's */
	judge(&sessions, &hints);
	assert_false(sessions.v[0].own);
	assert_true(sessions.v[1].own && sessions.v[1].cut);
	assert_true(sessions.v[2].own && !sessions.v[2].cut);
	assert_false(sessions.v[3].own);
	assert_int_equal(connections_count_cut(&sessions, &own), 3);
	assert_int_equal(own, 1);
}

static bool is_known_by(const char *ssh, const char *peer)
{
	_cleanup_connections_ struct connections sessions = {0};
	struct connection_ssh told = {0};
	const struct connection_hints hints = {.ssh = &told, .n_ssh = 1};

	snprintf(told.text, sizeof(told.text), "%s", ssh);
	connect_from(&sessions, peer, 22, 1);
	judge(&sessions, &hints);
	return sessions.v[0].own;
}

static void or_by_what_sshd_told_it(void **state)
{
	static const char *const not_it[] = {"",
					     "203.0.113.7",
					     "203.0.113.7 50000",
					     "203.0.113.7 50000 10.0.0.1",
					     "203.0.113.7 50000 10.0.0.1 ",
					     "203.0.113.8 50000 10.0.0.1 22",
					     "203.0.113.7 50001 10.0.0.1 22",
					     "203.0.113.7 50000 10.0.0.1 2222",
					     "203.0.113.7 50000 10.0.0.1 22x",
					     "203.0.113.7  50000 10.0.0.1 22",
					     "example.com 50000 10.0.0.1 22"};

	(void)state;
	assert_true(is_known_by("203.0.113.7 50000 10.0.0.1 22", "203.0.113.7"));
	assert_true(is_known_by("2001:db8::7 50000 2001:db8::1 22", "2001:db8::7"));
	assert_true(is_known_by("fe80::7%eth0 50000 fe80::1%eth0 22", "fe80::7"));
	for (size_t i = 0; i < ARRAY_SIZE(not_it); i++) {
		if (is_known_by(not_it[i], "203.0.113.7"))
			fail_msg("taken: \"%s\"", not_it[i]);
	}
}

static void those_that_would_be_cut_come_first_in_the_table(void **state)
{
	_cleanup_connections_ struct connections sessions = {0};
	_cleanup_text_ struct text text = {0}, nobody = {0}, json = {0};
	const uint64_t inode = 2;
	const struct connection_hints hints = {.inodes = &inode, .n_inodes = 1};

	(void)state;
	connections_text(&sessions, &nobody);
	assert_string_equal(nobody.data, "nobody is connected to a protected port\n");
	grant("192.0.2.0/24", 22, NOW + 1);
	connect_from(&sessions, "192.0.2.7", 22, 1);
	connect_from(&sessions, "203.0.113.7", 22, 2);
	judge(&sessions, &hints);
	connections_text(&sessions, &text);
	assert_string_equal(text.data, "CONNECTED FROM   PORT  TO      WHEN ENFORCING\n"
				       "203.0.113.7     50000  22/tcp  WOULD BE CUT, yours\n"
				       "192.0.2.7       50000  22/tcp  stays\n");
	connections_json(&sessions, &json);
	assert_string_equal(json.data,
			    "[{\"source\":\"192.0.2.7\",\"source_port\":50000,\"port\":22,\"proto\":\"tcp\","
			    "\"cut\":false,\"own\":false},"
			    "{\"source\":\"203.0.113.7\",\"source_port\":50000,\"port\":22,\"proto\":\"tcp\","
			    "\"cut\":true,\"own\":true}]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_session_is_cut_unless_something_live_covers_it, fresh_gate),
		cmocka_unit_test_setup(nor_when_its_ports_policy_lets_it_go_on, fresh_gate),
		cmocka_unit_test_setup(only_protected_ports_and_protocols_are_told, fresh_gate),
		cmocka_unit_test_setup(a_session_between_two_sockets_of_this_machine_stays, fresh_gate),
		cmocka_unit_test_setup(the_callers_own_is_known_by_the_socket_that_an_ancestor_holds, fresh_gate),
		cmocka_unit_test_setup(or_by_what_sshd_told_it, fresh_gate),
		cmocka_unit_test_setup(those_that_would_be_cut_come_first_in_the_table, fresh_gate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
