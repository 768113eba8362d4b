// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Files on a real file system: what is refused, and that a replaced file is always the old or the new one, whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "files.h"
#include "util.h"

#define NOBODY 65534

/* Every test gets an empty folder and stands in it. */
static char folder[64];

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/jitgate-files-XXXXXX");
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
	struct dirent *entry;
	DIR *dir = opendir(folder);

	(void)state;
	while (dir && (entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, entry->d_type == DT_DIR ? AT_REMOVEDIR : 0);
	if (dir)
		closedir(dir);
	return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static size_t count_entries(const char *path)
{
	DIR *dir = opendir(path);
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2; /* "." and ".." */
}

static void write_file(const char *path, const char *bytes, size_t len, mode_t mode)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
}

static void check_contents(const char *path, const char *expected, size_t expected_len)
{
	_cleanup_free_ char *bytes = NULL;
	size_t len = 0;

	assert_int_equal(files_read(path, 1 << 20, FILES_TRUSTED, &bytes, &len), 0);
	assert_int_equal(len, expected_len);
	assert_memory_equal(bytes, expected, len);
	assert_int_equal(bytes[len], '\0');
}

static void check_refused(const char *path, size_t max, int flags, int expected)
{
	char mark, *bytes = &mark;
	size_t len = 4711;

	assert_int_equal(files_read(path, max, flags, &bytes, &len), expected);
	assert_ptr_equal(bytes, &mark);
	assert_int_equal(len, 4711);
}

static void whole_file_is_read_up_to_and_including_max(void **state)
{
	_cleanup_free_ char *big = calloc(1, 100000), *bytes = NULL;
	size_t len;

	(void)state;
	assert_non_null(big);
	memset(big, 'x', 100000);
	big[5000] = '\0';
	write_file("big", big, 100000, 0600);
	write_file("empty", "", 0, 0600);
	assert_int_equal(files_read("big", 100000, FILES_TRUSTED, &bytes, &len), 0);
	assert_int_equal(len, 100000);
	assert_memory_equal(bytes, big, len);
	check_refused("big", 99999, FILES_TRUSTED, -EFBIG);
	check_contents("empty", "", 0);
	check_refused("missing", 10, FILES_TRUSTED, -ENOENT);
}

/* Its size is said to be 0, so only reading shows the end. */
static void size_is_what_is_read_not_what_is_said(void **state)
{
	_cleanup_free_ char *bytes = NULL;
	size_t len = 0;

	(void)state;
	assert_int_equal(files_read("/proc/self/status", 1 << 20, 0, &bytes, &len), 0);
	assert_true(len > 100);
	assert_non_null(strstr(bytes, "Name:"));
	check_refused("/proc/self/status", 50, 0, -EFBIG);
}

static void only_regular_files_are_read_and_nothing_hangs(void **state)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};

	(void)state;
	alarm(30);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(mkdir("directory", 0700), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	check_refused("fifo", 10, 0, -EINVAL);
	check_refused("directory", 10, 0, -EINVAL);
	check_refused("socket", 10, 0, -ENXIO);
	check_refused("/dev/zero", 10, 0, -EINVAL);
	alarm(0);
}

static void link_is_followed_to_the_file_that_is_judged(void **state)
{
	(void)state;
	write_file("good", "good", 4, 0644);
	write_file("bad", "bad", 3, 0666);
	assert_int_equal(symlink("good", "link-good"), 0);
	assert_int_equal(symlink("bad", "link-bad"), 0);
	assert_int_equal(symlink("loop", "loop"), 0);
	check_contents("link-good", "good", 4);
	check_refused("link-bad", 10, FILES_TRUSTED, -EPERM);
	check_refused("loop", 10, FILES_TRUSTED, -ELOOP);
}

static void file_writable_by_others_is_not_trusted(void **state)
{
	_cleanup_free_ char *bytes = NULL;
	size_t len;

	(void)state;
	write_file("group", "x", 1, 0620);
	write_file("others", "x", 1, 0602);
	write_file("readable", "x", 1, 0644);
	check_refused("group", 10, FILES_TRUSTED, -EPERM);
	check_refused("others", 10, FILES_TRUSTED, -EPERM);
	check_contents("readable", "x", 1);
	assert_int_equal(files_read("others", 10, 0, &bytes, &len), 0); /* only when asked for */
}

static void file_of_another_user_is_not_trusted(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("# file_of_another_user_is_not_trusted: needs root\n");
		skip();
	}
	write_file("foreign", "x", 1, 0600);
	check_contents("foreign", "x", 1);
	assert_int_equal(chown("foreign", NOBODY, 0), 0);
	check_refused("foreign", 10, FILES_TRUSTED, -EPERM);
}

static int replace(const char *name, const void *bytes, size_t len)
{
	_cleanup_close_ int dir_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(dir_fd >= 0);
	return files_replace(dir_fd, name, bytes, len);
}

static void replaced_file_is_the_new_one_with_mode_0600(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(replace("snapshot", "first", 5), 0);
	check_contents("snapshot", "first", 5);
	assert_int_equal(chmod("snapshot", 0666), 0);
	assert_int_equal(replace("snapshot", "2", 1), 0);
	check_contents("snapshot", "2", 1);
	assert_int_equal(stat("snapshot", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(replace("snapshot", NULL, 0), 0);
	check_contents("snapshot", "", 0);
	assert_int_equal(count_entries("."), 1);
}

static void name_with_a_path_in_it_is_refused(void **state)
{
	char longest[256];

	(void)state;
	memset(longest, 'n', 255);
	longest[255] = '\0';
	assert_int_equal(replace("", "x", 1), -EINVAL);
	assert_int_equal(replace(".", "x", 1), -EINVAL);
	assert_int_equal(replace("..", "x", 1), -EINVAL);
	assert_int_equal(replace("../escaped", "x", 1), -EINVAL);
	assert_int_equal(replace(longest, "x", 1), -ENAMETOOLONG);
	assert_int_equal(count_entries("."), 0);
}

static void failed_rename_leaves_no_temporary_file(void **state)
{
	(void)state;
	assert_int_equal(mkdir("taken", 0700), 0);
	assert_int_equal(replace("taken", "x", 1), -EISDIR);
	assert_int_equal(count_entries("."), 1);
	assert_int_equal(files_replace(-1, "x", "x", 1), -EBADF);
}

/* What a killed predecessor with our process number left, and what somebody might have planted there. */
static void stale_temporary_file_is_removed_not_followed(void **state)
{
	char temporary[64];

	(void)state;
	write_file("victim", "victim", 6, 0600);
	snprintf(temporary, sizeof(temporary), ".snapshot.%ld.new", (long)getpid());
	write_file(temporary, "half", 4, 0600);
	assert_int_equal(replace("snapshot", "whole", 5), 0);
	check_contents("snapshot", "whole", 5);
	assert_int_equal(symlink("victim", temporary), 0);
	assert_int_equal(replace("snapshot", "again", 5), 0);
	check_contents("snapshot", "again", 5);
	check_contents("victim", "victim", 6);
	assert_int_equal(count_entries("."), 2);
}

/* Replaces the file `times` times (0: until killed) with two contents of different length, each of one letter. */
static pid_t start_writer(char letter, unsigned int times)
{
	static char small[3000], large[50000];
	_cleanup_close_ int dir_fd = -1;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	memset(small, letter, sizeof(small));
	memset(large, letter + 1, sizeof(large));
	dir_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned int i = 0; times == 0 || i < times; i++) {
		int r = i % 2 ? files_replace(dir_fd, "snapshot", small, sizeof(small))
			      : files_replace(dir_fd, "snapshot", large, sizeof(large));

		if (r < 0)
			_exit(1);
	}
	_exit(0);
}

/* One letter throughout, and the length that goes with it. Returns the letter. */
static char check_whole(const char *path)
{
	_cleanup_free_ char *bytes = NULL;
	size_t len = 0;

	assert_int_equal(files_read(path, 1 << 20, FILES_TRUSTED, &bytes, &len), 0);
	assert_int_equal(len, (bytes[0] - 'a') % 2 ? 50000 : 3000);
	for (size_t i = 1; i < len; i++) {
		if (bytes[i] != bytes[0])
			fail_msg("byte %zu is '%c', the first '%c'", i, bytes[i], bytes[0]);
	}
	return bytes[0];
}

static void wait_for(pid_t pid, int expected_status)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, expected_status);
}

/* Reads while two writers replace the file; which of the four contents were seen. */
static void read_under_two_writers(bool seen[4])
{
	pid_t writers[2] = {start_writer('a', 150), start_writer('c', 150)};
	siginfo_t info = {0};

	while (info.si_pid == 0) {
		seen[check_whole("snapshot") - 'a'] = true;
		assert_int_equal(waitid(P_PID, (id_t)writers[0], &info, WEXITED | WNOHANG | WNOWAIT), 0);
	}
	wait_for(writers[0], 0);
	wait_for(writers[1], 0);
	check_whole("snapshot");
}

static void reader_never_sees_half_a_file_under_two_writers(void **state)
{
	bool seen[4] = {false};
	int states = 0;

	(void)state;
	wait_for(start_writer('a', 1), 0);
	/* On a busy machine a round can be over before the reader gets a turn; that it saw a change is part of the
	 * test. */
	for (int round = 0; round < 50 && states < 2; round++) {
		read_under_two_writers(seen);
		states = seen[0] + seen[1] + seen[2] + seen[3];
	}
	assert_true(states >= 2);
	assert_int_equal(count_entries("."), 1);
}

static void killed_writer_leaves_a_whole_file(void **state)
{
	struct timespec pause = {.tv_nsec = 1000000};

	(void)state;
	wait_for(start_writer('a', 1), 0);
	for (int i = 0; i < 30; i++) {
		pid_t pid = start_writer('a', 0);

		assert_true(pid > 0);
		pause.tv_nsec += 137000; /* another moment each time */
		nanosleep(&pause, NULL);
		kill(pid, SIGKILL);
		wait_for(pid, SIGKILL);
		check_whole("snapshot");
	}
}

static void what_killed_writers_left_is_swept_and_nothing_else(void **state)
{
	static const char *const others[] = {"snapshot",           ".snapshot.new",  ".snapshot.12x.new",
					     ".snapshot.12.newer", ".opened.12.new", ".snapshot..new"};
	int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(dir >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		write_file(others[i], "x", 1, 0600);
	write_file(".snapshot.12.new", "x", 1, 0600);
	write_file(".snapshot.4194304.new", "x", 1, 0600);
	assert_int_equal(files_sweep(dir, "snapshot"), 2);
	assert_int_equal(count_entries("."), ARRAY_SIZE(others));
	assert_int_equal(files_sweep(dir, "snapshot"), 0);
	assert_int_equal(files_sweep(dir, "../snapshot"), -EINVAL);
	assert_int_equal(files_sweep(-1, "snapshot"), -EBADF);
	close(dir);
}

/* In a mount namespace of this process alone: it goes with the process. */
static bool mount_tiny_disk(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tiny", folder, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k") == 0;
}

static void full_disk_keeps_the_old_file(void **state)
{
	static char large[100000];

	(void)state;
	if (!mount_tiny_disk()) {
		print_message("# full_disk_keeps_the_old_file: cannot mount a tmpfs: %s\n", strerror(errno));
		skip();
	}
	assert_int_equal(chdir(folder), 0); /* into the mount */
	assert_int_equal(replace("snapshot", "old", 3), 0);
	assert_int_equal(replace("snapshot", large, sizeof(large)), -ENOSPC);
	check_contents("snapshot", "old", 3);
	assert_int_equal(count_entries("."), 1);
	assert_int_equal(replace("snapshot", "new", 3), 0); /* what was written in vain is free again */
	check_contents("snapshot", "new", 3);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(umount(folder), 0);
}

#define in_folder(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_folder(whole_file_is_read_up_to_and_including_max),
		in_folder(size_is_what_is_read_not_what_is_said),
		in_folder(only_regular_files_are_read_and_nothing_hangs),
		in_folder(link_is_followed_to_the_file_that_is_judged),
		in_folder(file_writable_by_others_is_not_trusted),
		in_folder(file_of_another_user_is_not_trusted),
		in_folder(replaced_file_is_the_new_one_with_mode_0600),
		in_folder(name_with_a_path_in_it_is_refused),
		in_folder(failed_rename_leaves_no_temporary_file),
		in_folder(stale_temporary_file_is_removed_not_followed),
		in_folder(reader_never_sees_half_a_file_under_two_writers),
		in_folder(killed_writer_leaves_a_whole_file),
		in_folder(what_killed_writers_left_is_swept_and_nothing_else),
		in_folder(full_disk_keeps_the_old_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
