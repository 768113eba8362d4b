/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * TOP. The commands of jitgate that ask and change nothing: status, list, explain. They ask jitgated; when that is
 * dead, status and list ask the pins, if the caller is root.
 */
#ifndef INQUIRE_H
#define INQUIRE_H

#include <stdbool.h>

/* Each: the answer is on standard output, or a complaint on standard error. Returns the exit code. */

/* EXIT_FAILED, after the answer, too: jitgated does not run, or an interface that should be guarded is not verified. */
int inquire_status(const char *conf_path, bool json);
int inquire_list(const char *conf_path, bool json);

/* `source`: one address; `port`: PORT or PORT/PROTO, of one protocol. Checked before anybody is asked. */
int inquire_explain(const char *conf_path, bool json, const char *source, const char *port);

#endif
