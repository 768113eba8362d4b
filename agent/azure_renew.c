// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See azure_renew.h.
 */
#include "azure_renew.h"

#include <errno.h>
#include <inttypes.h>

#include "azure_http.h"

static void append_audience(const struct azure_asker *asker, struct text *out)
{
	if (*asker->conf->audience)
		text_printf(out, "%s", asker->conf->audience);
	else if (asker->cloud)
		text_printf(out, "%s", asker->cloud->audience);
	else
		text_printf(out, "%s/", azure_ask_arm(asker));
}

/* As azure_token_take; -errno with answer->why. */
static int ask_imds(struct azure_asker *asker, struct clock_pair now, struct azure_answer *answer)
{
	_cleanup_azure_http_response_ struct azure_http_response response = {0};
	_cleanup_text_ struct text url = {0}, audience = {0};
	struct azure_question q = {.goal = AZURE_GOAL_TOKEN, .endpoint = azure_ask_imds(asker)};
	struct parse_error err;
	int r;

	append_audience(asker, &audience);
	if (audience.failed)
		return azure_ask_no_memory(answer);
	azure_url_token(&url, q.endpoint, audience.data, asker->conf->identity);
	if (url.failed)
		return azure_ask_no_memory(answer);
	q.url = url.data;
	r = azure_ask_ok(asker, &q, &response, answer);
	if (r)
		return r;
	r = azure_token_take(asker->token, response.body, response.len, now, &err);
	return r < 0 ? azure_ask_blame_body(answer, &q, r, &err) : r;
}

static int make_token(struct azure_asker *asker, struct azure_answer *answer)
{
	if (!asker->token)
		asker->token = azure_token_new();
	return asker->token ? 0 : azure_ask_no_memory(answer);
}

int azure_renew(struct azure_asker *asker, struct clock_pair now, struct azure_answer *answer)
{
	_cleanup_azure_answer_ struct azure_answer failed = {0};
	int r = make_token(asker, answer);

	if (r || !azure_token_due(asker->token, now.boot))
		return r;
	if (!azure_token_usable(asker->token, now.boot)) {
		r = ask_imds(asker, now, answer);
		return r < 0 ? r : 0;
	}
	r = ask_imds(asker, now, &failed);
	if (r >= 0 || r == -ECANCELED)
		return r < 0 ? r : 0;
	azure_token_defer(asker->token, now.boot, failed.retry_after_s);
	if (!failed.why.failed)
		text_printf(&answer->news, "%s%s; the old one is good for another %" PRIu64 " s",
			    answer->news.len ? "; " : "", failed.why.data, azure_token_left_s(asker->token, now.boot));
	return 0;
}

int azure_renew_refused(struct azure_asker *asker, struct clock_pair now, struct azure_answer *answer)
{
	int r;

	azure_token_refuse(asker->token);
	if (asker->token_renewed)
		return 0;
	asker->token_renewed = true;
	r = ask_imds(asker, now, answer);
	if (r <= 0)
		return r < 0 ? r : 1;
	azure_token_refuse(asker->token); /* the very one that is refused */
	return 0;
}
