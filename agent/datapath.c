// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. The life of a datapath: the lock, the versions, loading the skeleton, pinning its maps or taking over those
 * that are pinned, opening for reading, letting go. Attaches nothing (attach.c) and does not look into the maps
 * (gate_maps.c, gate_counters.c).
 */
#include "datapath.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "datapath_internal.h"
#include "map_memory.h"
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

static int print_warnings(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_DEBUG ? 0 : vfprintf(stderr, format, args);
}

void datapath_set_debug(bool debug)
{
	libbpf_set_print(debug ? print_warnings : NULL);
}

int datapath_pin_path(const char *pin_dir, const char *name, char out[DATAPATH_PATH_MAX])
{
	int n = snprintf(out, DATAPATH_PATH_MAX, "%s/%s", pin_dir, name);

	return n < 0 || n >= DATAPATH_PATH_MAX ? -ENAMETOOLONG : 0;
}

/* ------------------------------------------------------------ the folder */

bool datapath_is_bpffs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

static int open_pin_dir(const char *pin_dir, uid_t user, int *ret_fd, struct failure *failure)
{
	char parent[DATAPATH_PATH_MAX];
	const char *slash = strrchr(pin_dir, '/');
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (!slash || slash == pin_dir || strlen(pin_dir) + 32 > sizeof(parent))
		return failure_set(failure, -EINVAL, "pin_dir %s: must be a folder inside a BPF file system", pin_dir);
	snprintf(parent, sizeof(parent), "%.*s", (int)(slash - pin_dir), pin_dir);
	if (!datapath_is_bpffs(parent))
		return failure_set(failure, -EINVAL,
				   "pin_dir %s: %s is not a BPF file system; set pin_dir to a folder in one, usually "
				   "/sys/fs/bpf (if that is not mounted: mount -t bpf bpf /sys/fs/bpf)",
				   pin_dir, parent);
	if (mkdir(pin_dir, 0700) < 0 && errno != EEXIST)
		return failure_set(failure, -errno, "cannot make pin_dir %s: %s", pin_dir, strerror(errno));
	fd = open(pin_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return failure_set(failure, -errno, "cannot open pin_dir %s: %s", pin_dir, strerror(errno));
	/* A BPF file system is often writable by all: somebody else may have made the folder, and could have put other
	 * maps there. Nothing in it tells him from a `user` of before. */
	if ((st.st_uid != 0 && st.st_uid != user) || st.st_mode & (S_IWGRP | S_IWOTH))
		return failure_set(failure, -EPERM,
				   "pin_dir %s does not belong to root or `user` alone (uid %u, mode %03o), so what is "
				   "pinned there may be anybody's. If uid %u was `user` before: chown -R -h root %s, "
				   "and start again; what is in force stays meanwhile. Else see who made it, then "
				   "remove it, or set another pin_dir",
				   pin_dir, st.st_uid, st.st_mode & 0777, st.st_uid, pin_dir);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int lock_pin_dir(int fd, const char *pin_dir, struct failure *failure)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return failure_set(failure, -EBUSY,
				   "another jitgated owns %s; stop it first, or give this one its own pin_dir",
				   pin_dir);
	return failure_set(failure, -errno, "cannot lock %s: %s", pin_dir, strerror(errno));
}

/* From the user that the last run became. Who was let in before cannot change anything in it any more. */
static int take_back(int fd, const char *pin_dir, uid_t user, struct failure *failure)
{
	if (fchown(fd, 0, 0) < 0)
		return failure_set(failure, -errno, "cannot take %s back for root: %s", pin_dir, strerror(errno));
	unlinkat(fd, DATAPATH_OFF_NOTE, 0); /* of a --detach that did not come to its end */
	return datapath_check_pins(fd, pin_dir, user, failure);
}

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

/* ------------------------------------------------------------ maps */

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
static int reuse_all(const struct datapath *dp, struct failure *failure)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(pinned_maps); i++) {
		if (!dp->from || datapath_pin_is_stable(pinned_maps[i].name))
			r = reuse_pinned(dp, &pinned_maps[i], failure);
	}
	return r;
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

/* A plan puts before it deletes, so there has to be room for the old and the new. */
static int size_maps(const struct datapath *dp, uint32_t entries, struct failure *failure)
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

static int load_object(struct datapath *dp, uint32_t max_grants, struct failure *failure)
{
	int r;

	dp->skel = gate_bpf__open();
	if (!dp->skel)
		return failure_set(failure, -errno, "cannot open the packet program: %s", strerror(errno));
	bpf_program__set_autoload(dp->skel->progs.root_tc, dp->tc_allowed);
	bpf_program__set_autoload(dp->skel->progs.gate_tc, dp->tc_allowed);
	r = size_maps(dp, dp->from ? datapath_carry_room(dp, 2 * max_grants) : 2 * max_grants, failure);
	if (r == 0)
		r = reuse_all(dp, failure);
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
	for (size_t i = 0; i < ARRAY_SIZE(pinned_maps); i++)
		*fd_of(&dp->fds, &pinned_maps[i]) = bpf_map__fd(map_of(dp, &pinned_maps[i]));
	return 0;
}

static void mark_unopened(struct datapath_fds *fds)
{
	for (size_t i = 0; i < ARRAY_SIZE(pinned_maps); i++)
		*fd_of(fds, &pinned_maps[i]) = -1;
}

static int new_datapath(const char *pin_dir, struct datapath **ret, struct failure *failure)
{
	_cleanup_datapath_ struct datapath *dp = calloc(1, sizeof(*dp));

	if (!dp)
		return failure_set(failure, -ENOMEM, "out of memory");
	dp->dir_fd = dp->root_fd = dp->root_pin = dp->gate_pin = dp->root_tc_pin = dp->gate_tc_pin = -1;
	dp->old_filter_fd = dp->old_filter_tc_fd = dp->layout_fd = dp->layout_pin = -1;
	mark_unopened(&dp->fds);
	mark_unopened(&dp->pins);
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
	r = open_pin_dir(pin_dir, user, &dp->dir_fd, failure);
	if (r == 0)
		r = lock_pin_dir(dp->dir_fd, pin_dir, failure);
	if (r == 0)
		r = take_back(dp->dir_fd, pin_dir, user, failure);
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

int datapath_open_readonly(const char *pin_dir, struct datapath **ret, struct failure *failure)
{
	_cleanup_datapath_ struct datapath *dp = NULL;
	int r = new_datapath(pin_dir, &dp, failure);

	if (r < 0)
		return r;
	dp->owns_fds = true;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(pinned_maps); i++)
		r = open_pinned(dp, &pinned_maps[i], failure);
	if (r == 0)
		r = map_memory(dp, PROT_READ, failure);
	if (r == 0)
		r = read_capacity(dp, failure);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(dp);
	return 0;
}

static void close_fds(struct datapath_fds *fds)
{
	for (size_t i = 0; i < ARRAY_SIZE(pinned_maps); i++)
		close_fd(fd_of(fds, &pinned_maps[i]));
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
		close_fds(&dp->fds);
	close_fds(&dp->pins);
	close_fd(&dp->root_fd);
	close_fd(&dp->root_pin);
	close_fd(&dp->gate_pin);
	close_fd(&dp->layout_fd);
	close_fd(&dp->layout_pin);
	close_fd(&dp->old_filter_fd);
	close_fd(&dp->old_filter_tc_fd);
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
