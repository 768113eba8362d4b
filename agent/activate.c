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

#include "bpf_info.h"
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

/* What switching is about at one hook or the other. */
struct filter {
	const char *name, *fresh; /* of its pin, and as long as it is not certain that it is in the slot */
	int fd, slots_fd;
	int *old_fd, *pin;
	uint32_t *id;
};

static struct filter filter_of(struct datapath *dp, bool tc)
{
	if (tc)
		return (struct filter){.name = "gate_tc",
				       .fresh = "gate_tc_new",
				       .fd = bpf_program__fd(dp->skel->progs.gate_tc),
				       .slots_fd = dp->fds.slots_tc,
				       .old_fd = &dp->old_filter_tc_fd,
				       .pin = &dp->gate_tc_pin,
				       .id = &dp->gate_tc_id};
	return (struct filter){.name = "gate",
			       .fresh = "gate_new",
			       .fd = bpf_program__fd(dp->skel->progs.gate),
			       .slots_fd = dp->fds.slots,
			       .old_fd = &dp->old_filter_fd,
			       .pin = &dp->gate_pin,
			       .id = &dp->gate_id};
}

/* From its fresh name to its own, under which it is held from then on. */
static int rename_filter(const struct datapath *dp, const struct filter *filter)
{
	char fresh[DATAPATH_PATH_MAX], path[DATAPATH_PATH_MAX];
	_cleanup_close_ int pin = -1;

	if (datapath_pin_path(dp->pin_dir, filter->fresh, fresh) < 0 ||
	    datapath_pin_path(dp->pin_dir, filter->name, path) < 0)
		return -ENAMETOOLONG;
	pin = open(fresh, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (pin < 0 || rename(fresh, path) < 0)
		return -errno;
	close_fd(filter->pin);
	*filter->pin = TAKE_FD(pin);
	return 0;
}

/*
 * Whoever is killed in here leaves the filter that is in the slot pinned, as `gate` or as `gate_new`: so that the next
 * start finds it, which version it is, and has it in hand to put it back.
 */
static int switch_filter(struct datapath *dp, bool tc, struct failure *failure)
{
	const struct filter filter = filter_of(dp, tc);
	uint32_t old_id = *filter.old_fd < 0 ? 0 : datapath_program_id(*filter.old_fd);
	int r = old_id && pinned_id(dp, filter.fresh) == old_id ? rename_filter(dp, &filter) : 0;

	if (r == 0)
		r = pin_anew(dp, filter.fd, filter.fresh);
	if (r < 0)
		return failure_set(failure, r, "cannot pin %s/%s: %s", dp->pin_dir, filter.fresh, strerror(-r));
	r = fill_slot(filter.slots_fd, filter.fd);
	if (r < 0)
		return failure_set(failure, r, "cannot put the filter into its slot: %s", strerror(-r));
	r = rename_filter(dp, &filter);
	if (r < 0)
		return failure_set(failure, r, "cannot replace %s/%s: %s", dp->pin_dir, filter.name, strerror(-r));
	*filter.id = datapath_program_id(filter.fd);
	return 0;
}

/* What is in the slot of the tc hook, if it is what is pinned as `gate_tc` or `gate_tc_new`; -1: nothing, or another.
 */
static int open_filter_of_tc(struct datapath *dp)
{
	static const char *const names[] = {"gate_tc", "gate_tc_new"};
	const __u32 slot = 0;
	__u32 id = 0;

	dp->tc_was_empty = bpf_map_lookup_elem(dp->fds.slots_tc, &slot, &id) < 0 && errno == ENOENT;
	for (size_t i = 0; id && i < ARRAY_SIZE(names); i++) {
		char path[DATAPATH_PATH_MAX];
		_cleanup_close_ int fd = -1;

		if (datapath_pin_path(dp->pin_dir, names[i], path) < 0)
			continue;
		fd = bpf_obj_get(path);
		if (fd >= 0 && datapath_program_id(fd) == id)
			return TAKE_FD(fd);
	}
	return -1;
}

/* What is attached at the tc hook already calls the new filter from here on. */
static int switch_tc(struct datapath *dp, struct failure *failure)
{
	int r;

	dp->old_filter_tc_fd = open_filter_of_tc(dp);
	r = switch_filter(dp, true, failure);
	if (r < 0)
		return r;
	r = datapath_settle_root_tc(dp);
	return r < 0 ? failure_set(failure, r, "cannot pin %s/root_tc: %s", dp->pin_dir, strerror(-r)) : 0;
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
		r = switch_filter(dp, false, failure);
	if (r == 0 && dp->tc_allowed)
		r = switch_tc(dp, failure);
	if (r < 0)
		datapath_revert(dp);
	return r;
}

static int put_back(struct datapath *dp, bool tc)
{
	const struct filter filter = filter_of(dp, tc);
	int r = *filter.old_fd < 0 ? -ENOENT : fill_slot(filter.slots_fd, *filter.old_fd);

	if (r < 0)
		return r;
	if (pinned_id(dp, filter.name) != datapath_program_id(*filter.old_fd))
		(void)datapath_replace_pin(dp, *filter.old_fd, filter.name, filter.pin);
	remove_pin(dp, filter.fresh);
	*filter.id = datapath_program_id(*filter.old_fd);
	return 0;
}

/* Nothing calls the slot of the tc hook, so that it can be emptied. */
static void clear_tc(const struct datapath *dp)
{
	static const char *const pins[] = {"gate_tc", "gate_tc_new", "root_tc"};
	const __u32 slot = 0;

	if (!datapath_tc_is_unused(dp->pin_dir))
		return;
	bpf_map_delete_elem(dp->fds.slots_tc, &slot);
	for (size_t i = 0; i < ARRAY_SIZE(pins); i++)
		remove_pin(dp, pins[i]);
}

/* Where nothing was before, nothing is afterwards. */
static int put_back_tc(struct datapath *dp)
{
	if (dp->old_filter_tc_fd < 0 && dp->tc_was_empty) {
		clear_tc(dp);
		return 0;
	}
	if (dp->root_tc_fd >= 0)
		datapath_tc_settle(dp);
	return put_back(dp, true);
}

/* When an old filter cannot be put back, the new one stays with its maps: an empty slot would let everything pass. */
void datapath_revert(struct datapath *dp)
{
	if (put_back(dp, false) < 0 || (dp->tc_allowed && put_back_tc(dp) < 0))
		return;
	datapath_unpin_made(dp);
}

int datapath_commit(struct datapath *dp)
{
	close_fd(&dp->old_filter_fd);
	close_fd(&dp->old_filter_tc_fd);
	dp->old_filter_fd = dp->old_filter_tc_fd = -1;
	dp->made_pins = 0;
	if (!dp->tc_allowed)
		clear_tc(dp);
	return datapath_remove_other_versions(dp->pin_dir, JITGATE_ABI_VERSION);
}

int datapath_filter_tag(const struct datapath *dp, bool tc, uint8_t ret[8])
{
	const struct bpf_program *filter = tc ? dp->skel->progs.gate_tc : dp->skel->progs.gate;
	struct bpf_prog_info info = {0};
	int r = bpf_info_program(bpf_program__fd(filter), &info);

	if (r == 0)
		memcpy(ret, info.tag, sizeof(info.tag));
	return r;
}
