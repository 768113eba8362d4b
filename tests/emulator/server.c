// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Two HTTP servers on 127.0.0.1 (a thread per connection, so that one that hangs hangs alone), the way of a
 * request through them, and the headers that every answer has.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emulator.h"
#include "mangle.h"
#include "service_time.h"
#include "util.h"

struct listener {
	struct emulator *em;
	struct MHD_Daemon *daemon;
	bool is_arm;
};

struct server {
	struct listener imds, arm;
};

/* ---------------------------------------------------------------- answering */

static void add_date(const struct emulator *em, int skew_s, struct answer *answer)
{
	char date[HTTP_DATE_MAX];

	http_date(emulator_now(em) + skew_s * TICKS_PER_S, date);
	answer_header(answer, "Date", "%s", date);
}

static int64_t latency_ms(const struct emulator *em, enum operation op)
{
	if (!operation_is_arm(op))
		return em->delays.imds_ms;
	return op == OP_INITIATE && em->delays.initiate_ms >= 0 ? em->delays.initiate_ms : em->delays.arm_ms;
}

/* With the lock held: count, meet the fault, let the handler work. */
static struct fault produce_answer(struct listener *l, const struct request *req, enum operation op,
				   struct answer *answer)
{
	struct emulator *em = l->em;
	struct fault fault;

	em->counts[op]++;
	fault = faults_take(&em->faults, op, req->path);
	em->faulted += fault.kind != FAULT_NONE;
	if (fault_replaces_answer(fault.kind))
		mangle_replace(&fault, op, answer);
	else if (req->body_too_big)
		answer_arm_error(answer, 413, "RequestEntityTooLarge", "The request is too large.");
	else if (prepared_take(&em->prepared, op, req->path, true, answer))
		; /* as it is */
	else if (l->is_arm)
		arm_answer(em, req, answer);
	else
		imds_answer(em, req, op, answer);
	if (fault.kind == FAULT_DUP_KEYS)
		mangle_double_members(answer);
	if (l->is_arm)
		arm_add_headers(em, req, op, answer);
	return fault;
}

static void add_header(struct MHD_Response *response, const struct header *header)
{
	if (header->left_out)
		return;
	/* libmicrohttpd takes no empty value; clients drop blanks around one. */
	if (MHD_add_response_header(response, header->name, header->value[0] ? header->value : " ") != MHD_YES)
		fprintf(stderr, "emulator: header %s cannot be sent\n", header->name);
}

static enum MHD_Result queue_answer(struct listener *l, const struct request *req, const struct fault *fault,
				    const struct answer *answer)
{
	struct MHD_Response *response = mangle_response(l->em, req, fault, answer);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	for (size_t i = 0; i < answer->n_headers; i++)
		add_header(response, &answer->headers[i]);
	result = MHD_queue_response(req->connection, answer->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result serve(struct listener *l, const struct request *req)
{
	__attribute__((cleanup(answer_clear))) struct answer answer = {0};
	bool is_control = !l->is_arm && control_wants(req);
	enum operation op = l->is_arm ? arm_operation(req) : imds_operation(req);
	struct fault fault = {.kind = FAULT_NONE};
	struct transfer transfer = {0};
	int64_t wait_ms = 0;

	pthread_mutex_lock(&l->em->lock);
	if (is_control) {
		control_answer(l->em, req, &answer);
	} else {
		fault = produce_answer(l, req, op, &answer);
		wait_ms = latency_ms(l->em, op);
		if (l->is_arm)
			transfer = l->em->transfer;
	}
	add_date(l->em, fault.skew_s, &answer);
	if (answer.type)
		answer_header(&answer, "Content-Type", "%s", answer.type);
	pthread_mutex_unlock(&l->em->lock);

	transfer_apply(&transfer, req, &answer);
	if (wait_ms && mangle_wait(l->em, req->connection, wait_ms) == WAIT_GONE)
		return MHD_NO;
	return queue_answer(l, req, &fault, &answer);
}

/* ---------------------------------------------------------------- receiving */

static struct request *new_request(struct MHD_Connection *connection, const char *method, const char *path)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct request *req = must(calloc(1, sizeof(*req)));

	req->connection = connection;
	req->method = method;
	req->path = must_copy(path);
	if (info && info->client_addr->sa_family == AF_INET)
		inet_ntop(AF_INET, &((struct sockaddr_in *)info->client_addr)->sin_addr, req->client,
			  sizeof(req->client));
	return req;
}

static void add_upload(struct request *req, const char *data, size_t len)
{
	if (req->body_too_big || len > REQUEST_BODY_MAX - req->body_len) {
		req->body_too_big = true;
		return;
	}
	req->body = must(realloc(req->body, req->body_len + len + 1));
	memcpy(req->body + req->body_len, data, len);
	req->body_len += len;
	req->body[req->body_len] = '\0';
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
				 const char *version, const char *upload, size_t *upload_size, void **con_cls)
{
	struct request *req = *con_cls;

	(void)version;
	if (!req) {
		*con_cls = new_request(connection, method, url);
		return MHD_YES;
	}
	if (*upload_size) {
		add_upload(req, upload, *upload_size);
		*upload_size = 0;
		return MHD_YES;
	}
	return serve(cls, req);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
			 enum MHD_RequestTerminationCode why)
{
	struct request *req = *con_cls;

	(void)cls;
	(void)connection;
	(void)why;
	if (!req)
		return;
	free(req->body);
	free(req->path);
	free(req);
	*con_cls = NULL;
}

/* ---------------------------------------------------------------- start and stop */

static int start_listener(struct listener *l, uint16_t port, const char *key_pem, const char *cert_pem,
			  char endpoint[ENDPOINT_MAX])
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key_pem},
				       {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)cert_pem},
				       {MHD_OPTION_END, 0, NULL}};
	struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL |
			 MHD_USE_SUPPRESS_DATE_NO_CLOCK | (key_pem ? MHD_USE_TLS : 0);
	const union MHD_DaemonInfo *info;

	l->daemon = MHD_start_daemon(flags, port, NULL, NULL, on_access, l, MHD_OPTION_SOCK_ADDR, &address,
				     MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_ARRAY,
				     key_pem ? tls : none, MHD_OPTION_END);
	if (!l->daemon)
		return errno ? -errno : -EIO;
	info = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_BIND_PORT);
	snprintf(endpoint, ENDPOINT_MAX, "%s://127.0.0.1:%u", key_pem ? "https" : "http", info ? info->port : port);
	return 0;
}

void server_stop(struct server *server)
{
	if (!server)
		return;
	if (server->imds.daemon)
		MHD_stop_daemon(server->imds.daemon);
	if (server->arm.daemon)
		MHD_stop_daemon(server->arm.daemon);
	free(server);
}

struct server *server_start(struct emulator *em, const char *key_pem, const char *cert_pem)
{
	struct server *server = must(calloc(1, sizeof(*server)));
	int r;

	server->imds = (struct listener){.em = em};
	server->arm = (struct listener){.em = em, .is_arm = true};
	/* Whoever asks early waits until the endpoints, which answers name, are known. */
	pthread_mutex_lock(&em->lock);
	r = start_listener(&server->imds, em->options->imds_port, NULL, NULL, em->imds_endpoint);
	if (r == 0)
		r = start_listener(&server->arm, em->options->arm_port, key_pem, cert_pem, em->arm_endpoint);
	pthread_mutex_unlock(&em->lock);
	if (r < 0) {
		server_stop(server);
		errno = -r;
		return NULL;
	}
	return server;
}
