/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. One question to Azure, and what is remembered from one to the next. IMDS is asked without a proxy and gets no
 * token, ARM gets both as configured. Logs at debug only, and keeps no schedule.
 */
#ifndef AZURE_ASK_H
#define AZURE_ASK_H

#include "azure_blame.h"
#include "azure_jit.h"
#include "azure_plan.h"
#include "azure_token.h"
#include "azure_url.h"
#include "conf.h"
#include "util.h"

/* What is remembered between polls. Starts with conf, guard, max_grants, stop_fd and before set, the rest 0; free with
 * azure_asker_free. */
struct azure_asker {
	const struct conf_azure *conf;
	const struct guard *guard;      /* jitgated's; NULL: none */
	uint32_t max_grants;            /* more than jitgated takes in are no answer */
	int stop_fd;                    /* readable: give up at once; -1: none */
	const struct azure_jit *before; /* the last good answer; NULL: none is remembered */
	struct azure_vm vm;
	const struct azure_cloud *cloud; /* NULL: not one that we know */
	struct boot_time vm_until;       /* the VM's identity is to be asked for again */
	bool vm_fresh;                   /* it was asked for in this very poll */
	bool vm_stuck;                   /* it could not be asked for last time, and people know */
	struct azure_token *token;       /* NULL: none yet */
	bool token_renewed;              /* a 401 has had its second try in this poll */
	struct azure_plan plan;
	struct boot_time hope_at; /* what was forbidden is to be tried again */
};

void azure_asker_free(struct azure_asker *asker);
#define _cleanup_azure_asker_ CLEANUP(azure_asker_free)

/* What came of one poll. Starts as {0}; free with azure_answer_free. What is not said on the way is 0, for `remaining`
 * -1. */
struct azure_answer {
	struct azure_jit jit;     /* when azure_poll returned 0 */
	size_t n_policies;        /* in the lists, also those of other VMs */
	struct azure_clock clock; /* this machine's against ARM's */
	int64_t remaining;        /* reads that ARM still allows */
	uint32_t retry_after_s;   /* whoever asked us to wait */
	uint32_t n_reads;         /* how many of them this poll took, answered or not */
	char client_id[37];       /* x-ms-client-request-id of the last question to ARM; "" */
	long status;              /* that the last question got, 200 when all is well; 0: no answer came */
	struct text why; /* when it failed: "cannot list JIT policies: https://… answers 403 AuthorizationFailed; …" */
	struct text detail; /* the other side's own words as key="value", escaped; may be empty */
	struct text news;   /* worth a warning, though the poll went on; said once; may be empty */
};

void azure_answer_free(struct azure_answer *answer);
#define _cleanup_azure_answer_ CLEANUP(azure_answer_free)

/* The addresses of the other side. That of ARM is NULL when neither the config nor the cloud says it. */
const char *azure_ask_imds(const struct azure_asker *asker);
const char *azure_ask_arm(const struct azure_asker *asker);

/*
 * Ask once. 0 with *ret filled whatever the status, freed by the caller; else a negative errno as azure_http_get says
 * it, with answer->why filled.
 */
int azure_ask(struct azure_asker *asker, const struct azure_question *q, struct azure_http_response *ret,
	      struct azure_answer *answer);
/* The same, and a status other than 200 is a failure: *ret is filled, answer->why too. */
int azure_ask_ok(struct azure_asker *asker, const struct azure_question *q, struct azure_http_response *ret,
		 struct azure_answer *answer);

/* Fill answer->why (which may hold an earlier failure, now of no interest) and return `r`. */
int azure_ask_blame(struct azure_answer *answer, const struct azure_question *q, int r, const char *words);
int azure_ask_blame_status(struct azure_answer *answer, const struct azure_question *q,
			   const struct azure_http_response *response);
int azure_ask_blame_body(struct azure_answer *answer, const struct azure_question *q, int r,
			 const struct parse_error *err);
int azure_ask_no_memory(struct azure_answer *answer);

#endif
