// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See vf.h.
 */
#include "vf.h"

#include <string.h>

static const char *skip_number(const char *text)
{
	return text + strspn(text, "0123456789");
}

bool vf_is_xdp_drop(const char *counter)
{
	const char *rest = counter;

	if (strncmp(rest, "rx_", strlen("rx_")) != 0)
		return false;
	rest += strlen("rx_");
	if (strncmp(rest, "queue_", strlen("queue_")) == 0)
		rest += strlen("queue_");
	if (*rest >= '0' && *rest <= '9') {
		rest = skip_number(rest);
		if (*rest++ != '_')
			return false;
	}
	return strcmp(rest, "xdp_drop") == 0;
}

enum vf_verdict vf_judge(const struct vf_sample *before, const struct vf_sample *after)
{
	/* Counters that went back belong to another function than before. */
	if (after->rx_packets < before->rx_packets || after->xdp_drops < before->xdp_drops ||
	    after->counted < before->counted)
		return VF_NOT_KNOWN;
	if (after->xdp_drops > before->xdp_drops)
		return VF_FILTERED;
	if (after->rx_packets - before->rx_packets < VF_PACKETS_MIN)
		return VF_NOT_KNOWN;
	return (after->rx_packets - before->rx_packets) / 2 > after->counted - before->counted ? VF_UNFILTERED
											       : VF_NOT_KNOWN;
}
