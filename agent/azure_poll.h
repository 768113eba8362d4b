/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. One round of questions to Azure: who is this VM, a token, the list of policies, page by page; whole or not at
 * all. Does not log and keeps no schedule.
 */
#ifndef AZURE_POLL_H
#define AZURE_POLL_H

#include "azure_jit.h"
#include "azure_url.h"
#include "conf.h"
#include "util.h"

#define AZURE_PAGES_MAX 50
#define AZURE_IDENTITY_S 3600 /* a running VM can be moved to another resource group */

/* What is remembered between polls. Starts with conf, max_grants and stop_fd set, the rest 0; free with
 * azure_asker_free. */
struct azure_asker {
	const struct conf_azure *conf;
	uint32_t max_grants; /* more than jitgated takes in are no answer */
	int stop_fd;         /* readable: give up at once; -1: none */
	struct azure_vm vm;
	const struct azure_cloud *cloud; /* NULL: not one that we know */
	struct boot_time vm_until;
	struct azure_token token;
	struct boot_time token_until;
};

void azure_asker_free(struct azure_asker *asker);
#define _cleanup_azure_asker_ CLEANUP(azure_asker_free)

/* Starts as {0}; free with azure_answer_free. What is not said on the way is 0, for `remaining` -1. */
struct azure_answer {
	struct azure_jit jit;   /* when azure_poll returned 0 */
	size_t n_policies;      /* in the list, also those of other VMs */
	struct wall_time date;  /* ARM's clock */
	int64_t remaining;      /* reads that ARM still allows */
	uint32_t retry_after_s; /* whoever asked us to wait */
	uint32_t n_reads;       /* how many of them this poll took, answered or not */
	long status;            /* that the last question got, 200 when all is well; 0: no answer came */
	struct text why; /* when it failed: "cannot list JIT policies: https://… answers 403 AuthorizationFailed; …" */
	struct text detail; /* the other side's own words as key="value", escaped; may be empty */
};

/* 0, or -errno with ret->why; -ECANCELED for stop_fd. `now` is sampled just before. */
int azure_poll(struct azure_asker *asker, struct clock_pair now, struct azure_answer *ret);
void azure_answer_free(struct azure_answer *answer);
#define _cleanup_azure_answer_ CLEANUP(azure_answer_free)

#endif
