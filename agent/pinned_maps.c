// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. The maps by their pins: which there are, under what names, taking over those that are pinned, pinning those
 * that are new, seeing that one is gone. What is in them is none of this file's business.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "datapath_internal.h"
#include "util.h"

/* A map of ours that is pinned. Offsets, so that one table serves every datapath. */
struct pinned_map {
	const char *name; /* of the pin, with the version of its layout */
	size_t fd;        /* of its descriptor, in struct datapath_fds */
	size_t map;       /* of the map, in struct gate_bpf */
	bool sized;       /* by max_grants; else its number of entries is part of the layout */
};

#define PINNED_MAP(pin, member, skeleton_map, by_max_grants)                                  \
	{                                                                                     \
		.name = (pin), .fd = offsetof(struct datapath_fds, member),                   \
		.map = offsetof(struct gate_bpf, maps.skeleton_map), .sized = (by_max_grants) \
	}

static const struct pinned_map pinned_maps[] = {
	PINNED_MAP("slots_v1", slots, slots_v1, false),
	PINNED_MAP("slots_tc_v1", slots_tc, slots_tc_v1, false),
	PINNED_MAP("grants_v1", grants, grants_v1, true),
	PINNED_MAP("ports_v1", ports, ports_v1, false),
	PINNED_MAP("stats_v1", stats, stats_v1, false),
	PINNED_MAP("usage_v1", usage, usage_v1, true),
	PINNED_MAP("events_v1", events, events_v1, false),
	PINNED_MAP("budget_v1", budget, budget_v1, false),
	PINNED_MAP("state_v1", state, state_v1, false),
	PINNED_MAP("flows_v1", flows, flows_v1, false),
	/* These are global variables; their maps have no names that a pin could have. */
	PINNED_MAP("protected_v1", protected, data_protected, false),
	PINNED_MAP("sources_v1", sources, data_sources, false),
	PINNED_MAP("sessions_v1", sessions, data_sessions, false),
};

_Static_assert(ARRAY_SIZE(pinned_maps) == sizeof(((struct gate_bpf *)0)->maps) / sizeof(struct bpf_map *),
	       "each map of the skeleton is pinned");
_Static_assert(ARRAY_SIZE(pinned_maps) == sizeof(struct datapath_fds) / sizeof(int), "each map has a descriptor");

static struct bpf_map *map_of(const struct datapath *dp, const struct pinned_map *pinned)
{
	return *(struct bpf_map **)((char *)dp->skel + pinned->map);
}

static int *fd_of(struct datapath_fds *fds, const struct pinned_map *pinned)
{
	return (int *)((char *)fds + pinned->fd);
}

/* ------------------------------------------------------------ names */

bool datapath_pin_is_stable(const char *name)
{
	return strcmp(name, JITGATE_SLOTS_PIN) == 0 || strcmp(name, JITGATE_SLOTS_TC_PIN) == 0;
}

/* The number behind "STEM_v", when `ours` is such a name, too, and nothing else follows; else 0. */
static unsigned long version_as_in(const char *name, const char *ours)
{
	size_t stem = (size_t)(strrchr(ours, 'v') + 1 - ours);
	unsigned long version;
	char *end = NULL;

	if (strncmp(name, ours, stem) != 0 || name[stem] < '1' || name[stem] > '9')
		return 0;
	version = strtoul(name + stem, &end, 10);
	return *end ? 0 : version;
}

unsigned long datapath_pin_version(const char *name)
{
	unsigned long version = version_as_in(name, JITGATE_LAYOUT_PIN);

	for (size_t i = 0; !version && i < ARRAY_SIZE(pinned_maps); i++)
		version = version_as_in(name, pinned_maps[i].name);
	return version;
}

/* ------------------------------------------------------------ at a start */

/* A plan puts before it deletes, so there has to be room for the old and the new. */
int datapath_size_maps(const struct datapath *dp, uint32_t entries, struct failure *failure)
{
	for (size_t i = 0; i < ARRAY_SIZE(pinned_maps); i++) {
		int r = 0;

		if (pinned_maps[i].sized)
			r = bpf_map__set_max_entries(map_of(dp, &pinned_maps[i]), entries);
		if (r < 0)
			return failure_set(failure, r, "cannot size %s: %s", pinned_maps[i].name, strerror(-r));
	}
	return 0;
}

/* A pinned map must have the layout of ours. */
static int check_layout(const struct bpf_map *map, bool sized, int fd, const char *path, struct failure *failure)
{
	struct bpf_map_info info = {0};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return failure_set(failure, -errno, "%s: %s", path, strerror(errno));
	if (info.type != (__u32)bpf_map__type(map) || info.key_size != bpf_map__key_size(map) ||
	    info.value_size != bpf_map__value_size(map) || (!sized && info.max_entries != bpf_map__max_entries(map)))
		return failure_set(failure, -EPROTO,
				   "%s is pinned with a layout that this version does not know; take its enforcement "
				   "off: jitgated --detach",
				   path);
	return 0;
}

static int map_path(const struct datapath *dp, const struct pinned_map *pinned, char out[DATAPATH_PATH_MAX],
		    struct failure *failure)
{
	int r = datapath_pin_path(dp->pin_dir, pinned->name, out);

	return r < 0 ? failure_set(failure, r, "pin_dir %s is too long", dp->pin_dir) : 0;
}

/* The map that is pinned takes the place of ours; when none is, ours will be made. */
static int reuse_pinned(const struct datapath *dp, const struct pinned_map *pinned, struct failure *failure)
{
	struct bpf_map *map = map_of(dp, pinned);
	char path[DATAPATH_PATH_MAX];
	_cleanup_close_ int fd = -1;
	int r = map_path(dp, pinned, path, failure);

	if (r < 0)
		return r;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return errno == ENOENT ? 0 : failure_set(failure, -errno, "%s: %s", path, strerror(errno));
	r = check_layout(map, pinned->sized, fd, path, failure);
	if (r < 0)
		return r;
	r = bpf_map__reuse_fd(map, fd);
	return r < 0 ? failure_set(failure, r, "cannot take over %s: %s", path, strerror(-r)) : 0;
}

/* Beside an older version's maps ours are new, whatever a start that was killed left of them; the slots are common. */
int datapath_reuse_maps(const struct datapath *dp, struct failure *failure)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(pinned_maps); i++) {
		if (!dp->from || datapath_pin_is_stable(pinned_maps[i].name))
			r = reuse_pinned(dp, &pinned_maps[i], failure);
	}
	return r;
}

void datapath_learn_maps(struct datapath *dp)
{
	for (size_t i = 0; i < ARRAY_SIZE(pinned_maps); i++)
		*fd_of(&dp->fds, &pinned_maps[i]) = bpf_map__fd(map_of(dp, &pinned_maps[i]));
}

int datapath_pin_maps(struct datapath *dp, struct failure *failure)
{
	for (size_t i = 0; i < ARRAY_SIZE(pinned_maps); i++) {
		const struct pinned_map *pinned = &pinned_maps[i];
		int *pin = fd_of(&dp->pins, pinned);
		char path[DATAPATH_PATH_MAX];
		int r = map_path(dp, pinned, path, failure);

		if (r < 0)
			return r;
		if (bpf_obj_pin(*fd_of(&dp->fds, pinned), path) == 0)
			dp->made_pins |= 1U << i;
		else if (errno != EEXIST)
			return failure_set(failure, -errno, "cannot pin %s: %s", path, strerror(errno));
		*pin = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (*pin < 0)
			return failure_set(failure, -errno, "cannot open %s: %s", path, strerror(errno));
	}
	return 0;
}

void datapath_unpin_made(struct datapath *dp)
{
	char path[DATAPATH_PATH_MAX];

	if (dp->made_pins & DATAPATH_MADE_LAYOUT && datapath_pin_path(dp->pin_dir, JITGATE_LAYOUT_PIN, path) == 0)
		unlink(path);
	for (size_t i = 0; i < ARRAY_SIZE(pinned_maps); i++) {
		if (dp->made_pins & 1U << i && datapath_pin_path(dp->pin_dir, pinned_maps[i].name, path) == 0)
			unlink(path);
	}
	dp->made_pins = 0;
}

/* ------------------------------------------------------------ later */

const char *datapath_map_at(const struct datapath *dp, size_t at, int *ret_fd)
{
	struct datapath_fds fds = dp->fds;

	if (at >= ARRAY_SIZE(pinned_maps))
		return NULL;
	*ret_fd = *fd_of(&fds, &pinned_maps[at]);
	return pinned_maps[at].name;
}

int *datapath_map_pin_at(struct datapath *dp, size_t at)
{
	return fd_of(&dp->pins, &pinned_maps[at]);
}

static bool is_unlinked(int pin_fd)
{
	struct stat st;

	return pin_fd >= 0 && fstat(pin_fd, &st) == 0 && st.st_nlink == 0;
}

/* By inode, so that one that was replaced is lost, too. */
const char *datapath_lost_pin(const struct datapath *dp)
{
	const struct {
		const char *name;
		int pin;
	} programs[] = {{"root", dp->root_pin},
			{"gate", dp->gate_pin},
			{"root_tc", dp->root_tc_pin},
			{"gate_tc", dp->gate_tc_pin}};
	struct datapath_fds pins = dp->pins;

	for (size_t i = 0; i < ARRAY_SIZE(pinned_maps); i++) {
		int fd = *fd_of(&pins, &pinned_maps[i]);

		if (is_unlinked(fd))
			return pinned_maps[i].name;
	}
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		if (is_unlinked(programs[i].pin))
			return programs[i].name;
	}
	return is_unlinked(dp->layout_pin) ? JITGATE_LAYOUT_PIN : NULL;
}

/* ------------------------------------------------------------ for a reader */

/* One pin that is missing does not mean that nothing is pinned. */
static int name_missing(const char *pin_dir, const char *path, struct failure *failure)
{
	struct pin_survey survey;
	int r = datapath_survey(pin_dir, &survey, failure);

	if (r == -ENOENT || (r == 0 && !survey.any))
		return failure_set(failure, -ENOENT, "nothing is pinned in %s", pin_dir);
	if (r < 0)
		return r;
	close_fd(&survey.filter_fd);
	if (survey.from)
		return failure_set(failure, -EPROTO,
				   "what is pinned in %s is an older version's (ABI %lu, this one has %d); restart "
				   "jitgated, which takes it over",
				   pin_dir, survey.from, JITGATE_ABI_VERSION);
	return failure_set(failure, -ENODATA, "the pin %s is missing", path);
}

static int open_pinned(struct datapath *dp, const struct pinned_map *pinned, struct failure *failure)
{
	int *fd = fd_of(&dp->fds, pinned);
	char path[DATAPATH_PATH_MAX];
	int r = map_path(dp, pinned, path, failure);

	if (r < 0)
		return r;
	*fd = bpf_obj_get(path);
	if (*fd < 0 && errno == ENOENT)
		return name_missing(dp->pin_dir, path, failure);
	return *fd < 0 ? failure_set(failure, -errno, "%s: %s", path, strerror(errno)) : 0;
}

int datapath_open_maps(struct datapath *dp, struct failure *failure)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(pinned_maps); i++)
		r = open_pinned(dp, &pinned_maps[i], failure);
	return r;
}

void datapath_mark_unopened(struct datapath_fds *fds)
{
	for (size_t i = 0; i < ARRAY_SIZE(pinned_maps); i++)
		*fd_of(fds, &pinned_maps[i]) = -1;
}

void datapath_close_maps(struct datapath_fds *fds)
{
	for (size_t i = 0; i < ARRAY_SIZE(pinned_maps); i++)
		close_fd(fd_of(fds, &pinned_maps[i]));
}
