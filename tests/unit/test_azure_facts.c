// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Each fact of docs/azure.md that is about the meaning of an answer, once, by answers of our own making: a file in
 * fixtures/facts is a test. It has a name (with the facts that it holds), the moment of the answer, its pages, and what
 * the machine gets of them; null: nothing, the answer does not count.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <cjson/cJSON.h>

#include "azure_fixture.h"
#include "azure_judge.h"

#define FACTS_MAX 64

static const cJSON *member(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	if (!item)
		fail_msg("a fixture without %s", name);
	return item;
}

static void expect_lines(const char *what, char *seen, const cJSON *wanted)
{
	_cleanup_text_ struct text lines = {0};
	const cJSON *line;

	text_append(&lines, "", 0);
	cJSON_ArrayForEach(line, wanted) text_printf(&lines, "%s\n", line->valuestring);
	if (strcmp(seen, lines.data) != 0)
		fail_msg("%s:\n%swanted:\n%s", what, seen, lines.data);
	free(seen);
}

/* "port source", one a line; why is the matter of other tests, but there has to be a reason. */
static char *refused_pairs(const struct azure_jit *jit)
{
	_cleanup_text_ struct text out = {0};

	text_append(&out, "", 0);
	for (size_t i = 0; i < jit->n_refused; i++) {
		assert_true(*jit->refused[i].why);
		text_printf(&out, "%u %s\n", jit->refused[i].port, jit->refused[i].source);
	}
	return TAKE_PTR(out.data);
}

/* All pages, as compact as the service writes them; 0, or the error of the first that is none. */
static int read_pages(const cJSON *pages, struct azure_listing *listing)
{
	const cJSON *page;

	cJSON_ArrayForEach(page, pages)
	{
		_cleanup_free_ char *bytes = cJSON_PrintUnformatted(page), *next = NULL;
		int r = azure_json_page(bytes, strlen(bytes), FIXTURE_VM, listing, &next, NULL);

		if (r)
			return r;
		assert_int_equal(!!next, !!page->next && cJSON_GetStringValue(member(page, "nextLink"))[0]);
	}
	return 0;
}

static void hold(void **state)
{
	const cJSON *fact = *state, *gives = member(fact, "gives");
	struct wall_time now = at(member(fact, "now")->valuestring);
	_cleanup_azure_listing_ struct azure_listing listing = {0};
	_cleanup_azure_jit_ struct azure_jit jit = {0};
	int r = read_pages(member(fact, "pages"), &listing);

	if (cJSON_IsNull(gives)) {
		assert_int_equal(r, -EINVAL);
		assert_int_equal(listing.n, 0);
		return;
	}
	assert_int_equal(r, 0);
	assert_int_equal(azure_jit_snapshot(&listing, &(struct azure_basis){.now = now}, &jit), 0);
	expect_lines("grants", grants_after(&jit, now), member(gives, "grants"));
	expect_lines("refused", refused_pairs(&jit), member(gives, "refused"));
	assert_int_equal(jit.initiating, cJSON_IsTrue(member(gives, "initiating")));
	expect_lines("ports", ports_text(&jit), member(gives, "ports"));
}

/* ---------------------------------------------------------------- the files */

static int is_json(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && strcmp(dot, ".json") == 0;
}

static cJSON *read_fact(const char *file)
{
	_cleanup_text_ struct text path = {0};
	_cleanup_free_ char *bytes = NULL;

	text_printf(&path, "facts/%s", file);
	bytes = fixture_own(path.data, NULL);
	return bytes ? cJSON_Parse(bytes) : NULL;
}

int main(void)
{
	struct CMUnitTest tests[FACTS_MAX] = {0};
	struct dirent **entries;
	int n, r;

	n = scandir("tests/unit/fixtures/facts", &entries, is_json, alphasort);
	if (n <= 0 || n > FACTS_MAX) {
		printf("Bail out! %d files in fixtures/facts\n", n);
		return 1;
	}
	for (int i = 0; i < n; i++) {
		cJSON *fact = read_fact(entries[i]->d_name);

		if (!fact) {
			printf("Bail out! not JSON: %s\n", entries[i]->d_name);
			return 1;
		}
		tests[i].name = member(fact, "name")->valuestring;
		tests[i].test_func = hold;
		tests[i].initial_state = fact;
		free(entries[i]);
	}
	free(entries);
	r = _cmocka_run_group_tests("facts", tests, (size_t)n, NULL, NULL);
	for (int i = 0; i < n; i++)
		cJSON_Delete(tests[i].initial_state);
	return r;
}
