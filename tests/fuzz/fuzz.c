// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* See fuzz.h. */
#include "fuzz.h"

#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>

const char *fuzz_input;

void fuzz_broken(const char *property, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, property);
	if (fuzz_input)
		fprintf(stderr, "input: %s\n", fuzz_input);
	abort();
}

bool fuzz_is_filled(const void *object, size_t size)
{
	const uint8_t *bytes = object;

	for (size_t i = 0; i < size; i++) {
		if (bytes[i] != FUZZ_FILL)
			return false;
	}
	return true;
}

uint64_t fuzz_number(const uint8_t *data, size_t size)
{
	uint64_t number = 0;

	for (size_t i = 0; i < size && i < sizeof(number); i++)
		number = number << 8 | data[i];
	return number;
}

char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		abort();
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

bool fuzz_is_utf8(const char *bytes, size_t len)
{
	iconv_t converter = iconv_open("UTF-32LE", "UTF-8");
	char *in = (char *)bytes, out[256];
	size_t left = len;

	if (converter == (iconv_t)-1) /* NOLINT(performance-no-int-to-ptr): iconv's own word for "none" */
		abort();
	while (left) {
		char *to = out;
		size_t room = sizeof(out), before = left;

		/* A full `out` is no error; anything else that moves nothing on is. */
		if (iconv(converter, &in, &left, &to, &room) == (size_t)-1 && left == before)
			break;
	}
	iconv_close(converter);
	return left == 0;
}
