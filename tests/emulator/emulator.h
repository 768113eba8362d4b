/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The emulator's state and the doors between its files. One mutex guards everything below `lock`; handlers are
 * called with it held and never wait.
 */
#ifndef EMULATOR_H
#define EMULATOR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "faults.h"
#include "http_util.h"
#include "identity.h"
#include "options.h"
#include "policy_store.h"
#include "prepared.h"
#include "quirks.h"
#include "route.h"
#include "throttle.h"
#include "tokens.h"
#include "transfer.h"

#define ENDPOINT_MAX 64

/* How often the metadata service may be asked in a second; 0: as often as one likes. */
struct imds_limit {
	int64_t per_s, identity_per_s;
	int64_t since_mono_ms, used[2];
};

/* Defender's plan for servers. */
struct plan {
	bool standard, p1;
};

/* Who the metadata service says that this machine is. */
struct machine {
	char *id, *location, *environment;
};

struct emulator {
	const struct options *options;
	char imds_endpoint[ENDPOINT_MAX], arm_endpoint[ENDPOINT_MAX];
	atomic_bool stopping;

	pthread_mutex_t lock;
	struct machine vm;
	struct delays delays;
	struct transfer transfer;
	struct store store;
	struct tokens tokens;
	struct faults faults;
	struct prepared_list prepared;
	struct throttle throttle;
	struct imds_limit imds_limit;
	struct plan plan;
	struct quirks quirks;
	int64_t skew_ticks;   /* service clock minus this machine's */
	int64_t linger_ticks; /* how long an ended request still reads Initiated */
	unsigned page_size;   /* 0: one page */
	char *requestor;
	uint64_t counts[_OP_MAX];
	uint64_t faulted, unauthorized;
};

/* state.c. The service's clock. */
int64_t emulator_now(const struct emulator *em);

/* No policies, no faults, nothing counted, everything else as the options say; tokens that were given out stay good. */
void emulator_reset(struct emulator *em);
void emulator_free(struct emulator *em);

/* imds.c */
enum operation imds_operation(const struct request *req);
void imds_answer(struct emulator *em, const struct request *req, enum operation op, struct answer *answer);

/* imds_token.c */
void token_answer(struct emulator *em, const struct request *req, struct answer *answer);
void token_answer_error(struct answer *answer, unsigned status, const char *error, const char *description);

/* control.c: /emulator/... on the IMDS port */
bool control_wants(const struct request *req);
void control_answer(struct emulator *em, const struct request *req, struct answer *answer);

/* arm.c */
enum operation arm_operation(const struct request *req);
void arm_answer(struct emulator *em, const struct request *req, struct answer *answer);
void arm_add_headers(const struct emulator *em, const struct request *req, enum operation op, struct answer *answer);

void answer_not_allowed(struct answer *answer, const struct request *req);

/* policy_api.c */
void policy_answer(struct emulator *em, const struct request *req, const struct route *route, struct answer *answer);

/* protect.c: the policy `default` of the machine's group, with a rule for the port (protocol NULL: any rule will do);
 * made as far as it is missing. NULL: vm is no resource id. */
struct policy *protect_port(struct emulator *em, const char *vm, int number, const char *protocol);

/* pricing.c */
void pricing_answer(struct emulator *em, const struct request *req, const struct route *route, struct answer *answer);

/* initiate.c */
void initiate_answer(struct emulator *em, const struct request *req, const struct scope *scope, struct answer *answer);

/* The request document {"virtualMachines", "startTimeUtc", "requestor", "justification"}; takes machines. */
cJSON *initiate_document(const struct emulator *em, cJSON *machines, const char *justification);

/* server.c */
struct server;
struct server *server_start(struct emulator *em, const char *key_pem, const char *cert_pem);
void server_stop(struct server *server);

#endif
