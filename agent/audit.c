// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See audit.h.
 */
#include "audit.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "reason.h"

static uint32_t fnv1a(uint32_t hash, const void *bytes, size_t len)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ b[i]) * 16777619U;
	return hash;
}

uint32_t audit_grant_id(const struct grant *grant)
{
	const uint8_t head[] = {grant->source.family, grant->source.prefix_len, (uint8_t)(grant->port >> 8),
				(uint8_t)grant->port, grant->protos};

	return fnv1a(fnv1a(2166136261U, head, sizeof(head)), grant->source.addr, sizeof(grant->source.addr));
}

static void append_field(struct text *out, const char *key, const char *value)
{
	text_printf(out, " %s=", key);
	text_quoted(out, value);
}

void audit_line(struct text *out, const char *what, const struct grant_set *set, const struct grant *grant,
		const char *why)
{
	char source[CIDR_TEXT_MAX], protos[PROTOS_TEXT_MAX];

	cidr_format(&grant->source, source);
	text_printf(out, "%s id=%08" PRIx32 " source=%s port=%u/%s until=", what, audit_grant_id(grant), source,
		    grant->port, protos_format(grant->protos, protos));
	text_rfc3339(out, grant->until);
	append_field(out, "requestor", grant_set_text(set, grant->requestor));
	append_field(out, "reason", grant_set_text(set, grant->justification));
	append_field(out, "origin", grant_set_text(set, grant->origin));
	if (why)
		append_field(out, "why", why);
}

static const char *event_word(const struct event *event)
{
	if (event->reason == REASON_GRANTED)
		return "admitted";
	return event->reason == REASON_AUDIT ? "would-deny" : "denied";
}

void audit_event(struct text *out, const struct event *event)
{
	struct cidr source = {.family = event->family, .prefix_len = event->family == JITGATE_IPV6 ? 128 : 32};
	char address[CIDR_TEXT_MAX] = "none", protos[PROTOS_TEXT_MAX];

	if (event->family == JITGATE_IPV4 || event->family == JITGATE_IPV6) {
		memcpy(source.addr, event->saddr, event->family == JITGATE_IPV6 ? 16 : 4);
		cidr_format(&source, address);
	}
	text_printf(out, "%s source=%s port=%u/%s source_port=%u reason=%s interface=%" PRIu32, event_word(event),
		    address, ntohs(event->dport_be), protos_format(proto_to_bit(event->proto), protos),
		    ntohs(event->sport_be), reason_name(event->would_be), event->ifindex);
}

void audit_socket(struct text *out, const struct open_socket *socket, uint32_t grant_id, const char *requestor)
{
	char peer[CIDR_TEXT_MAX];

	cidr_format(&socket->peer, peer);
	text_printf(out, "ended source=%s source_port=%u port=%u/tcp id=%08" PRIx32, peer, socket->peer_port,
		    socket->port, grant_id);
	append_field(out, "requestor", requestor);
}
