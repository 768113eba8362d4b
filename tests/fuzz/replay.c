// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Runs a fuzzer over the inputs that are kept, without libFuzzer: each whole, and cut short.
 *
 *   NAME FOLDER              all inputs of the folder and all seeds; reports TAP
 *   NAME --write OUT FOLDER  the same inputs as files of bytes in OUT, a folder: what libFuzzer starts from
 *   NAME --run FILE          one input
 *
 * A file NAME.hex is bytes as hex digits; blanks do not count, nor does what is behind a #.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fuzz.h"

#define CUTS_MAX 128 /* of one input */
#define CUTS_MAX_LONG 8
#define LONG_INPUT 8192
#define SECONDS_MAX 1
#define FILE_BYTES_MAX (1024 * 1024)

/* GCC has no header for it. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static size_t n_inputs;
static const char *write_to;

static void tell_input(void)
{
	fprintf(stderr, "input: %s\n", fuzz_input ? fuzz_input : "none");
}

static void give_up(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(2);
}

/* Of the times on a busy machine the shortest counts. */
static bool is_fast(const uint8_t *bytes, size_t len)
{
	for (int tries = 3; tries > 0; tries--) {
		clock_t begin = clock();

		LLVMFuzzerTestOneInput(bytes, len);
		if (clock() - begin < (clock_t)SECONDS_MAX * CLOCKS_PER_SEC)
			return true;
	}
	return false;
}

/* From a block of just this size, so that a byte too far is seen. */
static void run_bytes(const void *bytes, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1);

	if (!exact)
		give_up("malloc");
	memcpy(exact, bytes, len);
	HOLDS(is_fast(exact, len));
	free(exact);
}

static void write_input(const char *name, const void *bytes, size_t len)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", write_to, name);
	f = fopen(path, "we");
	if (!f || (len && fwrite(bytes, 1, len, f) != len) || fclose(f))
		give_up(path);
}

static void take_input(const char *name, const void *bytes, size_t len)
{
	size_t step = len / (len < LONG_INPUT ? CUTS_MAX : CUTS_MAX_LONG) + 1;

	n_inputs++;
	fuzz_input = name;
	if (write_to) {
		write_input(name, bytes, len);
		return;
	}
	run_bytes(bytes, len);
	for (size_t cut = len % step; cut < len; cut += step)
		run_bytes(bytes, cut);
}

/* In place; the new length. */
static size_t decode_hex(char *bytes, size_t len)
{
	size_t digits = 0;
	char pair[3] = {0};

	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '#')
			i += strcspn(bytes + i, "\n");
		if (!isxdigit((unsigned char)bytes[i]))
			continue;
		pair[digits % 2] = bytes[i];
		if (digits++ % 2)
			bytes[digits / 2 - 1] = (char)strtoul(pair, NULL, 16);
	}
	return digits / 2;
}

static void take_file(const char *path, const char *name)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	_cleanup_free_ char *bytes = malloc(FILE_BYTES_MAX);
	size_t n, len = strlen(path);

	if (!f || !bytes)
		give_up(path);
	n = fread(bytes, 1, FILE_BYTES_MAX, f);
	if (ferror(f) || n == FILE_BYTES_MAX)
		give_up(path);
	if (len > 4 && strcmp(path + len - 4, ".hex") == 0)
		n = decode_hex(bytes, n);
	take_input(name, bytes, n);
}

static void take_folder(const char *folder)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			take_file(path, entries[i]->d_name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

static int report(const char *folder, size_t n_files)
{
	const char *name = strrchr(folder, '/') ? strrchr(folder, '/') + 1 : folder;

	printf("%sok 1 - %s: %zu inputs, %zu of them files, whole and cut short\n", n_inputs ? "" : "not ", name,
	       n_inputs, n_files);
	puts("1..1");
	return n_inputs ? 0 : 1;
}

int main(int argc, char **argv)
{
	size_t n_files;

	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(tell_input);
	if (argc == 3 && strcmp(argv[1], "--run") == 0) {
		take_file(argv[2], argv[2]);
		return 0;
	}
	if (argc == 4 && strcmp(argv[1], "--write") == 0)
		write_to = argv[2];
	else if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER | --write OUT FOLDER | --run FILE\n", argv[0]);
		return 2;
	}
	take_folder(argv[argc - 1]);
	n_files = n_inputs;
	if (fuzz_seeds)
		fuzz_seeds(take_input);
	return write_to ? 0 : report(argv[1], n_files);
}
