// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See connections.h.
 */
#include "connections.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flows.h"
#include "grant.h"
#include "number.h"
#include "session.h"
#include "show.h"
#include "util.h"

int connections_add(struct connections *sessions, const struct connection *session)
{
	struct connection *grown;

	/* Doubled at each power of two. */
	if ((sessions->n & (sessions->n - 1)) == 0) {
		grown = reallocarray(sessions->v, sessions->n ? 2 * sessions->n : 1, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		sessions->v = grown;
	}
	sessions->v[sessions->n++] = *session;
	return 0;
}

int connections_add_sockets(struct connections *sessions, const struct open_sockets *sockets)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sockets->n; i++) {
		const struct open_socket *socket = &sockets->v[i];
		const struct connection one = {.local = socket->local,
					       .peer = socket->peer,
					       .port = socket->port,
					       .peer_port = socket->peer_port,
					       .proto_bit = socket->proto_bit,
					       .inode = socket->inode};

		if (socket->peer_port && !socket->half_open)
			r = connections_add(sessions, &one);
	}
	return r;
}

void connections_free(struct connections *sessions)
{
	free(sessions->v);
	*sessions = (struct connections){0};
}

/* ------------------------------------------------------------ the verdict */

static bool is_same(const struct cidr *a, const struct cidr *b)
{
	return cidr_compare(a, b) == 0;
}

/* Both ends are here: the other one is among the sockets, with its ends exchanged. */
static bool is_inside(const struct connections *sessions, const struct connection *s)
{
	for (size_t i = 0; i < sessions->n; i++) {
		const struct connection *other = &sessions->v[i];

		if (other->proto_bit == s->proto_bit && other->port == s->peer_port && other->peer_port == s->port &&
		    is_same(&other->local, &s->peer) && is_same(&other->peer, &s->local))
			return true;
	}
	return false;
}

static bool is_protected(const struct connection *s, const struct gate_ops *gate, void *gate_ctx)
{
	return gate->get_protected(gate_ctx, s->port) & s->proto_bit;
}

static bool is_granted(const struct connection *s, const struct gate_ops *gate, void *gate_ctx, struct boot_time now)
{
	struct gate_key key = entry_key(&s->peer, s->port, proto_number(s->proto_bit));
	struct gate_grant found;

	return gate->lookup(gate_ctx, &key, &found) == 0 && now.ns < found.expires_boot_ns;
}

/* The policy by which it goes on though it has no grant: it began under one. What cannot be read counts as not known.
 */
static uint64_t goes_on_by(const struct connection *s, const struct gate_ops *gate, void *gate_ctx,
			   struct boot_time now)
{
	struct flow_key key = flow_of_socket(&s->peer, s->peer_port, &s->local, s->port, s->proto_bit);
	uint64_t drain_ns = flow_drain_ns(gate, gate_ctx, &key), until;
	int r = flow_look(gate, gate_ctx, &key, drain_ns, now.ns, &until);

	return r == 0 && until ? drain_ns : SESSION_CUT;
}

/* A word up to a blank or the end; *at goes behind it. */
static size_t word_at(const char **at, const char **ret_word)
{
	size_t len = strcspn(*at, " ");

	*ret_word = *at;
	*at += len + ((*at)[len] == ' ');
	return len;
}

/* "PEER PORT LOCAL PORT", as sshd writes it. A zone behind an address is not looked at. */
static bool is_connection(const char *text, const struct connection *s)
{
	const char *word;
	struct cidr peer;
	uint64_t peer_port, port;
	size_t len = word_at(&text, &word);
	const char *zone = memchr(word, '%', len);

	if (cidr_parse(word, zone ? (size_t)(zone - word) : len, &peer, NULL) < 0 || !is_same(&peer, &s->peer))
		return false;
	len = word_at(&text, &word);
	if (number_parse(word, len, UINT16_MAX, &peer_port) < 0)
		return false;
	word_at(&text, &word);
	len = word_at(&text, &word);
	return number_parse(word, len, UINT16_MAX, &port) == 0 && peer_port == s->peer_port && port == s->port;
}

static bool is_own(const struct connection *s, const struct connection_hints *hints)
{
	for (size_t i = 0; i < hints->n_inodes; i++) {
		if (s->inode && hints->inodes[i] == s->inode)
			return true;
	}
	for (size_t i = 0; i < hints->n_ssh; i++) {
		if (s->proto_bit == PROTO_BIT_TCP && is_connection(hints->ssh[i].text, s))
			return true;
	}
	return false;
}

void connections_judge(struct connections *sessions, const struct gate_ops *gate, void *gate_ctx, struct boot_time now,
		       const struct connection_hints *hints)
{
	size_t kept = 0;

	/* Before any is left out, since the other end may be any socket. */
	for (size_t i = 0; i < sessions->n; i++) {
		if (is_protected(&sessions->v[i], gate, gate_ctx))
			sessions->v[i].is_inside = is_inside(sessions, &sessions->v[i]);
	}
	for (size_t i = 0; i < sessions->n; i++) {
		struct connection s = sessions->v[i];

		if (!is_protected(&s, gate, gate_ctx))
			continue;
		if (!s.is_inside && !is_granted(&s, gate, gate_ctx, now)) {
			s.drain_ns = goes_on_by(&s, gate, gate_ctx, now);
			s.cut = s.drain_ns == SESSION_CUT;
		}
		s.own = is_own(&s, hints);
		sessions->v[kept++] = s;
	}
	sessions->n = kept;
}

size_t connections_count_cut(const struct connections *sessions, size_t *ret_own)
{
	size_t n = 0;

	*ret_own = 0;
	for (size_t i = 0; i < sessions->n; i++) {
		n += sessions->v[i].cut;
		*ret_own += sessions->v[i].cut && sessions->v[i].own;
	}
	return n;
}

bool connections_has_own(const struct connections *sessions)
{
	for (size_t i = 0; i < sessions->n; i++) {
		if (sessions->v[i].own)
			return true;
	}
	return false;
}

/* ------------------------------------------------------------ for people and programs */

static void add_row(struct show_table *table, const struct connection *s)
{
	char peer[CIDR_TEXT_MAX], proto[PROTOS_TEXT_MAX], policy[SESSION_TEXT_MAX];

	cidr_format(&s->peer, peer);
	text_printf(&table->cells, "%s", peer);
	show_cell_end(table);
	text_printf(&table->cells, "%u", s->peer_port);
	show_cell_end(table);
	text_printf(&table->cells, "%u/%s", s->port, protos_format(s->proto_bit, proto));
	show_cell_end(table);
	session_format(s->drain_ns, policy);
	text_printf(&table->cells, "%s", s->cut ? "WOULD BE CUT" : "stays");
	if (s->is_inside)
		text_printf(&table->cells, ": on this machine");
	else if (s->drain_ns != SESSION_CUT)
		text_printf(&table->cells, ": by session = %s", policy);
	text_printf(&table->cells, "%s", s->own ? ", yours" : "");
	show_cell_end(table);
}

static void print_rows(const struct connections *sessions, bool cut, struct show_table *table)
{
	for (size_t i = 0; i < sessions->n; i++) {
		if (sessions->v[i].cut == cut)
			add_row(table, &sessions->v[i]);
	}
}

void connections_text(const struct connections *sessions, struct text *out)
{
	static const struct show_column columns[] = {
		{"CONNECTED FROM", false, 0}, {"PORT", true, 0}, {"TO", false, 0}, {"WHEN ENFORCING", false, 0}};
	_cleanup_show_table_ struct show_table table = {.columns = columns, .n_columns = ARRAY_SIZE(columns)};

	if (sessions->n == 0)
		text_printf(out, "nobody is connected to a protected port\n");
	print_rows(sessions, true, &table);
	print_rows(sessions, false, &table);
	show_table(&table, out, 0);
}

void connections_json(const struct connections *sessions, struct text *out)
{
	char peer[CIDR_TEXT_MAX], proto[PROTOS_TEXT_MAX];

	text_printf(out, "[");
	for (size_t i = 0; i < sessions->n; i++) {
		const struct connection *s = &sessions->v[i];

		cidr_format(&s->peer, peer);
		text_printf(
			out,
			"%s{\"source\":\"%s\",\"source_port\":%u,\"port\":%u,\"proto\":\"%s\",\"cut\":%s,\"own\":%s}",
			i ? "," : "", peer, s->peer_port, s->port, protos_format(s->proto_bit, proto),
			s->cut ? "true" : "false", s->own ? "true" : "false");
	}
	text_printf(out, "]");
}
