/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * CORE. Config text -> struct conf. Reads no file: the caller hands the bytes in.
 */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>

#include "grant.h"
#include "guard.h"
#include "session.h"
#include "util.h"

#ifndef CONF_PATH_DEFAULT /* the Makefile gives the one that belongs to its prefix */
#define CONF_PATH_DEFAULT "/etc/jitgate/jitgate.conf"
#endif
/* The sockets of jitgated in run_dir. conf_parse sees to it that both fit a socket address. */
#define CONF_FEED_SOCKET "feed.sock"
#define CONF_CONTROL_SOCKET "control.sock"

#define CONF_BYTES_MAX (1024 * 1024)
#define CONF_INTERFACES_MAX 64
#define CONF_POLICIES_MAX 16
#define CONF_TRANSLATE_MAX 16
#define CONF_NETWORKS_MAX 1024 /* entries of `allow`, and of `guard.sources` */

enum conf_xdp_mode {
	CONF_XDP_AUTO = 0, /* native, else generic */
	CONF_XDP_NATIVE,
	CONF_XDP_GENERIC,
};

enum conf_end_sockets {
	CONF_END_AUTO = 0, /* when it takes no privilege */
	CONF_END_OFF,
	CONF_END_ON, /* with CAP_NET_ADMIN, if it has to be */
};

/* What to do where another XDP program holds an interface. */
enum conf_conflict {
	CONF_CONFLICT_FAIL = 0, /* refuse to start */
	CONF_CONFLICT_TC,       /* attach at the tc ingress hook */
};

struct conf_azure {
	char *cloud;                /* "auto", "public", "usgov", "china" */
	char *identity;             /* "" or "client_id=…", "object_id=…", "resource_id=…" */
	char *audience;             /* "" or what a token is asked for, https://… */
	char **policies;            /* ids that azure_scope_parse takes */
	size_t n_policies;          /* at most CONF_POLICIES_MAX */
	uint32_t poll_idle_s;       /* 10 s..1 d, default 10 min */
	uint32_t poll_live_s;       /* 5 s..1 h, default 60 s */
	uint32_t clock_tolerance_s; /* 1 min..1 d, default 5 min; 0: off */
	struct cidr *translate;     /* granted in place of every client */
	size_t n_translate;
	char *arm_endpoint;  /* "" or https://host[:port]; http only for a loopback address */
	char *imds_endpoint; /* "" or http://host[:port] */
	char *ca_file;       /* "" or a PEM file */
	char *proxy;         /* "" or a proxy URL, for ARM only */
	char *user;
};

struct conf {
	char **interfaces; /* names; empty with `interfaces_auto` */
	size_t n_interfaces;
	bool interfaces_auto;
	uint32_t mode; /* JITGATE_ENFORCE or JITGATE_AUDIT */
	enum conf_xdp_mode xdp_mode;
	enum conf_end_sockets end_sockets;
	enum conf_conflict conflict;
	struct port_rule *protect;
	size_t n_protect;
	struct cidr *allow; /* with 168.63.129.16 and 169.254.169.254 always in it */
	size_t n_allow;
	struct session_rules session;
	struct guard guard;
	uint32_t max_grants; /* 16..JITGATE_GRANTS_MAX */
	struct conf_azure azure;
	char *user; /* whom jitgated becomes: a name or a number */
	char *pin_dir;
	char *run_dir;
	char *state_dir;
};

/* One line for people: "FILE:LINE: key: what is wrong; what to do". */
struct conf_error {
	int line; /* 0: not known */
	char message[256];
};

/*
 * Parse `len` bytes; `name` is for messages. Returns 0 with *ret filled (free with conf_free), or -EINVAL / -ENOMEM
 * with err filled and *ret untouched. Unknown and duplicate keys, values out of range, paths that are not absolute, an
 * unknown unit: all errors, none is a warning.
 */
int conf_parse(const char *text, size_t len, const char *name, struct conf *ret, struct conf_error *err);
void conf_free(struct conf *conf);
#define _cleanup_conf_ CLEANUP(conf_free)

#endif
