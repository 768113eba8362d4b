/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Whom to ask in Azure, and with which words: the clouds, and the addresses of every question. Opens nothing.
 */
#ifndef AZURE_URL_H
#define AZURE_URL_H

#include <stdbool.h>

#include "azure_id.h"
#include "text.h"
#include "util.h"

#define AZURE_IMDS_ENDPOINT "http://169.254.169.254"

struct azure_cloud {
	const char *name;        /* in the config: "public" */
	const char *environment; /* IMDS azEnvironment: "AzurePublicCloud" */
	const char *arm;         /* "https://management.azure.com" */
	const char *audience;    /* what a token for it is asked for */
};

/* By either name, in any ASCII case; NULL when there is no such cloud. */
const struct azure_cloud *azure_cloud_find(const char *name);

/* Append to `out`. Endpoints are scheme://host[:port], with or without a slash behind. */
void azure_url_compute(struct text *out, const char *imds);
/* `identity`: "" or client_id=…, object_id=…, resource_id=… from the config. */
void azure_url_token(struct text *out, const char *imds, const char *audience, const char *identity);
/* One policy, or a list of them: of all regions when `region` is NULL, which is looked at for lists only. */
void azure_url_policies(struct text *out, const char *arm, const struct azure_scope *scope, const char *region);

/*
 * `link` lies on the endpoint itself: same scheme, host and port, then a path of visible ASCII. Compared as text, so
 * that two parsers cannot read it differently: the token is sent there.
 */
bool azure_url_same_origin(const char *endpoint, const char *link);

#endif
