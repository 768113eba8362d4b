// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. The life of a datapath: loading the skeleton against the maps, opening for reading, letting go. Attaches
 * nothing (attach.c), knows no pin (pin_dir.c, pinned_maps.c), and does not look into the maps (gate_maps.c,
 * gate_counters.c).
 */
#include "datapath.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "datapath_internal.h"
#include "map_memory.h"
#include "util.h"

static int print_warnings(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_DEBUG ? 0 : vfprintf(stderr, format, args);
}

void datapath_set_debug(bool debug)
{
	libbpf_set_print(debug ? print_warnings : NULL);
}

static int map_memory(struct datapath *dp, int prot, struct failure *failure)
{
	long page = sysconf(_SC_PAGESIZE);

	dp->page = page > 0 ? (size_t)page : 4096;
	dp->protected = map_shared(dp->fds.protected, PROTECTED_BYTES, prot);
	dp->sources = map_shared(dp->fds.sources, SOURCES_BYTES, prot);
	dp->sessions = map_shared(dp->fds.sessions, SESSIONS_BYTES, prot);
	dp->state = map_shared(dp->fds.state, dp->page, prot);
	dp->budget = map_shared(dp->fds.budget, dp->page, prot);
	if (!dp->protected || !dp->sources || !dp->sessions || !dp->state || !dp->budget)
		return failure_set(failure, -errno, "cannot map the pinned maps of %s into memory: %s", dp->pin_dir,
				   strerror(errno));
	return 0;
}

static int read_capacity(struct datapath *dp, struct failure *failure)
{
	struct bpf_map_info grants = {0}, usage = {0};
	__u32 grants_len = sizeof(grants), usage_len = sizeof(usage);

	if (bpf_obj_get_info_by_fd(dp->fds.grants, &grants, &grants_len) < 0 ||
	    bpf_obj_get_info_by_fd(dp->fds.usage, &usage, &usage_len) < 0)
		return failure_set(failure, -errno, "cannot read the size of the maps in %s: %s", dp->pin_dir,
				   strerror(errno));
	dp->capacity = grants.max_entries < usage.max_entries ? grants.max_entries : usage.max_entries;
	return 0;
}

static int load_object(struct datapath *dp, uint32_t max_grants, struct failure *failure)
{
	int r;

	dp->skel = gate_bpf__open();
	if (!dp->skel)
		return failure_set(failure, -errno, "cannot open the packet program: %s", strerror(errno));
	bpf_program__set_autoload(dp->skel->progs.root_tc, dp->tc_allowed);
	bpf_program__set_autoload(dp->skel->progs.gate_tc, dp->tc_allowed);
	r = datapath_size_maps(dp, dp->from ? datapath_carry_room(dp, 2 * max_grants) : 2 * max_grants, failure);
	if (r == 0)
		r = datapath_reuse_maps(dp, failure);
	if (r < 0)
		return r;
	r = gate_bpf__load(dp->skel);
	if (r < 0)
		return failure_set(
			failure, r,
			"the kernel refuses the packet program: %s; %s (JITGATE_LOG=debug shows the kernel's "
			"words)",
			strerror(-r),
			r == -EPERM ? "it takes CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, and no kernel lockdown"
				    : "it takes Linux 5.10 or newer with BPF");
	datapath_learn_maps(dp);
	return 0;
}

static int new_datapath(const char *pin_dir, struct datapath **ret, struct failure *failure)
{
	_cleanup_datapath_ struct datapath *dp = calloc(1, sizeof(*dp));

	if (!dp)
		return failure_set(failure, -ENOMEM, "out of memory");
	dp->dir_fd = dp->root_fd = dp->root_pin = dp->gate_pin = -1;
	dp->root_tc_fd = dp->root_tc_pin = dp->gate_tc_pin = -1;
	dp->old_filter_fd = dp->old_filter_tc_fd = dp->layout_fd = dp->layout_pin = -1;
	datapath_mark_unopened(&dp->fds);
	datapath_mark_unopened(&dp->pins);
	dp->pin_dir = strdup(pin_dir);
	if (!dp->pin_dir)
		return failure_set(failure, -ENOMEM, "out of memory");
	dp->n_cpus = libbpf_num_possible_cpus();
	if (dp->n_cpus <= 0)
		return failure_set(failure, dp->n_cpus ? dp->n_cpus : -EIO, "cannot tell how many CPUs there are");
	*ret = TAKE_PTR(dp);
	return 0;
}

int datapath_open(const char *pin_dir, uid_t user, uint32_t max_grants, bool use_tc, struct datapath **ret,
		  bool *ret_taken_over, struct failure *failure)
{
	_cleanup_datapath_ struct datapath *dp = NULL;
	struct pin_survey survey;
	int r = new_datapath(pin_dir, &dp, failure);

	if (r < 0)
		return r;
	dp->tc_allowed = use_tc;
	r = datapath_open_pin_dir(pin_dir, user, &dp->dir_fd, failure);
	if (r == 0)
		r = datapath_survey(pin_dir, &survey, failure);
	if (r < 0)
		return r;
	*ret_taken_over = survey.any;
	dp->from = survey.from;
	dp->old_filter_fd = survey.filter_fd;
	r = load_object(dp, max_grants, failure);
	if (r == 0)
		r = map_memory(dp, PROT_READ | PROT_WRITE, failure);
	if (r == 0 && dp->from)
		r = datapath_carry(dp, failure);
	if (r == 0)
		r = read_capacity(dp, failure);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(dp);
	return 0;
}

int datapath_open_readonly(const char *pin_dir, struct datapath **ret, struct failure *failure)
{
	_cleanup_datapath_ struct datapath *dp = NULL;
	int r = new_datapath(pin_dir, &dp, failure);

	if (r < 0)
		return r;
	dp->owns_fds = true;
	r = datapath_open_maps(dp, failure);
	if (r == 0)
		r = map_memory(dp, PROT_READ, failure);
	if (r == 0)
		r = read_capacity(dp, failure);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(dp);
	return 0;
}

void datapath_free(struct datapath **dp_ptr)
{
	struct datapath *dp = *dp_ptr;

	if (!dp)
		return;
	unmap_shared((void *)dp->protected, PROTECTED_BYTES);
	unmap_shared((void *)dp->sources, SOURCES_BYTES);
	unmap_shared((void *)dp->sessions, SESSIONS_BYTES);
	unmap_shared((void *)dp->state, dp->page);
	unmap_shared((void *)dp->budget, dp->page);
	ring_buffer__free(dp->ring);
	if (dp->owns_fds)
		datapath_close_maps(&dp->fds);
	datapath_close_maps(&dp->pins);
	close_fd(&dp->root_fd);
	close_fd(&dp->root_pin);
	close_fd(&dp->gate_pin);
	close_fd(&dp->layout_fd);
	close_fd(&dp->layout_pin);
	close_fd(&dp->old_filter_fd);
	close_fd(&dp->old_filter_tc_fd);
	close_fd(&dp->root_tc_fd);
	close_fd(&dp->root_tc_pin);
	close_fd(&dp->gate_tc_pin);
	while (dp->n_links)
		datapath_drop_link(dp, dp->links);
	free(dp->links);
	free(dp->tc);
	gate_bpf__destroy(dp->skel);
	close_fd(&dp->dir_fd);
	free(dp->new_links);
	free(dp->pin_dir);
	free(dp);
	*dp_ptr = NULL;
}
