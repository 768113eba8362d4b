// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. What the state folder does not hold as it should: said once, shown as long as it is so, and tried again.
 * Nothing that is in force waits for it. See enforcer.h.
 */
#include <stdio.h>
#include <string.h>

#include "enforcer.h"
#include "enforcer_internal.h"
#include "text.h"
#include "util.h"

/* What is missing there, and what comes of it. */
static const struct {
	const char *what, *consequence;
} files[] = {
	[ENFORCER_FILE_STATE] = {"the state", "enforcement goes on, but a reboot now would start without these grants"},
	[ENFORCER_FILE_OPENED] = {"what was opened by hand",
				  "it is in force, but a restart or reboot may know nothing of it"},
	[ENFORCER_FILE_ARMED] = {"that arming was confirmed", "the next start would be audit again"},
	[ENFORCER_FILE_DISARMED] = {"that arming is over", "with mode = \"audit\" the next start would enforce"},
};
_Static_assert(ARRAY_SIZE(files) == _ENFORCER_FILE_MAX, "a text for each file");

static size_t count_unsaved(const struct enforcer *e)
{
	size_t n = 0;

	for (size_t i = 0; i < _ENFORCER_FILE_MAX; i++)
		n += e->unsaved[i] != 0;
	return n;
}

void enforcer_note_saved(struct enforcer *e, enum enforcer_file file, int error)
{
	int before = e->unsaved[file];

	e->unsaved[file] = error;
	if (error && error != before)
		enforcer_say(e, LOG_LEVEL_ERR, "cannot save %s: %s; %s; tried again every %lld s", files[file].what,
			     strerror(-error), files[file].consequence, ENFORCER_SAVE_RETRY_NS / NS_PER_S);
	else if (!error && before)
		enforcer_say(e, LOG_LEVEL_NOTICE, "%s could be saved after all", files[file].what);
	if (!count_unsaved(e))
		e->save_at.ns = 0;
	else if (error)
		e->save_at.ns = e->hooks->now(e->hooks_ctx).boot.ns + ENFORCER_SAVE_RETRY_NS;
}

void enforcer_retry_saving(struct enforcer *e, struct boot_time now)
{
	if (!e->save_at.ns || now.ns < e->save_at.ns)
		return;
	if (e->unsaved[ENFORCER_FILE_STATE])
		enforcer_save_state(e, &e->current, &e->learned);
	if (e->unsaved[ENFORCER_FILE_OPENED])
		enforcer_save_opened(e);
	if (e->unsaved[ENFORCER_FILE_ARMED] || e->unsaved[ENFORCER_FILE_DISARMED])
		enforcer_save_armed(e, e->arming.confirmed);
}

void enforcer_describe_unsaved(const struct enforcer *e, char *ret, size_t size)
{
	_cleanup_text_ struct text words = {0};

	for (size_t i = 0; i < _ENFORCER_FILE_MAX; i++) {
		if (e->unsaved[i])
			text_printf(&words, "%s%s (%s)", words.len ? ", " : "", files[i].what,
				    strerror(-e->unsaved[i]));
	}
	snprintf(ret, size, "%s", words.failed ? "out of memory" : words.len ? words.data : "");
}
