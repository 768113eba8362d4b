// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The emulator's command line, start and stop.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "emulator.h"
#include "service_time.h"
#include "tls.h"
#include "util.h"

#define DEFAULT_VM                                                                                              \
	"/subscriptions/20ff7fc3-e762-44dd-bd96-b71116dcdc23/resourceGroups/myRg1/providers/Microsoft.Compute/" \
	"virtualMachines/vm1"

static const char help_text[] =
	"Usage: emulator [OPTION]...\n"
	"Behaves like Azure's instance metadata service (http) and like the just-in-time access\n"
	"resource of Azure Resource Manager (https), on 127.0.0.1 only. For tests and demonstrations.\n"
	"\n"
	"  --imds PORT           port of the metadata service (default 0: a free one)\n"
	"  --arm PORT            port of the resource manager (default 0: a free one)\n"
	"  --tls-dir DIR         where to write ca.pem (default: a temporary folder)\n"
	"  --plain-arm           the resource manager speaks http\n"
	"  --vm ID               a machine; the first is the one the metadata service speaks for\n"
	"  --location NAME       its region (default westeurope)\n"
	"  --policy FILE         start with this policy, or {\"value\":[policy...]}\n"
	"  --latency MS          answer so much later\n"
	"  --initiate-delay MS   how long a request stays Initiating\n"
	"  -h, --help, --version\n"
	"\n"
	"When ready it prints one line: emulator: ready imds=URL arm=URL ca=FILE\n"
	"\n"
	"A session, with that line's values in $imds, $arm and $ca:\n"
	"\n"
	"  curl -sH Metadata:true \"$imds/metadata/instance/compute?api-version=2021-02-01\" | jq .\n"
	"  vm=" DEFAULT_VM "\n"
	"  token=$(curl -sH Metadata:true \"$imds/metadata/identity/oauth2/token?api-version=2018-02-01\\\n"
	"&resource=https%3A%2F%2Fmanagement.azure.com%2F\" | jq -r .access_token)\n"
	"  arm() { curl -s --cacert \"$ca\" -H \"Authorization: Bearer $token\" -H Content-Type:application/json "
	"\"$@\"; }\n"
	"  list=$arm/subscriptions/20ff7fc3-e762-44dd-bd96-b71116dcdc23/resourceGroups/myRg1/providers/\\\n"
	"Microsoft.Security/locations/westeurope/jitNetworkAccessPolicies\n"
	"  arm -X PUT \"$list/default?api-version=2020-01-01\" -d "
	"'{\"kind\":\"Basic\",\"properties\":{\"virtualMachines\":[\n"
	"    {\"id\":\"'$vm'\",\"ports\":[{\"number\":22,\"protocol\":\"TCP\",\"allowedSourceAddressPrefix\":\"*\",\n"
	"     \"maxRequestAccessDuration\":\"PT3H\"}]}]}}'\n"
	"  arm -X POST \"$list/default/initiate?api-version=2020-01-01\" -d '{\"virtualMachines\":[{\"id\":\"'$vm'\",\n"
	"    \"ports\":[{\"number\":22,\"duration\":\"PT1H\",\"allowedSourceAddressPrefix\":\"203.0.113.7\"}]}],\n"
	"    \"justification\":\"look at the log\"}'\n"
	"  arm \"$list?api-version=2020-01-01\" | jq '.value[].properties.requests'\n"
	"\n"
	"Control, plain http on the metadata port:\n"
	"\n"
	"  POST   /emulator/initiate-fast {\"port\":22,\"source\":\"203.0.113.7\",\"seconds\":5}   a grant at once, no "
	"checks;\n"
	"                                 also \"vm\", \"protocol\", \"justification\"; makes the policy if missing\n"
	"  POST   /emulator/revoke        {\"port\":22}              also \"vm\", \"source\"; what is left out matches "
	"all\n"
	"  POST   /emulator/fault         "
	"{\"on\":\"list\",\"kind\":\"status\",\"status\":429,\"retry_after\":3,\"count\":2}\n"
	"                                 on:   any imds arm compute network token versions list get put delete "
	"initiate\n"
	"                                 kind: status html empty not-json huge hang reset truncated wrong-length "
	"slow\n"
	"                                       dup-keys; without count until cleared\n"
	"  GET    /emulator/fault         what is active\n"
	"  DELETE /emulator/fault         clear; what hangs is let go\n"
	"  POST   /emulator/requestor     {\"name\":\"alice@example.com\"}\n"
	"  POST   /emulator/skew          {\"seconds\":3600}         the service's clock against this machine's\n"
	"  POST   /emulator/linger        {\"seconds\":30}           ended requests read Initiated so much longer\n"
	"  POST   /emulator/page-size     {\"policies\":1}           lists in pages, 0: in one\n"
	"  POST   /emulator/budget        {\"requests\":10,\"window_s\":60}   then 429 until the window ends\n"
	"  POST   /emulator/token         {\"life_s\":5,\"expire\":true}      life of new tokens; end those given out\n"
	"  GET    /emulator/stats         requests seen, by operation\n"
	"  POST   /emulator/reset         back to the start: no policies, no faults, counts 0\n"
	"\n"
	"  curl -s -X POST \"$imds/emulator/initiate-fast\" -d "
	"'{\"port\":22,\"source\":\"203.0.113.7\",\"seconds\":5}'\n"
	"  curl -s -X POST \"$imds/emulator/fault\" -d '{\"on\":\"arm\",\"kind\":\"hang\"}'\n";

static int usage_error(const char *what)
{
	fprintf(stderr, "emulator: %s; see --help\n", what);
	return -EINVAL;
}

static int take_option(int option, const char *value, struct options *options)
{
	char subscription[128], group[128];
	long number = 0;

	switch (option) {
	case 'i':
	case 'a':
		if (text_number(value, 65535, &number))
			return usage_error("a port is a number from 0 to 65535");
		*(option == 'i' ? &options->imds_port : &options->arm_port) = (uint16_t)number;
		return 0;
	case 'l':
	case 'd':
		if (text_number(value, 24L * 3600 * 1000, &number))
			return usage_error("a delay is a number of milliseconds");
		*(option == 'l' ? &options->latency_ms : &options->initiate_delay_ms) = number;
		return 0;
	case 'v':
		if (options->n_vms == VMS_MAX || resource_scope(value, subscription, group, sizeof(group)) < 0)
			return usage_error("--vm needs a resource id, /subscriptions/S/resourceGroups/G/...");
		options->vms[options->n_vms++] = value;
		return 0;
	case 't':
		options->tls_dir = value;
		return 0;
	case 'r':
		options->location = value;
		return 0;
	case 'f':
		options->policy_file = value;
		return 0;
	case 'p':
		options->plain_arm = true;
		return 0;
	default:
		return usage_error("unknown option or missing value");
	}
}

static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {{"imds", required_argument, NULL, 'i'},
					      {"arm", required_argument, NULL, 'a'},
					      {"tls-dir", required_argument, NULL, 't'},
					      {"plain-arm", no_argument, NULL, 'p'},
					      {"vm", required_argument, NULL, 'v'},
					      {"location", required_argument, NULL, 'r'},
					      {"policy", required_argument, NULL, 'f'},
					      {"latency", required_argument, NULL, 'l'},
					      {"initiate-delay", required_argument, NULL, 'd'},
					      {NULL, 0, NULL, 0}};
	int option, r;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		r = take_option(option, optarg, options);
		if (r < 0)
			return r;
	}
	if (optind != argc)
		return usage_error("there are no arguments besides options");
	if (!options->n_vms)
		options->vms[options->n_vms++] = DEFAULT_VM;
	return 0;
}

/* ---------------------------------------------------------------- files */

static int read_policies(struct store *store, const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	_cleanup_free_ char *text = NULL;
	_cleanup_json_ cJSON *doc = NULL;
	size_t size = 0;

	if (f && getdelim(&text, &size, '\0', f) > 0)
		doc = cJSON_Parse(text);
	if (!f || !doc || store_load(store, doc) < 0) {
		fprintf(stderr, "emulator: %s: no policy in it\n", path);
		return -EINVAL;
	}
	return 0;
}

static int write_file(const char *path, const char *text)
{
	_cleanup_fclose_ FILE *f = fopen(path, "we");

	/* Whatever the umask: it is a certificate, and other users' clients are to trust it. */
	if (!f || fputs(text, f) < 0 || fflush(f) != 0 || fchmod(fileno(f), 0644) < 0) {
		fprintf(stderr, "emulator: %s: %s\n", path, strerror(errno));
		return -EIO;
	}
	return 0;
}

/* Where ca.pem lies, and whether the folder is ours to remove. */
struct tls_place {
	char dir[64];
	char *ca_file;
	bool temporary;
};

static void leave_place(struct tls_place *place)
{
	if (place->temporary) {
		if (place->ca_file)
			unlink(place->ca_file);
		rmdir(place->dir);
	}
	free(place->ca_file);
}

static int take_place(const char *wanted, struct tls_place *place)
{
	const char *dir = wanted;

	if (!wanted) {
		snprintf(place->dir, sizeof(place->dir), "/tmp/jitgate-emulator.XXXXXX");
		dir = mkdtemp(place->dir);
		place->temporary = dir != NULL;
		if (dir && chmod(dir, 0755) < 0) /* no key is ever written there */
			dir = NULL;
	} else if (mkdir(wanted, 0755) < 0 && errno != EEXIST) {
		dir = NULL;
	}
	if (!dir) {
		fprintf(stderr, "emulator: %s: %s\n", wanted ? wanted : place->dir, strerror(errno));
		return -errno;
	}
	place->ca_file = must_printf("%s/ca.pem", dir);
	return 0;
}

/* ---------------------------------------------------------------- life */

static void wait_for_end(const sigset_t *signals)
{
	int which;

	while (sigwait(signals, &which) != 0)
		;
}

static int serve_until_signal(struct emulator *em, const struct tls_files *tls, const char *ca_file,
			      const sigset_t *signals)
{
	bool plain = em->options->plain_arm;
	struct server *server = server_start(em, plain ? NULL : tls->key_pem, plain ? NULL : tls->cert_pem);

	if (!server) {
		fprintf(stderr, "emulator: cannot listen: %s\n", strerror(errno));
		return -errno;
	}
	printf("emulator: ready imds=%s arm=%s ca=%s\n", em->imds_endpoint, em->arm_endpoint, ca_file);
	fflush(stdout);
	wait_for_end(signals);
	em->stopping = true;
	server_stop(server);
	return 0;
}

static int run(struct emulator *em, const sigset_t *signals)
{
	__attribute__((cleanup(leave_place))) struct tls_place place = {0};
	__attribute__((cleanup(tls_free))) struct tls_files tls = {0};
	const char *why = NULL;

	if (em->options->policy_file && read_policies(&em->store, em->options->policy_file) < 0)
		return -EINVAL;
	if (take_place(em->options->tls_dir, &place) < 0)
		return -EIO;
	if (tls_make(&tls, &why) < 0) {
		fprintf(stderr, "emulator: cannot make certificates: %s\n", why);
		return -EIO;
	}
	if (write_file(place.ca_file, tls.ca_pem) < 0)
		return -EIO;
	return serve_until_signal(em, &tls, place.ca_file, signals);
}

static void block_signals(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGTERM);
	sigaddset(ret, SIGINT);
	/* Before any thread exists, so that all inherit it and only sigwait sees them. */
	sigprocmask(SIG_BLOCK, ret, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void free_emulator(struct emulator *em)
{
	store_free(&em->store);
	free(em->requestor);
	pthread_mutex_destroy(&em->lock);
}

int main(int argc, char **argv)
{
	struct options options = {.location = "westeurope"};
	__attribute__((cleanup(free_emulator))) struct emulator em = {
		.options = &options,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.tokens.life_ms = 24LL * 3600 * 1000,
		.budget = {.limit = 750,
			   .left = 750,
			   .window_ms = 3600 * 1000,
			   .ends_mono_ms = mono_ms() + 3600 * 1000},
	};
	sigset_t signals;

	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return fputs(help_text, stdout) < 0;
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return printf("emulator (jitgate) " JITGATE_VERSION "\n") < 0;
	if (parse_options(argc, argv, &options) < 0)
		return 2;
	block_signals(&signals);
	return run(&em, &signals) < 0;
}
