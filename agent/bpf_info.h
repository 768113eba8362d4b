/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * EDGE. What the kernel says of a program: one call, for all who ask.
 */
#ifndef BPF_INFO_H
#define BPF_INFO_H

#include <bpf/bpf.h>
#include <errno.h>

/* By its descriptor: id, type, name, tag, who loaded it. 0 or -errno. */
static inline int bpf_info_program(int fd, struct bpf_prog_info *ret)
{
	struct bpf_prog_info info = {0};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return -errno;
	*ret = info;
	return 0;
}

#endif
