/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Answers of ARM, and errors of IMDS too: bytes -> plain C. Types and shape are checked here;
 * what a value means (dates, addresses, status) is judged in azure_jit. Bytes are hostile: nothing here allocates more
 * than a fixed multiple of the input, however many ports a long text is for.
 *
 * All parsers: 0, -EINVAL with err filled (may be NULL), or -ENOMEM; *ret untouched on error.
 */
#ifndef AZURE_JSON_H
#define AZURE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "azure_id.h"
#include "json_scan.h"
#include "util.h"

#define AZURE_JSON_BYTES_MAX JSON_SCAN_BYTES_MAX
#define AZURE_ENTRIES_MAX 65536 /* rules, ports of requests and their sources, for this VM and in all pages */
#define AZURE_POLICY_ID_MAX 1024

/* One protected port of this VM, as a policy writes it. */
struct azure_rule {
	uint16_t number; /* 0..65535 */
	char *protocol;  /* "TCP", "UDP", "*", or something new */
	char *longest;   /* maxRequestAccessDuration; NULL: not there */
};

/* One port of one request for this VM, as a policy writes it, long texts cut. NULL: not there. */
struct azure_request {
	uint16_t number; /* 0..65535 */
	char *status;
	char *start, *end; /* startTimeUtc, endTimeUtc */
	char **sources;    /* allowedSourceAddressPrefix, then allowedSourceAddressPrefixes */
	size_t n_sources;
	char *requestor, *justification;
	bool ours;       /* it certainly names this VM */
	const char *odd; /* NULL, or what of it has a wrong shape: then it is not granted, and what could be read is for
			    people; static */
};

/* What one policy says about this VM. */
struct azure_policy {
	char *id;
	struct azure_rule *rules;
	size_t n_rules;
	struct azure_request *requests;
	size_t n_requests;
};

/* The policies that name this VM, of all pages so far. Starts as {0}. */
struct azure_listing {
	struct azure_policy *policies;
	size_t n;
	size_t n_seen;    /* policies in the answer, with those that do not name this VM */
	size_t n_entries; /* at most AZURE_ENTRIES_MAX */
};

/*
 * Add one page of a list of policies to *listing. A policy that names `vm_id` in its rules or requests is read whole,
 * and an error of shape in its rules is an error of the page, since what it protects would be lost; one in a request is
 * the request's own (`odd`), but for a member that is given twice, which is an error of the page, too. Of other
 * policies only the VM ids are read. Unknown members and values are no errors. *ret_next: the next page's address, or
 * NULL; the caller frees it.
 */
int azure_json_page(const char *bytes, size_t len, const char *vm_id, struct azure_listing *listing, char **ret_next,
		    struct parse_error *err);
/* The same of the answer to a question for one policy. */
int azure_json_policy(const char *bytes, size_t len, const char *vm_id, struct azure_listing *listing,
		      struct parse_error *err);
void azure_policy_free(struct azure_policy *policy);
void azure_listing_free(struct azure_listing *listing);
#define _cleanup_azure_listing_ CLEANUP(azure_listing_free)

/* ARM {"error":{"code","message"}} or IMDS {"error","error_description"}; for people, cut to fit, not escaped. */
struct azure_error {
	char code[64];
	char message[512];
};

/* 0 when there was at least a code, else -EINVAL: HTML from a proxy, nothing, half an answer. */
int azure_json_error(const char *bytes, size_t len, struct azure_error *ret);

#endif
