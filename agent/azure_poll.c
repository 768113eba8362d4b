// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. The order of questions and the words for what goes wrong. HTTP is azure_http's, JSON azure_json's, meaning
 * azure_jit's.
 */
#include "azure_poll.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "azure_http.h"
#include "jitgate_abi.h"
#include "number.h"
#include "timefmt.h"

#define IMDS_BYTES_MAX (256 * 1024)
#define TOKEN_LEFT_S 300 /* renewed when it has less to live */

#define ROLE_ACTION "Microsoft.Security/locations/jitNetworkAccessPolicies/read"

enum asked_for { ASK_COMPUTE, ASK_TOKEN, ASK_LIST };

/* One question, on its way through this file. */
struct question {
	enum asked_for what;
	const char *endpoint; /* for people */
	const char *url;
	const char *bearer; /* NULL: none */
};

static const char *const goals[] = {
	[ASK_COMPUTE] = "learn which VM this is",
	[ASK_TOKEN] = "get a token",
	[ASK_LIST] = "list JIT policies",
};

void azure_asker_free(struct azure_asker *asker)
{
	azure_vm_free(&asker->vm);
	azure_token_free(&asker->token);
}

void azure_answer_free(struct azure_answer *answer)
{
	azure_jit_free(&answer->jit);
	text_free(&answer->why);
	text_free(&answer->detail);
}

static const char *imds_of(const struct azure_asker *asker)
{
	return *asker->conf->imds_endpoint ? asker->conf->imds_endpoint : AZURE_IMDS_ENDPOINT;
}

/* NULL when neither the config nor the cloud says it. */
static const char *arm_of(const struct azure_asker *asker)
{
	if (*asker->conf->arm_endpoint)
		return asker->conf->arm_endpoint;
	return asker->cloud ? asker->cloud->arm : NULL;
}

static bool is_https(const char *url)
{
	return url && strncmp(url, "https://", strlen("https://")) == 0;
}

/* ---------------------------------------------------------------- what went wrong */

static int blame(struct azure_answer *answer, const struct question *q, int r, const char *why)
{
	text_printf(&answer->why, "cannot %s: %s: %s", goals[q->what], q->endpoint, why);
	return r;
}

static const char *remedy_of(enum asked_for what, long status)
{
	if (what == ASK_COMPUTE && status == 404)
		return "; is this an Azure VM?";
	if (what == ASK_TOKEN && (status == 400 || status == 401 || status == 404))
		return "; give the VM a managed identity, or name the right one in azure.identity";
	if (what == ASK_LIST && status == 401)
		return "; the token was refused, a new one too";
	if (what == ASK_LIST && status == 403)
		return "; give the VM's identity " ROLE_ACTION " on the resource group";
	if (what == ASK_LIST && status == 404)
		return "; is the resource group still there, and may the VM's identity see it?";
	return "";
}

/* Of an answer that says nothing more itself, as those of gateways do. */
static const char *status_words(long status)
{
	static const struct {
		long status;
		const char *words;
	} known[] = {
		{400, " (Bad Request)"}, {401, " (Unauthorized)"},        {403, " (Forbidden)"},
		{404, " (Not Found)"},   {429, " (Too Many Requests)"},   {500, " (Internal Server Error)"},
		{502, " (Bad Gateway)"}, {503, " (Service Unavailable)"}, {504, " (Gateway Timeout)"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (known[i].status == status)
			return known[i].words;
	}
	return "";
}

static void append_pause(struct text *out, const struct azure_http_response *response)
{
	text_printf(out, "; asked too often");
	if (response->retry_after_s)
		text_printf(out, ", to be asked again in %" PRIu32 " s at the earliest", response->retry_after_s);
}

/* Codes are words; anything else is shown escaped. */
static void append_code(struct text *out, const char *code)
{
	bool word = *code;

	for (const char *p = code; *p; p++)
		word = word && (((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z') || (*p >= '0' && *p <= '9') || *p == '_');
	text_printf(out, " ");
	if (word)
		text_printf(out, "%s", code);
	else
		text_quoted(out, code);
}

/* Any status but 200. */
static int blame_status(struct azure_answer *answer, const struct question *q,
			const struct azure_http_response *response)
{
	struct azure_error error;

	text_printf(&answer->why, "cannot %s: %s answers %ld", goals[q->what], q->endpoint, response->status);
	if (!azure_json_error(response->body, response->len, &error)) {
		append_code(&answer->why, error.code);
		text_printf(&answer->detail, " message=");
		text_quoted(&answer->detail, error.message);
	} else {
		text_printf(&answer->why, "%s", status_words(response->status));
	}
	text_printf(&answer->why, "%s", remedy_of(q->what, response->status));
	if (response->status == 429)
		append_pause(&answer->why, response);
	if (*response->correlation) {
		text_printf(&answer->detail, " correlation=");
		text_quoted(&answer->detail, response->correlation);
	}
	return -EREMOTEIO;
}

static int blame_parse(struct azure_answer *answer, const struct question *q, int r, const struct parse_error *err)
{
	if (r == -ENOMEM)
		return blame(answer, q, r, "out of memory");
	text_printf(&answer->why, "cannot %s: %s: answer not understood: %s", goals[q->what], q->endpoint, err->why);
	if (err->offset)
		text_printf(&answer->why, " (byte %zu)", err->offset);
	return r;
}

/* ---------------------------------------------------------------- asking */

/* 0 only for a 200; *ret is filled whenever there was an answer. */
static int ask(struct azure_asker *asker, const struct question *q, struct azure_http_response *ret,
	       struct azure_answer *answer)
{
	const struct azure_http_request request = {
		.url = q->url,
		.header = q->what == ASK_LIST ? NULL : "Metadata: true",
		.bearer = q->bearer,
		.proxy = q->what == ASK_LIST ? asker->conf->proxy : "",
		.ca_file = q->what == ASK_LIST ? asker->conf->ca_file : "",
		.body_max = q->what == ASK_LIST ? AZURE_JSON_BYTES_MAX : IMDS_BYTES_MAX,
		.allow_http = !is_https(q->endpoint), /* the config has seen to where that may be */
		.stop_fd = asker->stop_fd,
	};
	char error[AZURE_HTTP_ERROR_MAX];
	int r;

	if (q->what == ASK_LIST)
		answer->n_reads++;
	r = azure_http_get(&request, ret, error);
	answer->status = r ? 0 : ret->status;
	if (r)
		return blame(answer, q, r, error);
	if (answer->retry_after_s < ret->retry_after_s)
		answer->retry_after_s = ret->retry_after_s;
	return ret->status == 200 ? 0 : blame_status(answer, q, ret);
}

static int out_of_memory(struct azure_answer *answer)
{
	text_printf(&answer->why, "out of memory");
	return -ENOMEM;
}

/* A text that is complete, or NULL. */
static const char *url_of(const struct text *url)
{
	return url->failed ? NULL : url->data;
}

static int learn_vm(struct azure_asker *asker, struct azure_compute *compute, const struct question *q,
		    struct azure_answer *answer)
{
	const char *cloud = azure_id_equal(asker->conf->cloud, "auto") ? compute->environment : asker->conf->cloud;
	struct parse_error err;
	struct azure_vm vm;
	int r = azure_vm_parse(compute->resource_id, &vm, &err);

	if (r)
		return blame_parse(answer, q, r, &err);
	azure_vm_free(&asker->vm);
	asker->vm = vm;
	asker->cloud = azure_cloud_find(cloud);
	if (arm_of(asker))
		return 0;
	text_printf(&answer->why, "cannot tell which Azure this is: IMDS says azEnvironment=");
	text_quoted(&answer->why, cloud);
	text_printf(&answer->why, "; set azure.arm_endpoint");
	return -EINVAL;
}

static int identify(struct azure_asker *asker, struct boot_time now, struct azure_answer *answer)
{
	_cleanup_azure_http_response_ struct azure_http_response response = {0};
	_cleanup_text_ struct text url = {0};
	struct question q = {.what = ASK_COMPUTE, .endpoint = imds_of(asker)};
	struct azure_compute compute;
	struct parse_error err;
	int r;

	if (now.ns < asker->vm_until.ns)
		return 0;
	azure_url_compute(&url, q.endpoint);
	q.url = url_of(&url);
	if (!q.url)
		return out_of_memory(answer);
	r = ask(asker, &q, &response, answer);
	if (r)
		return r;
	r = azure_json_compute(response.body, response.len, &compute, &err);
	if (r)
		return blame_parse(answer, &q, r, &err);
	r = learn_vm(asker, &compute, &q, answer);
	azure_compute_free(&compute);
	if (!r)
		asker->vm_until.ns = now.ns + AZURE_IDENTITY_S * (uint64_t)NS_PER_S;
	return r;
}

/* The shorter of what the two fields say, as far as they are there; neither: it is good for this poll. */
static uint64_t token_life_s(const struct azure_token *token, struct wall_time now)
{
	uint64_t life_s = UINT32_MAX, in_s;
	struct wall_time on;

	if (!token->expires_in && !token->expires_on)
		return 0;
	if (token->expires_in) {
		if (number_parse(token->expires_in, strlen(token->expires_in), UINT32_MAX, &in_s))
			return 0;
		life_s = in_s;
	}
	if (token->expires_on) {
		if (timefmt_parse_epoch(token->expires_on, strlen(token->expires_on), &on, NULL) || on.ns <= now.ns)
			return 0;
		in_s = (uint64_t)(on.ns - now.ns) / NS_PER_S;
		life_s = in_s < life_s ? in_s : life_s;
	}
	return life_s;
}

static void keep_token(struct azure_asker *asker, struct azure_token *token, struct clock_pair now)
{
	uint64_t life_s = token_life_s(token, now.wall);
	uint64_t use_s = life_s > 2 * TOKEN_LEFT_S ? life_s - TOKEN_LEFT_S : life_s / 2;

	azure_token_free(&asker->token);
	asker->token = *token;
	asker->token_until.ns = now.boot.ns + use_s * NS_PER_S;
}

static int append_audience(struct azure_asker *asker, struct text *out)
{
	if (asker->cloud)
		text_printf(out, "%s", asker->cloud->audience);
	else
		text_printf(out, "%s/", arm_of(asker));
	return out->failed ? -ENOMEM : 0;
}

static int get_token(struct azure_asker *asker, struct clock_pair now, struct azure_answer *answer)
{
	_cleanup_azure_http_response_ struct azure_http_response response = {0};
	_cleanup_text_ struct text url = {0};
	_cleanup_text_ struct text audience = {0};
	struct question q = {.what = ASK_TOKEN, .endpoint = imds_of(asker)};
	struct azure_token token = {0};
	struct parse_error err;
	int r;

	if (asker->token.secret && now.boot.ns < asker->token_until.ns)
		return 0;
	if (append_audience(asker, &audience))
		return out_of_memory(answer);
	azure_url_token(&url, q.endpoint, audience.data, asker->conf->identity);
	q.url = url_of(&url);
	if (!q.url)
		return out_of_memory(answer);
	r = ask(asker, &q, &response, answer);
	if (r)
		return r;
	r = azure_json_token(response.body, response.len, &token, &err);
	if (r)
		return blame_parse(answer, &q, r, &err);
	keep_token(asker, &token, now);
	return 0;
}

/* A token can be revoked before its end, so a 401 gets one more try with a new one. */
static int ask_list(struct azure_asker *asker, const char *url, struct clock_pair now, struct azure_http_response *ret,
		    struct azure_answer *answer)
{
	struct question q = {.what = ASK_LIST, .endpoint = arm_of(asker), .url = url, .bearer = asker->token.secret};
	int r = ask(asker, &q, ret, answer);

	if (!r || ret->status != 401)
		return r;
	azure_http_response_free(ret);
	azure_token_free(&asker->token);
	text_free(&answer->why);
	text_free(&answer->detail);
	r = get_token(asker, now, answer);
	if (r)
		return r;
	q.bearer = asker->token.secret;
	r = ask(asker, &q, ret, answer);
	if (r && ret->status == 401)
		azure_token_free(&asker->token);
	return r;
}

/* One page; *url becomes the next one's, or NULL. */
static int read_page(struct azure_asker *asker, char **url, struct clock_pair now, struct azure_listing *listing,
		     struct azure_answer *answer)
{
	_cleanup_azure_http_response_ struct azure_http_response response = {0};
	const struct question q = {.what = ASK_LIST, .endpoint = arm_of(asker)};
	struct parse_error err;
	char *next = NULL;
	int r = ask_list(asker, *url, now, &response, answer);

	if (response.status == 404)
		asker->vm_until = (struct boot_time){0}; /* perhaps the VM lives elsewhere now */
	if (r)
		return r;
	answer->date = response.date;
	answer->remaining = response.remaining;
	r = azure_json_page(response.body, response.len, asker->vm.id, listing, &next, &err);
	if (r)
		return blame_parse(answer, &q, r, &err);
	free(*url);
	*url = next;
	if (next && !azure_url_same_origin(q.endpoint, next))
		return blame(answer, &q, -EREMOTEIO, "the list goes on at another address, the token stays here");
	return 0;
}

static int list_policies(struct azure_asker *asker, struct clock_pair now, struct azure_listing *listing,
			 struct azure_answer *answer)
{
	const struct question q = {.what = ASK_LIST, .endpoint = arm_of(asker)};
	_cleanup_text_ struct text first = {0};
	_cleanup_free_ char *url = NULL;

	azure_url_list(&first, q.endpoint, &asker->vm);
	if (!url_of(&first))
		return out_of_memory(answer);
	url = TAKE_PTR(first.data);
	for (int page = 0; url; page++) {
		int r;

		if (page == AZURE_PAGES_MAX)
			return blame(answer, &q, -EREMOTEIO, "the list does not end");
		r = read_page(asker, &url, now, listing, answer);
		if (r)
			return r;
	}
	return 0;
}

int azure_poll(struct azure_asker *asker, struct clock_pair now, struct azure_answer *ret)
{
	_cleanup_azure_listing_ struct azure_listing listing = {0};
	int r;

	ret->remaining = -1;
	r = identify(asker, now.boot, ret);
	if (!r)
		r = get_token(asker, now, ret);
	if (!r)
		r = list_policies(asker, now, &listing, ret);
	if (r)
		return r;
	ret->n_policies = listing.n_seen;
	r = azure_jit_snapshot(&listing, now.wall, &ret->jit);
	if (!r && ret->jit.snapshot.grants.n > asker->max_grants)
		r = -E2BIG;
	if (r == -E2BIG)
		text_printf(&ret->why,
			    "cannot use the JIT policies: more grants for this VM than max_grants, or more than "
			    "%d ports",
			    JITGATE_PORT_RULES_MAX);
	else if (r)
		return out_of_memory(ret);
	return r;
}
