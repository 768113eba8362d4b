// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Whether a kernel changes the program of a pinned XDP link in place: BPF_LINK_UPDATE, by plain system calls.
 */
#include <errno.h>
#include <linux/bpf.h>
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
