// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See gate_tags.h. Goes by ids, as the kernel does: what an interface runs counts, not what is pinned beside it.
 */
#include "gate_tags.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "bpf_info.h"
#include "clsact.h"
#include "datapath_internal.h"
#include "util.h"

#define MAPS_MAX 32

struct reading {
	struct selftest *test;
	int error;
	struct failure *failure;
};

static int program_tag(int fd, char ret[SELFTEST_TAG_MAX])
{
	struct bpf_prog_info info = {0};
	int r = bpf_info_program(fd, &info);

	if (r == 0)
		selftest_tag(info.tag, ret);
	return r;
}

/* The filter in slot 0 of the array that a root program calls into; 0: there is none. */
static int called_filter(int root_fd, __u32 *ret_id)
{
	__u32 map_ids[MAPS_MAX] = {0};
	struct bpf_prog_info root = {.map_ids = (uintptr_t)map_ids, .nr_map_ids = MAPS_MAX};
	__u32 root_len = sizeof(root);
	const __u32 slot = 0;

	*ret_id = 0;
	if (bpf_obj_get_info_by_fd(root_fd, &root, &root_len) < 0)
		return -errno;
	for (__u32 i = 0; i < root.nr_map_ids && i < MAPS_MAX; i++) {
		_cleanup_close_ int fd = bpf_map_get_fd_by_id(map_ids[i]);
		struct bpf_map_info map = {0};
		__u32 map_len = sizeof(map);

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &map, &map_len) < 0)
			return -errno;
		if (map.type == BPF_MAP_TYPE_PROG_ARRAY)
			return bpf_map_lookup_elem(fd, &slot, ret_id) < 0 && errno != ENOENT ? -errno : 0;
	}
	return 0;
}

static int tag_by_id(__u32 id, char ret[SELFTEST_TAG_MAX])
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);

	return fd < 0 ? -errno : program_tag(fd, ret);
}

static int read_root(int root_fd, struct selftest_tags *ret)
{
	__u32 filter;
	int r = program_tag(root_fd, ret->root);

	if (r == 0)
		r = called_filter(root_fd, &filter);
	if (r == 0 && filter)
		r = tag_by_id(filter, ret->gate);
	return r;
}

static int read_link(const char *path, struct selftest_tags *ret)
{
	_cleanup_close_ int link_fd = bpf_obj_get(path);
	_cleanup_close_ int root_fd = -1;
	struct bpf_link_info link = {0};
	__u32 len = sizeof(link);

	ret->tc = datapath_is_tc_link(path);
	if (link_fd < 0 || bpf_obj_get_info_by_fd(link_fd, &link, &len) < 0)
		return -errno;
	root_fd = bpf_prog_get_fd_by_id(link.prog_id);
	if (root_fd < 0)
		return -errno;
	return read_root(root_fd, ret);
}

/* By its name now. The pin is named after it, but it may have been renamed since. */
static void name_interface(uint32_t ifindex, const char *pin, char ret[SELFTEST_WHERE_MAX])
{
	struct netif netif = {0};

	if (netif_get(ifindex, &netif) == 0) {
		snprintf(ret, SELFTEST_WHERE_MAX, "%s", netif.name);
		return;
	}
	snprintf(ret, SELFTEST_WHERE_MAX, "%s", pin);
	replace_char(ret, ':', '.');
}

static void note_tags(struct reading *reading, const char *interface, int r, const struct selftest_tags *tags)
{
	if (r == 0)
		r = selftest_add_attached(reading->test, interface, tags);
	if (r < 0)
		reading->error = failure_set(reading->failure, r, "cannot tell which program runs on %s: %s", interface,
					     strerror(-r));
}

/* Index 0: the interface is gone, or the link was detached. */
static void note_link(void *ctx, const char *path, uint32_t ifindex)
{
	const char *name = strrchr(path, '/') + 1 + strlen(DATAPATH_LINK_PREFIX);
	struct reading *reading = ctx;
	struct selftest_tags tags = {0};
	char interface[SELFTEST_WHERE_MAX];

	if (!ifindex || reading->error)
		return;
	name_interface(ifindex, name, interface);
	note_tags(reading, interface, read_link(path, &tags), &tags);
}

static void note_filter(void *ctx, uint32_t ifindex)
{
	struct reading *reading = ctx;
	struct selftest_tags tags = {.tc = true};
	char interface[SELFTEST_WHERE_MAX];
	_cleanup_close_ int root_fd = -1;
	uint32_t id = 0;
	int r = reading->error ? 0 : clsact_ours(ifindex, &id);

	if (r < 0 || !id)
		return;
	root_fd = bpf_prog_get_fd_by_id(id);
	name_interface(ifindex, "", interface);
	note_tags(reading, interface, root_fd < 0 ? -errno : read_root(root_fd, &tags), &tags);
}

static int read_pinned(const char *pin_dir, struct selftest *test, struct failure *failure)
{
	char path[DATAPATH_PATH_MAX];
	_cleanup_close_ int fd = -1;
	int r = datapath_pin_path(pin_dir, "gate", path);

	if (r < 0)
		return failure_set(failure, r, "pin_dir %s is too long", pin_dir);
	fd = bpf_obj_get(path);
	r = fd < 0 ? -errno : program_tag(fd, test->pinned_gate);
	return r < 0 && r != -ENOENT ? failure_set(failure, r, "%s: %s", path, strerror(-r)) : 0;
}

int gate_tags_read(const char *pin_dir, struct selftest *test, struct failure *failure)
{
	struct reading reading = {.test = test, .failure = failure};
	int r = read_pinned(pin_dir, test, failure);

	if (r < 0)
		return r;
	r = datapath_each_link(pin_dir, note_link, &reading);
	if (r == 0)
		r = datapath_each_filter(pin_dir, note_filter, &reading);
	if (r < 0 && r != -ENOENT)
		return failure_set(failure, r, "cannot read %s: %s", pin_dir, strerror(-r));
	return reading.error;
}
