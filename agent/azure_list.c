// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See azure_list.h. What an answer means for the next question is azure_plan's.
 */
#include "azure_list.h"

#include <errno.h>
#include <string.h>

#include "azure_http.h"
#include "azure_listing.h"
#include "azure_renew.h"

/* The addresses of one list's pages so far, each as "\nADDRESS\n". */
struct trail {
	struct text asked;
	size_t n;
};

static void free_trail(struct trail *trail)
{
	text_free(&trail->asked);
}

/* A token can be revoked before its end, so the first 401 of a poll gets one more try with a new one. */
static int ask_arm(struct azure_asker *asker, const struct azure_question *q, struct clock_pair now,
		   struct azure_http_response *ret, struct azure_answer *answer)
{
	int r = azure_ask(asker, q, ret, answer);

	if (r || ret->status != 401)
		return r;
	r = azure_renew_refused(asker, now, answer);
	if (r < 0)
		return r;
	answer->status = ret->status; /* of ARM, whatever IMDS said */
	if (!r)
		return 0;
	azure_http_response_free(ret);
	r = azure_ask(asker, q, ret, answer);
	if (!r && ret->status == 401)
		azure_token_refuse(asker->token);
	return r;
}

/* May the list go on at `link`? */
static int check_link(struct trail *trail, const struct azure_question *q, const char *link,
		      struct azure_answer *answer)
{
	_cleanup_text_ struct text line = {0};

	if (!azure_url_same_origin(q->endpoint, link))
		return azure_ask_blame(answer, q, -EREMOTEIO,
				       "the list goes on at another address, the token stays here");
	if (strlen(link) > AZURE_LINK_MAX)
		return azure_ask_blame(answer, q, -EREMOTEIO, "the list goes on at an address that is too long");
	if (trail->n == AZURE_PAGES_MAX)
		return azure_ask_blame(answer, q, -EREMOTEIO, "the list does not end");
	text_printf(&line, "\n%s\n", link);
	if (!line.failed && trail->asked.data && strstr(trail->asked.data, line.data))
		return azure_ask_blame(answer, q, -EREMOTEIO, "the list goes round in a circle");
	text_append(&trail->asked, line.data, line.len);
	trail->n++;
	return line.failed || trail->asked.failed ? azure_ask_no_memory(answer) : 0;
}

/* One page. *ret_next: where the list goes on, or NULL. */
static int read_body(struct azure_asker *asker, const struct azure_question *q,
		     const struct azure_http_response *response, struct azure_listing *listing, char **ret_next,
		     struct azure_answer *answer)
{
	struct parse_error err;
	int r;

	if (q->goal == AZURE_GOAL_POLICY)
		r = azure_json_policy(response->body, response->len, asker->vm.id, listing, &err);
	else
		r = azure_json_page(response->body, response->len, asker->vm.id, listing, ret_next, &err);
	return r ? azure_ask_blame_body(answer, q, r, &err) : 0;
}

/* The page at `url`, behind the first one. */
static int read_page(struct azure_asker *asker, const struct azure_question *list, const char *url,
		     struct clock_pair now, struct azure_listing *listing, char **ret_next, struct azure_answer *answer)
{
	_cleanup_azure_http_response_ struct azure_http_response response = {0};
	struct azure_question q = *list;
	int r;

	q.url = url;
	r = ask_arm(asker, &q, now, &response, answer);
	if (r)
		return r;
	if (response.status != 200)
		return azure_ask_blame_status(answer, &q, &response);
	return read_body(asker, &q, &response, listing, ret_next, answer);
}

/* All pages from `link` on, which may be NULL; the first one was at q->url. */
static int read_pages(struct azure_asker *asker, const struct azure_question *q, const char *link,
		      struct clock_pair now, struct azure_listing *listing, struct azure_answer *answer)
{
	CLEANUP(free_trail) struct trail trail = {.n = 1};
	_cleanup_free_ char *at = NULL;

	text_printf(&trail.asked, "\n%s\n", q->url);
	while (link) {
		char *next = NULL;
		int r = check_link(&trail, q, link, answer);

		if (!r)
			r = read_page(asker, q, link, now, listing, &next, answer);
		if (r)
			return r;
		free(at);
		link = at = next;
	}
	return 0;
}

static enum azure_next judge(struct azure_asker *asker, struct azure_source *source,
			     const struct azure_http_response *response)
{
	struct azure_error error = {0};

	if (response->status != 200 && azure_json_error(response->body, response->len, &error))
		error = (struct azure_error){0};
	return azure_plan_judge(source, &asker->vm, response->status, error.code);
}

/* Said once each time that it goes: a name that is wrong in the config looks like this, too. */
static void tell_gone(struct azure_source *source, struct azure_answer *answer)
{
	struct text *news = &answer->news;

	if (source->gone_told)
		return;
	source->gone_told = true;
	text_printf(news, "%sthere is no JIT policy ", news->len ? "; " : "");
	text_quoted(news, source->scope.name);
	text_printf(news, " in region ");
	text_quoted(news, source->scope.region);
	text_printf(news, " of group ");
	text_quoted(news, source->scope.group);
	text_printf(news, ", so it protects no port; is it written right in azure.policies?");
}

/* The first address of a source, and the pages behind it. *ret_narrower: the list is forbidden, ask for less. */
static int read_source(struct azure_asker *asker, struct azure_source *source, struct clock_pair now,
		       struct azure_listing *listing, bool *ret_narrower, struct azure_answer *answer)
{
	_cleanup_azure_http_response_ struct azure_http_response response = {0};
	_cleanup_text_ struct text url = {0};
	struct azure_question q = {
		.goal = source->scope.name ? AZURE_GOAL_POLICY : AZURE_GOAL_LIST,
		.endpoint = azure_ask_arm(asker),
		.scope = source->configured ? &source->scope : NULL,
	};
	enum azure_next next;
	_cleanup_free_ char *link = NULL;
	int r;

	azure_plan_url(source, q.endpoint, &asker->vm, &url);
	if (url.failed)
		return azure_ask_no_memory(answer);
	q.url = url.data;
	r = ask_arm(asker, &q, now, &response, answer);
	if (r)
		return r;
	next = judge(asker, source, &response);
	*ret_narrower = next == AZURE_NARROWER;
	if (next == AZURE_FAILED)
		return azure_ask_blame_status(answer, &q, &response);
	if (next == AZURE_GONE)
		tell_gone(source, answer);
	if (next != AZURE_READ)
		return 0;
	source->gone_told = false;
	r = read_body(asker, &q, &response, listing, &link, answer);
	return r ? r : read_pages(asker, &q, link, now, listing, answer);
}

/* Said once: a policy of another region would not be seen. */
static void tell_region(const struct azure_asker *asker, struct azure_source *source, struct azure_answer *answer)
{
	struct text *news = &answer->news;

	if (source->region_told)
		return;
	source->region_told = true;
	text_printf(news, "%sthe list of all regions is forbidden, so only JIT policies of region %s are seen",
		    news->len ? "; " : "", asker->vm.region);
	if (source->configured) {
		text_printf(news, source->scope.group ? " in group " : " in subscription ");
		text_quoted(news, source->scope.group ? source->scope.group : source->scope.subscription);
	}
}

int azure_list(struct azure_asker *asker, struct clock_pair now, struct azure_listing *listing,
	       struct azure_answer *answer)
{
	for (size_t i = 0; i < asker->plan.n; i++) {
		struct azure_source *source = &asker->plan.sources[i];
		bool narrower;
		int r;

		do {
			r = read_source(asker, source, now, listing, &narrower, answer);
			if (r)
				return r;
		} while (narrower); /* once: azure_plan_judge sees to it */
		if (source->one_region)
			tell_region(asker, source, answer);
	}
	answer->status = 200;
	return azure_listing_unique(listing) ? azure_ask_no_memory(answer) : 0;
}
