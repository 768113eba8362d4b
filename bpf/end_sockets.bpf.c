// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Ends TCP sockets from within the kernel: an iterator over all of them that destroys those whose cookie it is told of.
 * A cookie is never given to another socket, so what was decided about one cannot hit its successor. Which sockets that
 * are is decided in user space (agent/enforcer_end.c); the packet program has nothing to do with this object.
 *
 * What an iterator gets and calls is in no UAPI header, so it is declared here, as far as it is used. The one field
 * that is read lies elsewhere in another kernel, so here, other than in the packet program, an access is relocated at
 * load.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "end_sockets_abi.h"

struct bpf_iter_meta;

struct sock_common {
	volatile unsigned char skc_state; /* BPF_TCP_* */
} __attribute__((preserve_access_index));

/* What the kernel hands to each call: two pointers, in this order. */
struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
};

/* Since 6.5. 0 or -errno. */
extern int bpf_sock_destroy(struct sock_common *sock) __ksym;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, END_SOCKETS_MAX);
	__type(key, __u64);   /* cookie of a socket */
	__type(value, __s32); /* END_SOCKETS_WANTED, then what became of it: 0 or -errno */
} cookies SEC(".maps");

/* What is left of a socket, or to become one, and nobody holds: it must not be destroyed as if it were a whole one. */
static __always_inline int is_stub(const struct sock_common *sock)
{
	return sock->skc_state == BPF_TCP_TIME_WAIT || sock->skc_state == BPF_TCP_NEW_SYN_RECV;
}

SEC("iter/tcp")
int end_sockets(struct bpf_iter__tcp *ctx)
{
	struct sock_common *sock = ctx->sk_common;
	__s32 *state;
	__u64 cookie;

	if (!sock || is_stub(sock))
		return 0;
	cookie = bpf_get_socket_cookie(sock);
	state = bpf_map_lookup_elem(&cookies, &cookie);
	if (state && *state == END_SOCKETS_WANTED)
		*state = bpf_sock_destroy(sock);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
