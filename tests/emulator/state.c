// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The emulator's state as it is at the start, and its end.
 */
#include <stdlib.h>
#include <string.h>

#include "emulator.h"
#include "service_time.h"
#include "util.h"

#define TOKEN_LIFE_MS (24LL * 3600 * 1000)

int64_t emulator_now(const struct emulator *em)
{
	return ticks_now() + em->skew_ticks;
}

static void free_settings(struct emulator *em)
{
	free(em->vm.id);
	free(em->vm.location);
	free(em->vm.environment);
	free(TAKE_PTR(em->requestor));
	store_free(&em->store);
	faults_clear(&em->faults);
	prepared_clear(&em->prepared);
}

void emulator_reset(struct emulator *em)
{
	free_settings(em);
	em->vm.id = must_copy(em->options->vm);
	em->vm.location = must_copy(em->options->location);
	em->vm.environment = must_copy(em->options->environment);
	em->delays = em->options->delays;
	em->tokens.life_ms = TOKEN_LIFE_MS;
	em->transfer = (struct transfer){.gzip = true};
	em->plan = (struct plan){0};
	em->imds_limit = (struct imds_limit){0};
	em->quirks = (struct quirks){0};
	throttle_set_budget(&em->throttle, READS_LIMIT, READS_WINDOW_MS, false);
	throttle_set_bucket(&em->throttle, 0, 0);
	em->skew_ticks = em->linger_ticks = 0;
	em->page_size = 0;
	memset(em->counts, 0, sizeof(em->counts));
	em->faulted = em->unauthorized = 0;
}

void emulator_free(struct emulator *em)
{
	free_settings(em);
	pthread_mutex_destroy(&em->lock);
}
