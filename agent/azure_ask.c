// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See azure_ask.h. HTTP itself is azure_http's, the words for what goes wrong are azure_blame's.
 */
#include "azure_ask.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include "azure_http.h"
#include "clock.h"
#include "azure_json.h"
#include "log.h"

#define IMDS_BYTES_MAX (256 * 1024)
#define CLIENT_ID "x-ms-client-request-id: "
#define CLIENT_ID_MAX (sizeof(CLIENT_ID) + 36)

static bool is_for_arm(const struct azure_question *q)
{
	return q->goal == AZURE_GOAL_LIST || q->goal == AZURE_GOAL_POLICY;
}

void azure_asker_free(struct azure_asker *asker)
{
	azure_vm_free(&asker->vm);
	azure_token_free(&asker->token);
	azure_plan_free(&asker->plan);
}

void azure_answer_free(struct azure_answer *answer)
{
	azure_jit_free(&answer->jit);
	text_free(&answer->why);
	text_free(&answer->detail);
	text_free(&answer->news);
}

const char *azure_ask_imds(const struct azure_asker *asker)
{
	return *asker->conf->imds_endpoint ? asker->conf->imds_endpoint : AZURE_IMDS_ENDPOINT;
}

const char *azure_ask_arm(const struct azure_asker *asker)
{
	if (*asker->conf->arm_endpoint)
		return asker->conf->arm_endpoint;
	return asker->cloud ? asker->cloud->arm : NULL;
}

/* ---------------------------------------------------------------- what went wrong */

static struct azure_failure *begin_blame(struct azure_answer *answer, struct azure_failure *failure)
{
	text_free(&answer->why);
	text_free(&answer->detail);
	*failure = (struct azure_failure){0};
	return failure;
}

static int end_blame(struct azure_answer *answer, const struct azure_question *q, struct azure_failure *failure, int r)
{
	if (is_for_arm(q) && *answer->client_id)
		text_printf(&failure->detail, " client_request=%s", answer->client_id);
	answer->why = failure->why;
	answer->detail = failure->detail;
	return r;
}

int azure_ask_blame(struct azure_answer *answer, const struct azure_question *q, int r, const char *words)
{
	struct azure_failure failure;

	azure_blame(begin_blame(answer, &failure), q, words);
	return end_blame(answer, q, &failure, r);
}

int azure_ask_blame_status(struct azure_answer *answer, const struct azure_question *q,
			   const struct azure_http_response *response)
{
	struct azure_failure failure;

	azure_blame_status(begin_blame(answer, &failure), q, response);
	return end_blame(answer, q, &failure, -EREMOTEIO);
}

int azure_ask_blame_body(struct azure_answer *answer, const struct azure_question *q, int r,
			 const struct parse_error *err)
{
	struct azure_failure failure;

	azure_blame_body(begin_blame(answer, &failure), q, r, err);
	return end_blame(answer, q, &failure, r);
}

int azure_ask_no_memory(struct azure_answer *answer)
{
	struct azure_failure failure;

	text_printf(&begin_blame(answer, &failure)->why, "out of memory");
	answer->why = failure.why;
	return -ENOMEM;
}

/* ---------------------------------------------------------------- asking */

static bool is_https(const char *url)
{
	return strncmp(url, "https://", strlen("https://")) == 0;
}

/* A fresh GUID, by which Azure's own logs can be searched. Chance is not what it has to be good at. */
static void make_client_id(char line[CLIENT_ID_MAX])
{
	uint8_t b[16] = {0};

	if (getrandom(b, sizeof(b), GRND_NONBLOCK) < 0)
		b[0] = 0;
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	snprintf(line, CLIENT_ID_MAX, CLIENT_ID "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

/* At debug: one line a question, with what a support case needs. */
static void log_question(const struct azure_question *q, const char *client_id, int r,
			 const struct azure_http_response *response)
{
	_cleanup_text_ struct text line = {0};

	if (!log_shows(LOG_LEVEL_DEBUG))
		return;
	text_printf(&line, "asked url=");
	text_quoted(&line, q->url);
	if (*client_id)
		text_printf(&line, " client_request=%s", client_id);
	if (r) {
		text_printf(&line, " failed=%d", -r);
	} else {
		text_printf(&line, " status=%ld bytes=%zu remaining=%" PRId64 " correlation=", response->status,
			    response->len, response->remaining);
		text_quoted(&line, response->correlation);
	}
	if (!line.failed)
		log_debug("%s", line.data);
}

static void note_arm(struct azure_answer *answer, const struct azure_http_response *response, struct clock_pair asked)
{
	struct azure_clock clock = azure_clock_measure(asked, clock_now(), response->date);

	if (clock.known)
		answer->clock = clock;
	if (response->remaining >= 0)
		answer->remaining = response->remaining;
}

int azure_ask(struct azure_asker *asker, const struct azure_question *q, struct azure_http_response *ret,
	      struct azure_answer *answer)
{
	bool arm = is_for_arm(q);
	char client_id[CLIENT_ID_MAX] = CLIENT_ID;
	const struct azure_http_request request = {
		.url = q->url,
		.header = arm ? client_id : "Metadata: true",
		.bearer = arm ? asker->token : NULL,
		.proxy = arm ? asker->conf->proxy : "",
		.ca_file = arm ? asker->conf->ca_file : "",
		.gzip = arm,
		.body_max = arm ? AZURE_JSON_BYTES_MAX : IMDS_BYTES_MAX,
		.allow_http = !is_https(q->endpoint), /* the config has seen to where that may be */
		.stop_fd = asker->stop_fd,
	};
	char error[AZURE_HTTP_ERROR_MAX];
	struct clock_pair asked;
	int r;

	if (arm) {
		make_client_id(client_id);
		memcpy(answer->client_id, client_id + strlen(CLIENT_ID), sizeof(answer->client_id));
		answer->n_reads++;
	}
	asked = clock_now();
	r = azure_http_get(&request, ret, error);
	log_question(q, client_id + strlen(CLIENT_ID), r, ret);
	answer->status = r ? 0 : ret->status;
	if (r)
		return azure_ask_blame(answer, q, r, error);
	if (arm)
		note_arm(answer, ret, asked);
	if (answer->retry_after_s < ret->retry_after_s)
		answer->retry_after_s = ret->retry_after_s;
	return 0;
}

int azure_ask_ok(struct azure_asker *asker, const struct azure_question *q, struct azure_http_response *ret,
		 struct azure_answer *answer)
{
	int r = azure_ask(asker, q, ret, answer);

	return r || ret->status == 200 ? r : azure_ask_blame_status(answer, q, ret);
}
