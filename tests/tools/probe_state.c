// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The state file, as another clock would have written it: so that a test meets a clock that is wrong without setting
 * one.
 */
#include <stdio.h>
#include <string.h>

#include "jitgate_abi.h"
#include "probe.h"
#include "state.h"
#include "util.h"

static size_t read_all(const char *path, char *bytes, size_t max)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	size_t len = file ? fread(bytes, 1, max, file) : 0;

	if (!len)
		probe_die("%s: %m", path);
	return len;
}

static void write_all(const char *path, const void *bytes, size_t len)
{
	_cleanup_fclose_ FILE *file = fopen(path, "we");

	if (!file || fwrite(bytes, 1, len, file) != len || fflush(file))
		probe_die("%s: %m", path);
}

/* probe state-shift FILE MS: saved so much later, with all its ends; -MS: earlier. */
int probe_state_shift(int argc, char **argv)
{
	static char bytes[1 << 20];
	struct snapshot snapshot = {0};
	struct parse_error error = {0};
	bool back = argv[2][0] == '-';
	int64_t by_ns = (int64_t)probe_millis(argv[2] + back) * NS_PER_MS * (back ? -1 : 1);
	_cleanup_free_ void *out = NULL;
	size_t len = read_all(argv[1], bytes, sizeof(bytes));

	(void)argc;
	if (state_decode(bytes, len, JITGATE_PORT_RULES_MAX, JITGATE_GRANTS_MAX, &snapshot, &error) < 0)
		probe_die("%s: %s", argv[1], error.why ? error.why : "cannot be read");
	snapshot.taken.ns += by_ns;
	for (size_t i = 0; i < snapshot.grants.n; i++)
		snapshot.grants.grants[i].until.ns += by_ns;
	if (state_encode(&snapshot, &out, &len) < 0)
		probe_die("no memory");
	write_all(argv[1], out, len);
	printf("grants=%zu ports=%zu\n", snapshot.grants.n, snapshot.n_ports);
	snapshot_free(&snapshot);
	return PROBE_YES;
}
