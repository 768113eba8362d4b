// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Large receive offload, switched off and on again by the notes in a folder; the driver is played, the interface that
 * is named is "lo", which every machine has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lro.h"
#include "util.h"

#define LO_INDEX 1
#define LO_NOTE "lro_1"

static int lro_is, set_error, n_sets;

static int get(const char *ifname)
{
	(void)ifname;
	return lro_is;
}

static int set(const char *ifname, bool on)
{
	assert_string_equal(ifname, "lo");
	n_sets++;
	if (set_error)
		return set_error;
	lro_is = on;
	return 0;
}

static const struct lro_switch played = {.get = get, .set = set};

struct folder {
	char path[64];
	int fd;
};

static int make_folder(void **state)
{
	struct folder *folder = calloc(1, sizeof(*folder));

	assert_non_null(folder);
	snprintf(folder->path, sizeof(folder->path), "%s", "/tmp/jitgate-lro.XXXXXX");
	assert_non_null(mkdtemp(folder->path));
	folder->fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(folder->fd >= 0);
	lro_is = set_error = n_sets = 0;
	*state = folder;
	return 0;
}

static int remove_folder(void **state)
{
	struct folder *folder = *state;

	unlinkat(folder->fd, LO_NOTE, 0);
	close(folder->fd);
	assert_int_equal(rmdir(folder->path), 0);
	free(folder);
	return 0;
}

static bool is_noted(const struct folder *folder)
{
	struct stat st;

	return fstatat(folder->fd, LO_NOTE, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void what_was_on_is_on_again_in_the_end(void **state)
{
	const struct folder *folder = *state;

	lro_is = 1;
	assert_int_equal(lro_switch_off(&played, folder->fd, "lo", LO_INDEX), 1);
	assert_int_equal(lro_is, 0);
	assert_true(is_noted(folder));
	assert_int_equal(lro_restore(&played, folder->fd, NULL, NULL), 0);
	assert_int_equal(lro_is, 1);
	assert_false(is_noted(folder));
}

static void what_was_off_stays_off(void **state)
{
	const struct folder *folder = *state;

	assert_int_equal(lro_switch_off(&played, folder->fd, "lo", LO_INDEX), 0);
	assert_false(is_noted(folder));
	assert_int_equal(lro_restore(&played, folder->fd, NULL, NULL), 0);
	assert_int_equal(n_sets, 0);
}

static void a_driver_that_has_none_is_left_alone(void **state)
{
	const struct folder *folder = *state;

	lro_is = -EOPNOTSUPP;
	assert_int_equal(lro_switch_off(&played, folder->fd, "lo", LO_INDEX), 0);
	assert_int_equal(n_sets, 0);
}

static void a_switch_that_is_refused_leaves_no_note(void **state)
{
	const struct folder *folder = *state;

	lro_is = 1;
	set_error = -EPERM;
	assert_int_equal(lro_switch_off(&played, folder->fd, "lo", LO_INDEX), -EPERM);
	assert_false(is_noted(folder));
}

static void the_note_of_an_interface_that_is_gone_is_removed_and_nothing_switched(void **state)
{
	const struct folder *folder = *state;

	struct stat st;

	assert_int_equal(symlinkat("eth9", folder->fd, "lro_2147483647"), 0);
	assert_int_equal(lro_restore(&played, folder->fd, NULL, NULL), 0);
	assert_int_equal(fstatat(folder->fd, "lro_2147483647", &st, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(n_sets, 0);
}

static void what_is_no_link_or_another_users_switches_nothing(void **state)
{
	const struct folder *folder = *state;
	int fd = openat(folder->fd, LO_NOTE, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(lro_restore(&played, folder->fd, NULL, NULL), 0);
	assert_int_equal(n_sets, 0);
	assert_int_equal(unlinkat(folder->fd, LO_NOTE, 0), 0);
	if (geteuid() != 0)
		return;
	assert_int_equal(symlinkat("lo", folder->fd, LO_NOTE), 0);
	assert_int_equal(fchownat(folder->fd, LO_NOTE, 64000, 64000, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(lro_restore(&played, folder->fd, NULL, NULL), 0);
	assert_int_equal(n_sets, 0);
}

static bool is_wanted(void *ctx, uint32_t ifindex)
{
	return ifindex == *(uint32_t *)ctx;
}

static void only_the_one_that_is_meant_is_restored(void **state)
{
	const struct folder *folder = *state;
	uint32_t meant = LO_INDEX + 1;

	lro_is = 1;
	assert_int_equal(lro_switch_off(&played, folder->fd, "lo", LO_INDEX), 1);
	assert_int_equal(lro_restore(&played, folder->fd, is_wanted, &meant), 0);
	assert_true(is_noted(folder));
	assert_int_equal(lro_is, 0);
	meant = LO_INDEX;
	assert_int_equal(lro_restore(&played, folder->fd, is_wanted, &meant), 0);
	assert_int_equal(lro_is, 1);
}

/* By a user who may not: root does it later. */
static void what_cannot_be_switched_on_stays_noted_and_is_told(void **state)
{
	const struct folder *folder = *state;

	lro_is = 1;
	assert_int_equal(lro_switch_off(&played, folder->fd, "lo", LO_INDEX), 1);
	set_error = -EPERM;
	assert_int_equal(lro_restore(&played, folder->fd, NULL, NULL), -EPERM);
	assert_true(is_noted(folder));
	set_error = 0;
	assert_int_equal(lro_restore(&played, folder->fd, NULL, NULL), 0);
	assert_int_equal(lro_is, 1);
	assert_false(is_noted(folder));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_on_is_on_again_in_the_end, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(what_was_off_stays_off, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_driver_that_has_none_is_left_alone, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_switch_that_is_refused_leaves_no_note, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(the_note_of_an_interface_that_is_gone_is_removed_and_nothing_switched,
						make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(what_is_no_link_or_another_users_switches_nothing, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(only_the_one_that_is_meant_is_restored, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(what_cannot_be_switched_on_stays_noted_and_is_told, make_folder,
						remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
