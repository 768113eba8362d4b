// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. What can be shown of an interface: that it runs our root program, that this calls our filter, and that both
 * work on the maps that are pinned. Reads only, and decides what "verified" means.
 *
 * Everything hangs on ids, which the kernel does not give out twice. The owner has them from the programs that it
 * loaded and settled itself, so it needs no right that it has given up. A reader takes them from the pins, and looks
 * whether these programs are made for these maps: the same program with other maps guards nothing.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "datapath_internal.h"
#include "util.h"

#define RESTART_HINT "; restart jitgated"
#define MAPS_MAX 32 /* more than a program of ours has */

uint32_t datapath_program_id(int fd)
{
	struct bpf_prog_info info = {0};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) < 0 ? 0 : info.id;
}

static uint32_t map_id(int fd)
{
	struct bpf_map_info info = {0};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) < 0 ? 0 : info.id;
}

bool datapath_program_uses(int program_fd, int map_fd)
{
	__u32 map_ids[MAPS_MAX] = {0};
	struct bpf_prog_info info = {.map_ids = (uintptr_t)map_ids, .nr_map_ids = MAPS_MAX};
	__u32 len = sizeof(info);
	uint32_t id = map_id(map_fd);

	if (!id || bpf_obj_get_info_by_fd(program_fd, &info, &len) < 0)
		return false;
	for (__u32 i = 0; i < info.nr_map_ids && i < MAPS_MAX; i++) {
		if (map_ids[i] == id)
			return true;
	}
	return false;
}

/* A map that is pinned, but is not the one that the program works on; NULL: it works on all of them. */
static const char *stray_map(const struct datapath *dp, int program_fd, bool is_root)
{
	const char *name;
	int fd;

	for (size_t i = 0; (name = datapath_map_at(dp, i, &fd)); i++) {
		/* The slots are the root program's, all other maps the filter's. */
		if ((fd == dp->fds.slots) == is_root && !datapath_program_uses(program_fd, fd))
			return name;
	}
	return NULL;
}

static uint32_t learn_program(const struct datapath *dp, const char *pin, const char **ret_stray)
{
	char path[DATAPATH_PATH_MAX];
	_cleanup_close_ int fd = -1;

	if (datapath_pin_path(dp->pin_dir, pin, path) < 0)
		return 0;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return 0;
	*ret_stray = stray_map(dp, fd, strcmp(pin, "root") == 0);
	return datapath_program_id(fd);
}

/* For a reader, who neither attached nor loaded anything. */
static void learn_programs(struct datapath *dp)
{
	if (dp->skel || dp->root_id || dp->gate_id)
		return;
	dp->root_id = learn_program(dp, "root", &dp->stray_of_root);
	dp->gate_id = learn_program(dp, "gate", &dp->stray_of_gate);
}

static uint32_t slot_program(const struct datapath *dp)
{
	const __u32 slot = 0;
	__u32 id = 0;

	return bpf_map_lookup_elem(dp->fds.slots, &slot, &id) < 0 ? 0 : id;
}

/* The root program: is it ours, and does it call into the pinned slots? */
static void judge_root(const struct datapath *dp, const struct netif *netif, char why[REPORT_WHY_MAX])
{
	if (!netif->xdp_program)
		snprintf(why, REPORT_WHY_MAX, "no XDP program is on it; restart jitgated to attach again");
	else if (!dp->root_id)
		snprintf(why, REPORT_WHY_MAX, "the pin root is missing; restart jitgated");
	else if (netif->xdp_program != dp->root_id)
		snprintf(why, REPORT_WHY_MAX, "another XDP program (id %u) is on it", netif->xdp_program);
	else if (dp->stray_of_root)
		snprintf(why, REPORT_WHY_MAX, "its program does not call the pinned %s; restart jitgated",
			 dp->stray_of_root);
}

/* Another filter than ours is in the slot. A reader, being root, can look whether that is one for these maps. */
static void name_other_filter(const struct datapath *dp, uint32_t id, char why[REPORT_WHY_MAX])
{
	_cleanup_close_ int fd = dp->skel ? -1 : bpf_prog_get_fd_by_id(id);
	const char *stray = fd < 0 ? NULL : stray_map(dp, fd, false);

	if (stray)
		snprintf(why, REPORT_WHY_MAX,
			 "another filter (id %u), not on the pinned %s, is in the slot; restart jitgated", id, stray);
	else
		snprintf(why, REPORT_WHY_MAX, "another filter (id %u) is in the slot; restart jitgated", id);
}

/* The filter: is it there, is it ours, does it work on the pinned maps, and are they still pinned? */
static void judge_filter(const struct datapath *dp, char why[REPORT_WHY_MAX])
{
	const char *lost_pin = datapath_lost_pin(dp);
	uint32_t in_slot = slot_program(dp);

	if (!in_slot)
		snprintf(why, REPORT_WHY_MAX, "the filter slot is empty, packets pass; restart jitgated");
	else if (!dp->gate_id)
		snprintf(why, REPORT_WHY_MAX, "the pin gate is missing; restart jitgated");
	else if (in_slot != dp->gate_id)
		name_other_filter(dp, in_slot, why);
	else if (dp->stray_of_gate)
		snprintf(why, REPORT_WHY_MAX, "its filter does not work on the pinned %s; restart jitgated",
			 dp->stray_of_gate);
	else if (lost_pin)
		snprintf(why, REPORT_WHY_MAX, "the pin %s was removed or replaced; restart jitgated", lost_pin);
}

/* The owner's own: what is attached goes on without its pin, but not without its owner. */
static void judge_link(const struct datapath *dp, uint32_t ifindex, char why[REPORT_WHY_MAX])
{
	const struct held_link *link = datapath_held_link(dp, ifindex);

	if (link && !datapath_link_is_pinned(link))
		snprintf(why, REPORT_WHY_MAX, "the pin of its link was removed");
}

bool datapath_verify(struct datapath *dp, uint32_t ifindex, struct netif *ret_netif, char why[REPORT_WHY_MAX])
{
	struct netif netif = {.ifindex = ifindex};
	int r = netif_get(ifindex, &netif);

	learn_programs(dp);
	why[0] = '\0';
	if (r == -ENODEV)
		snprintf(why, REPORT_WHY_MAX, "the interface is gone");
	else if (r < 0)
		snprintf(why, REPORT_WHY_MAX, "the kernel does not say what is on it: %s", strerror(-r));
	else
		judge_root(dp, &netif, why);
	if (!why[0])
		judge_filter(dp, why);
	if (!why[0])
		judge_link(dp, ifindex, why);
	/* A jitgated that runs puts it back itself. */
	if (dp->handed_over && strstr(why, RESTART_HINT))
		*strstr(why, RESTART_HINT) = '\0';
	*ret_netif = netif;
	return !why[0];
}
