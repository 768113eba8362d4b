// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. libbpf and the generated skeleton: loading, pinning, taking over, maps. Attaching is in attach.c.
 */
#include "datapath.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "datapath_internal.h"
#include "util.h"

/* The port array is a global variable; its map has no name that a pin could have. */
#define PROTECTED_SECTION ".data.protected"
#define PROTECTED_PIN "protected_v1"
#define PROTECTED_BYTES 65536

static int quiet_print(enum libbpf_print_level level, const char *format, va_list args)
{
	if (!getenv("JITGATE_LOG") || strcmp(getenv("JITGATE_LOG"), "debug") != 0 || level == LIBBPF_DEBUG)
		return 0;
	return vfprintf(stderr, format, args);
}

static const char *pin_name(const struct bpf_map *map)
{
	const char *name = bpf_map__name(map);

	return strcmp(name, PROTECTED_SECTION) == 0 ? PROTECTED_PIN : name;
}

int datapath_pin_path(const char *pin_dir, const char *name, char out[DATAPATH_PATH_MAX])
{
	int n = snprintf(out, DATAPATH_PATH_MAX, "%s/%s", pin_dir, name);

	return n < 0 || n >= DATAPATH_PATH_MAX ? -ENAMETOOLONG : 0;
}

/* ------------------------------------------------------------ the folder */

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

static int open_pin_dir(const char *pin_dir, int *ret_fd, struct failure *failure)
{
	char parent[DATAPATH_PATH_MAX];
	const char *slash = strrchr(pin_dir, '/');
	int fd;

	if (!slash || slash == pin_dir || strlen(pin_dir) + 32 > sizeof(parent))
		return failure_set(failure, -EINVAL, "pin_dir %s: must be a folder inside a BPF file system", pin_dir);
	snprintf(parent, sizeof(parent), "%.*s", (int)(slash - pin_dir), pin_dir);
	if (!is_bpffs(parent))
		return failure_set(failure, -EINVAL,
				   "pin_dir %s: %s is not a BPF file system; mount it: mount -t bpf bpf %s", pin_dir,
				   parent, parent);
	if (mkdir(pin_dir, 0700) < 0 && errno != EEXIST)
		return failure_set(failure, -errno, "cannot make pin_dir %s: %s", pin_dir, strerror(errno));
	fd = open(pin_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return failure_set(failure, -errno, "cannot open pin_dir %s: %s", pin_dir, strerror(errno));
	*ret_fd = fd;
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

/* The version behind "_v" at the end of a pin's name; 0: none. */
static unsigned long pin_version(const char *name)
{
	const char *mark = strrchr(name, '_');
	char *end = NULL;
	unsigned long version;

	if (!mark || mark[1] != 'v' || strncmp(name, "link_", 5) == 0)
		return 0;
	version = strtoul(mark + 2, &end, 10);
	return *end || end == mark + 2 ? 0 : version;
}

static int check_versions(const char *pin_dir, struct failure *failure)
{
	_cleanup_closedir_ DIR *dir = opendir(pin_dir);
	const struct dirent *entry;

	if (!dir)
		return failure_set(failure, -errno, "cannot read %s: %s", pin_dir, strerror(errno));
	while ((entry = readdir(dir))) {
		unsigned long version = pin_version(entry->d_name);

		if (version && version != JITGATE_ABI_VERSION)
			return failure_set(failure, -EPROTO,
					   "%s/%s was pinned by another version of jitgate (ABI %lu, this one has %d); "
					   "run that version, or take its enforcement off: jitgated --detach",
					   pin_dir, entry->d_name, version, JITGATE_ABI_VERSION);
	}
	return 0;
}

/* ------------------------------------------------------------ maps */

/* A pinned map must have the layout of ours; only the two sized by max_grants may have another number of entries. */
static int check_layout(const struct bpf_map *map, int fd, const char *path, struct failure *failure)
{
	struct bpf_map_info info = {0};
	__u32 len = sizeof(info);
	bool sized;

	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return failure_set(failure, -errno, "%s: %s", path, strerror(errno));
	sized = strcmp(bpf_map__name(map), "grants_v1") == 0 || strcmp(bpf_map__name(map), "usage_v1") == 0;
	if (info.type != (__u32)bpf_map__type(map) || info.key_size != bpf_map__key_size(map) ||
	    info.value_size != bpf_map__value_size(map) || (!sized && info.max_entries != bpf_map__max_entries(map)))
		return failure_set(failure, -EPROTO,
				   "%s is pinned with a layout that this version does not know; take its enforcement "
				   "off: jitgated --detach",
				   path);
	return 0;
}

static int reuse_pinned(struct bpf_map *map, const char *pin_dir, bool *ret_reused, struct failure *failure)
{
	char path[DATAPATH_PATH_MAX];
	_cleanup_close_ int fd = -1;
	int r = datapath_pin_path(pin_dir, pin_name(map), path);

	if (r < 0)
		return failure_set(failure, r, "pin_dir %s is too long", pin_dir);
	*ret_reused = false;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return errno == ENOENT ? 0 : failure_set(failure, -errno, "%s: %s", path, strerror(errno));
	r = check_layout(map, fd, path, failure);
	if (r == 0)
		r = bpf_map__reuse_fd(map, fd);
	*ret_reused = r == 0;
	return r;
}

static int reuse_all(struct datapath *dp, bool *ret_any, struct failure *failure)
{
	struct bpf_map *map;

	*ret_any = false;
	bpf_object__for_each_map(map, dp->skel->obj)
	{
		bool reused;
		int r = reuse_pinned(map, dp->pin_dir, &reused, failure);

		if (r < 0)
			return r;
		if (reused && map == dp->skel->maps.grants_v1)
			*ret_any = true;
	}
	return 0;
}

static int pin_maps(struct datapath *dp, struct failure *failure)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, dp->skel->obj)
	{
		char path[DATAPATH_PATH_MAX];
		int r = datapath_pin_path(dp->pin_dir, pin_name(map), path);

		if (r == 0 && bpf_obj_pin(bpf_map__fd(map), path) < 0 && errno != EEXIST)
			r = -errno;
		if (r < 0)
			return failure_set(failure, r, "cannot pin %s: %s", path, strerror(-r));
	}
	return 0;
}

static void *map_shared(int fd, size_t bytes, int prot)
{
	void *p = mmap(NULL, bytes, prot, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int map_memory(struct datapath *dp, int prot, struct failure *failure)
{
	long page = sysconf(_SC_PAGESIZE);

	dp->page = page > 0 ? (size_t)page : 4096;
	dp->protected = map_shared(dp->fds.protected, PROTECTED_BYTES, prot);
	dp->state = map_shared(dp->fds.state, dp->page, prot);
	dp->budget = map_shared(dp->fds.budget, dp->page, prot);
	if (!dp->protected || !dp->state || !dp->budget)
		return failure_set(failure, -errno, "cannot map the pinned maps of %s into memory: %s", dp->pin_dir,
				   strerror(errno));
	return 0;
}

static int read_capacity(struct datapath *dp)
{
	struct bpf_map_info grants = {0}, usage = {0};
	__u32 len = sizeof(grants);

	if (bpf_obj_get_info_by_fd(dp->fds.grants, &grants, &len) < 0)
		return -errno;
	len = sizeof(usage);
	if (bpf_obj_get_info_by_fd(dp->fds.usage, &usage, &len) < 0)
		return -errno;
	dp->capacity = grants.max_entries < usage.max_entries ? grants.max_entries : usage.max_entries;
	return 0;
}

static int load_object(struct datapath *dp, uint32_t max_grants, bool *ret_taken_over, struct failure *failure)
{
	int r;

	dp->skel = gate_bpf__open();
	if (!dp->skel)
		return failure_set(failure, -errno, "cannot open the packet program: %s", strerror(errno));
	/* A plan puts before it deletes, so there has to be room for the old and the new. */
	r = bpf_map__set_max_entries(dp->skel->maps.grants_v1, 2 * max_grants);
	if (r == 0)
		r = bpf_map__set_max_entries(dp->skel->maps.usage_v1, 2 * max_grants);
	if (r < 0)
		return failure_set(failure, r, "cannot size the maps: %s", strerror(-r));
	r = reuse_all(dp, ret_taken_over, failure);
	if (r < 0)
		return r;
	r = gate_bpf__load(dp->skel);
	if (r < 0)
		return failure_set(failure, r,
				   "the kernel refuses the packet program: %s; needs Linux 5.10 or newer with BPF "
				   "(JITGATE_LOG=debug shows the kernel's words)",
				   strerror(-r));
	dp->fds = (struct datapath_fds){
		.slots = bpf_map__fd(dp->skel->maps.slots_v1),
		.grants = bpf_map__fd(dp->skel->maps.grants_v1),
		.ports = bpf_map__fd(dp->skel->maps.ports_v1),
		.stats = bpf_map__fd(dp->skel->maps.stats_v1),
		.usage = bpf_map__fd(dp->skel->maps.usage_v1),
		.events = bpf_map__fd(dp->skel->maps.events_v1),
		.budget = bpf_map__fd(dp->skel->maps.budget_v1),
		.state = bpf_map__fd(dp->skel->maps.state_v1),
		.protected = bpf_map__fd(dp->skel->maps.data_protected),
	};
	return 0;
}

static int new_datapath(const char *pin_dir, struct datapath **ret)
{
	struct datapath *dp = calloc(1, sizeof(*dp));

	if (!dp)
		return -ENOMEM;
	dp->dir_fd = -1;
	dp->pin_dir = strdup(pin_dir);
	dp->n_cpus = libbpf_num_possible_cpus();
	if (!dp->pin_dir || dp->n_cpus <= 0) {
		datapath_free(&dp);
		return -ENOMEM;
	}
	*ret = dp;
	return 0;
}

int datapath_open(const char *pin_dir, uint32_t max_grants, struct datapath **ret, bool *ret_taken_over,
		  struct failure *failure)
{
	CLEANUP(datapath_free) struct datapath *dp = NULL;
	int r;

	libbpf_set_print(quiet_print);
	r = new_datapath(pin_dir, &dp);
	if (r < 0)
		return failure_set(failure, r, "out of memory");
	r = open_pin_dir(pin_dir, &dp->dir_fd, failure);
	if (r == 0)
		r = lock_pin_dir(dp->dir_fd, pin_dir, failure);
	if (r == 0)
		r = check_versions(pin_dir, failure);
	if (r == 0)
		r = load_object(dp, max_grants, ret_taken_over, failure);
	if (r == 0)
		r = pin_maps(dp, failure);
	if (r == 0)
		r = map_memory(dp, PROT_READ | PROT_WRITE, failure);
	if (r < 0)
		return r;
	if (read_capacity(dp) < 0)
		return failure_set(failure, -EIO, "cannot read the size of grants_v1");
	*ret = TAKE_PTR(dp);
	return 0;
}

static int open_pinned(const char *pin_dir, const char *name, int *ret_fd, struct failure *failure)
{
	char path[DATAPATH_PATH_MAX];
	int r = datapath_pin_path(pin_dir, name, path);

	if (r < 0)
		return failure_set(failure, r, "pin_dir %s is too long", pin_dir);
	*ret_fd = bpf_obj_get(path);
	if (*ret_fd < 0)
		return failure_set(failure, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

int datapath_open_readonly(const char *pin_dir, struct datapath **ret, struct failure *failure)
{
	CLEANUP(datapath_free) struct datapath *dp = NULL;
	int r;

	libbpf_set_print(quiet_print);
	r = new_datapath(pin_dir, &dp);
	if (r < 0)
		return failure_set(failure, r, "out of memory");
	dp->owns_fds = true;
	memset(&dp->fds, -1, sizeof(dp->fds));
	const struct {
		const char *name;
		int *fd;
	} maps[] = {
		{"slots_v1", &dp->fds.slots},   {"grants_v1", &dp->fds.grants},      {"ports_v1", &dp->fds.ports},
		{"stats_v1", &dp->fds.stats},   {"usage_v1", &dp->fds.usage},        {"events_v1", &dp->fds.events},
		{"budget_v1", &dp->fds.budget}, {PROTECTED_PIN, &dp->fds.protected}, {"state_v1", &dp->fds.state},
	};
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		r = open_pinned(pin_dir, maps[i].name, maps[i].fd, failure);
		if (r < 0)
			return r;
	}
	r = map_memory(dp, PROT_READ, failure);
	if (r < 0)
		return r;
	if (read_capacity(dp) < 0)
		return failure_set(failure, -EIO, "cannot read the size of grants_v1");
	*ret = TAKE_PTR(dp);
	return 0;
}

static void unmap(void *p, size_t bytes)
{
	if (p)
		munmap(p, bytes);
}

void datapath_free(struct datapath **dp_ptr)
{
	struct datapath *dp = *dp_ptr;

	if (!dp)
		return;
	unmap((void *)dp->protected, PROTECTED_BYTES);
	unmap((void *)dp->state, dp->page);
	unmap((void *)dp->budget, dp->page);
	ring_buffer__free(dp->ring);
	if (dp->owns_fds) {
		int *fds = (int *)&dp->fds;

		for (size_t i = 0; i < sizeof(dp->fds) / sizeof(int); i++)
			close_fd(&fds[i]);
	}
	gate_bpf__destroy(dp->skel);
	close_fd(&dp->dir_fd);
	free(dp->new_links);
	free(dp->pin_dir);
	free(dp);
	*dp_ptr = NULL;
}

/* ------------------------------------------------------------ grants and ports */

static int list_entries(void *ctx, struct entry_set *ret)
{
	const struct datapath *dp = ctx;
	struct gate_entry entry;
	const struct gate_key *previous = NULL;
	struct gate_key at;

	while (bpf_map_get_next_key(dp->fds.grants, previous, &entry.key) == 0) {
		int r = 0;

		/* Only we write this map, but a root shell may delete from it meanwhile. */
		if (bpf_map_lookup_elem(dp->fds.grants, &entry.key, &entry.grant) == 0)
			r = entry_set_add(ret, &entry);
		if (r < 0)
			return r;
		at = entry.key;
		previous = &at;
	}
	return errno == ENOENT ? 0 : -errno;
}

static int lookup_entry(void *ctx, const struct gate_key *key, struct gate_grant *ret)
{
	const struct datapath *dp = ctx;

	return bpf_map_lookup_elem(dp->fds.grants, key, ret) < 0 ? -errno : 0;
}

static int put_entry(void *ctx, const struct gate_entry *entry)
{
	const struct datapath *dp = ctx;

	return bpf_map_update_elem(dp->fds.grants, &entry->key, &entry->grant, BPF_ANY) < 0 ? -errno : 0;
}

static int delete_entry(void *ctx, const struct gate_key *key)
{
	const struct datapath *dp = ctx;

	if (bpf_map_delete_elem(dp->fds.grants, key) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

static int reset_usage(void *ctx, uint32_t slot)
{
	const struct datapath *dp = ctx;
	_cleanup_free_ struct grant_usage *zero = calloc((size_t)dp->n_cpus, sizeof(*zero));

	if (!zero)
		return -ENOMEM;
	return bpf_map_update_elem(dp->fds.usage, &slot, zero, BPF_ANY) < 0 ? -errno : 0;
}

static uint8_t get_protected(void *ctx, uint16_t port)
{
	const struct datapath *dp = ctx;

	return dp->protected[htons(port)];
}

static int make_counters(const struct datapath *dp, uint16_t port, uint8_t bit)
{
	_cleanup_free_ struct port_counters *zero = calloc((size_t)dp->n_cpus, sizeof(*zero));
	struct port_key key = {.port = port, .proto = proto_number(bit)};

	if (!zero)
		return -ENOMEM;
	if (bpf_map_update_elem(dp->fds.ports, &key, zero, BPF_NOEXIST) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

static void remove_counters(const struct datapath *dp, uint16_t port, uint8_t bit)
{
	struct port_key key = {.port = port, .proto = proto_number(bit)};

	bpf_map_delete_elem(dp->fds.ports, &key);
}

/* The port is closed even when its counters cannot be made: the caller hears of it, the door does not wait. */
static int set_protected(void *ctx, uint16_t port, uint8_t protos)
{
	struct datapath *dp = ctx;
	int r = 0;

	dp->protected[htons(port)] = protos;
	FOR_EACH_PROTO_BIT (bit) {
		int made = 0;

		if (protos & bit)
			made = make_counters(dp, port, bit);
		else
			remove_counters(dp, port, bit);
		if (made < 0)
			r = made;
	}
	return r;
}

static void get_state(void *ctx, struct gate_state *ret)
{
	const struct datapath *dp = ctx;

	*ret = *(const struct gate_state *)dp->state;
}

static void set_state(void *ctx, const struct gate_state *state)
{
	struct datapath *dp = ctx;

	*(struct gate_state *)dp->state = *state;
}

static size_t get_capacity(void *ctx)
{
	return ((const struct datapath *)ctx)->capacity;
}

uint32_t datapath_max_grants(const struct datapath *dp)
{
	return (uint32_t)(dp->capacity / 2);
}

const struct gate_ops datapath_gate_ops = {
	.list = list_entries,
	.lookup = lookup_entry,
	.put = put_entry,
	.delete = delete_entry,
	.reset_usage = reset_usage,
	.get_protected = get_protected,
	.set_protected = set_protected,
	.get_state = get_state,
	.set_state = set_state,
	.capacity = get_capacity,
};

int datapath_probe_hook(void *ctx)
{
	const struct datapath *dp = ctx;
	struct gate_grant grant;
	struct gate_key key = {.prefixlen = GATE_KEY_EXACT_BITS, .family = JITGATE_IPV4};

	if (bpf_map_lookup_elem(dp->fds.grants, &key, &grant) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

/* ------------------------------------------------------------ counters and events */

int datapath_read_stats(struct datapath *dp, struct gate_counter ret[_REASON_MAX])
{
	_cleanup_free_ struct gate_counter *cpus = calloc((size_t)dp->n_cpus, sizeof(*cpus));
	struct gate_counter sums[_REASON_MAX] = {0};

	if (!cpus)
		return -ENOMEM;
	for (uint32_t reason = 0; reason < _REASON_MAX; reason++) {
		if (bpf_map_lookup_elem(dp->fds.stats, &reason, cpus) < 0)
			return -errno;
		for (int i = 0; i < dp->n_cpus; i++) {
			sums[reason].packets += cpus[i].packets;
			sums[reason].bytes += cpus[i].bytes;
		}
	}
	memcpy(ret, sums, sizeof(sums));
	return 0;
}

int datapath_read_port(struct datapath *dp, uint16_t port, uint8_t proto_bit, struct port_counters *ret)
{
	_cleanup_free_ struct port_counters *cpus = calloc((size_t)dp->n_cpus, sizeof(*cpus));
	struct port_key key = {.port = port, .proto = proto_number(proto_bit)};
	struct port_counters sum = {0};

	if (!cpus)
		return -ENOMEM;
	if (bpf_map_lookup_elem(dp->fds.ports, &key, cpus) < 0)
		return -errno;
	for (int i = 0; i < dp->n_cpus; i++) {
		sum.granted_packets += cpus[i].granted_packets;
		sum.granted_bytes += cpus[i].granted_bytes;
		sum.ungranted_packets += cpus[i].ungranted_packets;
		sum.ungranted_bytes += cpus[i].ungranted_bytes;
	}
	*ret = sum;
	return 0;
}

int datapath_read_usage(struct datapath *dp, uint32_t slot, struct grant_usage *ret)
{
	_cleanup_free_ struct grant_usage *cpus = calloc((size_t)dp->n_cpus, sizeof(*cpus));
	struct grant_usage sum = {0};

	if (!cpus)
		return -ENOMEM;
	if (bpf_map_lookup_elem(dp->fds.usage, &slot, cpus) < 0)
		return -errno;
	for (int i = 0; i < dp->n_cpus; i++) {
		sum.packets += cpus[i].packets;
		sum.bytes += cpus[i].bytes;
		if (cpus[i].last_seen_boot_ns > sum.last_seen_boot_ns)
			sum.last_seen_boot_ns = cpus[i].last_seen_boot_ns;
	}
	*ret = sum;
	return 0;
}

static int take_sample(void *ctx, void *data, size_t size)
{
	struct datapath *dp = ctx;

	if (size == sizeof(struct event))
		dp->on_event(dp->on_event_ctx, data);
	return 0;
}

int datapath_open_events(struct datapath *dp, datapath_event_handler handler, void *ctx)
{
	dp->on_event = handler;
	dp->on_event_ctx = ctx;
	dp->ring = ring_buffer__new(dp->fds.events, take_sample, dp, NULL);
	return dp->ring ? 0 : -errno;
}

int datapath_events_fd(struct datapath *dp)
{
	return ring_buffer__epoll_fd(dp->ring);
}

int datapath_consume_events(struct datapath *dp)
{
	return ring_buffer__consume(dp->ring);
}

void datapath_set_budget(struct datapath *dp, int64_t events)
{
	dp->budget->left = events;
}
