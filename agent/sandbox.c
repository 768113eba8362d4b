// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. libcap-ng for identity and capabilities, libseccomp for the system-call lists. The lists are what
 * the end-to-end tests exercise; a call that is not on them ends the process, it does not fail softly.
 */
#include "sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "number.h"
#include "util.h"

int sandbox_find_user(const char *user, struct sandbox_user *ret_user)
{
	const struct passwd *entry;
	struct sandbox_user found;
	uint64_t uid;

	if (number_parse(user, strlen(user), UINT32_MAX - 1, &uid) == 0) { /* the one above means "leave it" */
		entry = getpwuid((uid_t)uid);
		found = (struct sandbox_user){.uid = (uid_t)uid, .gid = entry ? entry->pw_gid : (gid_t)uid};
	} else {
		entry = getpwnam(user);
		if (!entry)
			return -ENOENT;
		found = (struct sandbox_user){.uid = entry->pw_uid, .gid = entry->pw_gid};
	}
	if (found.uid == 0 || found.gid == 0)
		return -EINVAL;
	*ret_user = found;
	return 0;
}

/* Adds to what capng_apply will set. */
static void add_kept(unsigned int keep)
{
	if (keep & SANDBOX_KEEP_BPF)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_BPF);
	if (keep & SANDBOX_KEEP_NET_ADMIN)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN);
}

int sandbox_become(const struct sandbox_user *user, unsigned int keep)
{
	if (geteuid() == 0) {
		capng_clear(CAPNG_SELECT_BOTH);
		add_kept(keep);
		if (capng_change_id((int)user->uid, (int)user->gid, CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING) < 0)
			return -EPERM;
		if (geteuid() != user->uid || getegid() != user->gid || setuid(0) == 0)
			return -EPERM;
	}
	/* No core dump, and no reading of our memory by others of this user: there may be a token in it. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int set_kept(unsigned int keep, bool put_bpf_aside)
{
	capng_clear(CAPNG_SELECT_CAPS);
	add_kept(keep);
	if (put_bpf_aside)
		capng_update(CAPNG_ADD, CAPNG_PERMITTED, CAP_BPF);
	return capng_apply(CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
}

int sandbox_try_without_bpf(int (*probe)(void *ctx), void *ctx, unsigned int keep)
{
	unsigned int others = keep & ~SANDBOX_KEEP_BPF;
	int r = set_kept(others, true);

	if (r < 0)
		return r;
	if (probe(ctx) == 0)
		return set_kept(others, false);
	r = set_kept(others | SANDBOX_KEEP_BPF, false);
	return r < 0 ? r : 1;
}

/*
 * Memory, time, descriptors that are held, and the end: what any program of ours needs. The end-to-end tests make all
 * of these calls but those marked; where one stands for another, it is what glibc does on other architectures or in
 * other versions.
 */
static const int calls_common[] = {
	SCMP_SYS(brk),
	SCMP_SYS(close),
	SCMP_SYS(exit_group),
	SCMP_SYS(fcntl),
	SCMP_SYS(futex),
	SCMP_SYS(getpid),
	SCMP_SYS(getrandom),
	SCMP_SYS(getsockname),
	SCMP_SYS(getsockopt),
	SCMP_SYS(lseek),
	SCMP_SYS(mmap),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap), /* a large block that grows */
	SCMP_SYS(newfstatat),
	SCMP_SYS(fstat), /* newfstatat before glibc 2.33 */
	SCMP_SYS(statx), /* and on 32-bit machines */
	SCMP_SYS(read),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(setsockopt),
	SCMP_SYS(sysinfo), /* qsort() of much */
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(write),
	/* Where the clock is not one that the vDSO can read, as on some hypervisors. */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	/* After a signal. */
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	/* A bug of ours that glibc or assert() found: its words, and abort(). */
	SCMP_SYS(gettid),
	SCMP_SYS(writev),
};

/* Maps by descriptor, the loop, accepting on sockets that are bound, netlink, pins, the state file. */
static const int calls_jitgated[] = {
	SCMP_SYS(accept4),
	SCMP_SYS(bind),
	SCMP_SYS(bpf),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait), /* epoll_wait on arm64 */
	SCMP_SYS(fsync),
	SCMP_SYS(openat),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2), /* renameat on riscv */
	SCMP_SYS(unlinkat),  /* a new state that could not be written */
	SCMP_SYS(fchmodat),
	SCMP_SYS(getdents64),
	SCMP_SYS(unlink), /* pins of links */
	/* Between a policy and the flows that are judged by it; the other where the kernel has no membarrier
	   (nohz_full). */
	SCMP_SYS(membarrier),
	SCMP_SYS(clock_nanosleep),
};

/* Asking Azure: libcurl, TLS. No bpf; what opens and makes something is in add_azure(). */
static const int calls_azure[] = {
	SCMP_SYS(connect),
	SCMP_SYS(getpeername),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll), /* poll on arm64 */
	SCMP_SYS(socketpair),
	/* A thread that looks a name up: it begins, asks by UDP, ends. */
	SCMP_SYS(exit),
	SCMP_SYS(madvise),
	SCMP_SYS(mprotect),
	SCMP_SYS(rseq),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(uname),
	/* The same, as other resolvers and other versions of glibc do it: nss-resolve, netlink for what addresses we
	   have. */
	SCMP_SYS(bind),
	SCMP_SYS(ioctl),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_yield),
	/* Other versions of libcurl: to wake itself up, to end a connection; other TLS libraries, to find what they
	   trust. */
	SCMP_SYS(access),
	SCMP_SYS(eventfd2),
	SCMP_SYS(faccessat2),
	SCMP_SYS(getdents64),
	SCMP_SYS(pipe2),
	SCMP_SYS(readlink),
	SCMP_SYS(shutdown),
};

#ifdef __SANITIZE_ADDRESS__
/* What the sanitizers' run-time asks for: its own stack, maps and threads. */
static const int calls_sanitizer[] = {
	SCMP_SYS(arch_prctl),  SCMP_SYS(getrlimit),   SCMP_SYS(madvise),           SCMP_SYS(mprotect),
	SCMP_SYS(personality), SCMP_SYS(prctl),       SCMP_SYS(prlimit64),         SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),  SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(sigaltstack),
	SCMP_SYS(getuid),
};
#endif

static int allow_calls(scmp_filter_ctx filter, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);

		/* -EDOM: the call does not exist on this architecture, so nobody can make it. */
		if (r < 0 && r != -EDOM && r != -EEXIST)
			return r;
	}
	return 0;
}

#define ALLOW(filter, call, ...) seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(call), __VA_ARGS__)

/* abort() sends its signal to this very process. */
static int add_common(scmp_filter_ctx filter)
{
	int r = allow_calls(filter, calls_common, ARRAY_SIZE(calls_common));

	return r < 0 ? r : ALLOW(filter, tgkill, 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
}

static int add_jitgated(scmp_filter_ctx filter)
{
	static const int netlinks[] = {NETLINK_ROUTE, NETLINK_SOCK_DIAG};
	int r = allow_calls(filter, calls_jitgated, ARRAY_SIZE(calls_jitgated));

	for (size_t i = 0; i < ARRAY_SIZE(netlinks) && r == 0; i++)
		r = ALLOW(filter, socket, 2, SCMP_A0(SCMP_CMP_EQ, AF_NETLINK),
			  SCMP_A2(SCMP_CMP_EQ, (scmp_datum_t)netlinks[i]));
	/* Drivers are asked for their names and counters, over any socket. */
	if (r == 0)
		r = ALLOW(filter, socket, 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	if (r == 0)
		r = ALLOW(filter, ioctl, 1, SCMP_A1(SCMP_CMP_EQ, SIOCETHTOOL));
	/* The config parser's scanner asks whether it reads from a terminal: it never does. */
	return r < 0 ? r
		     : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 1,
					SCMP_A1(SCMP_CMP_NE, SIOCETHTOOL));
}

/* To the feed socket and the Internet; of netlink only routes and addresses, which a resolver asks for. */
static int add_azure_sockets(scmp_filter_ctx filter)
{
	static const int families[] = {AF_INET, AF_INET6}, types[] = {SOCK_STREAM, SOCK_DGRAM};
	const scmp_datum_t type = ~(scmp_datum_t)(SOCK_CLOEXEC | SOCK_NONBLOCK);
	int r = ALLOW(filter, socket, 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX));

	for (size_t i = 0; i < ARRAY_SIZE(families) * ARRAY_SIZE(types) && r == 0; i++)
		r = ALLOW(filter, socket, 2, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i / 2]),
			  SCMP_A1(SCMP_CMP_MASKED_EQ, type, (scmp_datum_t)types[i % 2]));
	return r < 0 ? r
		     : ALLOW(filter, socket, 2, SCMP_A0(SCMP_CMP_EQ, AF_NETLINK), SCMP_A2(SCMP_CMP_EQ, NETLINK_ROUTE));
}

/* It writes no file, starts threads but no process, and asks for its own limits but sets none. */
static int add_azure(scmp_filter_ctx filter)
{
	int r = allow_calls(filter, calls_azure, ARRAY_SIZE(calls_azure));

	if (r == 0)
		r = add_azure_sockets(filter);
	if (r == 0)
		r = ALLOW(filter, openat, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));
	if (r == 0)
		r = ALLOW(filter, clone, 1, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	/* What it would clone lies in memory, where no filter looks; glibc falls back to the other one. */
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return r < 0 ? r : ALLOW(filter, prlimit64, 2, SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0));
}

static void release_filter(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

/* strace makes a call fail by making call -1 of it, and that is on no list. */
#ifdef JITGATE_STEPS
#define NOT_ON_THE_LIST SCMP_ACT_ERRNO(ENOSYS)
#else
#define NOT_ON_THE_LIST SCMP_ACT_KILL_PROCESS
#endif

int sandbox_seccomp(enum sandbox_profile profile)
{
	CLEANUP(release_filter) scmp_filter_ctx filter = seccomp_init(NOT_ON_THE_LIST);
	int r;

	if (!filter)
		return -ENOMEM;
	r = add_common(filter);
	if (r == 0)
		r = profile == SANDBOX_JITGATED ? add_jitgated(filter) : add_azure(filter);
#ifdef __SANITIZE_ADDRESS__
	if (r == 0)
		r = allow_calls(filter, calls_sanitizer, ARRAY_SIZE(calls_sanitizer));
#endif
	return r < 0 ? r : seccomp_load(filter);
}
