// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See conf_file.h.
 */
#include "conf_file.h"

#include <errno.h>
#include <string.h>

#include "files.h"
#include "util.h"

static int explain_read(const char *path, int error, struct failure *failure)
{
	switch (error) {
	case -EPERM:
		return failure_set(failure, error,
				   "%s: must belong to root and not be writable by group or others; "
				   "chown root %s && chmod go-w %s",
				   path, path, path);
	case -EFBIG:
		return failure_set(failure, error, "%s: longer than %d bytes, so it is not a jitgate config", path,
				   CONF_BYTES_MAX);
	case -EINVAL:
		return failure_set(failure, error,
				   "%s: not a regular file; put the config there, or start with -c FILE", path);
	case -ENOENT:
		return failure_set(failure, error, "%s: no such file; put the config there, or start with -c FILE",
				   path);
	default:
		return failure_set(failure, error, "%s: %s", path, strerror(-error));
	}
}

int conf_file_load(const char *path, struct conf *ret, struct failure *failure)
{
	_cleanup_free_ char *text = NULL;
	struct conf_error error = {0};
	size_t len = 0;
	int r = files_read(path, CONF_BYTES_MAX, FILES_TRUSTED, &text, &len);

	if (r < 0)
		return explain_read(path, r, failure);
	r = conf_parse(text, len, path, ret, &error);
	if (r < 0)
		return failure_set(failure, r, "%s", error.message);
	return 0;
}
