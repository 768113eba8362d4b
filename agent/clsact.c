// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * EDGE. See clsact.h. Changes go through libbpf; what libbpf does not ask, which filter comes first, goes through
 * libmnl.
 */
#include "clsact.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "netlink.h"
#include "util.h"

#define OUR_HANDLE 0x6a67U /* "jg" */
#define OUR_PRIORITY 1U    /* the first that there is */

struct filters {
	size_t n;
	uint32_t first_program; /* 0: it is not a program */
};

static uint32_t read_program(const struct nlmsghdr *message)
{
	const struct nlattr *attr, *nested;

	mnl_attr_for_each(attr, message, sizeof(struct tcmsg))
	{
		if (mnl_attr_get_type(attr) != TCA_OPTIONS)
			continue;
		mnl_attr_for_each_nested(nested, attr)
		{
			if (mnl_attr_get_type(nested) == TCA_BPF_ID)
				return mnl_attr_get_u32(nested);
		}
	}
	return 0;
}

static bool is_bpf(const struct nlmsghdr *message)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct tcmsg))
	{
		if (mnl_attr_get_type(attr) == TCA_KIND)
			return strcmp(mnl_attr_get_str(attr), "bpf") == 0;
	}
	return false;
}

/* In the order in which packets meet them. A classifier announces itself first, with no handle. */
static int take_filter(const struct nlmsghdr *message, void *ctx)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	struct filters *filters = ctx;

	if (message->nlmsg_type != RTM_NEWTFILTER || !tc->tcm_handle)
		return MNL_CB_OK;
	if (filters->n++ == 0 && is_bpf(message))
		filters->first_program = read_program(message);
	return MNL_CB_OK;
}

static int list_filters(uint32_t ifindex, uint32_t parent, struct filters *ret)
{
	char buffer[256] = {0};
	struct nlmsghdr *question = mnl_nlmsg_put_header(buffer);
	struct tcmsg *tc;

	*ret = (struct filters){0};
	question->nlmsg_type = RTM_GETTFILTER;
	question->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	tc = mnl_nlmsg_put_extra_header(question, sizeof(*tc));
	tc->tcm_family = AF_UNSPEC;
	tc->tcm_ifindex = (int)ifindex;
	tc->tcm_parent = parent;
	return netlink_ask(NETLINK_ROUTE, question, take_filter, ret);
}

int clsact_first(uint32_t ifindex, uint32_t *ret_program_id)
{
	struct filters filters;
	int r = list_filters(ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS), &filters);

	if (r == 0)
		*ret_program_id = filters.first_program;
	return r;
}

int clsact_ours(uint32_t ifindex, uint32_t *ret_program_id)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = OUR_HANDLE, .priority = OUR_PRIORITY);
	int r = bpf_tc_query(&hook, &opts);

	*ret_program_id = r == 0 ? opts.prog_id : 0;
	/* The kernel's words for: no such interface, no clsact, no filter at this priority or handle. */
	return r == -ENODEV || r == -ENOENT || r == -EINVAL ? 0 : r;
}

int clsact_attach(int program_fd, uint32_t ifindex, bool *ret_made)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = OUR_HANDLE, .priority = OUR_PRIORITY, .prog_fd = program_fd,
		    .flags = BPF_TC_F_REPLACE);
	int r = bpf_tc_hook_create(&hook);

	if (r < 0 && r != -EEXIST)
		return r;
	*ret_made = r == 0;
	r = bpf_tc_attach(&hook, &opts);
	if (r < 0 && *ret_made)
		clsact_detach(ifindex, true);
	return r == -EINVAL || r == -EEXIST ? -EBUSY : r;
}

/* Whoever adds a filter between the question and the end of the clsact loses it: we are not alone only by his doing. */
static bool is_empty(uint32_t ifindex)
{
	struct filters in, out;

	return list_filters(ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS), &in) == 0 && !in.n &&
	       list_filters(ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS), &out) == 0 && !out.n;
}

int clsact_detach(uint32_t ifindex, bool whole)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = OUR_HANDLE, .priority = OUR_PRIORITY);
	uint32_t ours = 0;
	int r = clsact_ours(ifindex, &ours);

	if (r == 0 && ours)
		r = bpf_tc_detach(&hook, &opts);
	if (r == 0 && whole && is_empty(ifindex)) {
		hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
		r = bpf_tc_hook_destroy(&hook);
	}
	return r == -ENOENT || r == -ENODEV ? 0 : r;
}
