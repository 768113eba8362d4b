/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Whom to ask in Azure, and with which words: the clouds, the parts of a VM's resource id, the addresses of every
 * question. Opens nothing.
 */
#ifndef AZURE_URL_H
#define AZURE_URL_H

#include <stdbool.h>

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

/* The parts of a VM's id that the addresses need. */
struct azure_vm {
	char *id; /* as IMDS wrote it */
	char *subscription, *group, *name;
};

/*
 * /subscriptions/S/resourceGroups/G/providers/Microsoft.Compute/virtualMachines/N, segment names in any case. 0,
 * -ENOMEM, or -EINVAL with err->why, also for an instance of a scale set, which JIT does not know; *ret untouched on
 * error.
 */
int azure_vm_parse(const char *resource_id, struct azure_vm *ret, struct parse_error *err);
void azure_vm_free(struct azure_vm *vm);

/* Append to `out`. Endpoints are scheme://host[:port], with or without a slash behind. */
void azure_url_compute(struct text *out, const char *imds);
/* `identity`: "" or client_id=…, object_id=…, resource_id=… from the config. */
void azure_url_token(struct text *out, const char *imds, const char *audience, const char *identity);
/* The list of the VM's own resource group, all regions. */
void azure_url_list(struct text *out, const char *arm, const struct azure_vm *vm);

/*
 * `link` lies on the endpoint itself: same scheme, host and port, then a path of visible ASCII. Compared as text, so
 * that two parsers cannot read it differently: the token is sent there.
 */
bool azure_url_same_origin(const char *endpoint, const char *link);

#endif
