// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The short answers of Azure: who this VM is, a token, an error. Each input is taken for all three.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>

#include "azure_compute.h"
#include "azure_json.h"
#include "azure_token.h"
#include "azure_url.h"

static void check_compute(const char *bytes, size_t len)
{
	struct azure_compute compute;
	struct parse_error err = FUZZ_NO_ERROR;
	int r;

	FILL(compute);
	r = azure_compute_parse(bytes, len, &compute, &err);
	if (r < 0) {
		HOLDS(r == -EINVAL && IS_FILLED(compute) && IS_REFUSAL(err, len));
		return;
	}
	HOLDS(compute.resource_id[0] && compute.environment && compute.location);
	HOLDS(strlen(compute.resource_id) < len && strlen(compute.environment) < len);
	HOLDS(fuzz_is_utf8(compute.resource_id, strlen(compute.resource_id)));
	azure_cloud_find(compute.environment);
	azure_compute_free(&compute);
}

static void check_token(const char *bytes, size_t len)
{
	static const char prefix[] = "Authorization: Bearer ";
	const struct clock_pair now = {.wall.ns = 1700000000 * NS_PER_S, .boot.ns = 1000 * NS_PER_S};
	_cleanup_azure_token_ struct azure_token *token = azure_token_new();
	CLEANUP(azure_token_free_header) char *header = NULL;
	struct parse_error err = FUZZ_NO_ERROR;
	int r = azure_token_take(token, bytes, len, now, &err);

	header = azure_token_header(token);
	if (r < 0) {
		HOLDS(r == -EINVAL && !header && !azure_token_usable(token, now.boot) && IS_REFUSAL(err, len));
		return;
	}
	HOLDS(r == 0 && azure_token_usable(token, now.boot) && azure_token_left_s(token, now.boot) <= 7 * 86400);
	HOLDS(strncmp(header, prefix, strlen(prefix)) == 0 && header[strlen(prefix)]);
	for (const char *p = header + strlen(prefix); *p; p++)
		HOLDS(*p > ' ' && *p <= '~');
	HOLDS(azure_token_take(token, bytes, len, now, NULL) == 1);
}

static void check_error(const char *bytes, size_t len)
{
	struct azure_error error;
	int r;

	FILL(error);
	r = azure_json_error(bytes, len, &error);
	if (r < 0) {
		HOLDS(r == -EINVAL && IS_FILLED(error));
		return;
	}
	HOLDS(memchr(error.code, '\0', sizeof(error.code)) && memchr(error.message, '\0', sizeof(error.message)));
	HOLDS(fuzz_is_utf8(error.code, strlen(error.code)) && fuzz_is_utf8(error.message, strlen(error.message)));
}

/* A VM that is known by half an answer is another VM. */
static void check_prefixes(const uint8_t *data, size_t size)
{
	size_t step = size / 16 + 1;

	for (size_t cut = size % step; cut < size; cut += step) {
		struct azure_compute compute = {0};
		char *half = fuzz_text(data, cut);
		bool ended = cut && half[strspn(half, " \t\r\n")] == '{' && strchr("} \t\r\n", half[cut - 1]);

		HOLDS(azure_compute_parse(half, cut, &compute, NULL) < 0 || ended);
		azure_compute_free(&compute);
		free(half);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_compute((const char *)data, size);
	check_token((const char *)data, size);
	check_error((const char *)data, size);
	check_prefixes(data, size);
	return 0;
}
