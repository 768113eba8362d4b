// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See knockers.h. A short list is searched from end to end: there are some hundred knocks in a second at most.
 */
#include "knockers.h"

#include <string.h>

#include "util.h"

static struct knocker *find(struct knockers *k, const struct knock *knock)
{
	for (uint32_t i = 0; i < k->n; i++) {
		if (knock_same_source(k->list[i].family, k->list[i].addr, knock->family, knock->addr))
			return &k->list[i];
	}
	return NULL;
}

static struct knocker *make_room(struct knockers *k)
{
	struct knocker *oldest = &k->list[0];

	if (k->n < KNOCKERS_MAX)
		return &k->list[k->n++];
	for (uint32_t i = 1; i < k->n; i++) {
		if (k->list[i].heard.ns < oldest->heard.ns)
			oldest = &k->list[i];
	}
	k->n_waiting -= oldest->waiting;
	return oldest;
}

void knockers_hear(struct knockers *k, const struct knock *knock, struct boot_time now)
{
	struct boot_time at = knock->at.ns < now.ns ? knock->at : now;
	struct knocker *who = find(k, knock);

	if (!who) {
		who = make_room(k);
		*who = (struct knocker){.family = knock->family, .heard = at};
		memcpy(who->addr, knock->addr, sizeof(who->addr));
	} else if (at.ns < who->heard.ns) {
		at = who->heard;
	}
	if (at.ns - who->heard.ns >= KNOCKERS_QUIET_S * (uint64_t)NS_PER_S)
		who->n_vain = 0;
	if (who->waiting) {
		who->patient = !knock->n_unsaid && at.ns - who->heard.ns >= KNOCKERS_PATIENT_MIN_NS &&
			       at.ns - who->heard.ns <= KNOCKERS_PATIENT_MAX_NS;
	} else {
		k->n_waiting++;
		who->waiting = true;
		who->patient = false;
		who->since = at;
	}
	who->heard = at;
}

static enum knock_class class_of(const struct knocker *who)
{
	if (who->n_vain)
		return KNOCK_KNOWN;
	return who->patient ? KNOCK_PATIENT : KNOCK_NEW;
}

static double wait_s(const struct knocker *who)
{
	uint32_t s = KNOCKERS_WAIT_MIN_S;

	for (uint8_t i = 1; i < who->n_vain && s < KNOCKERS_WAIT_MAX_S; i++)
		s *= 2;
	return s < KNOCKERS_WAIT_MAX_S ? s : KNOCKERS_WAIT_MAX_S;
}

static struct boot_time due_at(const struct knocker *who, double stretch)
{
	struct boot_time at = who->since;

	if (who->n_vain)
		at.ns = who->served.ns + (uint64_t)(stretch * wait_s(who) * (double)NS_PER_S);
	return at.ns > who->since.ns ? at : who->since;
}

void knockers_due(const struct knockers *k, double stretch, bool only_patient, struct boot_time ret[_KNOCK_CLASS_MAX])
{
	for (int class = 0; class < _KNOCK_CLASS_MAX; class ++)
		ret[class].ns = UINT64_MAX;
	for (uint32_t i = 0; k->n_waiting && i < k->n; i++) {
		const struct knocker *who = &k->list[i];
		struct boot_time at = due_at(who, stretch), *due = &ret[class_of(who)];

		if (who->waiting && (who->patient || !only_patient) && at.ns < due->ns)
			*due = at;
	}
}

/* An IPv6 source is known by its first 64 bits, and one address of them is enough. */
static bool is_granted(const struct knocker *who, const struct grant_set *granted)
{
	struct cidr source = {.family = who->family, .prefix_len = who->family == JITGATE_IPV4 ? 32 : 64};

	memcpy(source.addr, who->addr, sizeof(source.addr));
	for (size_t i = 0; i < granted->n; i++) {
		if (cidr_covers(&granted->grants[i].source, &source) ||
		    cidr_covers(&source, &granted->grants[i].source))
			return true;
	}
	return false;
}

/* Only the first good news counts: who is granted one port and knocks on another knocks in vain. */
static bool is_newly_granted(struct knocker *who, const struct grant_set *granted)
{
	bool before = who->granted;

	if (!granted || (!who->waiting && !who->n_vain && !before))
		return false;
	who->granted = is_granted(who, granted);
	return who->granted && !before;
}

static void stop_waiting(struct knockers *k, struct knocker *who)
{
	k->n_waiting -= who->waiting;
	who->waiting = false;
}

/* The read was for it, and brought it nothing new; what it sent since then is still to be answered. */
static void count_vain(struct knockers *k, struct knocker *who, struct boot_time began, bool good)
{
	who->n_vain += good && who->n_vain < UINT8_MAX;
	if (who->heard.ns <= began.ns)
		stop_waiting(k, who);
	who->since = who->heard;
}

void knockers_served(struct knockers *k, struct boot_time began, const struct grant_set *granted)
{
	for (uint32_t i = 0; i < k->n; i++) {
		struct knocker *who = &k->list[i];
		bool was_for_it = who->waiting && who->since.ns <= began.ns;

		if (is_newly_granted(who, granted)) { /* also what came during the read is answered: it may come in */
			who->n_vain = 0;
			stop_waiting(k, who);
		} else if (was_for_it) {
			count_vain(k, who, began, granted);
		}
		if (was_for_it) {
			who->served = began;
			who->patient = false;
		}
	}
}
