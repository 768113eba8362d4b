// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. What an older version's maps hold, into ours, before anything runs on these: a grant that lives does so in the
 * new maps, a port that is closed is closed there. The old maps are only read.
 *
 * The maps tell their own layout, so that no version has to know that of another: a field is taken over when the old
 * map has one of its name and size. The kernel knows the layouts, too (BTF), but tells them only to CAP_SYS_ADMIN,
 * which jitgated has no other use for; so each version pins its own beside its maps, as layout_v*. What all this asks
 * of whoever changes a layout is in jitgate_abi.h.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "datapath_internal.h"
#include "util.h"

#define MOVES_MAX 32

#define MAP_AT(member) offsetof(struct gate_bpf, maps.member)

enum carry {
	CARRY_NOTHING,
	CARRY_ENTRIES,
	CARRY_PORTS, /* carry_protected */
};

/*
 * Every map that there is, by the name of its pin without the version: whoever adds one has to say here what an upgrade
 * makes of it. Sources follow from the grants, sessions from the config, slots and budget are given anew, events are
 * for now. A flow is as good as a grant to who is in a session, and its end is judged as ever by the first apply.
 */
static const struct carried {
	const char *stem;
	size_t at; /* in struct gate_bpf */
	enum carry how;
	const char *needs; /* a field of the value without which nothing can be carried; NULL: none */
	bool must;         /* there is no filter of ours without this map */
	bool by_meaning;   /* an index means the same only in a map of the same size */
} carried[] = {
	{"protected", MAP_AT(data_protected), CARRY_PORTS, NULL, true, false},
	{"grants", MAP_AT(grants_v1), CARRY_ENTRIES, "expires_boot_ns", true, false},
	{"state", MAP_AT(state_v1), CARRY_ENTRIES, NULL, true, false},
	{"ports", MAP_AT(ports_v1), CARRY_ENTRIES, NULL, false, false},
	{"usage", MAP_AT(usage_v1), CARRY_ENTRIES, NULL, false, false},
	{"stats", MAP_AT(stats_v1), CARRY_ENTRIES, NULL, false, true},
	{"flows", MAP_AT(flows_v1), CARRY_ENTRIES, "end_boot_ns", false, false},
	{"slots", MAP_AT(slots_v1), CARRY_NOTHING, NULL, false, false},
	{"slots_tc", MAP_AT(slots_tc_v1), CARRY_NOTHING, NULL, false, false},
	{"sources", MAP_AT(data_sources), CARRY_NOTHING, NULL, false, false},
	{"sessions", MAP_AT(data_sessions), CARRY_NOTHING, NULL, false, false},
	{"budget", MAP_AT(budget_v1), CARRY_NOTHING, NULL, false, false},
	{"events", MAP_AT(events_v1), CARRY_NOTHING, NULL, false, false},
};

_Static_assert(ARRAY_SIZE(carried) == sizeof(((struct gate_bpf *)NULL)->maps) / sizeof(struct bpf_map *),
	       "each map of the packet program has a row");

struct move {
	uint32_t from, to, len;
};

/* From the bytes of an old key or value to those of a new one; what no move fills is 0. */
struct layout {
	struct move moves[MOVES_MAX];
	size_t n;
};

struct side {
	int fd;
	struct bpf_map_info info;
	const struct btf *btf;
};

static void close_side(struct side *side)
{
	close_fd(&side->fd);
}

static void free_btf(struct btf **btf)
{
	btf__free(*btf);
}

/* ------------------------------------------------------------ the two maps */

static int describe(struct side *side)
{
	__u32 len = sizeof(side->info);

	return bpf_obj_get_info_by_fd(side->fd, &side->info, &len) < 0 ? -errno : 0;
}

static int old_path(const struct datapath *dp, const char *stem, char out[DATAPATH_PATH_MAX])
{
	char name[64];

	snprintf(name, sizeof(name), "%s_v%lu", stem, dp->from);
	return datapath_pin_path(dp->pin_dir, name, out);
}

static int refuse(const struct datapath *dp, const char *stem, const char *why, struct failure *failure)
{
	return failure_set(failure, -EPROTO,
			   "%s_v%lu of the running version cannot be taken over into ABI %d: %s; what was in force "
			   "stays. Go back to the version that made it, or start anew with open ports in between: "
			   "jitgated --detach",
			   stem, dp->from, JITGATE_ABI_VERSION, why);
}

/* 1: it is there; 0: that version has no such map. */
static int open_old(const struct datapath *dp, const char *stem, bool must, struct side *ret, struct failure *failure)
{
	char path[DATAPATH_PATH_MAX];
	int r = old_path(dp, stem, path);

	if (r < 0)
		return failure_set(failure, r, "pin_dir %s is too long", dp->pin_dir);
	ret->fd = bpf_obj_get(path);
	if (ret->fd < 0 && errno == ENOENT && !must)
		return 0;
	if (ret->fd < 0 && errno == ENOENT)
		return refuse(dp, stem, "its pin is missing", failure);
	r = ret->fd < 0 ? -errno : describe(ret);
	if (r < 0)
		return failure_set(failure, r, "%s: %s", path, strerror(-r));
	if (dp->old_filter_fd >= 0 && !datapath_program_uses(dp->old_filter_fd, ret->fd))
		return refuse(dp, stem, "the filter in force works on another map than the one that is pinned",
			      failure);
	return 1;
}

static int new_fd(const struct datapath *dp, const struct carried *what)
{
	struct bpf_map *const *map = (const void *)((const char *)dp->skel + what->at);

	return bpf_map__fd(*map);
}

/* ------------------------------------------------------------ layouts */

static const struct btf_type *struct_of(const struct btf *btf, __u32 id)
{
	int plain = btf__resolve_type(btf, id);
	const struct btf_type *type = plain < 0 ? NULL : btf__type_by_id(btf, (__u32)plain);

	return type && btf_is_struct(type) ? type : NULL;
}

static const struct btf_member *find_member(const struct btf *btf, const struct btf_type *type, const char *name)
{
	const struct btf_member *members = btf_members(type);

	for (uint32_t i = 0; i < btf_vlen(type); i++) {
		const char *found = btf__name_by_offset(btf, members[i].name_off);

		if (found && strcmp(found, name) == 0)
			return &members[i];
	}
	return NULL;
}

/* `needs`: the field that has to be there; "": each. NULL, or why it cannot be done. */
static const char *match_member(const struct side *old, const struct btf_type *old_type, uint32_t old_size,
				const struct side *new, const struct btf_member *member, const char *needs,
				struct layout *ret)
{
	const char *name = btf__name_by_offset(new->btf, member->name_off);
	const struct btf_member *same = name ? find_member(old->btf, old_type, name) : NULL;
	int64_t len = btf__resolve_size(new->btf, member->type);

	if (!same)
		return needs && (!*needs || (name && strcmp(needs, name) == 0)) ? "it lacks a field" : NULL;
	if (len < 0 || btf__resolve_size(old->btf, same->type) != len)
		return "a field has another size";
	if (same->offset / 8 + len > old_size)
		return "a field lies behind its end";
	if (ret->n == MOVES_MAX)
		return "it has too many fields";
	ret->moves[ret->n++] = (struct move){same->offset / 8, member->offset / 8, (uint32_t)len};
	return NULL;
}

static const char *match_types(const struct side *old, __u32 old_id, uint32_t old_size, const struct side *new,
			       __u32 new_id, uint32_t new_size, const char *needs, struct layout *ret)
{
	const struct btf_type *old_type = struct_of(old->btf, old_id), *new_type = struct_of(new->btf, new_id);
	const char *why = NULL;

	*ret = (struct layout){0};
	if (!old_type || !new_type) {
		*ret = (struct layout){.moves = {{0, 0, new_size}}, .n = 1};
		return old_type || new_type || old_size != new_size ? "it is of another kind" : NULL;
	}
	for (uint32_t i = 0; !why && i < btf_vlen(new_type); i++)
		why = match_member(old, old_type, old_size, new, &btf_members(new_type)[i], needs, ret);
	return why;
}

static const char *match_maps(const struct side *old, const struct side *new, const char *needs, struct layout *ret_key,
			      struct layout *ret_value)
{
	const struct bpf_map_info *from = &old->info, *to = &new->info;
	const char *why;

	if (from->type != to->type)
		return "it is of another type";
	why = match_types(old, from->btf_key_type_id, from->key_size, new, to->btf_key_type_id, to->key_size, "",
			  ret_key);
	return why ? why
		   : match_types(old, from->btf_value_type_id, from->value_size, new, to->btf_value_type_id,
				 to->value_size, needs, ret_value);
}

static void move_all(const struct layout *layout, const uint8_t *from, uint8_t *to)
{
	for (size_t i = 0; i < layout->n; i++)
		memcpy(to + layout->moves[i].to, from + layout->moves[i].from, layout->moves[i].len);
}

/* ------------------------------------------------------------ entries */

struct copy {
	const struct side *old, *new;
	struct layout key, value;
	size_t copies; /* of a value: one for each CPU, or one */
	size_t old_stride, new_stride;
	uint8_t *old_key, *new_key, *old_value, *new_value;
};

static void free_copy(struct copy *copy)
{
	free(copy->old_key);
	free(copy->new_key);
	free(copy->old_value);
	free(copy->new_value);
}

static bool is_per_cpu(uint32_t type)
{
	return type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_HASH ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static bool is_array(uint32_t type)
{
	return type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

/* Who uses such a map has to live with what it forgets: a flow that is missing costs a session, and lets nobody in. */
static bool may_forget(const struct bpf_map_info *info)
{
	return info->type == BPF_MAP_TYPE_LRU_HASH;
}

static int make_room(struct copy *copy, int n_cpus)
{
	const struct bpf_map_info *from = &copy->old->info, *to = &copy->new->info;

	copy->copies = is_per_cpu(from->type) ? (size_t)n_cpus : 1;
	copy->old_stride = ((size_t)from->value_size + 7) / 8 * 8;
	copy->new_stride = ((size_t)to->value_size + 7) / 8 * 8;
	copy->old_key = calloc(2, from->key_size); /* this one and the one before */
	copy->new_key = calloc(1, to->key_size);
	copy->old_value = calloc(copy->copies, copy->old_stride);
	copy->new_value = calloc(copy->copies, copy->new_stride);
	return copy->old_key && copy->new_key && copy->old_value && copy->new_value ? 0 : -ENOMEM;
}

/* An array that has become shorter has no place for what stood behind its end. */
static bool has_place(const struct copy *copy)
{
	uint32_t index;

	if (!is_array(copy->new->info.type))
		return true;
	memcpy(&index, copy->new_key, sizeof(index));
	return index < copy->new->info.max_entries;
}

static int copy_entry(struct copy *copy, const uint8_t *key)
{
	if (bpf_map_lookup_elem(copy->old->fd, key, copy->old_value) < 0)
		return errno == ENOENT ? 0 : -errno;
	memset(copy->new_key, 0, copy->new->info.key_size);
	memset(copy->new_value, 0, copy->copies * copy->new_stride);
	move_all(&copy->key, key, copy->new_key);
	for (size_t i = 0; i < copy->copies; i++)
		move_all(&copy->value, copy->old_value + i * copy->old_stride, copy->new_value + i * copy->new_stride);
	if (!has_place(copy))
		return 0;
	return bpf_map_update_elem(copy->new->fd, copy->new_key, copy->new_value, BPF_ANY) < 0 ? -errno : 0;
}

/*
 * The end is ENOENT alone. The filter that runs may forget flows meanwhile, and then the walk begins anew: -EAGAIN when
 * it does so for ever.
 */
static int copy_entries(struct copy *copy)
{
	size_t size = copy->old->info.key_size;
	uint64_t left = may_forget(&copy->old->info) ? 2ULL * copy->old->info.max_entries : UINT64_MAX;
	uint8_t *key = copy->old_key, *before = NULL;

	for (; left; left--) {
		int r;

		if (bpf_map_get_next_key(copy->old->fd, before, key) < 0)
			return errno == ENOENT ? 0 : -errno;
		r = copy_entry(copy, key);
		if (r < 0)
			return r;
		before = copy->old_key + size;
		memcpy(before, key, size);
	}
	return -EAGAIN;
}

static int carry_map(struct datapath *dp, const struct btf *old_btf, const struct carried *what,
		     struct failure *failure)
{
	CLEANUP(close_side) struct side old = {.fd = -1, .btf = old_btf};
	CLEANUP(close_side) struct side new = {.fd = -1, .btf = bpf_object__btf(dp->skel->obj)};
	CLEANUP(free_copy) struct copy copy = {.old = &old, .new = &new};
	const char *why;
	int r = open_old(dp, what->stem, what->must, &old, failure);

	if (r <= 0)
		return r;
	new.fd = fcntl(new_fd(dp, what), F_DUPFD_CLOEXEC, 3);
	r = new.fd < 0 ? -errno : describe(&new);
	if (r < 0)
		return failure_set(failure, r, "cannot look at the new map %s: %s", what->stem, strerror(-r));
	if (what->by_meaning && old.info.max_entries != new.info.max_entries)
		return 0;
	why = match_maps(&old, &new, what->needs, &copy.key, &copy.value);
	if (why)
		return refuse(dp, what->stem, why, failure);
	r = make_room(&copy, dp->n_cpus);
	if (r == 0)
		r = copy_entries(&copy);
	if (r < 0 && may_forget(&old.info)) {
		dp->flows_lost = r;
		return 0;
	}
	return r < 0 ? refuse(dp, what->stem, strerror(-r), failure) : 0;
}

/*
 * One word a port, with the number of its counters in it: ports_v* is carried as it is, too. The class is left out:
 * what that meant stands in sessions_v*, and the first apply gives each port the one that the config asks for.
 */
static int carry_protected(struct datapath *dp, const struct carried *what, struct failure *failure)
{
	CLEANUP(close_side) struct side old = {.fd = -1};
	_cleanup_free_ uint16_t *words = calloc(65536, sizeof(*words));
	const __u32 zero = 0;
	int r = open_old(dp, what->stem, what->must, &old, failure);

	if (r < 0)
		return r;
	if (!words)
		return failure_set(failure, -ENOMEM, "out of memory");
	if (old.info.value_size != 65536 * sizeof(*words))
		return refuse(dp, what->stem, "it is of another size", failure);
	if (bpf_map_lookup_elem(old.fd, &zero, words) < 0)
		return refuse(dp, what->stem, strerror(errno), failure);
	for (size_t port = 0; port < 65536; port++)
		dp->protected[port] = words[port] & (uint16_t)~PROTECTED_CLASS_MASK;
	return 0;
}

uint32_t datapath_carry_room(const struct datapath *dp, uint32_t wanted)
{
	CLEANUP(close_side) struct side old = {.fd = -1};
	char path[DATAPATH_PATH_MAX];

	if (old_path(dp, "grants", path) < 0)
		return wanted;
	old.fd = bpf_obj_get(path);
	if (old.fd < 0 || describe(&old) < 0)
		return wanted; /* datapath_carry says what is wrong */
	return old.info.max_entries > wanted ? old.info.max_entries : wanted;
}

/* ------------------------------------------------------------ layout_v* */

static int write_layout(int fd, const void *bytes)
{
	const __u32 zero = 0;

	return bpf_map_update_elem(fd, &zero, bytes, BPF_ANY) < 0 ? -errno : 0;
}

static int hold_layout(struct datapath *dp, const char *path)
{
	dp->layout_pin = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return dp->layout_pin < 0 ? -errno : 0;
}

int datapath_pin_layout(struct datapath *dp)
{
	const struct btf *btf = bpf_object__btf(dp->skel->obj);
	char path[DATAPATH_PATH_MAX];
	_cleanup_close_ int fd = -1;
	const void *bytes;
	__u32 len = 0;
	int r = datapath_pin_path(dp->pin_dir, JITGATE_LAYOUT_PIN, path);

	if (r < 0)
		return r;
	dp->layout_fd = bpf_obj_get(path);
	if (dp->layout_fd >= 0 || errno != ENOENT)
		return dp->layout_fd < 0 ? -errno : hold_layout(dp, path);
	bytes = btf ? btf__raw_data(btf, &len) : NULL;
	if (!bytes)
		return -ENODATA;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, JITGATE_LAYOUT_PIN, sizeof(__u32), len, 1, NULL);
	if (fd < 0)
		return -errno;
	r = write_layout(fd, bytes);
	/* The next version's root reads it: what jitgated holds open without rights it cannot write any more. */
	if (r == 0 && bpf_map_freeze(fd) < 0)
		r = -errno;
	if (r == 0 && bpf_obj_pin(fd, path) < 0)
		r = -errno;
	if (r < 0)
		return r;
	dp->made_pins |= DATAPATH_MADE_LAYOUT;
	dp->layout_fd = TAKE_FD(fd);
	return hold_layout(dp, path);
}

static struct btf *read_layout(const struct datapath *dp)
{
	CLEANUP(close_side) struct side layout = {.fd = -1};
	_cleanup_free_ void *bytes = NULL;
	char path[DATAPATH_PATH_MAX];
	const __u32 zero = 0;

	if (old_path(dp, DATAPATH_LAYOUT_STEM, path) < 0)
		return NULL;
	layout.fd = bpf_obj_get(path);
	if (layout.fd < 0 || describe(&layout) < 0 || layout.info.type != BPF_MAP_TYPE_ARRAY)
		return NULL;
	bytes = calloc(1, layout.info.value_size);
	if (!bytes || bpf_map_lookup_elem(layout.fd, &zero, bytes) < 0)
		return NULL;
	return btf__new(bytes, layout.info.value_size); /* a copy; NULL when it is none */
}

int datapath_carry(struct datapath *dp, struct failure *failure)
{
	CLEANUP(free_btf) struct btf *layout = read_layout(dp);
	int r = 0;

	if (!layout)
		return refuse(dp, DATAPATH_LAYOUT_STEM, "it cannot be read, so that nothing tells what the maps hold",
			      failure);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(carried); i++) {
		if (carried[i].how == CARRY_PORTS)
			r = carry_protected(dp, &carried[i], failure);
		else if (carried[i].how == CARRY_ENTRIES)
			r = carry_map(dp, layout, &carried[i], failure);
	}
	return r;
}

unsigned long datapath_carried_from(const struct datapath *dp)
{
	return dp->from;
}

int datapath_flows_lost(const struct datapath *dp)
{
	return dp->flows_lost;
}
