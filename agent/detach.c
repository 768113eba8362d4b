// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. Taking enforcement off, by nothing but the names in the pin folder: no lock, no program, no config. A
 * locked-out owner depends on it.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "datapath_internal.h"
#include "lro.h"
#include "util.h"

/* Only what we make, or another version does, is removed: pin_dir may be a folder that others use too. */
bool datapath_is_our_pin(const char *name)
{
	static const char *const programs[] = {"root",    DATAPATH_FRESH_PIN, "gate",       "gate_new",
					       "root_tc", "gate_tc",          "gate_tc_new"};

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		if (strcmp(name, programs[i]) == 0)
			return true;
	}
	return datapath_is_link_pin(name) || datapath_is_filter_pin(name) || datapath_pin_version(name);
}

/* Whoever holds the link besides the pin, a jitgated that is stuck for one, does not keep it on. If it cannot be ended,
 * it has no pin at least: then it goes with its last holder. */
static int end_link(const char *path)
{
	int r = datapath_end_link(path);

	if (r < 0 && r != -ENOENT)
		unlink(path);
	return r;
}

/* One sweep over the folder: the links, or everything else. One that cannot be removed does not keep the others. */
static int unlink_pins(const char *pin_dir, bool links, size_t *ret_n, struct failure *failure)
{
	_cleanup_closedir_ DIR *dir = opendir(pin_dir);
	const struct dirent *entry;
	int error = 0;

	*ret_n = 0;
	if (!dir)
		return failure_set(failure, -errno, "cannot read %s: %s", pin_dir, strerror(errno));
	while ((entry = readdir(dir))) {
		char path[DATAPATH_PATH_MAX];
		int r;

		if (!datapath_is_our_pin(entry->d_name) || links != datapath_is_link_pin(entry->d_name))
			continue;
		r = datapath_pin_path(pin_dir, entry->d_name, path);
		if (r == 0)
			r = links ? end_link(path) : unlink(path) < 0 ? -errno : 0;
		/* A jitgated that runs may just have given it its other name: sweep_after finds it. */
		if (r < 0 && r != -ENOENT && error == 0)
			error = failure_set(failure, r, "cannot %s %s/%s: %s; see what it is, and remove it by hand",
					    links ? "take off" : "remove", pin_dir, entry->d_name, strerror(-r));
		*ret_n += r == 0;
	}
	return error;
}

/* All that can be taken off is, and of what cannot the first is told. */
static int unlink_all(const char *pin_dir, size_t *ret_links, struct failure *failure)
{
	struct failure later;
	size_t others = 0, filters = 0;
	int error = unlink_pins(pin_dir, true, ret_links, failure);
	int r = datapath_detach_filters(pin_dir, &filters);

	*ret_links += filters;
	if (r < 0 && error == 0)
		error = failure_set(failure, r, "cannot take a filter off its tc hook: %s", strerror(-r));
	r = unlink_pins(pin_dir, false, &others, error ? &later : failure);
	return error ? error : r;
}

/*
 * A jitgated that runs may have been about to put something back when the note came: it has seen the note by the end of
 * its next check, and what it did until then is swept again.
 */
static int sweep_after(int fd, const char *pin_dir, struct failure *failure)
{
	const struct timespec two_checks = {.tv_nsec = 900 * NS_PER_MS};
	size_t links;

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
		return 0;
	nanosleep(&two_checks, NULL);
	return unlink_all(pin_dir, &links, failure);
}

int datapath_detach(const char *pin_dir, size_t *ret_links, struct failure *failure)
{
	_cleanup_close_ int fd = open(pin_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	*ret_links = 0;
	if (access(pin_dir, F_OK) < 0 && errno == ENOENT)
		return 0;
	if (!datapath_is_bpffs(pin_dir))
		return failure_set(failure, -EINVAL, "%s is not on a BPF file system, so nothing is pinned there",
				   pin_dir);
	/* A jitgated that runs sees the note, and puts nothing back. */
	if (fd >= 0 && !datapath_has_off_note(fd) &&
	    (datapath_remove_off_note(fd) < 0 || symlinkat("jitgated", fd, DATAPATH_OFF_NOTE) < 0))
		return failure_set(failure, -errno, "cannot write in %s: %s", pin_dir, strerror(errno));
	r = unlink_all(pin_dir, ret_links, failure);
	if (r == 0)
		r = sweep_after(fd, pin_dir, failure);
	/* After a failure the note stays, so that a jitgated that runs does not put back what is off by now. */
	if (r == 0 && fd >= 0) {
		r = lro_restore(&lro_by_ethtool, fd, NULL, NULL);
		if (r < 0)
			failure_set(failure, r,
				    "enforcement is off, but large receive offload, which was switched off for it, "
				    "cannot be switched on again: %s; its interfaces are noted in %s (lro_*): "
				    "ethtool -K INTERFACE lro on",
				    strerror(-r), pin_dir);
		unlinkat(fd, DATAPATH_OFF_NOTE, 0);
	}
	if (r == 0 && rmdir(pin_dir) < 0 && errno != ENOTEMPTY)
		r = failure_set(failure, -errno, "cannot remove %s: %s", pin_dir, strerror(errno));
	return r;
}
