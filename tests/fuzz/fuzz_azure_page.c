// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A page of policies, and the snapshot that is made of it for the VM below at the time below. Every grant has its
 * request in the page and keeps to the rules there; every live request is granted or refused, none is lost; half a
 * page, a key given twice or a byte too many count for nothing.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "azure_jit.h"
#include "azure_report.h"
#include "feed_msg.h"
#include "json_member.h"
#include "timefmt.h"

/* In the inputs too. */
#define VM "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm"
static const struct wall_time now = {1773484200 * NS_PER_S}; /* 2026-03-14T10:30:00Z */

static int read_page(const char *bytes, size_t len, struct azure_listing *listing, char **ret_next)
{
	struct parse_error err = FUZZ_NO_ERROR;
	char *const sentinel = (char *)bytes;
	int r;

	*ret_next = sentinel;
	r = azure_json_page(bytes, len, VM, listing, ret_next, &err);
	if (r < 0) {
		HOLDS(r == -EINVAL && *ret_next == sentinel && IS_REFUSAL(err, len));
		HOLDS(!listing->n && !listing->n_seen && !listing->policies);
		*ret_next = NULL;
	}
	return r;
}

static bool is_accepted(const char *bytes, size_t len)
{
	_cleanup_azure_listing_ struct azure_listing listing = {0};
	_cleanup_free_ char *next = NULL;

	return read_page(bytes, len, &listing, &next) == 0;
}

/* ---- the page's bytes; `page` was accepted */

static void check_prefixes(const char *page, size_t len)
{
	size_t step = len / 32 + 1;

	while (len && strchr(" \t\r\n", page[len - 1]))
		len--;
	for (size_t cut = len % step; cut < len; cut += step) {
		_cleanup_free_ char *half = fuzz_text((const uint8_t *)page, cut);

		HOLDS(!is_accepted(half, cut));
	}
	HOLDS(!is_accepted(page, len - 1));
}

static void check_edits(const char *page, size_t len)
{
	static const char twice[] = "{\"value\":[],", behind[] = ",";
	_cleanup_text_ struct text text = {0};
	size_t at = strcspn(page, "{") + 1;

	text_append(&text, page, len);
	text_append(&text, behind, strlen(behind));
	HOLDS(!is_accepted(text.data, text.len));
	text_free(&text);

	text_append(&text, twice, strlen(twice));
	text_append(&text, page + at, len - at);
	HOLDS(!is_accepted(text.data, text.len));
}

/* ---- what it means */

static bool parse_when(const char *text, struct wall_time *ret)
{
	return text && timefmt_parse_rfc3339(text, strlen(text), ret, NULL) == 0;
}

static bool is_initiated(const struct azure_request *request)
{
	return request->status && strcasecmp(request->status, "Initiated") == 0;
}

static bool names_source(const char *text, const struct cidr *source)
{
	struct cidr cidr = cidr_any(source->family);

	if (strcmp(text, "*") != 0 && cidr_parse(text, strlen(text), &cidr, NULL) < 0)
		return false;
	return memcmp(&cidr, source, sizeof(cidr)) == 0;
}

/* The grant's port may be open that long, and for those protocols, by some rules of the policy, each of them kept. */
static bool keeps_rules(const struct azure_policy *policy, const struct grant *grant)
{
	uint8_t all = 0;

	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct azure_rule *rule = &policy->rules[i];
		uint8_t protos;
		uint32_t longest_s;

		if (rule->number != grant->port)
			continue;
		if (protos_parse(rule->protocol, strlen(rule->protocol), &protos) < 0 || !rule->longest ||
		    timefmt_parse_duration(rule->longest, strlen(rule->longest), &longest_s, NULL) < 0 ||
		    (grant->until.ns - grant->start.ns) / NS_PER_S > (int64_t)longest_s + AZURE_CLOCK_SLACK_S)
			return false;
		all |= protos;
	}
	return all && all == grant->protos;
}

static bool is_asked_for(const struct azure_request *request, const struct grant_set *set, const struct grant *grant)
{
	struct wall_time start, end;

	if (request->odd || !is_initiated(request) || request->number != grant->port ||
	    !parse_when(request->end, &end) || !parse_when(request->start, &start) || end.ns != grant->until.ns ||
	    start.ns != grant->start.ns ||
	    strcmp(request->requestor ? request->requestor : "", grant_set_text(set, grant->requestor)) != 0)
		return false;
	for (size_t i = 0; i < request->n_sources; i++) {
		if (names_source(request->sources[i], &grant->source))
			return true;
	}
	return false;
}

static bool has_cause(const struct azure_listing *listing, const struct grant_set *set, const struct grant *grant)
{
	for (size_t i = 0; i < listing->n; i++) {
		const struct azure_policy *policy = &listing->policies[i];

		if (strcmp(policy->id, grant_set_text(set, grant->origin)) != 0 || !keeps_rules(policy, grant))
			continue;
		for (size_t j = 0; j < policy->n_requests; j++) {
			if (is_asked_for(&policy->requests[j], set, grant))
				return true;
		}
	}
	return false;
}

static bool is_protected(const struct snapshot *snapshot, uint16_t port, uint8_t protos)
{
	for (size_t i = 0; i < snapshot->n_ports; i++) {
		if (snapshot->ports[i].port == port)
			return (snapshot->ports[i].protos & protos) == protos;
	}
	return false;
}

static void check_snapshot(const struct azure_listing *listing, const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->n_ports; i++) {
		HOLDS(snapshot->ports[i].port && snapshot->ports[i].protos);
		HOLDS(i == 0 || snapshot->ports[i - 1].port < snapshot->ports[i].port);
	}
	for (size_t i = 0; i < snapshot->grants.n; i++) {
		const struct grant *grant = &snapshot->grants.grants[i];

		HOLDS(grant->until.ns > now.ns && grant->mark == 0);
		HOLDS(grant->start.ns <= now.ns + AZURE_CLOCK_SLACK_S * NS_PER_S);
		HOLDS(is_protected(snapshot, grant->port, grant->protos));
		HOLDS(has_cause(listing, &snapshot->grants, grant));
	}
}

/* A source of a live request is granted as asked, or is among the refused. */
static bool is_answered(const struct azure_jit *jit, const struct azure_policy *policy,
			const struct azure_request *request, const char *source)
{
	const struct grant_set *set = &jit->snapshot.grants;

	for (size_t i = 0; i < set->n; i++) {
		if (strcmp(policy->id, grant_set_text(set, set->grants[i].origin)) == 0 &&
		    names_source(source, &set->grants[i].source) && is_asked_for(request, set, &set->grants[i]))
			return true;
	}
	for (size_t i = 0; i < jit->n_refused; i++) {
		const struct azure_refused *refused = &jit->refused[i];

		if (refused->port == request->number && strcmp(refused->source, source) == 0 &&
		    strcmp(refused->policy, policy->id) == 0 && strcmp(refused->until, request->end) == 0)
			return true;
	}
	return false;
}

static void check_none_is_lost(const struct azure_jit *jit, const struct azure_policy *policy,
			       const struct azure_request *request)
{
	struct wall_time end;

	if (!is_initiated(request) || !parse_when(request->end, &end) || end.ns <= now.ns)
		return;
	for (size_t i = 0; i < request->n_sources; i++)
		HOLDS(is_answered(jit, policy, request, request->sources[i]));
}

/* The enforcer takes whatever the feed makes of it. */
static void check_feed(const struct snapshot *snapshot)
{
	struct feed_receiver receiver = {.max_ports = JITGATE_PORT_RULES_MAX, .max_grants = JITGATE_GRANTS_MAX};
	struct snapshot copy = *snapshot;
	union feed_any m;

	copy.fresh_for_s = 60;
	feed_encode_hello(&m.hello, "azure");
	HOLDS(feed_receive(&receiver, &m, sizeof(m.hello), NULL) == FEED_GOT_NOTHING);
	feed_encode_begin(&m.begin, &copy);
	HOLDS(feed_receive(&receiver, &m, sizeof(m.begin), NULL) == FEED_GOT_NOTHING);
	for (size_t i = 0; i < copy.n_ports; i++) {
		feed_encode_port(&m.port, &copy.ports[i]);
		HOLDS(feed_receive(&receiver, &m, sizeof(m.port), NULL) == FEED_GOT_NOTHING);
	}
	for (size_t i = 0; i < copy.grants.n; i++) {
		feed_encode_grant(&m.grant, &copy.grants, &copy.grants.grants[i]);
		HOLDS(feed_receive(&receiver, &m, sizeof(m.grant), NULL) == FEED_GOT_NOTHING);
	}
	HOLDS(copy.refused.n <= REFUSED_MAX);
	for (size_t i = 0; i < copy.refused.n; i++) {
		feed_encode_refused(&m.refused, &copy.refused.items[i]);
		HOLDS(feed_receive(&receiver, &m, sizeof(m.refused), NULL) == FEED_GOT_NOTHING);
	}
	feed_encode_end(&m.end, &copy);
	HOLDS(feed_receive(&receiver, &m, sizeof(m.end), NULL) == FEED_GOT_SNAPSHOT);
	feed_receiver_free(&receiver);
}

static void check_meaning(const struct azure_listing *listing)
{
	_cleanup_azure_jit_ struct azure_jit jit = {0};
	_cleanup_text_ struct text report = {0};
	_cleanup_json_ struct cJSON *tree = NULL;
	int r = azure_jit_snapshot(listing, &(struct azure_basis){.now = now}, &jit);

	if (r < 0) {
		HOLDS(r == -E2BIG && !jit.snapshot.ports && !jit.refused);
		return;
	}
	check_snapshot(listing, &jit.snapshot);
	for (size_t i = 0; i < listing->n; i++) {
		for (size_t j = 0; j < listing->policies[i].n_requests; j++)
			check_none_is_lost(&jit, &listing->policies[i], &listing->policies[i].requests[j]);
	}
	HOLDS(jit.snapshot.refused.n + jit.snapshot.refused.more == jit.n_refused);
	check_feed(&jit.snapshot);
	azure_report(&jit, VM, &report);
	HOLDS(!report.failed && json_parse(report.data, report.len, &tree, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_azure_listing_ struct azure_listing listing = {0};
	_cleanup_free_ char *next = NULL, *page = fuzz_text(data, size);

	if (read_page((const char *)data, size, &listing, &next) < 0)
		return 0;
	HOLDS(!next || *next);
	HOLDS(listing.n <= listing.n_seen);
	check_meaning(&listing);
	check_prefixes(page, size);
	check_edits(page, size);
	return 0;
}
