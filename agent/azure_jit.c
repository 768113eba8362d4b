// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. The meaning of JIT policies. Owns every rule of what is granted and what is refused; knows no JSON, no socket
 * and no clock.
 */
#include "azure_jit.h"

#include <errno.h>
#include <string.h>

#include "azure_before.h"
#include "jitgate_abi.h"
#include "text.h"
#include "timefmt.h"

/* Rules looked at before merging; far above what a VM has, and it bounds the look-ups below. */
#define RULES_MAX (4 * JITGATE_PORT_RULES_MAX)

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

/* ---------------------------------------------------------------- refusals */

void azure_jit_free(struct azure_jit *jit)
{
	azure_refused_free(jit->refused, jit->n_refused);
	snapshot_free(&jit->snapshot);
	*jit = (struct azure_jit){0};
}

/* `request` is NULL for a refused rule. */
static int refuse(struct azure_jit *jit, const struct azure_policy *policy, const struct azure_request *request,
		  uint16_t port, const char *source, const char *why)
{
	const struct refused_texts texts = {
		.why = why,
		.source = or_empty(source),
		.until = or_empty(request ? request->end : NULL),
		.requestor = or_empty(request ? request->requestor : NULL),
		.policy = policy->id,
	};

	return azure_refused_add(&jit->refused, &jit->n_refused, port, &texts);
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

/* What one judgement works on. */
struct work {
	const struct azure_basis *basis;
	struct azure_before before; /* when the clock is wrong */
	struct azure_jit jit;
};

static void free_work(struct work *work)
{
	azure_before_free(&work->before);
	azure_jit_free(&work->jit);
}

/* NULL when the request's times are in order. */
static const char *check_times(const struct azure_request *request, uint32_t longest_s, const struct azure_basis *basis,
			       struct wall_time end, struct wall_time *ret_start)
{
	struct wall_time start, theirs = azure_clock_theirs(basis->clock, basis->now);
	int64_t ahead, length;

	if (!parse_time(request->start, &start))
		return "startTimeUtc not understood";
	/* No date is before 1970, and no clock is off by a century: neither difference overflows. */
	ahead = start.ns - (theirs.ns > basis->now.ns ? theirs.ns : basis->now.ns);
	length = end.ns - start.ns;
	if (ahead > AZURE_CLOCK_SLACK_S * NS_PER_S)
		return "begins in the future: this machine's clock may be wrong";
	if (length > ((int64_t)longest_s + AZURE_CLOCK_SLACK_S) * NS_PER_S)
		return "ends later than the policy allows";
	if (length > (AZURE_LONGEST_S + AZURE_CLOCK_SLACK_S) * NS_PER_S)
		return "longer than a day";
	*ret_start = start;
	return NULL;
}

/* A request that is in order, on its way into the snapshot. */
struct approved {
	const struct azure_policy *policy;
	const struct azure_request *request;
	struct grant grant; /* all but the source */
};

static int add_grant(struct azure_jit *jit, const struct approved *approved, const struct cidr *source,
		     const char *justification)
{
	struct grant grant = approved->grant;

	if (jit->snapshot.grants.n >= JITGATE_GRANTS_MAX)
		return -E2BIG;
	grant.source = *source;
	return grant_set_add(&jit->snapshot.grants, &grant, or_empty(approved->request->requestor), justification,
			     approved->policy->id);
}

static bool is_believed(const struct work *work, const struct approved *approved, const struct cidr *source)
{
	struct grant grant = approved->grant;

	grant.source = *source;
	return !work->jit.clock_wrong || azure_before_has(&work->before, &grant);
}

/* As one text of the request names it: an address, or "*", which is two. 0: it is no source. */
static size_t read_source(const char *text, struct cidr ret[2])
{
	if (strcmp(text, "*") == 0) {
		ret[0] = cidr_any(JITGATE_IPV4);
		ret[1] = cidr_any(JITGATE_IPV6);
		return 2;
	}
	return cidr_parse(text, strlen(text), &ret[0], NULL) ? 0 : 1;
}

static int grant_source(struct work *work, const struct approved *approved, const char *text)
{
	struct cidr sources[2];
	size_t n = read_source(text, sources);
	const char *why = n ? NULL : "source not understood: only an address, a CIDR or * is";

	for (size_t i = 0; i < n; i++) {
		if (!is_believed(work, approved, &sources[i]))
			why = "this machine's clock and Azure's are too far apart for a new grant to be believed";
	}
	if (why)
		return refuse(&work->jit, approved->policy, approved->request, approved->grant.port, text, why);
	for (size_t i = 0; i < n; i++) {
		int r = add_grant(&work->jit, approved, &sources[i], or_empty(approved->request->justification));

		if (r)
			return r;
	}
	return 0;
}

/* By what jitgated will say of it, as far as its guard rails are known here. */
static bool is_let_in(const struct azure_basis *basis, const struct grant *grant)
{
	return !basis->guard || guard_check(basis->guard, grant, basis->now) == GUARD_OK;
}

/* One of the grants from `first` on lets that network in already. */
static bool is_covered(const struct azure_basis *basis, const struct grant_set *set, size_t first,
		       const struct cidr *source)
{
	for (size_t i = first; i < set->n; i++) {
		if (cidr_covers(&set->grants[i].source, source) && is_let_in(basis, &set->grants[i]))
			return true;
	}
	return false;
}

/* How many of the grants from `first` on are let in; the first of them into *client. */
static size_t count_clients(const struct azure_basis *basis, const struct grant_set *set, size_t first,
			    char client[CIDR_TEXT_MAX])
{
	size_t n = 0;

	for (size_t i = first; i < set->n; i++) {
		if (is_let_in(basis, &set->grants[i]) && !n++)
			cidr_format(&set->grants[i].source, client);
	}
	return n;
}

/* What stands in place of the client's address, once for all addresses of a request that are let in; they are among
 * those from `first` on. */
static int translate(struct work *work, const struct approved *approved, size_t first)
{
	const struct azure_basis *basis = work->basis;
	const struct grant_set *set = &work->jit.snapshot.grants;
	_cleanup_text_ struct text why = {0};
	char client[CIDR_TEXT_MAX];
	size_t n = count_clients(basis, set, first, client);

	if (!n)
		return 0;
	text_printf(&why, "translated from %s", client);
	if (n > 1)
		text_printf(&why, " and %zu more", n - 1);
	if (*or_empty(approved->request->justification))
		text_printf(&why, ": %s", approved->request->justification);
	if (why.failed)
		return -ENOMEM;
	for (size_t i = 0; i < basis->n_translate; i++) {
		int r = 0;

		if (!is_covered(basis, set, first, &basis->translate[i]))
			r = add_grant(&work->jit, approved, &basis->translate[i], why.data);
		if (r)
			return r;
	}
	return 0;
}

/* The status says Initiated and the end is ahead. */
static int judge_live(struct work *work, const struct offer *offer, const struct azure_request *request,
		      struct wall_time end)
{
	static const struct terms none = {.why_not = "the policy has no such port for this VM"};
	const struct terms *found = find_terms(offer, request->number), *terms = found ? found : &none;
	struct approved approved = {.policy = offer->policy,
				    .request = request,
				    .grant = {.port = request->number, .protos = terms->protos, .until = end}};
	const char *why = terms->why_not;
	size_t first = work->jit.snapshot.grants.n;

	if (!request->number)
		why = "port 0 cannot be granted";
	if (!why)
		why = check_times(request, terms->longest_s, work->basis, end, &approved.grant.start);
	if (!why && !request->n_sources)
		why = "no source address";
	if (why)
		return refuse_request(&work->jit, offer->policy, request, why);
	for (size_t i = 0; i < request->n_sources; i++) {
		int r = grant_source(work, &approved, request->sources[i]);

		if (r)
			return r;
	}
	return translate(work, &approved, first);
}

/* Old requests stay in the list for weeks: what is over is passed by without a word, whatever it says. */
static int judge_request(struct work *work, const struct offer *offer, const struct azure_request *request)
{
	struct azure_jit *jit = &work->jit;
	const char *status = or_empty(request->status);
	struct wall_time end;
	bool timed = parse_time(request->end, &end);

	if (azure_id_equal(status, "Revoked") || (timed && end.ns <= jit->snapshot.taken.ns))
		return 0;
	if (request->odd)
		return refuse_request(jit, offer->policy, request, request->odd);
	if (!timed)
		return refuse_request(jit, offer->policy, request, "endTimeUtc not understood");
	if (azure_id_equal(status, "Initiating")) {
		jit->initiating = true;
		return 0;
	}
	if (!azure_id_equal(status, "Initiated"))
		return refuse_request(jit, offer->policy, request, "status not understood");
	return judge_live(work, offer, request, end);
}

static int add_policy(struct work *work, const struct azure_policy *policy)
{
	CLEANUP(free_offer) struct offer offer = {0};
	int r = policy->n_rules > RULES_MAX ? -E2BIG : make_offer(policy, &offer);

	for (size_t i = 0; !r && i < policy->n_rules; i++)
		r = add_rule(&work->jit, policy, &policy->rules[i]);
	for (size_t i = 0; !r && i < policy->n_requests; i++)
		r = judge_request(work, &offer, &policy->requests[i]);
	return r;
}

static int start_work(struct work *work, const struct azure_basis *basis, size_t n_policies)
{
	*work = (struct work){.basis = basis};
	work->jit = (struct azure_jit){
		.snapshot = {.taken = basis->now,
			     .clock_known = basis->clock.known,
			     .clock_offset_s = basis->clock.offset_s},
		.n_policies = n_policies,
		.clock_wrong = azure_clock_is_wrong(basis->clock, basis->clock_tolerance_s),
	};
	if (!work->jit.clock_wrong)
		return 0;
	/* Then none of the running grants could be told from a new one. */
	work->jit.snapshot.keeps_grants = !basis->before || basis->before->snapshot.keeps_grants;
	if (work->jit.snapshot.keeps_grants)
		return 0;
	return azure_before_init(&work->before, &basis->before->snapshot.grants);
}

int azure_jit_snapshot(const struct azure_listing *listing, const struct azure_basis *basis, struct azure_jit *ret)
{
	CLEANUP(free_work) struct work work = {0};
	struct snapshot *snapshot = &work.jit.snapshot;
	int r = start_work(&work, basis, listing->n);

	for (size_t i = 0; !r && i < listing->n; i++)
		r = add_policy(&work, &listing->policies[i]);
	if (!r)
		r = azure_refused_tell(work.jit.refused, work.jit.n_refused, &snapshot->refused);
	if (r)
		return r;
	if (snapshot->n_ports)
		qsort(snapshot->ports, snapshot->n_ports, sizeof(*snapshot->ports), compare_ports);
	*ret = work.jit;
	work.jit = (struct azure_jit){0};
	return 0;
}
