// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The emulator's start and stop.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "emulator.h"
#include "service_time.h"
#include "tls.h"
#include "util.h"

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
	for (size_t i = 0; i < em->options->n_protect; i++)
		protect_port(em, em->vm.id, em->options->protect[i].number, em->options->protect[i].protocol);
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

int main(int argc, char **argv)
{
	struct options options;
	__attribute__((cleanup(emulator_free))) struct emulator em = {
		.options = &options,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	sigset_t signals;

	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return fputs(help_text, stdout) < 0;
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return printf("emulator (jitgate) " JITGATE_VERSION "\n") < 0;
	if (options_parse(argc, argv, &options) < 0)
		return 2;
	emulator_reset(&em);
	block_signals(&signals);
	return run(&em, &signals) < 0;
}
