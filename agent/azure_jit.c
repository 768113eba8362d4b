// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. The meaning of JIT policies. Owns every rule of what is granted and what is refused; knows no JSON, no socket
 * and no clock.
 */
#include "azure_jit.h"

#include <errno.h>
#include <string.h>

#include "jitgate_abi.h"
#include "timefmt.h"

/* Rules looked at before merging; far above what a VM has, and it bounds the look-ups below. */
#define RULES_MAX (4 * JITGATE_PORT_RULES_MAX)

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

/* ---------------------------------------------------------------- refusals */

static void free_refused(struct azure_refused *refused)
{
	free(refused->source);
	free(refused->until);
	free(refused->requestor);
	free(refused->policy);
}

void azure_jit_free(struct azure_jit *jit)
{
	for (size_t i = 0; i < jit->n_refused; i++)
		free_refused(&jit->refused[i]);
	free(jit->refused);
	snapshot_free(&jit->snapshot);
	*jit = (struct azure_jit){0};
}

bool azure_refused_equal(const struct azure_refused *a, const struct azure_refused *b)
{
	return a->why == b->why && a->port == b->port && !strcmp(a->source, b->source) && !strcmp(a->until, b->until) &&
	       !strcmp(a->requestor, b->requestor) && !strcmp(a->policy, b->policy);
}

/* Room for one more; it doubles at the powers of two. */
static int reserve_refused(struct azure_jit *jit)
{
	size_t n = jit->n_refused, twice = n ? 2 * n : 1;
	struct azure_refused *all;

	if (n & (n - 1))
		return 0;
	all = reallocarray(jit->refused, twice, sizeof(*all));
	if (!all)
		return -ENOMEM;
	jit->refused = all;
	return 0;
}

/* `request` is NULL for a refused rule. */
static int refuse(struct azure_jit *jit, const struct azure_policy *policy, const struct azure_request *request,
		  uint16_t port, const char *source, const char *why)
{
	struct azure_refused entry = {.why = why, .port = port};

	if (reserve_refused(jit))
		return -ENOMEM;
	entry.source = strdup(or_empty(source));
	entry.until = strdup(or_empty(request ? request->end : NULL));
	entry.requestor = strdup(or_empty(request ? request->requestor : NULL));
	entry.policy = strdup(policy->id);
	if (!entry.source || !entry.until || !entry.requestor || !entry.policy) {
		free_refused(&entry);
		return -ENOMEM;
	}
	jit->refused[jit->n_refused++] = entry;
	return 0;
}

/* All sources of a request in one entry each; none: one entry. */
static int refuse_request(struct azure_jit *jit, const struct azure_policy *policy, const struct azure_request *request,
			  const char *why)
{
	if (!request->n_sources)
		return refuse(jit, policy, request, request->number, "", why);
	for (size_t i = 0; i < request->n_sources; i++) {
		int r = refuse(jit, policy, request, request->number, request->sources[i], why);

		if (r)
			return r;
	}
	return 0;
}

/* ---------------------------------------------------------------- protected ports */

/* A protocol that we do not know closes the port for all of them. */
static uint8_t rule_protos(const struct azure_rule *rule, bool *ret_known)
{
	uint8_t protos = PROTO_BITS_ALL;

	*ret_known = !protos_parse(rule->protocol, strlen(rule->protocol), &protos);
	return *ret_known ? protos : PROTO_BITS_ALL;
}

/* 0: not said, or not understood. */
static uint32_t rule_longest_s(const struct azure_rule *rule)
{
	uint32_t s = 0;

	if (rule->longest)
		timefmt_parse_duration(rule->longest, strlen(rule->longest), &s, NULL);
	return s;
}

static int protect(struct snapshot *snapshot, const struct port_rule *rule)
{
	for (size_t i = 0; i < snapshot->n_ports; i++) {
		struct port_rule *known = &snapshot->ports[i];

		if (known->port != rule->port)
			continue;
		known->protos |= rule->protos;
		if (known->longest_s < rule->longest_s)
			known->longest_s = rule->longest_s;
		return 0;
	}
	if (snapshot->n_ports >= JITGATE_PORT_RULES_MAX)
		return -E2BIG;
	return snapshot_add_port(snapshot, rule);
}

static int add_rule(struct azure_jit *jit, const struct azure_policy *policy, const struct azure_rule *rule)
{
	struct port_rule port = {.port = rule->number, .longest_s = rule_longest_s(rule)};
	bool known;

	if (!rule->number)
		return refuse(jit, policy, NULL, 0, "", "port 0 cannot be protected");
	port.protos = rule_protos(rule, &known);
	if (!known) {
		int r = refuse(jit, policy, NULL, rule->number, "",
			       "protocol of the port not understood: it is closed for all protocols");

		if (r)
			return r;
	}
	return protect(&jit->snapshot, &port);
}

static int compare_ports(const void *a, const void *b)
{
	const struct port_rule *x = a, *y = b;

	return (x->port > y->port) - (x->port < y->port);
}

/* ---------------------------------------------------------------- requests */

/* What a policy's rules say about one port number. */
struct terms {
	uint16_t number;
	uint8_t protos;
	uint32_t longest_s;
	const char *why_not; /* NULL: a request can be granted */
};

/* A policy, and the terms of each number in its rules: read once, since thousands of requests may ask for them. */
struct offer {
	const struct azure_policy *policy;
	struct terms *terms;
	size_t n;
};

static void free_offer(struct offer *offer)
{
	free(offer->terms);
}

static struct terms *find_terms(const struct offer *offer, uint16_t number)
{
	for (size_t i = 0; i < offer->n; i++) {
		if (offer->terms[i].number == number)
			return &offer->terms[i];
	}
	return NULL;
}

/*
 * A request names no protocol, so it is for all rules of its number in its own policy: the protocols of all, the
 * shortest of the limits.
 */
static void add_terms(struct offer *offer, const struct azure_rule *rule)
{
	struct terms *terms = find_terms(offer, rule->number);
	uint32_t longest_s = rule_longest_s(rule);
	bool known;

	if (!terms) {
		terms = &offer->terms[offer->n++];
		*terms = (struct terms){.number = rule->number, .longest_s = UINT32_MAX};
	}
	terms->protos |= rule_protos(rule, &known);
	if (!known)
		terms->why_not = "protocol of the port not understood";
	if (!longest_s)
		terms->why_not = "maxRequestAccessDuration of the port not understood";
	if (terms->longest_s > longest_s)
		terms->longest_s = longest_s;
}

static int make_offer(const struct azure_policy *policy, struct offer *ret)
{
	*ret = (struct offer){.policy = policy};
	if (!policy->n_rules)
		return 0;
	ret->terms = calloc(policy->n_rules, sizeof(*ret->terms));
	if (!ret->terms)
		return -ENOMEM;
	for (size_t i = 0; i < policy->n_rules; i++)
		add_terms(ret, &policy->rules[i]);
	return 0;
}

static bool parse_time(const char *text, struct wall_time *ret)
{
	return text && !timefmt_parse_rfc3339(text, strlen(text), ret, NULL);
}

/* NULL when the request's times are in order. */
static const char *check_times(const struct azure_request *request, uint32_t longest_s, struct wall_time now,
			       struct wall_time end, struct wall_time *ret_start)
{
	struct wall_time start;
	int64_t ahead, length;

	if (!parse_time(request->start, &start))
		return "startTimeUtc not understood";
	/* No date is before 1970, so neither difference overflows. */
	ahead = start.ns - now.ns;
	length = end.ns - start.ns;
	if (ahead > AZURE_CLOCK_SLACK_S * NS_PER_S)
		return "begins in the future: this machine's clock may be wrong";
	if (length > ((int64_t)longest_s + AZURE_CLOCK_SLACK_S) * NS_PER_S)
		return "ends later than the policy allows";
	*ret_start = start;
	return NULL;
}

static int add_grant(struct azure_jit *jit, const struct azure_policy *policy, const struct azure_request *request,
		     const struct grant *grant)
{
	if (jit->snapshot.grants.n >= JITGATE_GRANTS_MAX)
		return -E2BIG;
	return grant_set_add(&jit->snapshot.grants, grant, or_empty(request->requestor),
			     or_empty(request->justification), policy->id);
}

static int grant_source(struct azure_jit *jit, const struct azure_policy *policy, const struct azure_request *request,
			const char *source, struct grant grant)
{
	if (strcmp(source, "*") == 0) {
		int r;

		grant.source = cidr_any(JITGATE_IPV4);
		r = add_grant(jit, policy, request, &grant);
		if (r)
			return r;
		grant.source = cidr_any(JITGATE_IPV6);
		return add_grant(jit, policy, request, &grant);
	}
	if (cidr_parse(source, strlen(source), &grant.source, NULL))
		return refuse(jit, policy, request, request->number, source,
			      "source not understood: only an address, a CIDR or * is");
	return add_grant(jit, policy, request, &grant);
}

/* The status says Initiated and the end is ahead. */
static int judge_live(struct azure_jit *jit, const struct offer *offer, const struct azure_request *request,
		      struct wall_time end)
{
	static const struct terms none = {.why_not = "the policy has no such port for this VM"};
	const struct azure_policy *policy = offer->policy;
	const struct terms *found = find_terms(offer, request->number), *terms = found ? found : &none;
	struct grant grant = {.port = request->number, .protos = terms->protos, .until = end};
	const char *why = terms->why_not;

	if (!request->number)
		why = "port 0 cannot be granted";
	if (!why)
		why = check_times(request, terms->longest_s, jit->snapshot.taken, end, &grant.start);
	if (!why && !request->n_sources)
		why = "no source address";
	if (why)
		return refuse_request(jit, policy, request, why);
	for (size_t i = 0; i < request->n_sources; i++) {
		int r = grant_source(jit, policy, request, request->sources[i], grant);

		if (r)
			return r;
	}
	return 0;
}

/* Old requests stay in the list for weeks: what is over is passed by without a word, whatever it says. */
static int judge_request(struct azure_jit *jit, const struct offer *offer, const struct azure_request *request)
{
	const char *status = or_empty(request->status);
	struct wall_time end;

	if (azure_id_equal(status, "Revoked"))
		return 0;
	if (!parse_time(request->end, &end))
		return refuse_request(jit, offer->policy, request, "endTimeUtc not understood");
	if (end.ns <= jit->snapshot.taken.ns)
		return 0;
	if (azure_id_equal(status, "Initiating")) {
		jit->initiating = true;
		return 0;
	}
	if (!azure_id_equal(status, "Initiated"))
		return refuse_request(jit, offer->policy, request, "status not understood");
	return judge_live(jit, offer, request, end);
}

static int add_policy(struct azure_jit *jit, const struct azure_policy *policy)
{
	CLEANUP(free_offer) struct offer offer = {0};
	int r = policy->n_rules > RULES_MAX ? -E2BIG : make_offer(policy, &offer);

	for (size_t i = 0; !r && i < policy->n_rules; i++)
		r = add_rule(jit, policy, &policy->rules[i]);
	for (size_t i = 0; !r && i < policy->n_requests; i++)
		r = judge_request(jit, &offer, &policy->requests[i]);
	return r;
}

int azure_jit_snapshot(const struct azure_listing *listing, struct wall_time now, struct azure_jit *ret)
{
	_cleanup_azure_jit_ struct azure_jit jit = {.snapshot.taken = now, .n_policies = listing->n};

	for (size_t i = 0; i < listing->n; i++) {
		int r = add_policy(&jit, &listing->policies[i]);

		if (r)
			return r;
	}
	if (jit.snapshot.n_ports)
		qsort(jit.snapshot.ports, jit.snapshot.n_ports, sizeof(*jit.snapshot.ports), compare_ports);
	*ret = jit;
	jit = (struct azure_jit){0};
	return 0;
}

/* ---------------------------------------------------------------- for people */

static void report_grant(const struct grant_set *set, const struct grant *grant, struct text *out)
{
	char source[CIDR_TEXT_MAX], protos[PROTOS_TEXT_MAX];

	cidr_format(&grant->source, source);
	text_printf(out, "{\"source\":\"%s\",\"port\":%u,\"proto\":\"%s\",\"until\":\"", source, grant->port,
		    protos_format(grant->protos, protos));
	text_rfc3339(out, grant->until);
	text_printf(out, "\",\"requestor\":");
	text_json_string(out, grant_set_text(set, grant->requestor));
	text_printf(out, ",\"justification\":");
	text_json_string(out, grant_set_text(set, grant->justification));
	text_printf(out, ",\"policy\":");
	text_json_string(out, grant_set_text(set, grant->origin));
	text_printf(out, "}");
}

static void report_refused(const struct azure_refused *refused, struct text *out)
{
	text_printf(out, "{\"why\":");
	text_json_string(out, refused->why);
	text_printf(out, ",\"port\":%u,\"source\":", refused->port);
	text_json_string(out, refused->source);
	text_printf(out, ",\"policy\":");
	text_json_string(out, refused->policy);
	text_printf(out, "}");
}

/* The comma and the new line before element `i`. */
static void report_next(size_t i, struct text *out)
{
	text_printf(out, "%s\n    ", i ? "," : "");
}

void azure_jit_report(const struct azure_jit *jit, const char *vm_id, struct text *out)
{
	const struct snapshot *snapshot = &jit->snapshot;
	char protos[PROTOS_TEXT_MAX];

	text_printf(out, "{\n  \"vm\": ");
	text_json_string(out, vm_id);
	text_printf(out, ",\n  \"ports\": [");
	for (size_t i = 0; i < snapshot->n_ports; i++) {
		const struct port_rule *rule = &snapshot->ports[i];

		report_next(i, out);
		text_printf(out, "{\"port\":%u,\"proto\":\"%s\",\"longest_s\":%u}", rule->port,
			    protos_format(rule->protos, protos), rule->longest_s);
	}
	text_printf(out, "%s],\n  \"grants\": [", snapshot->n_ports ? "\n  " : "");
	for (size_t i = 0; i < snapshot->grants.n; i++) {
		report_next(i, out);
		report_grant(&snapshot->grants, &snapshot->grants.grants[i], out);
	}
	text_printf(out, "%s],\n  \"refused\": [", snapshot->grants.n ? "\n  " : "");
	for (size_t i = 0; i < jit->n_refused; i++) {
		report_next(i, out);
		report_refused(&jit->refused[i], out);
	}
	text_printf(out, "%s]\n}\n", jit->n_refused ? "\n  " : "");
}
