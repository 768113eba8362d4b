// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The emulator's command line: a table of options, and what becomes of each.
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "http_util.h"
#include "policy_store.h"
#include "util.h"

#define DELAY_MAX_MS (24L * 3600 * 1000)

enum {
	IMDS,
	ARM,
	TLS_DIR,
	PLAIN_ARM,
	VM,
	LOCATION,
	ENVIRONMENT,
	POLICY,
	LATENCY,
	IMDS_LATENCY,
	INITIATE_LATENCY,
	INITIATE_DELAY,
	UPDATING,
	PROTECT,
	IDENTITY
};

static const struct option known[] = {{"imds", required_argument, NULL, IMDS},
				      {"arm", required_argument, NULL, ARM},
				      {"tls-dir", required_argument, NULL, TLS_DIR},
				      {"plain-arm", no_argument, NULL, PLAIN_ARM},
				      {"vm", required_argument, NULL, VM},
				      {"location", required_argument, NULL, LOCATION},
				      {"environment", required_argument, NULL, ENVIRONMENT},
				      {"policy", required_argument, NULL, POLICY},
				      {"latency", required_argument, NULL, LATENCY},
				      {"imds-latency", required_argument, NULL, IMDS_LATENCY},
				      {"initiate-latency", required_argument, NULL, INITIATE_LATENCY},
				      {"initiate-delay", required_argument, NULL, INITIATE_DELAY},
				      {"identity", required_argument, NULL, IDENTITY},
				      {"protect", required_argument, NULL, PROTECT},
				      {"updating", required_argument, NULL, UPDATING},
				      {NULL, 0, NULL, 0}};

static int usage_error(const char *what)
{
	fprintf(stderr, "emulator: %s; see --help\n", what);
	return -EINVAL;
}

static int take_port(const char *value, uint16_t *ret)
{
	long number;

	if (text_number(value, 65535, &number))
		return usage_error("a port is a number from 0 to 65535");
	*ret = (uint16_t)number;
	return 0;
}

static int take_delay(const char *value, int64_t *ret)
{
	long number;

	if (text_number(value, DELAY_MAX_MS, &number))
		return usage_error("a delay is a number of milliseconds");
	*ret = number;
	return 0;
}

static int take_vm(const char *value, const char **ret)
{
	char subscription[128], group[128];

	if (resource_scope(value, subscription, group, sizeof(group)) < 0)
		return usage_error("--vm needs a resource id, /subscriptions/S/resourceGroups/G/...");
	*ret = value;
	return 0;
}

/* "22/TCP", as policies write protocols. */
static int take_protect(const char *value, struct options *options)
{
	static const char *const protocols[] = {"TCP", "UDP", "*"};
	const char *slash = strchr(value, '/');
	char port[8];
	long number;

	if (slash && slash - value < (int)sizeof(port) && options->n_protect < PROTECT_MAX) {
		snprintf(port, sizeof(port), "%.*s", (int)(slash - value), value);
		for (size_t i = 0; i < ARRAY_SIZE(protocols) && text_number(port, 65535, &number) == 0; i++) {
			if (strcmp(protocols[i], slash + 1) != 0)
				continue;
			options->protect[options->n_protect].number = (int)number;
			options->protect[options->n_protect++].protocol = protocols[i];
			return 0;
		}
	}
	return usage_error("--protect needs PORT/TCP, PORT/UDP or PORT/*");
}

static int take_text(const char *value, const char **ret)
{
	*ret = value;
	return 0;
}

static int take_option(int option, const char *value, struct options *options)
{
	switch (option) {
	case IMDS:
		return take_port(value, &options->imds_port);
	case ARM:
		return take_port(value, &options->arm_port);
	case TLS_DIR:
		return take_text(value, &options->tls_dir);
	case PLAIN_ARM:
		options->plain_arm = true;
		return 0;
	case VM:
		return take_vm(value, &options->vm);
	case LOCATION:
		return take_text(value, &options->location);
	case ENVIRONMENT:
		return take_text(value, &options->environment);
	case POLICY:
		return take_text(value, &options->policy_file);
	case LATENCY:
		return take_delay(value, &options->delays.arm_ms);
	case IMDS_LATENCY:
		return take_delay(value, &options->delays.imds_ms);
	case INITIATE_LATENCY:
		return take_delay(value, &options->delays.initiate_ms);
	case INITIATE_DELAY:
		return take_delay(value, &options->delays.initiating_ms);
	case UPDATING:
		return take_delay(value, &options->delays.updating_ms);
	case PROTECT:
		return take_protect(value, options);
	case IDENTITY:
		if (strcmp(value, "none") == 0)
			options->no_identity = true;
		else if (!identities_add(&options->identities, value))
			return usage_error("--identity needs none, system, or client_id=ID,object_id=ID,msi_res_id=ID");
		return 0;
	default:
		return usage_error("unknown option or missing value");
	}
}

int options_parse(int argc, char **argv, struct options *ret)
{
	struct options options = {.vm = DEFAULT_VM,
				  .location = "westeurope",
				  .environment = "AzurePublicCloud",
				  .delays.initiate_ms = -1};
	int option, r;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		r = take_option(option, optarg, &options);
		if (r < 0)
			return r;
	}
	if (optind != argc)
		return usage_error("there are no arguments besides options");
	if (!options.identities.n && !options.no_identity)
		identities_add(&options.identities, "system");
	*ret = options;
	return 0;
}
