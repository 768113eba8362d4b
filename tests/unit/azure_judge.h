/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the tests of the meaning of Azure's answers share: an answer's bytes and a moment -> ports, grants and refusals
 * as text, one a line. Include after cmocka.
 */
#ifndef AZURE_JUDGE_H
#define AZURE_JUDGE_H

#include <stdlib.h>
#include <string.h>

#include "azure_jit.h"
#include "text.h"
#include "timefmt.h"

static inline struct wall_time at(const char *text)
{
	struct wall_time t;

	if (timefmt_parse_rfc3339(text, strlen(text), &t, NULL))
		fail_msg("bad date in a test: %s", text);
	return t;
}

/* Parse one page and judge it; 0, or the error of either. */
static inline int judge_bytes(const char *json, size_t len, const char *vm, struct wall_time now, struct azure_jit *ret)
{
	_cleanup_azure_listing_ struct azure_listing listing = {0};
	char *next = NULL;
	int r = azure_json_page(json, len, vm, &listing, &next, NULL);

	free(next);
	return r ? r : azure_jit_snapshot(&listing, &(struct azure_basis){.now = now}, ret);
}

static inline char *grants_text(const struct azure_jit *jit)
{
	_cleanup_text_ struct text out = {0};

	text_append(&out, "", 0);
	for (size_t i = 0; i < jit->snapshot.grants.n; i++) {
		const struct grant *g = &jit->snapshot.grants.grants[i];
		char source[CIDR_TEXT_MAX], protos[PROTOS_TEXT_MAX];

		cidr_format(&g->source, source);
		text_printf(&out, "%s %u/%s %lld\n", source, g->port, protos_format(g->protos, protos),
			    (long long)g->until.ns);
	}
	return TAKE_PTR(out.data);
}

/* The grants, each with the seconds from `from` to its end. */
static inline char *grants_after(const struct azure_jit *jit, struct wall_time from)
{
	_cleanup_text_ struct text out = {0};

	text_append(&out, "", 0);
	for (size_t i = 0; i < jit->snapshot.grants.n; i++) {
		const struct grant *g = &jit->snapshot.grants.grants[i];
		char source[CIDR_TEXT_MAX], protos[PROTOS_TEXT_MAX], left[32];
		int64_t ns = g->until.ns - from.ns;
		int len = snprintf(left, sizeof(left), "%lld.%09lld", (long long)(ns / NS_PER_S),
				   (long long)(ns % NS_PER_S));

		while (left[len - 1] == '0')
			left[--len] = '\0';
		if (left[len - 1] == '.')
			left[len - 1] = '\0';
		cidr_format(&g->source, source);
		text_printf(&out, "%s %u/%s %s\n", source, g->port, protos_format(g->protos, protos), left);
	}
	return TAKE_PTR(out.data);
}

static inline char *ports_text(const struct azure_jit *jit)
{
	_cleanup_text_ struct text out = {0};

	text_append(&out, "", 0);
	for (size_t i = 0; i < jit->snapshot.n_ports; i++) {
		const struct port_rule *p = &jit->snapshot.ports[i];
		char protos[PROTOS_TEXT_MAX];

		text_printf(&out, "%u/%s %u\n", p->port, protos_format(p->protos, protos), p->longest_s);
	}
	return TAKE_PTR(out.data);
}

static inline char *refused_text(const struct azure_jit *jit)
{
	_cleanup_text_ struct text out = {0};

	text_append(&out, "", 0);
	for (size_t i = 0; i < jit->n_refused; i++)
		text_printf(&out, "%u '%s' %s\n", jit->refused[i].port, jit->refused[i].source, jit->refused[i].why);
	return TAKE_PTR(out.data);
}

static inline void assert_text(char *seen, const char *wanted)
{
	if (strcmp(seen, wanted) != 0)
		fail_msg("seen:\n%swanted:\n%s", seen, wanted);
	free(seen);
}

static inline void assert_jit(const struct azure_jit *jit, const char *ports, const char *grants, const char *refused)
{
	assert_text(ports_text(jit), ports);
	assert_text(grants_text(jit), grants);
	assert_text(refused_text(jit), refused);
}

#endif
