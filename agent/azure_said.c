// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * TOP. See azure_said.h. Owns the words in the journal about Azure's answers.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "azure_said.h"
#include "azure_report.h"
#include "log.h"
#include "notify.h"

#define CLOCK_OFFSET_AGAIN_S 10 /* another line when it has changed by so much */

static void log_refused(const struct azure_refused *refused)
{
	_cleanup_text_ struct text line = {0};

	text_printf(&line, "refused port=%u source=", refused->port);
	text_quoted(&line, refused->source);
	text_printf(&line, " until=");
	text_quoted(&line, refused->until);
	text_printf(&line, " requestor=");
	text_quoted(&line, refused->requestor);
	text_printf(&line, " policy=");
	text_quoted(&line, refused->policy);
	text_printf(&line, " why=");
	text_quoted(&line, refused->why);
	if (!line.failed)
		log_notice("%s", line.data);
}

/* One for each that was not there before, up to what jitgated is told of, since how many there are is not ours to say.
 */
static void log_news(const struct azure_jit *before, const struct azure_jit *jit)
{
	_cleanup_free_ bool *news =
		azure_refused_news(before->refused, before->n_refused, jit->refused, jit->n_refused);

	size_t n = 0;

	for (size_t i = 0; i < jit->n_refused; i++) {
		if (news && !news[i]) /* without memory rather twice than never */
			continue;
		if (n++ < REFUSED_MAX)
			log_refused(&jit->refused[i]);
	}
	if (n > REFUSED_MAX)
		log_notice("refused more=%zu; jitgate-azure --once shows them", n - REFUSED_MAX);
}

/* One line when there is something new. */
static void log_answer(const struct azure_said *said, const struct azure_answer *answer)
{
	const struct azure_jit *jit = &answer->jit, *before = &said->good;
	bool same = said->has_good && !said->silent && jit->n_policies == before->n_policies &&
		    jit->snapshot.n_ports == before->snapshot.n_ports &&
		    jit->snapshot.grants.n == before->snapshot.grants.n && jit->n_refused == before->n_refused;

	if (!same)
		log_info("Azure lists policies=%zu for_this_vm=%zu ports=%zu grants=%zu refused=%zu%s",
			 answer->n_policies, jit->n_policies, jit->snapshot.n_ports, jit->snapshot.grants.n,
			 jit->n_refused, jit->n_policies ? "" : "; no policy names this VM");
	log_news(before, jit);
}

static void log_clock_wrong(struct azure_said *said, bool wrong)
{
	if (wrong && !said->clock_wrong)
		log_warning("no new grant is believed until the clock is within azure.clock_tolerance of Azure's; what "
			    "was granted before goes on");
	else if (!wrong && said->clock_wrong)
		log_info("this machine's clock is right enough, new grants are believed again");
	said->clock_wrong = wrong;
}

/* Grants end by this machine's clock. An answer without a Date is no news of it. */
static void log_clock(struct azure_said *said, const struct azure_jit *jit)
{
	int64_t offset_s = jit->snapshot.clock_offset_s, change_s = offset_s - said->offset_s;

	if (!jit->snapshot.clock_known)
		return;
	if (offset_s <= CLOCK_OFFSET_SHOWN_S && offset_s >= -CLOCK_OFFSET_SHOWN_S) {
		said->offset_s = 0;
	} else if (change_s >= CLOCK_OFFSET_AGAIN_S || change_s <= -CLOCK_OFFSET_AGAIN_S) {
		log_warning("this machine's clock is %" PRId64 " s %s Azure's, so grants end too %s; set it right",
			    offset_s > 0 ? offset_s : -offset_s, offset_s > 0 ? "ahead of" : "behind",
			    offset_s > 0 ? "early" : "late");
		said->offset_s = offset_s;
	}
	log_clock_wrong(said, jit->clock_wrong);
}

void azure_said_good(struct azure_said *said, struct azure_answer *answer, uint32_t fresh_for_s,
		     struct feed_client *feed)
{
	log_answer(said, answer);
	log_clock(said, &answer->jit);
	azure_jit_free(&said->good);
	said->good = answer->jit;
	answer->jit = (struct azure_jit){0};
	said->good.snapshot.fresh_for_s = fresh_for_s;
	said->has_good = true;
	said->silent = false;
	said->trouble[0] = '\0';
	feed_client_send_snapshot(feed, &said->good.snapshot);
}

void azure_said_trouble(struct azure_said *said, const struct azure_answer *answer, struct wall_time now,
			uint32_t next_s, struct feed_client *feed)
{
	const char *why = answer->why.data && !answer->why.failed ? answer->why.data : "out of memory";
	const char *detail = answer->detail.data && !answer->detail.failed ? answer->detail.data : "";

	snprintf(said->trouble, sizeof(said->trouble), "%s; asking again in %" PRIu32 " s", why, next_s);
	said->trouble_at = now;
	said->silent = true;
	log_warning("%s; what is granted goes on to its own end, asking again in %" PRIu32 " s%s", why, next_s, detail);
	feed_client_send_trouble(feed, said->trouble_at, said->trouble);
}

void azure_said_again(const struct azure_said *said, struct feed_client *feed)
{
	if (said->has_good)
		feed_client_send_snapshot(feed, &said->good.snapshot);
	if (*said->trouble)
		feed_client_send_trouble(feed, said->trouble_at, said->trouble);
}

void azure_said_status(const struct azure_said *said, uint32_t next_s, const char *why, int notify_fd)
{
	char line[512];

	if (*said->trouble)
		snprintf(line, sizeof(line), "STATUS=%s", said->trouble);
	else
		snprintf(line, sizeof(line), "STATUS=%zu ports, %zu grants, asking again in %" PRIu32 " s (%s)",
			 said->good.snapshot.n_ports, said->good.snapshot.grants.n, next_s, why);
	notify_send(notify_fd, line);
}

/* What people should not have to find in the document. */
static void warn_once(const struct azure_answer *answer)
{
	struct azure_said said = {0};

	if (!answer->jit.n_policies)
		log_warning("no policy names this VM, of %zu that were read: is JIT on for it, and are its policies in "
			    "the VM's resource group or in azure.policies?",
			    answer->n_policies);
	log_clock(&said, &answer->jit);
}

int azure_said_once(int r, const struct azure_answer *answer, const char *vm_id)
{
	_cleanup_text_ struct text out = {0};

	if (r) {
		log_err("%s%s", r == -ECANCELED || !answer->why.data ? "stopped" : answer->why.data,
			answer->detail.data ? answer->detail.data : "");
		return r;
	}
	azure_report(&answer->jit, vm_id, &out);
	if (out.failed || fwrite(out.data, 1, out.len, stdout) != out.len || fflush(stdout)) {
		log_err("cannot write the answer: %s", out.failed ? "out of memory" : strerror(errno));
		return -EIO;
	}
	warn_once(answer);
	return 0;
}

void azure_said_free(struct azure_said *said)
{
	azure_jit_free(&said->good);
}
