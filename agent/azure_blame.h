/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. The words for a question to Azure that failed: what was wanted, who was asked, what came, what helps. Texts of
 * the other side are escaped and cut.
 */
#ifndef AZURE_BLAME_H
#define AZURE_BLAME_H

#include "azure_id.h"
#include "azure_response.h"
#include "text.h"
#include "util.h"

enum azure_goal {
	AZURE_GOAL_COMPUTE = 0, /* IMDS */
	AZURE_GOAL_TOKEN,       /* IMDS */
	AZURE_GOAL_LIST,        /* ARM */
	AZURE_GOAL_POLICY,      /* ARM */
	_AZURE_GOAL_MAX,
};

struct azure_question {
	enum azure_goal goal;
	const char *endpoint;            /* for people */
	const char *url;                 /* the whole of it */
	const struct azure_scope *scope; /* what is read, when the config names it; NULL: the VM's own group */
};

/* One failure. `why` is a line for people, `detail` goes behind it in the log: the other side's own words and ids as
 * key="value". */
struct azure_failure {
	struct text why, detail;
};

void azure_failure_free(struct azure_failure *failure);
#define _cleanup_azure_failure_ CLEANUP(azure_failure_free)

/* Each fills an empty failure: nothing came (`words` say why); a status that is no answer; a body that is none. */
void azure_blame(struct azure_failure *failure, const struct azure_question *q, const char *words);
void azure_blame_status(struct azure_failure *failure, const struct azure_question *q,
			const struct azure_http_response *response);
void azure_blame_body(struct azure_failure *failure, const struct azure_question *q, int r,
		      const struct parse_error *err);

#endif
