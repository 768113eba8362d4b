/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The ABI between the packet program and user space: map keys and values,
 * reasons, limits. The only header that both worlds include.
 *
 * Everything here is also what `bpftool map dump` shows, so names are for
 * people. A change of any layout needs a new JITGATE_ABI_VERSION and new map
 * names (the name carries the version): a pinned map outlives the program
 * that made it and must never be read with another layout.
 *
 * Rules: no bit-field, bool, enum or pointer in a struct; padding is written
 * out; counters never share a word with policy.
 */
#ifndef JITGATE_ABI_H
#define JITGATE_ABI_H

#include <linux/types.h>

#define JITGATE_ABI_VERSION 1

/*
 * What an upgrade rests on, so whoever raises JITGATE_ABI_VERSION keeps to it:
 *
 * - The pins `root`, `slots_v1`, `gate` and `link_*`, and those of the tc hook, `root_tc`, `slots_tc_v1`, `gate_tc`,
 *   `clsact_*` and `clsact_own_*`, are the same in all versions. What is attached is `root` or `root_tc`, which calls
 *   slot 0 of its array; only that slot changes hands. The arrays keep name and layout whatever the version.
 * - All other maps have the new version in their names, all of them, also those that are as before: so one look at the
 *   filter in the slot tells which version is in force.
 * - jitgated makes maps of its own version beside the old ones, carries over what these hold (agent/carry.c), applies
 *   config and state file as at every start, puts its filter into the slot, and then removes the old pins. Fields are
 *   carried by name: a field that means something else gets another name, and one of another size, a new field of a
 *   key, and whatever else does not follow from the names, gets its code in carry.c.
 * - layout_v* holds the BTF of the maps of its version, in which the names are looked up.
 * - A word of protected_v* is carried as it is, but for the class: its bits keep their place. Classes and sessions_v*
 *   are made anew from the config.
 * - The state file has a version of its own (agent/state.h). A version reads its own and the one before it: after a
 *   reboot there are no maps, and the file is all there is.
 * - The names of maps that are given up stay known (pinned_maps.c), so that --detach and the next start remove their
 * pins.
 */
#define JITGATE_SLOTS_PIN "slots_v1"
#define JITGATE_SLOTS_TC_PIN "slots_tc_v1" /* the same of the tc hook */
#define JITGATE_LAYOUT_PIN "layout_v1"     /* the BTF of all maps of its version, an array of one */

/* Limits. */
#define JITGATE_VLAN_TAGS_MAX 4     /* tags looked through; one more: too_deep */
#define JITGATE_EXT_HDRS_MAX 8      /* IPv6 extension headers; one more: too_deep */
#define JITGATE_PORT_RULES_MAX 1024 /* distinct protected (port, protocol) pairs */
#define JITGATE_GRANTS_MAX 131072
#define JITGATE_PORT_SLOTS 32 /* entries of ports_v1: 31 ports with counters of their own, and 0 for all others */

/* max_grants by default. grants_v1 and usage_v1 are made for twice max_grants: a plan puts before it deletes. */
#define JITGATE_GRANTS_DEFAULT 16384

/*
 * What may not be told in a flood keeps what matters more from being told: of the budget of events the last
 * JITGATE_KEPT_FOR_PORTS are for packets to protected ports (a denied one may be somebody who waits for a grant), and
 * of these the last JITGATE_KEPT_FOR_GRANTS for the first packets of a grant (the record of who came in).
 */
#define JITGATE_KEPT_FOR_PORTS 448
#define JITGATE_KEPT_FOR_GRANTS 16

#define JITGATE_EVENTS_BYTES (64 * 1024) /* ring buffer; a power of two, whole pages */

/* A deadline that never comes: always-allowed sources. */
#define JITGATE_NO_DEADLINE 0xffffffffffffffffULL

/* struct gate_key.family, struct event.family. */
#define JITGATE_IPV4 4
#define JITGATE_IPV6 6

/* struct gate_state.mode. Anything but AUDIT enforces: a zeroed map is closed. */
#define JITGATE_ENFORCE 0
#define JITGATE_AUDIT 1

/* Protocols with ports: PROTO_BIT_x is 1 << PROTO_INDEX_x. */
#define PROTO_INDEX_TCP 0
#define PROTO_INDEX_UDP 1
#define PROTO_INDEX_SCTP 2
#define PROTO_INDEX_DCCP 3
#define PROTO_INDEX_UDPLITE 4
#define _PROTO_INDEX_MAX 5
#define PROTO_BIT_TCP 0x01
#define PROTO_BIT_UDP 0x02
#define PROTO_BIT_SCTP 0x04
#define PROTO_BIT_DCCP 0x08
#define PROTO_BIT_UDPLITE 0x10
#define PROTO_BITS_ALL 0x1f

/*
 * protected_v1, one word per port (the index is the port in network order): the protocols that are protected, what
 * follows here, the port's class in sessions_v1, and from PROTECTED_SLOT_SHIFT on its slot in ports_v1.
 */
/* For user space: a feed asked for this port, so it stays closed over a restart that knows no more. */
#define PROTECTED_LEARNED 0x20
#define PROTECTED_CLASS_SHIFT 6
#define PROTECTED_CLASS_MASK 0x07c0
#define PROTECTED_SLOT_SHIFT 11

/* Classes of sessions_v1. Class 0 cuts, and nothing is looked up for it: what is written there is of no effect. */
#define JITGATE_SESSION_CLASSES 32

/*
 * Flows: what may go on after its grant. Only TCP, UDP and UDP-Lite have them: with SCTP and DCCP the first four bytes
 * do not tell a new association from one that goes on. A full table forgets what was not seen for longest (LRU over all
 * CPUs, so that one busy CPU does not forget what another needs): to be forgotten closes, nothing else. Some 2 MB.
 */
#define JITGATE_FLOWS_MAX 16384

/*
 * How long a flow may be silent: a TCP connection longer than the two hours after which TCP itself asks (keepalive),
 * one whose opener sent no more than its SYN, and the protocols that have no end of their own.
 */
#define JITGATE_FLOW_TCP_IDLE_NS 10800000000000ULL
#define JITGATE_FLOW_OPENING_NS 30000000000ULL
#define JITGATE_FLOW_UDP_IDLE_NS 180000000000ULL

/* For user space: after FIN or RST and so long a silence a session is not told of any more. */
#define JITGATE_FLOW_CLOSED_NS 5000000000ULL

/* last_seen_boot_ns is not written more often than this: a busy flow's cache line is only read. */
#define JITGATE_FLOW_SEEN_STEP_NS 1000000000ULL

/* struct gate_flow.state, TCP: what the source has sent. */
#define FLOW_ANSWERED 0x01 /* more than a SYN */
#define FLOW_CLOSING 0x02  /* FIN or RST */

/*
 * sources_v1, one bit for each value of 16 bits of a source address, for each family (IPv4, IPv6). A source whose bit
 * is 0 is in no entry of grants_v1, and the program does not search there: a flood from everywhere costs a load instead
 * of a walk through the trie. The 16 bits are bytes 0 and 1 of an IPv4 address, byte 0 ^ 2 and 1 ^ 3 of an IPv6 one;
 * the bit is [first * 32 + second / 8], 1 << second % 8.
 */
#define JITGATE_SOURCES_BYTES 8192

/*
 * The frame that jitgated tries the filter in force with (BPF_PROG_RUN), every few seconds: to this Ethernet address,
 * with an IPv4 header that says it is shorter than one, so that the stack would not take it either. It is judged and
 * counted like any other, but under a reason of its own, and nothing is told of it. It is known by coming from the
 * loopback interface, where the kernel says that such a run comes from: no packet does, since no loopback interface is
 * filtered.
 */
#define JITGATE_PROBE_MAC "\x02jitpr"
#define JITGATE_PROBE_IFINDEX 1

/*
 * Why a packet passed or was dropped: index of stats_v1. The order is the order of the
 * verdict table; user space has the names (agent/reason.c).
 */
enum reason {
	REASON_NOT_IP = 0,     /* pass: neither IPv4 nor IPv6 */
	REASON_MALFORMED,      /* drop: IP header or extension chain cut short or impossible */
	REASON_TOO_DEEP,       /* drop: more VLAN tags or extension headers than are looked through */
	REASON_LATER_FRAGMENT, /* pass: a fragment that is not the first */
	REASON_OTHER_PROTO,    /* pass: a protocol without ports */
	REASON_SHORT_L4,       /* drop: the four port bytes are not in the packet */
	REASON_UNPROTECTED,    /* pass: (protocol, port) is not protected */
	REASON_GRANTED,        /* pass: a live grant covers the source */
	REASON_ESTABLISHED,    /* pass: a flow that began under a grant, and the port's session policy */
	REASON_AUDIT,          /* pass: would have been dropped, audit mode */
	REASON_EXPIRED,        /* drop: an entry covers the source, its deadline is past */
	REASON_NO_GRANT,       /* drop: nothing covers the source */
	REASON_PROBE,          /* drop: the frame that jitgated tries the filter with; no packet of a network */
	_REASON_MAX,
};

#ifdef __clang__
#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"
#endif

/*
 * grants_v1, key. An LPM trie: port, proto and family always match exactly
 * (prefixlen is never below GATE_KEY_EXACT_BITS), addr is the prefix.
 */
struct gate_key {
	__u32 prefixlen; /* bits: GATE_KEY_EXACT_BITS + length of the address prefix */
	__u16 port_be;   /* destination port, network order */
	__u8 proto;      /* IPPROTO_* */
	__u8 family;     /* JITGATE_IPV4 or JITGATE_IPV6 */
	__u8 addr[16];   /* source, network order; IPv4 in the first four bytes, rest 0 */
};
#define GATE_KEY_EXACT_BITS 32

/* grants_v1, value. */
struct gate_grant {
	__u64 expires_boot_ns; /* CLOCK_BOOTTIME; passes while now < this */
	__u32 slot;            /* index into usage_v1 */
	__u32 reserved;        /* 0 */
};

/*
 * sessions_v1: how long after the end of its grant a flow goes on, by PROTO_INDEX_*. 0: not at all (cut);
 * JITGATE_NO_DEADLINE: as long as it lives (keep); else so long (drain).
 */
struct gate_session {
	__u64 drain_ns[_PROTO_INDEX_MAX];
};

/* flows_v1, key: from whom to whom. */
struct flow_key {
	__u8 saddr[16]; /* network order; IPv4 in the first four bytes, rest 0 */
	__u8 daddr[16];
	__u16 sport_be;
	__u16 dport_be;
	__u8 proto;  /* IPPROTO_* */
	__u8 family; /* JITGATE_IPV4 or JITGATE_IPV6 */
	__u8 reserved[2];
};

/*
 * flows_v1, value. Only a packet that a grant let in makes one, or moves its end. Without a grant the flow goes on
 * until end + drain, by the drain of the class that the port has then. jitgated moves the end when a grant is taken
 * away or cut short.
 */
struct gate_flow {
	__u64 end_boot_ns;       /* of the grant, as last seen; JITGATE_NO_DEADLINE under one without end */
	__u64 last_seen_boot_ns; /* in steps of JITGATE_FLOW_SEEN_STEP_NS */
	__u32 state;             /* FLOW_* */
	__u32 reserved;          /* 0 */
};

/* stats_v1, per CPU. */
struct gate_counter {
	__u64 packets;
	__u64 bytes; /* whole frames, as the program sees them */
};

/* Packets to one (port, protocol). */
struct port_counters {
	__u64 granted_packets; /* with those of a flow that goes on after its grant */
	__u64 granted_bytes;
	__u64 ungranted_packets; /* dropped; in audit mode passed */
	__u64 ungranted_bytes;
};

/* ports_v1, per CPU: index = slot of a protected port. In the order of PROTO_INDEX_*. */
struct port_slot {
	__u16 port; /* host order, so that a dump reads well; 0: a free slot, or slot 0 */
	__u16 reserved[3];
	struct port_counters tcp, udp, sctp, dccp, udplite;
};

/* usage_v1, per CPU. */
struct grant_usage {
	__u64 packets;
	__u64 bytes;
	__u64 last_seen_boot_ns; /* CLOCK_BOOTTIME; 0: never */
};

/* state_v1: what a reader with only bpftool needs to judge this gate. Written by jitgated. */
struct gate_state {
	__u32 mode;              /* JITGATE_ENFORCE or JITGATE_AUDIT; read by the program */
	__u32 abi_version;       /* JITGATE_ABI_VERSION */
	__u64 generation;        /* plans applied since the maps were made */
	__u64 last_sync_wall_s;  /* last good snapshot of a feed, seconds since 1970; 0: never */
	__u64 last_sync_boot_ns; /* the same, CLOCK_BOOTTIME */
	__u32 grants;            /* entries of grants_v1 after the last plan */
	__u32 protected_ports;   /* (port, protocol) pairs */
	__s32 clock_offset_s;    /* at that snapshot this machine's clock was ahead of the feed's by at least so much */
	__u32 clock_known;       /* 0: the feed could not compare the clocks */
	/* In audit mode: enforced all the same while CLOCK_BOOTTIME is below this (jitgate arm). 0: no trial. Means
	 * nothing in another mode: what enforces for good depends on no clock. Read by the program. */
	__u64 confirm_until_boot_ns;
};

/*
 * budget_v1: how many events the program may still send. The program counts
 * down, jitgated refills, and only after events came: a flood costs nothing.
 * On a cache line of its own, away from policy.
 */
struct event_budget {
	__s64 left;
	__u8 reserved[56];
};

/* events_v1: one denied packet, or the first one that a grant let in (per CPU). */
struct event {
	__u64 boot_ns;
	__u32 ifindex;
	__u32 slot;     /* of the grant, when reason is GRANTED or would_be is EXPIRED */
	__u8 reason;    /* enum reason */
	__u8 would_be;  /* in audit mode the reason enforcement would have had, else = reason */
	__u8 family;    /* JITGATE_IPV4, JITGATE_IPV6, or 0: no address was read */
	__u8 proto;     /* IPPROTO_*; 0: not reached */
	__u16 sport_be; /* 0 when the ports were not in the packet */
	__u16 dport_be;
	__u8 saddr[16];
	__u8 daddr[16];
};

#ifdef __clang__
#pragma GCC diagnostic pop
#endif

_Static_assert(sizeof(struct gate_key) == 24, "gate_key is an ABI");
_Static_assert(sizeof(struct gate_grant) == 16, "gate_grant is an ABI");
_Static_assert(sizeof(struct gate_session) == 40, "gate_session is an ABI");
_Static_assert(sizeof(struct flow_key) == 40, "flow_key is an ABI");
_Static_assert(sizeof(struct gate_flow) == 24, "gate_flow is an ABI");
_Static_assert(PROTECTED_CLASS_MASK == (JITGATE_SESSION_CLASSES - 1) << PROTECTED_CLASS_SHIFT, "a class fits its bits");
_Static_assert(JITGATE_PORT_SLOTS << PROTECTED_SLOT_SHIFT == 0x10000, "the slot has the rest of the word");
_Static_assert(sizeof(struct gate_counter) == 16, "gate_counter is an ABI");
_Static_assert(sizeof(struct port_counters) == 32, "port_counters is an ABI");
_Static_assert(sizeof(struct port_slot) == 168, "port_slot is an ABI");
_Static_assert(sizeof(struct grant_usage) == 24, "grant_usage is an ABI");
_Static_assert(sizeof(struct gate_state) == 56, "gate_state is an ABI");
_Static_assert(sizeof(struct event_budget) == 64, "event_budget is an ABI");
_Static_assert(sizeof(struct event) == 56, "event is an ABI");

#endif
