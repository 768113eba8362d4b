// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. How one filter takes the place of another without a gap, and how that is taken back. Attaches nothing: what is
 * attached is the root program, which calls whatever is in the slot.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "datapath_internal.h"
#include "util.h"

static int pin_anew(const struct datapath *dp, int fd, const char *name)
{
	char path[DATAPATH_PATH_MAX];

	if (datapath_pin_path(dp->pin_dir, name, path) < 0)
		return -ENAMETOOLONG;
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	return bpf_obj_pin(fd, path) < 0 ? -errno : 0;
}

static int fill_slot(int slots_fd, int filter_fd)
{
	const __u32 slot = 0;

	return bpf_map_update_elem(slots_fd, &slot, &filter_fd, BPF_ANY) < 0 ? -errno : 0;
}

static void remove_pin(const struct datapath *dp, const char *name)
{
	char path[DATAPATH_PATH_MAX];

	if (datapath_pin_path(dp->pin_dir, name, path) == 0)
		unlink(path);
}

static uint32_t pinned_id(const struct datapath *dp, const char *name)
{
	char path[DATAPATH_PATH_MAX];
	_cleanup_close_ int fd = -1;

	if (datapath_pin_path(dp->pin_dir, name, path) < 0)
		return 0;
	fd = bpf_obj_get(path);
	return fd < 0 ? 0 : datapath_program_id(fd);
}

/* From `gate_new` to `gate`, which is held from then on. */
static int rename_gate(struct datapath *dp)
{
	char fresh[DATAPATH_PATH_MAX], path[DATAPATH_PATH_MAX];
	_cleanup_close_ int pin = -1;

	if (datapath_pin_path(dp->pin_dir, "gate_new", fresh) < 0 || datapath_pin_path(dp->pin_dir, "gate", path) < 0)
		return -ENAMETOOLONG;
	pin = open(fresh, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (pin < 0 || rename(fresh, path) < 0)
		return -errno;
	close_fd(&dp->gate_pin);
	dp->gate_pin = TAKE_FD(pin);
	return 0;
}

/*
 * Whoever is killed in here leaves the filter that is in the slot pinned, as `gate` or as `gate_new`: so that the next
 * start finds it, which version it is, and has it in hand to put it back.
 */
static int switch_filter(struct datapath *dp, struct failure *failure)
{
	int gate_fd = bpf_program__fd(dp->skel->progs.gate);
	uint32_t old_id = dp->old_filter_fd < 0 ? 0 : datapath_program_id(dp->old_filter_fd);
	int r = old_id && pinned_id(dp, "gate_new") == old_id ? rename_gate(dp) : 0;

	if (r == 0)
		r = pin_anew(dp, gate_fd, "gate_new");
	if (r < 0)
		return failure_set(failure, r, "cannot pin %s/gate_new: %s", dp->pin_dir, strerror(-r));
	r = fill_slot(dp->fds.slots, gate_fd);
	if (r < 0)
		return failure_set(failure, r, "cannot put the filter into its slot: %s", strerror(-r));
	r = rename_gate(dp);
	if (r < 0)
		return failure_set(failure, r, "cannot replace %s/gate: %s", dp->pin_dir, strerror(-r));
	dp->gate_id = datapath_program_id(gate_fd);
	return 0;
}

/* What is in the slot of the tc hook, if it is what is pinned as `gate_tc`; -1: nothing, or another. */
static int open_filter_of_tc(const struct datapath *dp)
{
	char path[DATAPATH_PATH_MAX];
	_cleanup_close_ int fd = -1;
	const __u32 slot = 0;
	__u32 id = 0;

	if (datapath_pin_path(dp->pin_dir, "gate_tc", path) < 0 ||
	    bpf_map_lookup_elem(dp->fds.slots_tc, &slot, &id) < 0)
		return -1;
	fd = bpf_obj_get(path);
	return fd >= 0 && datapath_program_id(fd) == id ? TAKE_FD(fd) : -1;
}

/* What is attached at the tc hook already calls the new filter from here on; it gets the new root program later. */
static int switch_filter_of_tc(struct datapath *dp, struct failure *failure)
{
	int gate_fd = bpf_program__fd(dp->skel->progs.gate_tc), root_fd = bpf_program__fd(dp->skel->progs.root_tc);
	int r;

	dp->old_filter_tc_fd = open_filter_of_tc(dp);
	r = datapath_replace_pin(dp, gate_fd, "gate_tc", &dp->gate_tc_pin);
	if (r == 0)
		r = fill_slot(dp->fds.slots_tc, gate_fd);
	if (r == 0)
		r = datapath_replace_pin(dp, root_fd, "root_tc", &dp->root_tc_pin);
	if (r < 0)
		return failure_set(failure, r, "cannot put the filter of the tc hook into its place in %s: %s",
				   dp->pin_dir, strerror(-r));
	dp->gate_tc_id = datapath_program_id(gate_fd);
	dp->root_tc_id = datapath_program_id(root_fd);
	return 0;
}

/* Both root programs of the tc hook, before and now, call the same slots, so it does not matter which is attached. */
static void revert_filter_of_tc(struct datapath *dp)
{
	if (dp->old_filter_tc_fd < 0 || fill_slot(dp->fds.slots_tc, dp->old_filter_tc_fd) < 0)
		return;
	(void)datapath_replace_pin(dp, dp->old_filter_tc_fd, "gate_tc", &dp->gate_tc_pin);
	dp->gate_tc_id = datapath_program_id(dp->old_filter_tc_fd);
}

/* Beside an older version's maps, pins of ours are what a start that was killed left, with the maps of that start. */
int datapath_activate(struct datapath *dp, struct failure *failure)
{
	int r = dp->from ? datapath_remove_version(dp->pin_dir, JITGATE_ABI_VERSION) : 0;

	if (r < 0)
		return failure_set(failure, r, "cannot remove pins of a start that did not end from %s: %s",
				   dp->pin_dir, strerror(-r));
	r = datapath_pin_maps(dp, failure);
	if (r == 0) {
		r = datapath_pin_layout(dp);
		if (r < 0)
			failure_set(failure, r, "cannot pin %s/%s: %s", dp->pin_dir, JITGATE_LAYOUT_PIN, strerror(-r));
	}
	if (r == 0)
		r = switch_filter(dp, failure);
	if (r == 0 && dp->tc_allowed)
		r = switch_filter_of_tc(dp, failure);
	if (r < 0)
		datapath_revert(dp);
	return r;
}

/* When the old filter cannot be put back, the new one stays with its maps: an empty slot would let everything pass. */
void datapath_revert(struct datapath *dp)
{
	if (dp->old_filter_fd < 0 || fill_slot(dp->fds.slots, dp->old_filter_fd) < 0)
		return;
	revert_filter_of_tc(dp);
	if (pinned_id(dp, "gate") != datapath_program_id(dp->old_filter_fd))
		(void)datapath_replace_pin(dp, dp->old_filter_fd, "gate", &dp->gate_pin);
	remove_pin(dp, "gate_new");
	datapath_unpin_made(dp);
	dp->gate_id = datapath_program_id(dp->old_filter_fd);
}

int datapath_commit(struct datapath *dp)
{
	close_fd(&dp->old_filter_fd);
	close_fd(&dp->old_filter_tc_fd);
	dp->old_filter_fd = dp->old_filter_tc_fd = -1;
	dp->made_pins = 0;
	return datapath_remove_other_versions(dp->pin_dir, JITGATE_ABI_VERSION);
}

int datapath_filter_tag(const struct datapath *dp, bool tc, uint8_t ret[8])
{
	const struct bpf_program *filter = tc ? dp->skel->progs.gate_tc : dp->skel->progs.gate;
	struct bpf_prog_info info = {0};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(filter), &info, &len) < 0)
		return -errno;
	memcpy(ret, info.tag, sizeof(info.tag));
	return 0;
}
