// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See session.h.
 */
#include "session.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "conf_value.h"

#define DRAIN "drain="

int session_parse(const char *text, uint64_t *ret_drain_ns)
{
	const char *duration = text + strlen(DRAIN);
	uint32_t seconds;

	if (strcmp(text, "cut") == 0) {
		*ret_drain_ns = SESSION_CUT;
		return 0;
	}
	if (strcmp(text, "keep") == 0) {
		*ret_drain_ns = SESSION_KEEP;
		return 0;
	}
	if (strncmp(text, DRAIN, strlen(DRAIN)) != 0 || duration_parse(duration, strlen(duration), &seconds) < 0 ||
	    seconds < 1 || seconds > SESSION_DRAIN_MAX_S)
		return -EINVAL;
	*ret_drain_ns = seconds * (uint64_t)NS_PER_S;
	return 0;
}

void session_format(uint64_t drain_ns, char ret[SESSION_TEXT_MAX])
{
	uint64_t s = drain_ns / (uint64_t)NS_PER_S;

	if (drain_ns == SESSION_CUT)
		snprintf(ret, SESSION_TEXT_MAX, "cut");
	else if (drain_ns == SESSION_KEEP)
		snprintf(ret, SESSION_TEXT_MAX, "keep");
	else if (s % 86400 == 0)
		snprintf(ret, SESSION_TEXT_MAX, DRAIN "%" PRIu64 "d", s / 86400);
	else if (s % 3600 == 0)
		snprintf(ret, SESSION_TEXT_MAX, DRAIN "%" PRIu64 "h", s / 3600);
	else if (s % 60 == 0)
		snprintf(ret, SESSION_TEXT_MAX, DRAIN "%" PRIu64 "m", s / 60);
	else
		snprintf(ret, SESSION_TEXT_MAX, DRAIN "%" PRIu64 "s", s);
}

/* Those of `protos` that have flows. */
static void set_policy(struct gate_session *session, uint8_t protos, uint64_t drain_ns)
{
	for (unsigned int i = 0; i < _PROTO_INDEX_MAX; i++) {
		if (protos & SESSION_PROTOS & 1U << i)
			session->drain_ns[i] = drain_ns;
	}
}

struct gate_session session_of_port(const struct session_rules *rules, uint16_t port)
{
	struct gate_session session = {{0}};

	set_policy(&session, PROTO_BITS_ALL, rules->drain_ns);
	for (size_t i = 0; i < rules->n; i++) {
		if (rules->rules[i].port == port)
			set_policy(&session, rules->rules[i].protos, rules->rules[i].drain_ns);
	}
	return session;
}

bool session_is_cut(const struct gate_session *session)
{
	for (unsigned int i = 0; i < _PROTO_INDEX_MAX; i++) {
		if (session->drain_ns[i] != SESSION_CUT)
			return false;
	}
	return true;
}

static bool is_same(const struct gate_session *a, const struct gate_session *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

int session_class(struct session_classes *classes, const struct gate_session *session)
{
	if (session_is_cut(session))
		return 0;
	for (int i = 1; i < JITGATE_SESSION_CLASSES; i++) {
		if (is_same(&classes->classes[i], session)) {
			classes->in_use[i] = true;
			return i;
		}
	}
	for (int i = 1; i < JITGATE_SESSION_CLASSES; i++) {
		if (!classes->in_use[i]) {
			classes->classes[i] = *session;
			classes->in_use[i] = true;
			return i;
		}
	}
	return -1;
}

size_t session_kinds(const struct session_rules *rules)
{
	struct session_classes seen = {0};
	struct gate_session session = session_of_port(rules, 0); /* which no rule names */
	int most = session_class(&seen, &session);

	for (size_t i = 0; i < rules->n; i++) {
		int class;

		session = session_of_port(rules, rules->rules[i].port);
		class = session_class(&seen, &session); /* they are given out in order */
		if (class < 0)
			return JITGATE_SESSION_CLASSES;
		most = class > most ? class : most;
	}
	return (size_t)most;
}
