// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. Which versions' maps are pinned, which of them the filter in force works on, and the removal of those of one
 * version. Opens no map to look into it.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "datapath_internal.h"
#include "util.h"

/* What the names in the folder say. */
struct names {
	bool any;
	unsigned long newest; /* of the maps; 0: there is none */
	char newest_name[64];
};

static unsigned long map_version(const char *name)
{
	return datapath_pin_is_stable(name) ? 0 : datapath_pin_version(name);
}

static int read_names(const char *pin_dir, struct names *ret, struct failure *failure)
{
	_cleanup_closedir_ DIR *dir = opendir(pin_dir);
	const struct dirent *entry;

	if (!dir)
		return failure_set(failure, -errno, "cannot read %s: %s", pin_dir, strerror(errno));
	*ret = (struct names){0};
	while ((entry = readdir(dir))) {
		unsigned long version = map_version(entry->d_name);

		ret->any |= datapath_is_our_pin(entry->d_name);
		if (version > ret->newest) {
			ret->newest = version;
			snprintf(ret->newest_name, sizeof(ret->newest_name), "%.63s", entry->d_name);
		}
	}
	return 0;
}

static int get_pin(const char *pin_dir, const char *name)
{
	char path[DATAPATH_PATH_MAX];

	return datapath_pin_path(pin_dir, name, path) < 0 ? -1 : bpf_obj_get(path);
}

/*
 * What is in the slot: pinned as `gate`, or as `gate_new` when a start was killed just then. By its id alone only
 * CAP_SYS_ADMIN gets at it. When it cannot be told, what is pinned.
 */
static int open_filter_in_force(const char *pin_dir)
{
	static const char *const names[] = {"gate", "gate_new"};
	_cleanup_close_ int slots_fd = get_pin(pin_dir, JITGATE_SLOTS_PIN);
	const __u32 slot = 0;
	__u32 id = 0;
	int fd;

	if (slots_fd < 0 || bpf_map_lookup_elem(slots_fd, &slot, &id) < 0)
		return get_pin(pin_dir, "gate");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		fd = get_pin(pin_dir, names[i]);
		if (fd >= 0 && datapath_program_id(fd) == id)
			return fd;
		close_fd(&fd);
	}
	fd = bpf_prog_get_fd_by_id(id);
	return fd >= 0 ? fd : get_pin(pin_dir, "gate");
}

/* The version whose pinned maps a filter works on; 0: none of them. */
static unsigned long version_of_filter(const char *pin_dir, int filter_fd)
{
	_cleanup_closedir_ DIR *dir = opendir(pin_dir);
	const struct dirent *entry;

	while (dir && filter_fd >= 0 && (entry = readdir(dir))) {
		unsigned long version = map_version(entry->d_name);
		_cleanup_close_ int map_fd = version ? get_pin(pin_dir, entry->d_name) : -1;

		if (map_fd >= 0 && datapath_program_uses(filter_fd, map_fd))
			return version;
	}
	return 0;
}

int datapath_survey(const char *pin_dir, struct pin_survey *ret, struct failure *failure)
{
	_cleanup_close_ int filter_fd = -1;
	unsigned long in_force;
	struct names names;
	int r = read_names(pin_dir, &names, failure);

	if (r < 0)
		return r;
	filter_fd = open_filter_in_force(pin_dir);
	in_force = version_of_filter(pin_dir, filter_fd);
	if (!in_force) /* nothing shows it: the newest, so that a newer one is never overlooked */
		in_force = names.newest;
	if (in_force > JITGATE_ABI_VERSION)
		return failure_set(
			failure, -EPROTO,
			"%s/%s was pinned by a newer version of jitgate (ABI %lu, this one has %d), whose "
			"filter is in force; run that version, or take its enforcement off: jitgated --detach",
			pin_dir, names.newest_name, in_force, JITGATE_ABI_VERSION);
	*ret = (struct pin_survey){.any = names.any, .filter_fd = TAKE_FD(filter_fd)};
	if (in_force < JITGATE_ABI_VERSION)
		ret->from = in_force;
	return 0;
}

static int remove_where(const char *pin_dir, bool is_other, unsigned long version)
{
	_cleanup_closedir_ DIR *dir = opendir(pin_dir);
	const struct dirent *entry;
	int error = dir ? 0 : -errno;

	while (dir && (entry = readdir(dir))) {
		unsigned long found = map_version(entry->d_name);
		char path[DATAPATH_PATH_MAX];
		int r;

		if (!found || (found != version) != is_other)
			continue;
		r = datapath_pin_path(pin_dir, entry->d_name, path);
		if (r == 0 && unlink(path) < 0)
			r = -errno;
		if (r < 0)
			error = r;
	}
	return error;
}

int datapath_remove_version(const char *pin_dir, unsigned long version)
{
	return remove_where(pin_dir, false, version);
}

int datapath_remove_other_versions(const char *pin_dir, unsigned long keep)
{
	return remove_where(pin_dir, true, keep);
}
