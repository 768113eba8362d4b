// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See lro.h.
 */
#include "lro.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ethtool.h"
#include "netif.h"
#include "number.h"
#include "util.h"

#define NOTE_PREFIX "lro_"
#define NOTE_MAX 32

const struct lro_switch lro_by_ethtool = {.get = ethtool_lro, .set = ethtool_set_lro};

static void note_name(uint32_t ifindex, char ret[NOTE_MAX])
{
	snprintf(ret, NOTE_MAX, NOTE_PREFIX "%u", ifindex);
}

/* The note comes first: what is switched off without one stays so for ever. */
int lro_switch_off(const struct lro_switch *lro, int dir_fd, const char *ifname, uint32_t ifindex)
{
	char name[NOTE_MAX];
	int r = lro->get(ifname);
	bool fresh;

	if (r <= 0)
		return 0;
	note_name(ifindex, name);
	fresh = symlinkat(ifname, dir_fd, name) == 0;
	if (!fresh && errno != EEXIST)
		return -errno;
	r = lro->set(ifname, false);
	if (r < 0 && fresh)
		unlinkat(dir_fd, name, 0);
	return r < 0 ? r : 1;
}

/* The interface that a note is of; 0: the name is no note's. */
static uint32_t noted_ifindex(const char *name)
{
	uint64_t ifindex;

	if (strncmp(name, NOTE_PREFIX, strlen(NOTE_PREFIX)) != 0)
		return 0;
	name += strlen(NOTE_PREFIX);
	return number_parse(name, strlen(name), INT32_MAX, &ifindex) < 0 ? 0 : (uint32_t)ifindex;
}

/* The user that jitgated becomes can put things into the folder that have such a name, and switches nothing by it. */
static bool is_note(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode) &&
	       (st.st_uid == 0 || st.st_uid == geteuid());
}

/* It may have another name by now. One that is gone has nothing to switch. */
static int restore_note(const struct lro_switch *lro, int dir_fd, const char *name, uint32_t ifindex)
{
	struct netif netif;
	int r = netif_get(ifindex, &netif);

	if (r == 0)
		r = lro->set(netif.name, true);
	if (r < 0 && r != -ENODEV)
		return r;
	return unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int lro_restore(const struct lro_switch *lro, int dir_fd, bool (*is_meant)(void *ctx, uint32_t ifindex), void *ctx)
{
	_cleanup_close_ int again = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = again < 0 ? NULL : fdopendir(again);
	const struct dirent *entry;
	int error = dir ? 0 : -errno;

	if (!dir)
		return error;
	again = -1; /* the DIR's */
	while ((entry = readdir(dir))) {
		uint32_t ifindex = noted_ifindex(entry->d_name);
		int r = 0;

		if (ifindex && is_note(dir_fd, entry->d_name) && (!is_meant || is_meant(ctx, ifindex)))
			r = restore_note(lro, dir_fd, entry->d_name, ifindex);
		if (r < 0)
			error = r;
	}
	return error;
}
