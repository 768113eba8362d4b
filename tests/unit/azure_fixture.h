/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the tests of the Azure feed share: files, quotes, and the VM of the fixtures. */
#ifndef AZURE_FIXTURE_H
#define AZURE_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIXTURE_VM                                                                          \
	"/subscriptions/5f0c1c5e-0000-4000-8000-00000000000a/resourceGroups/Shop/providers" \
	"/Microsoft.Compute/virtualMachines/web-1"

/* The whole file as an allocated text, or NULL. `len` may be NULL. */
static inline char *fixture_read(const char *path, size_t *len)
{
	FILE *f = fopen(path, "re");
	char *bytes = NULL;
	size_t n = 0;

	if (!f)
		return NULL;
	if (getdelim(&bytes, &n, EOF, f) < 0) {
		free(bytes);
		bytes = NULL;
	}
	if (len)
		*len = (size_t)ftell(f);
	fclose(f);
	return bytes;
}

/* A file beside the test programs' sources. */
static inline char *fixture_own(const char *name, size_t *len)
{
	char path[256];

	snprintf(path, sizeof(path), "%.*s/fixtures/%s", (int)(strrchr(__FILE__, '/') - __FILE__), __FILE__, name);
	return fixture_read(path, len);
}

/* JSON with ' for ", allocated. */
static inline char *fixture_quoted(const char *json)
{
	char *copy = strdup(json);

	for (char *p = copy; p && *p; p++)
		*p = (char)(*p == '\'' ? '"' : *p);
	return copy;
}

#endif
