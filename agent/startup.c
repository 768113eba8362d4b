// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * TOP. See startup.h.
 *
 * The order matters. What can fail without consequence comes first (config, users, interfaces, sockets, the new
 * filter's self-test); then the maps are brought up to date; only then the filter is switched and attached, so that it
 * never runs with maps that are not ready; root is given up last. A failure before the maps leaves all as it was; a
 * later one leaves the interfaces that were guarded before guarded, by the filter that was in force, and by the new
 * config when that filter works on the same maps.
 */
#include "startup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon_guardian.h"
#include "dirs.h"
#include "log.h"
#include "selftest_brief.h"
#include "step.h"
#include "sysctl.h"
#include "util.h"

void startup_close(struct startup *start)
{
	close_fd(&start->feed_fd);
	close_fd(&start->control_fd);
}

int startup_find_users(const struct conf *conf, struct startup *start, struct failure *failure)
{
	int r = sandbox_find_user(conf->user, &start->user);

	if (r < 0)
		return failure_set(failure, r,
				   "user \"%s\": no such user, or it is root; make it (systemd-sysusers) or "
				   "name another in the config",
				   conf->user);
	r = sandbox_find_user(conf->azure.user, &start->feed_user);
	if (r < 0)
		return failure_set(failure, r,
				   "azure.user \"%s\": no such user, or it is root; make it "
				   "(systemd-sysusers) or name another in the config",
				   conf->azure.user);
	return 0;
}

static int open_places(struct daemon *d, struct startup *start, struct failure *failure)
{
	const struct conf *conf = &d->conf;
	int r = dirs_open_run(conf->run_dir, failure);

	if (r == 0)
		r = dirs_open_state(conf->state_dir, &start->user, &d->state_dir_fd, failure);
	if (r == 0)
		r = dirs_listen(conf->run_dir, CONF_FEED_SOCKET, SOCK_SEQPACKET, start->feed_user.gid, &start->feed_fd,
				failure);
	if (r == 0)
		r = dirs_listen(conf->run_dir, CONF_CONTROL_SOCKET, SOCK_STREAM, start->user.gid, &start->control_fd,
				failure);
	return r;
}

/* What was loaded has to judge as the verdict table says, or it is never put in force. */
static int try_filter(struct daemon *d, const struct startup *start, struct failure *failure)
{
	bool tc = d->conf.conflict == CONF_CONFLICT_TC;
	uint8_t tag[8], tc_tag[8];
	size_t frames = 0;
	int r = datapath_filter_tag(d->dp, false, tag);

	if (r == 0 && tc)
		r = datapath_filter_tag(d->dp, true, tc_tag);
	if (r < 0)
		return failure_set(failure, r, "cannot ask for the new filter's tag: %s", strerror(-r));
	r = selftest_brief(tag, tc ? tc_tag : NULL, &frames, failure);
	if (r == 0)
		log_info("self-test: %zu frames, each judged as it has to be", frames);
	else if (!start->taken_over)
		log_err("no filter was in force before, and none is now: ALL PORTS ARE OPEN");
	return r;
}

/* Bring the maps up to date with config and state, before anything runs against them. */
static int fill_maps(struct daemon *d, struct startup *start, struct failure *failure)
{
	_cleanup_snapshot_ struct snapshot saved = {0};
	int r;

	start->have_state = daemon_read_state(d, &saved);
	enforcer_init(&d->enforcer, &d->conf, &datapath_gate_ops, d->dp, &daemon_hooks, d);
	daemon_restore(d);
	d->enforcer.ends_sockets = end_sockets_means(d->ender) != END_MEANS_NONE;
	r = enforcer_start(&d->enforcer, start->have_state ? &saved : NULL);

	if (datapath_max_grants(d->dp) != d->conf.max_grants)
		log_warning("max_grants = %u: the pinned maps have room for %u; another size takes effect after "
			    "jitgated --detach",
			    d->conf.max_grants, datapath_max_grants(d->dp));
	if (r == -ENOSPC)
		return failure_set(
			failure, r,
			"protect and allow need more entries than max_grants = %u, or more than %d protected "
			"ports; raise max_grants or protect less",
			d->conf.max_grants, JITGATE_PORT_RULES_MAX);
	if (r < 0)
		return failure_set(failure, r, "cannot fill the maps: %s", strerror(-r));
	return 0;
}

/* While a name does not exist, which may be a typing error, what was guarded before stays so; and with "auto", where it
 * may be that a default route is away just now. */
static int keep_linked(struct daemon *d)
{
	_cleanup_free_ struct datapath_link *links = NULL;
	size_t n = 0;
	bool keeps = d->conf.interfaces_auto || guardian_misses(&d->guardian);
	int r = keeps ? datapath_linked(d->dp, &links, &n) : 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		struct netif netif;

		/* With a program: else its index is that of an interface in another network namespace. */
		if (links[i].ifindex && netif_get(links[i].ifindex, &netif) == 0 && (netif.xdp_program || links[i].tc))
			r = guardian_add(&d->guardian, &netif);
	}
	return r;
}

/* Whoever is not guarded any more is let go. */
static int let_others_go(struct daemon *d)
{
	struct guardian *g = &d->guardian;
	_cleanup_free_ struct netif *keep = calloc(g->n + 1, sizeof(*keep));
	size_t n = 0, detached;

	if (!keep)
		return -ENOMEM;
	for (size_t i = 0; i < g->n; i++) {
		if (g->v[i].now.ifindex)
			keep[n++] = g->v[i].now;
	}
	detached = datapath_detach_others(d->dp, keep, n);
	if (detached)
		log_warning("%zu interface(s) of the run before are no longer in `interfaces` and were detached: their "
			    "ports are open",
			    detached);
	return 0;
}

/* Nothing depends on it any more: that the old pins could not be removed is told, and done by the next start. */
static void end_upgrade(struct daemon *d)
{
	int r = datapath_commit(d->dp);

	if (r < 0)
		log_warning("%s: pins of another version cannot be removed: %s; they hold nothing open or closed",
			    d->conf.pin_dir, strerror(-r));
	r = datapath_flows_lost(d->dp);
	if (r < 0)
		log_err("not all sessions of the old maps could be taken over: %s; those that are missing are cut, "
			"unless they have a grant",
			strerror(-r));
	if (datapath_carried_from(d->dp))
		log_notice("upgraded from ABI %lu to %d: the old filter was in force until the new one was, with all "
			   "ports and grants of the old maps",
			   datapath_carried_from(d->dp), JITGATE_ABI_VERSION);
}

/* Either all interfaces that are there are attached, or those that this start attached are let go again, and the old
 * filter is back. */
static int attach_all(struct daemon *d, struct failure *failure)
{
	struct guardian *g = &d->guardian;
	int r = datapath_activate(d->dp, failure);

	for (size_t i = 0; r == 0 && i < g->n; i++) {
		struct attachment attached;

		if (!g->v[i].now.ifindex)
			continue;
		r = g->ops->attach(g->ctx, &g->v[i].now, &attached, failure);
		if (r == 0)
			guardian_adopt(g, &g->v[i], &attached);
	}
	if (r == 0) {
		r = let_others_go(d);
		if (r < 0)
			failure_set(failure, r, "%s", strerror(-r));
	}
	if (r < 0) {
		datapath_detach_new(d->dp);
		datapath_revert(d->dp);
		return r;
	}
	end_upgrade(d);
	return 0;
}

static int check_conflicts(struct daemon *d, struct failure *failure)
{
	int r = keep_linked(d);

	if (r < 0)
		return failure_set(failure, r, "cannot tell what was guarded before: %s", strerror(-r));
	for (size_t i = 0; r == 0 && i < d->guardian.n; i++)
		r = datapath_check_conflicts(d->dp, &d->guardian.v[i].now, 1, failure);
	return r;
}

int startup_prepare(struct daemon *d, struct startup *start, struct failure *failure)
{
	int r;

	guardian_init(&d->guardian, &d->conf, &daemon_guardian_ops, d);
	r = guardian_choose(&d->guardian, failure);
	if (r == 0)
		r = open_places(d, start, failure);
	if (r == 0)
		r = datapath_open(d->conf.pin_dir, start->user.uid, d->conf.max_grants,
				  d->conf.conflict == CONF_CONFLICT_TC, &d->dp, &start->taken_over, failure);
	if (r == 0)
		r = check_conflicts(d, failure);
	STEP_TRY();
	if (r == 0 && STEP_TRIES())
		r = try_filter(d, start, failure);
	if (r == 0)
		daemon_open_ender(d);
	if (r == 0)
		r = fill_maps(d, start, failure);
	if (r == 0)
		r = attach_all(d, failure);
	return r;
}

void startup_undo(struct daemon *d, const struct startup *start)
{
	struct failure failure = {0};
	size_t links;

	if (!d->dp || start->taken_over)
		return;
	datapath_free(&d->dp); /* with it goes the lock, which would be taken for another jitgated's */
	if (datapath_detach(d->conf.pin_dir, &links, &failure) < 0)
		log_err("%s", failure.text);
}

/* Not fatal: it costs an own connection from such a port its answers, it opens nothing. */
void startup_reserve_ports(struct daemon *d)
{
	_cleanup_free_ uint16_t *ports = calloc(65536, sizeof(*ports));
	size_t n = 0, reserved = 0;
	int r;

	for (uint32_t port = 1; ports && port < 65536; port++) {
		if (datapath_gate_ops.get_protected(d->dp, (uint16_t)port))
			ports[n++] = (uint16_t)port;
	}
	r = ports ? sysctl_reserve_ports(ports, n, &reserved) : -ENOMEM;
	if (r < 0)
		log_warning(
			"cannot reserve protected ports in net.ipv4.ip_local_reserved_ports: %s; own connections that "
			"happen to start from one of them get no answers",
			strerror(-r));
	else if (reserved)
		log_info("%zu protected ports lie in the ephemeral range and are reserved", reserved);
}

int startup_give_up_root(struct daemon *d, const struct startup *start, struct failure *failure)
{
	unsigned int keep = SANDBOX_KEEP_BPF;
	int r = datapath_hand_over(d->dp, start->user.uid, start->user.gid, failure);

	if (r < 0)
		return r;
	if (end_sockets_means(d->ender) == END_MEANS_NETLINK)
		keep |= SANDBOX_KEEP_NET_ADMIN;
	r = sandbox_become(&start->user, keep);
	if (r < 0)
		return failure_set(failure, r, "cannot become user %s: %s", d->conf.user, strerror(-r));
	if (access(d->conf_path, R_OK) < 0)
		log_warning("%s cannot be read by user %s, so a reload will fail: %s; chmod 644 %s", d->conf_path,
			    d->conf.user, strerror(errno), d->conf_path);
	/* Since 5.19 a map that is held by descriptor needs no capability; asked of the kernel, not of its version. */
	r = sandbox_try_without_bpf(datapath_probe_hook, d->dp, keep);
	if (r < 0)
		return failure_set(failure, r, "cannot give capabilities up: %s", strerror(-r));
	if (r > 0)
		log_notice("this kernel lets maps be written only with CAP_BPF, which is kept");
	r = sandbox_seccomp(SANDBOX_JITGATED);
	if (r < 0)
		return failure_set(failure, r, "cannot install the system-call filter: %s", strerror(-r));
	return 0;
}
