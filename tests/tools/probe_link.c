// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Links of programs, by plain system calls: whether a kernel changes the program of a pinned XDP link in place, and
 * somebody else's link at the tc hook.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"

/* LINK PROGRAM, both pinned */
int probe_link_update(int argc, char **argv)
{
	union bpf_attr attr = {0};

	(void)argc;
	attr.link_update.link_fd = (uint32_t)probe_open_pin(argv[1]);
	attr.link_update.new_prog_fd = (uint32_t)probe_open_pin(argv[2]);
	if (syscall(SYS_bpf, BPF_LINK_UPDATE, &attr, sizeof(attr)) == 0)
		return PROBE_YES;
	printf("error=%s\n", strerror(errno));
	return PROBE_NO;
}

/* PROGRAM IFNAME LINK: exit 1 where the kernel has no such links */
static int make_link(char **argv, uint32_t attach_type, uint32_t flags)
{
	union bpf_attr attr = {0};
	int fd;

	attr.link_create.prog_fd = (uint32_t)probe_open_pin(argv[1]);
	attr.link_create.target_ifindex = if_nametoindex(argv[2]);
	attr.link_create.attach_type = attach_type;
	attr.link_create.flags = flags;
	fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	if (fd < 0) {
		printf("error=%s\n", strerror(errno));
		return PROBE_NO;
	}
	attr = (union bpf_attr){0};
	attr.pathname = (uintptr_t)argv[3];
	attr.bpf_fd = (uint32_t)fd;
	if (syscall(SYS_bpf, BPF_OBJ_PIN, &attr, sizeof(attr)) < 0)
		probe_die("cannot pin %s: %m", argv[3]);
	return PROBE_YES;
}

int probe_tcx_first(int argc, char **argv)
{
	(void)argc;
	return make_link(argv, 46, 1U << 3); /* BPF_TCX_INGRESS, BPF_F_BEFORE */
}

int probe_xdp_link(int argc, char **argv)
{
	(void)argc;
	return make_link(argv, BPF_XDP, 0);
}
