// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See lro.h.
 */
#include "lro.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>

#include "ethtool.h"
#include "number.h"
#include "util.h"

#define NOTE_PREFIX "lro_"
#define NOTE_MAX 32

const struct lro_switch lro_by_ethtool = {.get = ethtool_lro, .set = ethtool_set_lro};

/* With ':' for '.', which bpffs does not have in names and interfaces do not have at all. */
static void note_name(const char *ifname, char ret[NOTE_MAX])
{
	snprintf(ret, NOTE_MAX, NOTE_PREFIX "%s", ifname);
	replace_char(ret, '.', ':');
}

/* The note comes first: what is switched off without one stays so for ever. */
int lro_switch_off(const struct lro_switch *lro, int dir_fd, const char *ifname, uint32_t ifindex)
{
	char name[NOTE_MAX], index[16];
	int r = lro->get(ifname);
	bool fresh;

	if (r <= 0)
		return 0;
	note_name(ifname, name);
	snprintf(index, sizeof(index), "%u", ifindex);
	fresh = symlinkat(index, dir_fd, name) == 0;
	if (!fresh && errno != EEXIST)
		return -errno;
	r = lro->set(ifname, false);
	if (r < 0 && fresh)
		unlinkat(dir_fd, name, 0);
	return r < 0 ? r : 1;
}

/* By its index: it may have another name by now. One that is gone has nothing to switch. */
static void restore_note(const struct lro_switch *lro, int dir_fd, const char *name)
{
	char index[16] = "", ifname[IF_NAMESIZE];
	ssize_t len = readlinkat(dir_fd, name, index, sizeof(index) - 1);
	uint64_t ifindex;

	if (len > 0 && number_parse(index, (size_t)len, INT32_MAX, &ifindex) == 0 &&
	    if_indextoname((unsigned int)ifindex, ifname))
		lro->set(ifname, true);
	unlinkat(dir_fd, name, 0);
}

void lro_restore(const struct lro_switch *lro, int dir_fd, const char *ifname)
{
	_cleanup_close_ int again = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = again < 0 ? NULL : fdopendir(again);
	const struct dirent *entry;
	char wanted[NOTE_MAX] = "";

	if (!dir)
		return;
	again = -1; /* the DIR's */
	if (ifname)
		note_name(ifname, wanted);
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, NOTE_PREFIX, strlen(NOTE_PREFIX)) == 0 &&
		    (!ifname || strcmp(entry->d_name, wanted) == 0))
			restore_note(lro, dir_fd, entry->d_name);
	}
}
