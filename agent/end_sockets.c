// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See end_sockets.h. By descriptor only once it is open: a process without capabilities may make an iterator from
 * a link that it holds, and reading it runs the program.
 */
#include "end_sockets.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "end_sockets.skel.h"
#include "end_sockets_abi.h"
#include "sock_diag.h"
#include "util.h"

struct end_sockets {
	enum end_means means;
	struct end_sockets_bpf *skel;
	struct bpf_link *link;
};

static void forget_program(struct end_sockets *ender)
{
	bpf_link__destroy(ender->link);
	end_sockets_bpf__destroy(ender->skel);
	ender->link = NULL;
	ender->skel = NULL;
}

static int load_program(struct end_sockets *ender)
{
	ender->skel = end_sockets_bpf__open_and_load();
	if (!ender->skel)
		return -errno;
	ender->link = bpf_program__attach_iter(ender->skel->progs.end_sockets, NULL);
	return ender->link ? 0 : -errno;
}

/* A socket that there cannot be: a kernel that could destroy it says that it is not there. */
static int try_netlink(void)
{
	struct open_socket nobody = {.local = {.family = JITGATE_IPV4, .prefix_len = 32},
				     .peer = {.family = JITGATE_IPV4, .prefix_len = 32},
				     .family = JITGATE_IPV4,
				     .port = 1,
				     .peer_port = 1,
				     .cookie = UINT64_MAX - 1};
	int r = sock_diag_destroy(&nobody);

	return r == -ENOENT ? 0 : r;
}

/* The means that there is; *failure filled when it is none, or not the first. */
static enum end_means find_means(struct end_sockets *ender, enum conf_end_sockets wanted, struct failure *failure)
{
	int r = load_program(ender), by_netlink;

	if (r == 0)
		return END_MEANS_BPF;
	forget_program(ender);
	failure_set(failure, r,
		    "this kernel has no way for a program without privileges to end sockets (%s; it takes Linux 6.5)",
		    strerror(-r));
	if (wanted != CONF_END_ON)
		return END_MEANS_NONE;
	by_netlink = try_netlink();
	if (by_netlink == 0)
		return END_MEANS_NETLINK;
	failure_set(failure, by_netlink, "this kernel can end sockets neither by BPF (%s) nor by SOCK_DESTROY (%s)",
		    strerror(-r), strerror(-by_netlink));
	return END_MEANS_NONE;
}

int end_sockets_open(enum conf_end_sockets wanted, struct end_sockets **ret, struct failure *failure)
{
	struct end_sockets *ender;

	failure->text[0] = '\0';
	if (wanted == CONF_END_OFF)
		return 0;
	ender = calloc(1, sizeof(*ender));
	if (!ender)
		return failure_set(failure, -ENOMEM, "out of memory");
	ender->means = find_means(ender, wanted, failure);
	*ret = ender;
	return ender->means == END_MEANS_NONE && wanted == CONF_END_ON ? -EOPNOTSUPP : 0;
}

void end_sockets_free(struct end_sockets **ender)
{
	if (!*ender)
		return;
	forget_program(*ender);
	free(*ender);
	*ender = NULL;
}

enum end_means end_sockets_means(const struct end_sockets *ender)
{
	return ender ? ender->means : END_MEANS_NONE;
}

const char *end_means_text(enum end_means means)
{
	static const char *const texts[] = {"none", "bpf", "netlink"};

	return texts[means];
}

/* ------------------------------------------------------------ by BPF */

/* The program runs for each socket of the machine while this reads; it writes nothing. */
static int run_iterator(const struct end_sockets *ender)
{
	_cleanup_close_ int fd = bpf_iter_create(bpf_link__fd(ender->link));
	char nothing[64];
	ssize_t n;

	if (fd < 0)
		return -errno;
	/* EAGAIN: so many sockets were looked at that the kernel takes breath. */
	do
		n = read(fd, nothing, sizeof(nothing));
	while (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)));
	return n < 0 ? -errno : 0;
}

/* At most END_SOCKETS_MAX of them. What is still wanted when all were looked at had gone before. */
static int end_batch(const struct end_sockets *ender, struct open_socket *sockets, size_t n)
{
	int map = bpf_map__fd(ender->skel->maps.cookies);
	int r = 0, result = END_SOCKETS_WANTED;

	for (size_t i = 0; i < n && r == 0; i++)
		r = bpf_map_update_elem(map, &sockets[i].cookie, &result, BPF_ANY) < 0 ? -errno : 0;
	if (r == 0)
		r = run_iterator(ender);
	for (size_t i = 0; i < n; i++) {
		if (bpf_map_lookup_elem(map, &sockets[i].cookie, &result) == 0)
			sockets[i].result = result != END_SOCKETS_WANTED ? result
					    : r < 0                      ? OPEN_SOCKET_UNTOUCHED
									 : -ENOENT;
		bpf_map_delete_elem(map, &sockets[i].cookie);
	}
	return r;
}

static int end_by_bpf(const struct end_sockets *ender, struct open_sockets *sockets)
{
	int r = 0;

	for (size_t at = 0; at < sockets->n && r == 0; at += END_SOCKETS_MAX) {
		size_t left = sockets->n - at;

		r = end_batch(ender, sockets->v + at, left < END_SOCKETS_MAX ? left : END_SOCKETS_MAX);
	}
	return r;
}

int end_sockets_run(struct end_sockets *ender, struct open_sockets *sockets)
{
	if (ender->means == END_MEANS_BPF)
		return end_by_bpf(ender, sockets);
	if (ender->means != END_MEANS_NETLINK)
		return -EOPNOTSUPP;
	for (size_t i = 0; i < sockets->n; i++)
		sockets->v[i].result = sock_diag_destroy(&sockets->v[i]);
	return 0;
}
