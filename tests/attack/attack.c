// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * jitgate-azure, taken over by whoever spoke to it: linked from the objects of the real one, but where that would begin
 * its work, with its sandbox up, this tries one thing that it must not be able to do, says what came of it, and ends.
 * Test variant only: the linker puts it in the place of feed_client_init (see tests.mk), nothing of it is in the
 * program that is installed.
 *
 *   JITGATE_ATTACK="VERB [TARGET]"  what is tried; see the table
 *   JITGATE_ATTACK_WITHOUT          "seccomp": without the program's own list of system calls; "sandbox": with nothing
 *                                   given up at all, for the positive control
 *
 * stdout: "attack: WORDS: succeeded" or "attack: WORDS: refused ERRNO"; nothing when the kernel ended the process.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "feed_client.h"
#include "sandbox.h"
#include "util.h"

#define EXIT_REFUSED 0
#define EXIT_SUCCEEDED 3

static int result(long r)
{
	return r < 0 ? -errno : 0;
}

static uint64_t number(const char *text)
{
	return strtoull(text, NULL, 0);
}

/* ---- files */

static int try_read(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char byte;

	return fd < 0 ? -errno : result(read(fd, &byte, 1));
}

static int try_write(const char *path)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : result(write(fd, "", 0));
}

static int try_list(const char *path)
{
	_cleanup_closedir_ DIR *dir = opendir(path);

	return dir ? 0 : -errno;
}

static int try_unlink(const char *path)
{
	return result(unlink(path));
}

static int try_chmod(const char *path)
{
	return result(chmod(path, 0666));
}

static int try_mkdir(const char *path)
{
	return result(mkdir(path, 0700));
}

static int try_mount(const char *path)
{
	return result(mount("attack", path, "tmpfs", 0, NULL));
}

/* ---- bpf(2) */

static int call_bpf(int command, union bpf_attr *attr)
{
	_cleanup_close_ int fd = (int)syscall(SYS_bpf, command, attr, sizeof(*attr));

	return fd < 0 ? -errno : 0;
}

static int try_obj_get(const char *path)
{
	union bpf_attr attr = {.pathname = (uint64_t)(uintptr_t)path};

	return call_bpf(BPF_OBJ_GET, &attr);
}

static int try_map_by_id(const char *id)
{
	union bpf_attr attr = {.map_id = (uint32_t)number(id)};

	return call_bpf(BPF_MAP_GET_FD_BY_ID, &attr);
}

static int try_prog_by_id(const char *id)
{
	union bpf_attr attr = {.prog_id = (uint32_t)number(id)};

	return call_bpf(BPF_PROG_GET_FD_BY_ID, &attr);
}

static int try_link_by_id(const char *id)
{
	union bpf_attr attr = {.link_id = (uint32_t)number(id)};

	return call_bpf(BPF_LINK_GET_FD_BY_ID, &attr);
}

/* Of a type that takes a privilege also where bpf(2) is open to all. */
static int try_prog_load(const char *none)
{
	static const struct bpf_insn pass[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 2},
					       {.code = BPF_JMP | BPF_EXIT}};
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_XDP,
			       .insns = (uint64_t)(uintptr_t)pass,
			       .insn_cnt = ARRAY_SIZE(pass),
			       .license = (uint64_t)(uintptr_t) "GPL"};

	(void)none;
	return call_bpf(BPF_PROG_LOAD, &attr);
}

static int try_map_create(const char *none)
{
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_LPM_TRIE,
			       .key_size = 8,
			       .value_size = 8,
			       .max_entries = 1,
			       .map_flags = BPF_F_NO_PREALLOC};

	(void)none;
	return call_bpf(BPF_MAP_CREATE, &attr);
}

/* ---- other processes */

static int try_kill(const char *pid)
{
	return result(kill((pid_t)number(pid), 0));
}

static int try_ptrace(const char *pid)
{
	return result(ptrace(PTRACE_SEIZE, (pid_t)number(pid), NULL, NULL));
}

/* PID:ADDRESS */
static int try_vm_read(const char *target)
{
	char byte;
	struct iovec to = {.iov_base = &byte, .iov_len = 1};
	const char *colon = strchr(target, ':');
	struct iovec from = {.iov_len = 1};

	if (!colon)
		return -EINVAL;
	from.iov_base = (void *)(uintptr_t)number(colon + 1);
	return result(process_vm_readv((pid_t)number(target), &to, 1, &from, 1, 0));
}

static int try_mem(const char *pid)
{
	_cleanup_close_ int fd = -1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : 0;
}

static int try_exec(const char *path)
{
	char *argv[] = {(char *)"attack:", (char *)"attack: exec: succeeded", NULL};

	execv(path, argv);
	return -errno;
}

static int try_fork(const char *none)
{
	pid_t child = fork();

	(void)none;
	if (child == 0)
		_exit(0);
	return child < 0 ? -errno : result(waitpid(child, NULL, 0));
}

/* ---- sockets */

/* To be able to say something is to be let in: a question that anybody with access may ask. */
static int try_control(const char *path)
{
	static const char question[] = "status json\n";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return result(write(fd, question, sizeof(question) - 1));
}

static int make_socket(int family, int type, int protocol)
{
	_cleanup_close_ int fd = socket(family, type | SOCK_CLOEXEC, protocol);

	return fd < 0 ? -errno : 0;
}

static int try_packet(const char *none)
{
	(void)none;
	return make_socket(AF_PACKET, SOCK_RAW, 0);
}

static int try_raw(const char *none)
{
	(void)none;
	return make_socket(AF_INET, SOCK_RAW, IPPROTO_TCP);
}

static int try_netlink(const char *protocol)
{
	return make_socket(AF_NETLINK, SOCK_RAW, (int)number(protocol));
}

static int try_diag(const char *none)
{
	(void)none;
	return make_socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
}

/* lo goes down: the kernel's answer is an error message, also when all went well. */
static int try_link_down(const char *none)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg link;
	} question = {.head = {.nlmsg_len = sizeof(question),
			       .nlmsg_type = RTM_NEWLINK,
			       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
		      .link = {.ifi_index = 1, .ifi_change = 1 /* IFF_UP */}};
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char rest[256];
	} answer = {0};
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	(void)none;
	if (fd < 0 || send(fd, &question, sizeof(question), 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0)
		return -errno;
	return answer.error.error;
}

/* ---- power */

static int try_setuid(const char *none)
{
	(void)none;
	return result(syscall(SYS_setresuid, 0, 0, 0));
}

static int try_capset(const char *none)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct all[2] = {{.effective = 1U << CAP_NET_ADMIN, .permitted = 1U << CAP_NET_ADMIN},
						{0}};

	(void)none;
	return result(syscall(SYS_capset, &head, all));
}

static int try_unshare(const char *none)
{
	(void)none;
	return result(unshare(CLONE_NEWUSER));
}

static const struct {
	const char *verb;
	int (*run)(const char *target);
} attacks[] = {
	{"read", try_read},
	{"write", try_write},
	{"list", try_list},
	{"unlink", try_unlink},
	{"chmod", try_chmod},
	{"mkdir", try_mkdir},
	{"mount", try_mount},
	{"obj_get", try_obj_get},
	{"map_by_id", try_map_by_id},
	{"prog_by_id", try_prog_by_id},
	{"link_by_id", try_link_by_id},
	{"prog_load", try_prog_load},
	{"map_create", try_map_create},
	{"kill", try_kill},
	{"ptrace", try_ptrace},
	{"vm_read", try_vm_read},
	{"mem", try_mem},
	{"exec", try_exec},
	{"fork", try_fork},
	{"control", try_control},
	{"packet", try_packet},
	{"raw", try_raw},
	{"netlink", try_netlink},
	{"diag", try_diag},
	{"link_down", try_link_down},
	{"setuid", try_setuid},
	{"capset", try_capset},
	{"unshare", try_unshare},
};

static bool is_without(const char *what)
{
	const char *without = getenv("JITGATE_ATTACK_WITHOUT");

	return without && strcmp(without, what) == 0;
}

/* ---- in the place of the real ones */

int __real_sandbox_become(const struct sandbox_user *user, unsigned int keep);
int __real_sandbox_seccomp(enum sandbox_profile profile);
int __wrap_sandbox_become(const struct sandbox_user *user, unsigned int keep);
int __wrap_sandbox_seccomp(enum sandbox_profile profile);
int __wrap_feed_client_init(struct feed_client *client, const char *run_dir, const char *name, int stop_fd);

int __wrap_sandbox_become(const struct sandbox_user *user, unsigned int keep)
{
	return is_without("sandbox") ? 0 : __real_sandbox_become(user, keep);
}

int __wrap_sandbox_seccomp(enum sandbox_profile profile)
{
	return is_without("sandbox") || is_without("seccomp") ? 0 : __real_sandbox_seccomp(profile);
}

int __wrap_feed_client_init(struct feed_client *client, const char *run_dir, const char *name, int stop_fd)
{
	const char *words = getenv("JITGATE_ATTACK");
	size_t verb_len = words ? strcspn(words, " ") : 0;

	(void)client;
	(void)run_dir;
	(void)name;
	(void)stop_fd;
	for (size_t i = 0; i < ARRAY_SIZE(attacks); i++) {
		const char *target = words ? words + verb_len : "";
		int r;

		if (!words || strlen(attacks[i].verb) != verb_len || strncmp(attacks[i].verb, words, verb_len) != 0)
			continue;
		r = attacks[i].run(*target ? target + 1 : target);
		printf("attack: %s: %s%s\n", words, r < 0 ? "refused " : "succeeded", r < 0 ? strerrorname_np(-r) : "");
		fflush(stdout);
		_exit(r < 0 ? EXIT_REFUSED : EXIT_SUCCEEDED);
	}
	fprintf(stderr, "attack: no such attack: %s\n", words ? words : "JITGATE_ATTACK is not set");
	_exit(2);
}
