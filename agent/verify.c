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

#include "bpf_info.h"
#include "datapath_internal.h"
#include "util.h"

#define RESTART_HINT "; restart jitgated"
#define MAPS_MAX 32 /* more than a program of ours has */

uint32_t datapath_program_id(int fd)
{
	struct bpf_prog_info info = {0};

	return bpf_info_program(fd, &info) < 0 ? 0 : info.id;
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

/* The slots are the root programs', one array for each hook; all other maps are the filters'. */
static bool is_meant_for(const struct datapath *dp, int map_fd, const char *program)
{
	if (map_fd == dp->fds.slots)
		return strcmp(program, "root") == 0;
	if (map_fd == dp->fds.slots_tc)
		return strcmp(program, "root_tc") == 0;
	return strncmp(program, "gate", strlen("gate")) == 0;
}

/* A map that is pinned, but is not the one that the program works on; NULL: it works on all of them. */
static const char *stray_map(const struct datapath *dp, int program_fd, const char *program)
{
	const char *name;
	int fd;

	for (size_t i = 0; (name = datapath_map_at(dp, i, &fd)); i++) {
		if (is_meant_for(dp, fd, program) && !datapath_program_uses(program_fd, fd))
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
	*ret_stray = stray_map(dp, fd, pin);
	return datapath_program_id(fd);
}

/* For a reader, who neither attached nor loaded anything. */
static void learn_programs(struct datapath *dp)
{
	if (dp->skel || dp->root_id || dp->gate_id)
		return;
	dp->root_id = learn_program(dp, "root", &dp->stray_of_root);
	dp->gate_id = learn_program(dp, "gate", &dp->stray_of_gate);
	dp->root_tc_id = learn_program(dp, "root_tc", &dp->stray_of_root_tc);
	dp->gate_tc_id = learn_program(dp, "gate_tc", &dp->stray_of_gate_tc);
}

static uint32_t slot_program(int slots_fd)
{
	const __u32 slot = 0;
	__u32 id = 0;

	return bpf_map_lookup_elem(slots_fd, &slot, &id) < 0 ? 0 : id;
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
	const char *stray = fd < 0 ? NULL : stray_map(dp, fd, "gate");

	if (stray)
		snprintf(why, REPORT_WHY_MAX,
			 "another filter (id %u), not on the pinned %s, is in the slot; restart jitgated", id, stray);
	else
		snprintf(why, REPORT_WHY_MAX, "another filter (id %u) is in the slot; restart jitgated", id);
}

/* The filter: is it there, is it ours, does it work on the pinned maps, and are they still pinned? */
static void judge_filter(const struct datapath *dp, bool tc, char why[REPORT_WHY_MAX])
{
	const char *stray = tc ? dp->stray_of_gate_tc : dp->stray_of_gate;
	uint32_t in_slot = slot_program(tc ? dp->fds.slots_tc : dp->fds.slots);
	uint32_t gate_id = tc ? dp->gate_tc_id : dp->gate_id;
	const char *lost_pin = datapath_lost_pin(dp);

	if (!in_slot)
		snprintf(why, REPORT_WHY_MAX, "the filter slot is empty, packets pass; restart jitgated");
	else if (!gate_id)
		snprintf(why, REPORT_WHY_MAX, "the pin %s is missing; restart jitgated", tc ? "gate_tc" : "gate");
	else if (in_slot != gate_id)
		name_other_filter(dp, in_slot, why);
	else if (stray)
		snprintf(why, REPORT_WHY_MAX, "its filter does not work on the pinned %s; restart jitgated", stray);
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

/* A jitgated that runs sets it right itself, but for what takes root: its place at the tc hook, and a filter there. */
static void drop_hint(const struct datapath *dp, const struct netif *netif, char why[REPORT_WHY_MAX])
{
	char *hint = strstr(why, RESTART_HINT);

	if (!hint || strstr(hint, DATAPATH_FIRST_AGAIN))
		return;
	if (datapath_tc_is_filter(dp, netif->ifindex) && netif->xdp_program != dp->root_tc_id)
		return;
	*hint = '\0';
}

bool datapath_verify(struct datapath *dp, uint32_t ifindex, struct netif *ret_netif, char why[REPORT_WHY_MAX])
{
	struct netif netif = {.ifindex = ifindex};
	int r = netif_get(ifindex, &netif);
	bool tc = false;

	learn_programs(dp);
	why[0] = '\0';
	if (r == -ENODEV)
		snprintf(why, REPORT_WHY_MAX, "the interface is gone");
	else if (r < 0)
		snprintf(why, REPORT_WHY_MAX, "the kernel does not say what is on it: %s", strerror(-r));
	else if (!netif.xdp_program || netif.xdp_program != dp->root_id)
		tc = datapath_tc_verify(dp, &netif, why);
	if (!why[0] && !tc)
		judge_root(dp, &netif, why);
	if (!why[0])
		judge_filter(dp, tc, why);
	if (!why[0])
		judge_link(dp, ifindex, why);
	if (dp->handed_over)
		drop_hint(dp, &netif, why);
	*ret_netif = netif;
	return !why[0];
}
