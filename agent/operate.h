/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * TOP. The commands of jitgate that change something: their arguments, what is looked at before jitgated is asked, and
 * the asking.
 */
#ifndef OPERATE_H
#define OPERATE_H

#include "conf.h"
#include "failure.h"
#include "text.h"

struct operate_options {
	bool json;
	const char *port;    /* PORT[/PROTO]; NULL: none, as all of these */
	const char *confirm; /* arm */
	bool force;
	const char *from; /* open, close */
	const char *length;
	const char *reason;
	bool override;
};

/* Each: the exit code, with *out for standard output and, unless it is empty, *failure for standard error. */
int operate_arm(const struct conf *conf, const struct operate_options *options, struct text *out,
		struct failure *failure);
int operate_confirm(const struct conf *conf, const struct operate_options *options, struct text *out,
		    struct failure *failure);
int operate_disarm(const struct conf *conf, const struct operate_options *options, struct text *out,
		   struct failure *failure);
int operate_open(const struct conf *conf, const struct operate_options *options, struct text *out,
		 struct failure *failure);
int operate_close(const struct conf *conf, const struct operate_options *options, struct text *out,
		  struct failure *failure);

#endif
