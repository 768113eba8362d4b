// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See cli.h.
 */
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conf_file.h"
#include "exit_codes.h"
#include "show.h"
#include "util.h"

int cli_complain(int code, const char *format, ...)
{
	char message[1024];
	_cleanup_text_ struct text line = {0};
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	show_cut(&line, message, sizeof(message));
	fprintf(stderr, "jitgate: %s\n", line.data ? line.data : "out of memory");
	return code;
}

int cli_put(const char *bytes, size_t len, int code)
{
	if (fwrite(bytes, 1, len, stdout) != len || fflush(stdout) != 0)
		return cli_complain(EXIT_FAILED, "cannot write the answer: %s", strerror(errno));
	return code;
}

int cli_put_text(const struct text *text, int code)
{
	if (text->failed)
		return cli_complain(EXIT_FAILED, "out of memory");
	return cli_put(text->data ? text->data : "", text->len, code);
}

int cli_read_places(const char *path, struct conf *ret)
{
	struct failure failure = {0};

	if (conf_file_load(path, ret, &failure) == 0)
		return EXIT_OK;
	if (strcmp(path, CONF_PATH_DEFAULT) != 0)
		return cli_complain(EXIT_CONFIG, "%s", failure.text);
	if (conf_parse("", 0, path, ret, NULL) < 0)
		return cli_complain(EXIT_FAILED, "out of memory");
	cli_complain(EXIT_CONFIG, "warning: %s", failure.text);
	cli_complain(EXIT_CONFIG, "warning: going on with the default run_dir %s and pin_dir %s", ret->run_dir,
		     ret->pin_dir);
	return EXIT_OK;
}
