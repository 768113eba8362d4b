// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See conf_refuse.h.
 */
#include "conf_refuse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_SHOWN 100 /* bytes of the file's name in a message: its end says more than its beginning */

int conf_refuse(struct conf_error *err, const char *name, int line, const char *format, ...)
{
	va_list args;
	size_t used, name_len = strlen(name);
	const char *dots = "";

	if (!err)
		return -EINVAL;
	if (name_len > NAME_SHOWN) {
		name += name_len - NAME_SHOWN;
		dots = "...";
	}
	if (line > 0)
		snprintf(err->message, sizeof(err->message), "%s%s:%d: ", dots, name, line);
	else
		snprintf(err->message, sizeof(err->message), "%s%s: ", dots, name);
	err->line = line;
	used = strlen(err->message);
	va_start(args, format);
	vsnprintf(err->message + used, sizeof(err->message) - used, format, args);
	va_end(args);
	return -EINVAL;
}
