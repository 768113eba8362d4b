// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * TOP. See orders.h.
 */
#include "orders.h"

#include <inttypes.h>

#include "clock.h"
#include "opened.h"
#include "show.h"
#include "util.h"

/* What became of a request, beside its own words. */
struct outcome {
	int r;               /* as the enforcer returns it, 0 or more */
	struct failure note; /* with r > 0 */
	const char *not_enforced_on;
	const char *why;
};

static void begin_outcome(struct outcome *o, const struct report_interface *unverified)
{
	*o = (struct outcome){.not_enforced_on = unverified ? unverified->name : NULL,
			      .why = unverified ? unverified->why : NULL};
}

/* Bad news first, and whole. */
static void print_bad_news(const struct outcome *o, struct text *out)
{
	_cleanup_text_ struct text words = {0};

	if (o->not_enforced_on) {
		text_printf(&words, "NOT ENFORCED on %s: %s", o->not_enforced_on, o->why);
		show_paragraph(out, &words, 0, 2);
		text_free(&words);
	}
	if (o->r == ENFORCER_UNSAVED) {
		text_printf(&words, "%s", o->note.text);
		show_paragraph(out, &words, 0, 2);
	}
}

static void put_word(struct text *out, const char *name, const char *value)
{
	text_printf(out, ",\"%s\":", name);
	if (value)
		text_json_string(out, value);
	else
		text_printf(out, "null");
}

/* Behind the members of the request's own. */
static void end_json(const struct outcome *o, struct text *out)
{
	text_printf(out, ",\"complete\":%s", o->r == ENFORCER_UNSAVED ? "false" : "true");
	put_word(out, "note", o->r ? o->note.text : NULL);
	put_word(out, "not_enforced_on", o->not_enforced_on);
	text_printf(out, "}\n");
}

static int end_answer(const struct outcome *o)
{
	return o->r == ENFORCER_UNSAVED || o->not_enforced_on;
}

/* Refused: what to do, in one line. */
static int refuse(int r, const struct failure *failure, struct text *out)
{
	text_printf(out, "%s", failure->text);
	return r;
}

/* ------------------------------------------------------------ arm, confirm, disarm */

static void describe_mode(struct daemon *d, struct text *words)
{
	const struct arming *arming = &d->enforcer.arming;
	struct clock_pair now = clock_now();

	if (arming->confirm_until.ns) {
		text_printf(words, "ENFORCING on trial until ");
		show_time(words, clock_to_wall(now, arming->confirm_until), now.wall);
		text_printf(words, ", then audit again by itself. To make it last: `jitgate confirm`");
	} else if (arming->confirmed) {
		text_printf(words, "ENFORCING from now on, over restarts and reboots, until `mode` in the config is "
				   "changed. Put mode = \"enforce\" into it, so that it says what is in force");
	} else {
		text_printf(words, "AUDIT: nothing is dropped");
	}
}

static void print_mode(struct daemon *d, const struct outcome *o, struct text *out)
{
	_cleanup_text_ struct text words = {0};

	print_bad_news(o, out);
	if (o->r == ENFORCER_NOTHING)
		text_printf(&words, "%s", o->note.text);
	else
		describe_mode(d, &words);
	show_paragraph(out, &words, 0, 2);
}

static void print_mode_json(struct daemon *d, const struct outcome *o, struct text *out)
{
	const struct arming *arming = &d->enforcer.arming;
	struct clock_pair now = clock_now();
	struct gate_state state;

	datapath_gate_ops.get_state(d->dp, &state);
	text_printf(out, "{\"mode\":\"%s\",\"confirmed\":%s,\"trial_until\":",
		    arming_in_force(&state, now.boot) == JITGATE_AUDIT ? "audit" : "enforce",
		    arming->confirmed ? "true" : "false");
	if (arming->confirm_until.ns) {
		text_printf(out, "\"");
		text_rfc3339(out, clock_to_wall(now, arming->confirm_until));
		text_printf(out, "\"");
	} else {
		text_printf(out, "null");
	}
	end_json(o, out);
}

static int answer_mode(struct daemon *d, const struct control_request *request, struct outcome *o, struct text *out)
{
	if (request->kind == CONTROL_ARM)
		o->r = enforcer_arm(&d->enforcer, request->seconds, &o->note);
	else if (request->kind == CONTROL_CONFIRM)
		o->r = enforcer_confirm(&d->enforcer, &o->note);
	else
		o->r = enforcer_disarm(&d->enforcer, &o->note);
	if (o->r < 0)
		return refuse(o->r, &o->note, out);
	(request->json ? print_mode_json : print_mode)(d, o, out);
	return end_answer(o);
}

/* ------------------------------------------------------------ open, close */

static void describe_target(const struct control_request *request, struct text *words)
{
	char source[CIDR_TEXT_MAX], protos[PROTOS_TEXT_MAX];

	cidr_format(&request->source, source);
	text_printf(words, "%u/%s from %s", request->port, protos_format(request->protos, protos), source);
}

static void put_target(const struct control_request *request, struct text *out)
{
	char source[CIDR_TEXT_MAX], protos[PROTOS_TEXT_MAX];

	cidr_format(&request->source, source);
	text_printf(out, "{\"source\":\"%s\",\"port\":%u,\"proto\":\"%s\"", source, request->port,
		    protos_format(request->protos, protos));
}

static void print_opened(const struct control_request *request, const struct outcome *o, struct wall_time until,
			 struct text *out)
{
	_cleanup_text_ struct text words = {0};

	print_bad_news(o, out);
	text_printf(&words, "OPEN: ");
	describe_target(request, &words);
	text_printf(&words, " until ");
	show_time(&words, until, clock_now().wall);
	text_printf(&words, ", which the kernel keeps to. Before that: `jitgate close` with the same port and source");
	show_paragraph(out, &words, 0, 2);
}

static void print_opened_json(const struct control_request *request, const struct outcome *o, struct wall_time until,
			      struct text *out)
{
	put_target(request, out);
	text_printf(out, ",\"until\":\"");
	text_rfc3339(out, until);
	text_printf(out, "\"");
	end_json(o, out);
}

static int answer_open(struct daemon *d, const struct control_request *request, struct outcome *o, struct text *out)
{
	struct enforcer_opening opening = {.source = request->source,
					   .port = request->port,
					   .protos = request->protos,
					   .seconds = request->seconds,
					   .beyond = request->beyond,
					   .reason = request->reason};
	struct wall_time until = {0};
	char requestor[64] = "root";

	if (request->uid != CONTROL_NO_UID)
		snprintf(requestor, sizeof(requestor), "root, by sudo from uid %" PRIu32, request->uid);
	opening.requestor = requestor;
	o->r = enforcer_open(&d->enforcer, &opening, &until, &o->note);
	if (o->r < 0)
		return refuse(o->r, &o->note, out);
	(request->json ? print_opened_json : print_opened)(request, o, until, out);
	return end_answer(o);
}

/* A feed's grant or `allow` may let the same source in still. */
static bool still_passes(struct daemon *d, const struct control_request *request)
{
	FOR_EACH_PROTO_BIT (bit) {
		if (request->protos & bit &&
		    enforcer_explain(&d->enforcer, &request->source, request->port, bit).would_be == REASON_GRANTED)
			return true;
	}
	return false;
}

static int answer_close(struct daemon *d, const struct control_request *request, struct outcome *o, struct text *out)
{
	_cleanup_text_ struct text words = {0};
	bool passes;

	o->r = enforcer_close(&d->enforcer, &request->source, request->port, request->protos, &o->note);
	if (o->r < 0)
		return refuse(o->r, &o->note, out);
	passes = still_passes(d, request);
	if (request->json) {
		put_target(request, out);
		text_printf(out, ",\"still_granted\":%s", passes ? "true" : "false");
		end_json(o, out);
		return end_answer(o);
	}
	print_bad_news(o, out);
	text_printf(&words, "CLOSED: ");
	describe_target(request, &words);
	if (passes)
		text_printf(&words, ", as far as it was opened by hand; IT STILL PASSES by another grant, which "
				    "`jitgate explain` names");
	show_paragraph(out, &words, 0, 2);
	return end_answer(o);
}

int orders_answer(struct daemon *d, const struct control_request *request, const struct report_interface *unverified,
		  struct text *out)
{
	struct outcome outcome;

	begin_outcome(&outcome, unverified);
	if (request->kind == CONTROL_OPEN)
		return answer_open(d, request, &outcome, out);
	if (request->kind == CONTROL_CLOSE)
		return answer_close(d, request, &outcome, out);
	return answer_mode(d, request, &outcome, out);
}
