// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * CORE. See reason.h.
 */
#include "reason.h"

#include "jitgate_abi.h"
#include "util.h"

static const struct {
	const char *name;
	bool passes;
	const char *meaning; /* ends the sentence "…, because" */
} reasons[] = {
	[REASON_NOT_IP] = {"not_ip", true, "neither IPv4 nor IPv6"},
	[REASON_MALFORMED] = {"malformed", false, "IP header cut short or impossible"},
	[REASON_TOO_DEEP] = {"too_deep", false, "too many VLAN tags or extension headers"},
	[REASON_LATER_FRAGMENT] = {"later_fragment", true, "a fragment that is not the first"},
	[REASON_OTHER_PROTO] = {"other_proto", true, "a protocol without ports"},
	[REASON_SHORT_L4] = {"short_l4", false, "the ports are not in the packet"},
	[REASON_UNPROTECTED] = {"unprotected", true, "the port is not protected"},
	[REASON_GRANTED] = {"granted", true, "a live grant covers the source"},
	[REASON_ESTABLISHED] = {"established", true, "began under a grant, and the port's policy lets it go on"},
	[REASON_AUDIT] = {"audit", true, "enforcing would drop it"},
	[REASON_EXPIRED] = {"expired", false, "the grant has ended"},
	[REASON_NO_GRANT] = {"no_grant", false, "no grant covers the source"},
	[REASON_PROBE] = {"probe", false, "jitgated tried the filter with it"},
};
_Static_assert(ARRAY_SIZE(reasons) == _REASON_MAX, "every reason has a name");

const char *reason_name(unsigned int reason)
{
	return reason < _REASON_MAX ? reasons[reason].name : "unknown";
}

bool reason_passes(unsigned int reason)
{
	return reason < _REASON_MAX && reasons[reason].passes;
}

const char *reason_meaning(unsigned int reason)
{
	return reason < _REASON_MAX ? reasons[reason].meaning : "not known to this version";
}
