// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See tcx.h. The structs are the parts of the kernel's union bpf_attr that are used here, as Linux 6.6 has them.
 */
#include "tcx.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util.h"

#define TCX_INGRESS 46U  /* enum bpf_attach_type */
#define LINK_TCX 11U     /* enum bpf_link_type */
#define BEFORE (1U << 3) /* BPF_F_BEFORE; without a neighbour named, before all */
#define PROGRAMS_MAX 64  /* what the kernel keeps at a hook */

struct link_create {
	uint32_t program_fd, ifindex, attach_type, flags, neighbour_fd, unused;
	uint64_t revision;
};

struct query {
	uint32_t ifindex, attach_type, query_flags, attach_flags;
	uint64_t program_ids;
	uint32_t count, unused;
	uint64_t program_flags, link_ids, link_flags, revision;
};

_Static_assert(sizeof(struct link_create) == 32 && sizeof(struct query) == 64, "the kernel's layout");

static int call(int command, void *attr, size_t size)
{
	long r = syscall(SYS_bpf, command, attr, size);

	return r < 0 ? -errno : (int)r;
}

int tcx_create(int program_fd, uint32_t ifindex, uint64_t revision)
{
	struct link_create attr = {.program_fd = (uint32_t)program_fd,
				   .ifindex = ifindex,
				   .attach_type = TCX_INGRESS,
				   .flags = BEFORE,
				   .revision = revision};
	int fd = call(BPF_LINK_CREATE, &attr, sizeof(attr));

	/* What the kernel says to an attach type that it does not know, and to fields that it does not. */
	return fd == -EINVAL || fd == -E2BIG ? -EOPNOTSUPP : fd;
}

int tcx_first(uint32_t ifindex, uint32_t *ret_program_id, uint64_t *ret_revision)
{
	uint32_t ids[PROGRAMS_MAX] = {0};
	struct query attr = {
		.ifindex = ifindex, .attach_type = TCX_INGRESS, .program_ids = (uintptr_t)ids, .count = PROGRAMS_MAX};
	int r = call(BPF_PROG_QUERY, &attr, sizeof(attr));

	if (r < 0)
		return r == -EINVAL || r == -E2BIG ? -EOPNOTSUPP : r;
	*ret_program_id = attr.count ? ids[0] : 0;
	*ret_revision = attr.revision;
	return 0;
}

/*
 * The question is an attachment that cannot succeed: the kernel compares the revision first (-ESTALE), and then refuses
 * a program that is there already (-EEXIST).
 */
int tcx_is_unchanged(int program_fd, uint32_t ifindex, uint64_t revision)
{
	_cleanup_close_ int fd = tcx_create(program_fd, ifindex, revision);

	if (fd == -EEXIST)
		return 1;
	/* It was not there any more, and is gone again with the descriptor. */
	return fd >= 0 || fd == -ESTALE ? 0 : fd;
}

bool tcx_link(int link_fd, uint32_t *ret_ifindex, uint32_t *ret_program_id)
{
	struct bpf_link_info info = {0};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(link_fd, &info, &len) < 0 || info.type != LINK_TCX)
		return false;
	*ret_ifindex = info.xdp.ifindex; /* at the same place */
	*ret_program_id = info.prog_id;
	return true;
}
