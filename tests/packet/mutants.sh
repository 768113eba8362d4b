#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Is every line of the verdict table needed? Takes one away or turns it round, compiles, and expects packet_test to
# notice. TAP on stdout; one test a mutant, after one for the program as it is.
#
#   tests/packet/mutants.sh [WORD]    only mutants whose name has WORD in it
#
# A mutant that changes nothing is a failure of this table: the line it is about has moved.
set -u
cd "$(dirname "$0")/../.." || exit 2

packet_test=${JITGATE_BUILD:-build/release}/packet_test
clang=${CLANG:-clang}
jobs_max=$(($(nproc) * 2)) # they wait half of the time: the kernel frees programs and maps after a while
word=${1:-}
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
export GATE_QUIET=1 # what the verifier says to a mutant is no news

# name | file | sed expression. A name that begins with "refused: " is one that the verifier has to refuse.
table=$(
  cat <<'TABLE'
TCP has no ports|bpf/gate_parse.h|/case IPPROTO_TCP:/,+1d
UDP has no ports|bpf/gate_parse.h|/case IPPROTO_UDP:/,+1d
SCTP has no ports|bpf/gate_parse.h|/case IPPROTO_SCTP:/,+1d
DCCP has no ports|bpf/gate_parse.h|/case IPPROTO_DCCP:/,+1d
UDP-Lite has no ports|bpf/gate_parse.h|/case IPPROTO_UDPLITE:/,+1d
a protocol without ports is short|bpf/gate_parse.h|s/return REASON_OTHER_PROTO/return REASON_SHORT_L4/
ports are read from padding|bpf/gate_parse.h|s/l4_len < sizeof(\*ports) || //
refused: ports are read beyond the frame|bpf/gate_parse.h|s/ || (const void \*)(ports + 1) > end//
short ports pass|bpf/gate_parse.h|s/return REASON_SHORT_L4/return REASON_UNPROTECTED/
the source port is judged|bpf/gate_parse.h|s/dport_be = ports->dest/dport_be = ports->source/
the event has no source port|bpf/gate_parse.h|/pkt->sport_be = /d
refused: IPv4 header beyond the frame|bpf/gate_parse.h|/(ip + 1) > end/,+1d
IPv4 header length below 5|bpf/gate_parse.h|s/ || header_len < sizeof(\*ip)//
IPv4 version is not looked at|bpf/gate_parse.h|s/ip->version != 4 || //
IPv4 options beyond the frame|bpf/gate_parse.h|s/ || l3 + header_len > end//
IPv4 options are not skipped|bpf/gate_parse.h|s/header_len = ip->ihl \* 4U/header_len = 20/
IPv4 later fragments have ports|bpf/gate_parse.h|/ip->frag_off & GATE_IPV4_OFFSET_MASK/,+1d
IPv4 first fragments pass|bpf/gate_parse.h|s/GATE_BE16(0x1fff)/GATE_BE16(0x3fff)/
IPv4 reserved bit makes a fragment|bpf/gate_parse.h|s/GATE_BE16(0x1fff)/GATE_BE16(0x9fff)/
IPv4 "do not fragment" makes a fragment|bpf/gate_parse.h|s/GATE_BE16(0x1fff)/GATE_BE16(0x5fff)/
IPv4 fragment offset loses its top bit|bpf/gate_parse.h|s/GATE_BE16(0x1fff)/GATE_BE16(0x0fff)/
refused: IPv6 header beyond the frame|bpf/gate_parse.h|s/(const void \*)(ip6 + 1) > end || //
IPv6 version is not looked at|bpf/gate_parse.h|s/ || ip6->version != 6//
IPv6 payload length is not looked at|bpf/gate_parse.h|s/return sizeof(\*ip6) + payload/return 0xffffffff/
IPv6 payload length 0 means all|bpf/gate_parse.h|s/return sizeof(\*ip6);/return 0xffffffff;/
IPv6 payload length 0 means nothing behind hop-by-hop|bpf/gate_parse.h|s/ip6->nexthdr == IPPROTO_HOPOPTS || end/end/
hop-by-hop is not walked over|bpf/gate_parse.h|s/return proto == IPPROTO_HOPOPTS || /return /
routing is not walked over|bpf/gate_parse.h|s/ || proto == IPPROTO_ROUTING//
destination options are not walked over|bpf/gate_parse.h|s/ || proto == IPPROTO_DSTOPTS//
fragment headers are not walked over|bpf/gate_parse.h|s/proto == IPPROTO_FRAGMENT || proto == IPPROTO_AH/proto == IPPROTO_AH/
authentication is not walked over|bpf/gate_parse.h|s/ || proto == IPPROTO_AH;/;/
a fragment header has a length byte|bpf/gate_parse.h|/return 8;/s/8/(ext->len + 1U) * 8/
authentication has a length like others|bpf/gate_parse.h|s/is_auth = auth >> proto & 1/is_auth = 0/
extension headers have one length|bpf/gate_parse.h|s/return bytes & 0xffc/return 8/
authentication has words of 8|bpf/gate_parse.h|s/ (8 - 4 \* is_auth)/ 8/
authentication has no second word|bpf/gate_parse.h|s/1U + is_auth)/1U)/
fragment header anywhere|bpf/gate_parse.h|/!may_be_fragment(ip6, i)/,+1d
fragment header behind any one header|bpf/gate_parse.h|s/ && ip6->nexthdr == IPPROTO_HOPOPTS)/)/
fragment header not behind hop-by-hop|bpf/gate_parse.h|s/ || (headers_before == 1 && .*)/ /
fragment header behind two headers|bpf/gate_parse.h|s/(headers_before == 1 && /(headers_before >= 1 \&\& /
one extension header more|include/jitgate_abi.h|s/JITGATE_EXT_HDRS_MAX 8/JITGATE_EXT_HDRS_MAX 9/
one extension header less|include/jitgate_abi.h|s/JITGATE_EXT_HDRS_MAX 8/JITGATE_EXT_HDRS_MAX 7/
too many extension headers pass|bpf/gate_parse.h|s/return REASON_TOO_DEEP;/return REASON_OTHER_PROTO;/
refused: extension header beyond the frame|bpf/gate_parse.h|s/(const void \*)(ext + 1) > end || //
extension header is read from padding|bpf/gate_parse.h|s/ || offset + sizeof(\*ext) > limit//
extension header ends beyond the frame|bpf/gate_parse.h|s/l3 + offset > end || //
extension header ends in padding|bpf/gate_parse.h|s/ || offset > limit//
IPv6 later fragments have ports|bpf/gate_parse.h|/GATE_IPV6_OFFSET_MASK)$/,+1d
IPv6 first fragments pass|bpf/gate_parse.h|s/GATE_BE16(0xfff8)/GATE_BE16(0xfff9)/
IPv6 reserved bits make a fragment|bpf/gate_parse.h|s/GATE_BE16(0xfff8)/GATE_BE16(0xfffe)/
IPv6 fragment offset loses its top bit|bpf/gate_parse.h|s/GATE_BE16(0xfff8)/GATE_BE16(0x7ff8)/
IPv6 fragment offset loses its low bit|bpf/gate_parse.h|s/GATE_BE16(0xfff8)/GATE_BE16(0xfff0)/
802.1Q is no tag|bpf/gate_parse.h|s/l3.type != GATE_ETH_8021Q && //
802.1ad is no tag|bpf/gate_parse.h|s/ && l3.type != GATE_ETH_8021AD//
refused: VLAN tag beyond the frame|bpf/gate_parse.h|/(tag + 1) > end/,+1d
one VLAN tag more|include/jitgate_abi.h|s/JITGATE_VLAN_TAGS_MAX 4/JITGATE_VLAN_TAGS_MAX 5/
one VLAN tag less|include/jitgate_abi.h|s/JITGATE_VLAN_TAGS_MAX 4/JITGATE_VLAN_TAGS_MAX 3/
too many VLAN tags pass|bpf/gate_parse.h|/if (l3.type == GATE_ETH_8021Q ||/,+1d
too many 802.1ad tags pass|bpf/gate_parse.h|s/if (l3.type == GATE_ETH_8021Q || .*)/if (l3.type == GATE_ETH_8021Q)/
IPv4 is not IP|bpf/gate_parse.h|/l3.type == GATE_ETH_IPV4/,+1d
IPv6 is not IP|bpf/gate_parse.h|/l3.type == GATE_ETH_IPV6/,+1d
what is not IP is malformed|bpf/gate_parse.h|s/return REASON_NOT_IP/return REASON_MALFORMED/
ports are protected for all protocols|bpf/gate_verdict.h|s/>> pkt->proto_index & 1/!= 0/
ports are protected for TCP only|bpf/gate_verdict.h|s/>> pkt->proto_index & 1/\& 1/
protected ports are looked up swapped|bpf/gate_verdict.h|s/protected_v1\[pkt->dport_be\]/protected_v1[GATE_BE16(pkt->dport_be)]/
every port is protected|bpf/gate_verdict.h|s/return protected_v1\[.*/return 1;/
no port is protected|bpf/gate_verdict.h|s/return protected_v1\[.*/return 0;/
every source is searched|bpf/gate_verdict.h|/if (!may_be_granted(pkt))/,+1d
no source is searched|bpf/gate_verdict.h|s/if (!may_be_granted(pkt))/if (1)/
IPv6 sources are searched as IPv4|bpf/gate_verdict.h|s/sources_v1\[is_v6\]/sources_v1[0]/
IPv6 sources have one word|bpf/gate_verdict.h|s/a\[0\] ^ a\[2\]/a[0]/
IPv6 sources lose a byte|bpf/gate_verdict.h|s/a\[1\] ^ a\[3\]/a[1]/
sources are told apart by one byte|bpf/gate_verdict.h|s/first \* 32 + second/second * 32 + second/
sources share bits|bpf/gate_verdict.h|s/second \/ 8;/second \/ 16;/
grants are for any port|bpf/gate_verdict.h|/key->port_be = /d
grants are looked up by source port|bpf/gate_verdict.h|s/key->port_be = pkt->dport_be/key->port_be = pkt->sport_be/
grants are all TCP|bpf/gate_verdict.h|s/key->proto = pkt->proto/key->proto = IPPROTO_TCP/
grants are all IPv4|bpf/gate_verdict.h|s/key->family = pkt->family/key->family = JITGATE_IPV4/
IPv4 grants need no whole address|bpf/gate_verdict.h|s/GATE_KEY_EXACT_BITS + 32/GATE_KEY_EXACT_BITS + 31/
IPv6 grants need no whole address|bpf/gate_verdict.h|s/GATE_KEY_EXACT_BITS + 128/GATE_KEY_EXACT_BITS + 127/
grants are looked up by IPv4 destination|bpf/gate_verdict.h|s/pkt->saddr, 4)/pkt->daddr, 4)/
grants are looked up by IPv6 destination|bpf/gate_verdict.h|s/pkt->saddr, 16)/pkt->daddr, 16)/
half an IPv6 address is looked up|bpf/gate_verdict.h|s/pkt->saddr, 16)/pkt->saddr, 8)/
no grant passes|bpf/gate_verdict.h|s/return REASON_NO_GRANT/return REASON_GRANTED/
refused: a look-up without answer is used|bpf/gate_verdict.h|/if (!grant)/,+1d
no deadline|bpf/gate_verdict.h|s/return arrival_boot_ns(.*) < match->end_boot_ns ?/return 1 ?/
deadline turned round|bpf/gate_verdict.h|s/ < match->end_boot_ns/ > match->end_boot_ns/
IPv4 fragments may come after the deadline|bpf/gate_parse.h|/pkt->is_part = .*IPV4/d
IPv6 fragments may come after the deadline|bpf/gate_parse.h|/if (proto == IPPROTO_FRAGMENT)$/{N;/is_part/d}
fragments wait for no time|bpf/gate_verdict.h|s/now_boot_ns + GATE_REASSEMBLY_NS/now_boot_ns/
whole packets wait like fragments|bpf/gate_verdict.h|s/return pkt->is_part ?/return 1 ?/
expired is no grant|bpf/gate_verdict.h|s/REASON_GRANTED : REASON_EXPIRED/REASON_GRANTED : REASON_NO_GRANT/
slot is forgotten|bpf/gate_verdict.h|/match->slot = /d
what goes on is not counted at its port|bpf/gate.bpf.c|/^\t\tcount_port(/d
what goes on is counted as ungranted|bpf/gate.bpf.c|/^\t\tcount_port(/s/word, 1/word, 0/
what goes on is counted as granted|bpf/gate.bpf.c|s/REASON_ESTABLISHED, bytes/REASON_GRANTED, bytes/
sessions are not looked at|bpf/gate.bpf.c|s/if (word & PROTECTED_CLASS_MASK &&/if (0 \&\&/
sessions go on for ports without a class|bpf/gate.bpf.c|s/word & PROTECTED_CLASS_MASK && //
a grant's end is not handed on|bpf/gate_verdict.h|s/match->end_boot_ns = grant->expires_boot_ns;/match->end_boot_ns = grant->expires_boot_ns + 1;/
a SYN and its answer are the same|bpf/gate_session.h|s/return (flags & (GATE_TCP_SYN | GATE_TCP_ACK)) == GATE_TCP_SYN/return (flags \& GATE_TCP_SYN) != 0/
only a bare SYN begins|bpf/gate_session.h|s/return (flags & (GATE_TCP_SYN | GATE_TCP_ACK)) == GATE_TCP_SYN/return flags == GATE_TCP_SYN/
nothing begins a connection|bpf/gate_session.h|s/return (flags & (GATE_TCP_SYN | GATE_TCP_ACK)) == GATE_TCP_SYN/return 0/
a SYN answers|bpf/gate_session.h|s/^\t\treturn 0;$/\t\treturn FLOW_ANSWERED;/;t;b
FIN closes nothing|bpf/gate_session.h|s/flags & (GATE_TCP_FIN | GATE_TCP_RST)/flags \& GATE_TCP_RST/
RST closes nothing|bpf/gate_session.h|s/flags & (GATE_TCP_FIN | GATE_TCP_RST)/flags \& GATE_TCP_FIN/
everything closes|bpf/gate_session.h|s/ : FLOW_ANSWERED;/ : FLOW_ANSWERED | FLOW_CLOSING;/
what closes has not answered|bpf/gate_session.h|s/FLOW_ANSWERED | FLOW_CLOSING : /FLOW_CLOSING : /
UDP may be silent like TCP|bpf/gate_session.h|/proto != IPPROTO_TCP)/,+1d
a FIN or RST makes a flow forgotten|bpf/gate_session.h|s/state & FLOW_ANSWERED ? JITGATE_FLOW_TCP/state == FLOW_ANSWERED ? JITGATE_FLOW_TCP/
what only begins may be silent|bpf/gate_session.h|s/ : JITGATE_FLOW_OPENING_NS/ : JITGATE_FLOW_TCP_IDLE_NS/
what has answered may not be silent|bpf/gate_session.h|s/FLOW_ANSWERED ? JITGATE_FLOW_TCP_IDLE_NS/FLOW_ANSWERED ? JITGATE_FLOW_OPENING_NS/
policies are those of class 0|bpf/gate_session.h|s/class % JITGATE_SESSION_CLASSES/0/
policies are those of TCP|bpf/gate_session.h|s/drain_ns\[index\]/drain_ns[0]/
flows are of any source port|bpf/gate_session.h|/key->sport_be = /d
flows are of any port|bpf/gate_session.h|/key->dport_be = /d
flows are of any protocol|bpf/gate_session.h|s/key->proto = pkt->proto/key->proto = IPPROTO_TCP/
flows are all IPv4|bpf/gate_session.h|s/key->family = pkt->family/key->family = JITGATE_IPV4/
flows are of any IPv4 source|bpf/gate_session.h|/memcpy(key->saddr, pkt->saddr, 4)/d
flows are to any IPv4 destination|bpf/gate_session.h|/memcpy(key->daddr, pkt->daddr, 4)/d
flows are of any IPv6 source|bpf/gate_session.h|/memcpy(key->saddr, pkt->saddr, 16)/d
flows are to any IPv6 destination|bpf/gate_session.h|/memcpy(key->daddr, pkt->daddr, 16)/d
flows know half an IPv6 source|bpf/gate_session.h|s/pkt->saddr, 16)/pkt->saddr, 8)/
flows know half an IPv6 destination|bpf/gate_session.h|s/pkt->daddr, 16)/pkt->daddr, 8)/
flows are never seen|bpf/gate_session.h|/flow->last_seen_boot_ns = now_boot_ns/d
flows are written for each packet|bpf/gate_session.h|s/>= JITGATE_FLOW_SEEN_STEP_NS/>= 0/
flows that go on see no FIN|bpf/gate_session.h|s/flow->state |= state/(void)0/
a granted packet learns nothing|bpf/gate_session.h|/bpf_map_update_elem(&flows_v1/d
a flow keeps its first end|bpf/gate_session.h|s/if (flow && flow->end_boot_ns == match->end_boot_ns && state)/if (flow \&\& state)/
a SYN keeps the old state|bpf/gate_session.h|s/ == match->end_boot_ns && state) {/ == match->end_boot_ns) {/
a renewed flow forgets its state|bpf/gate_session.h|s/state ? flow->state : flow->state & FLOW_ANSWERED/0/
a SYN forgets that a flow has answered|bpf/gate_session.h|s/state ? flow->state : flow->state & FLOW_ANSWERED/state ? flow->state : 0/
a SYN does not take a FIN back|bpf/gate_session.h|s/state ? flow->state : flow->state & FLOW_ANSWERED/flow->state/
a learned flow was never seen|bpf/gate_session.h|s/fresh.last_seen_boot_ns = match->now_boot_ns/fresh.last_seen_boot_ns = 0/
refused: an unknown flow is used|bpf/gate_session.h|/if (!flow)/,+1d
an unknown flow goes on|bpf/gate_session.h|/if (!flow)/,+1s/return 0/return 1/
no drain ends|bpf/gate_session.h|/arrival - drain_ns >= flow->end_boot_ns/,+1d
a drain is over at once|bpf/gate_session.h|s/arrival >= drain_ns && arrival - drain_ns >= flow/arrival >= flow/
a drain runs over|bpf/gate_session.h|s/arrival >= drain_ns && arrival/arrival/
fragments of a flow wait for no time|bpf/gate_session.h|s/arrival = arrival_boot_ns(pkt, now_boot_ns)/arrival = now_boot_ns/
silence ends nothing|bpf/gate_session.h|/now_boot_ns >= flow->last_seen_boot_ns + /,+1d
what goes on is not seen|bpf/gate_session.h|/see_flow(flow, flow_state(pkt->flags), now_boot_ns)/d
a port that cuts has flows|bpf/gate_session.h|s/if (!drain_ns || /if (/
flags are read from padding|bpf/gate_parse.h|s/l4_len <= GATE_TCP_FLAGS_AT || //
flags of an IPv4 part are read from padding|bpf/gate_parse.h|s/total_len > header_len ? total_len - header_len : 0/0xffffffff/
refused: flags are read beyond the frame|bpf/gate_parse.h|/l4 + GATE_TCP_FLAGS_AT + 1) > end/,+1d
flags are elsewhere|bpf/gate_parse.h|s/#define GATE_TCP_FLAGS_AT 13/#define GATE_TCP_FLAGS_AT 12/
flags of TCP are not read|bpf/gate_parse.h|s/if (proto != IPPROTO_TCP)/if (1)/
flags of all protocols are read|bpf/gate_parse.h|/if (proto != IPPROTO_TCP)/,+1d
flags that are not there are none|bpf/gate_parse.h|s/#define GATE_NO_FLAGS 0x100/#define GATE_NO_FLAGS 0x200/;s/return GATE_NO_FLAGS/return GATE_TCP_ACK/
the second reading loses tags|bpf/gate_parse.h|s/distance & 63/distance \& 15/
a SYN goes on|bpf/gate_session.h|s/return !is_opening(pkt->flags) && is_est/return is_est/
what is not granted learns|bpf/gate_session.h|s/if (reason != REASON_GRANTED)/if (reason == REASON_NO_GRANT)/
fragments are learned from|bpf/gate_session.h|/^\tif (!pkt->is_part)/d
malformed passes|bpf/gate_verdict.h|s/reason == REASON_MALFORMED || //
too deep passes|bpf/gate_verdict.h|s/reason == REASON_TOO_DEEP || //
short passes|bpf/gate_verdict.h|s/ || reason == REASON_SHORT_L4//
other protocols are dropped|bpf/gate_verdict.h|s/reason == REASON_MALFORMED ||/& reason == REASON_OTHER_PROTO ||/
later fragments are dropped|bpf/gate_verdict.h|s/reason == REASON_MALFORMED ||/& reason == REASON_LATER_FRAGMENT ||/
what is not IP is dropped|bpf/gate_verdict.h|s/reason == REASON_MALFORMED ||/& reason == REASON_NOT_IP ||/
any other mode is audit|bpf/gate_verdict.h|s/!= JITGATE_AUDIT/== JITGATE_ENFORCE/
always audit|bpf/gate_verdict.h|s/state->mode != JITGATE_AUDIT/0/
a trial never ends|bpf/gate_verdict.h|s/return !until || .*/return !until;/
a trial enforces nothing|bpf/gate_verdict.h|s/return !until || .*/return 1;/
audit mode enforces without a trial|bpf/gate_verdict.h|s/return !until || .*/return 0;/
a trial enforces from its deadline on|bpf/gate_verdict.h|s/get_boot_ns() >= until/get_boot_ns() < until/
a trial ends enforcing for good|bpf/gate_verdict.h|s/^\tif (!state || state->mode != JITGATE_AUDIT)/\tif (!state || (state->mode != JITGATE_AUDIT \&\& !state->confirm_until_boot_ns))/
what ends a frame early always passes|bpf/gate.bpf.c|s/return is_drop(reason) ? drop(.*) : /return /
what is denied passes|bpf/gate.bpf.c|s/return drop(hook, reason, match.slot, .*/return pass(reason, bytes);/
never audit|bpf/gate.bpf.c|s/audit = is_audit()/audit = 0/
audit drops|bpf/gate.bpf.c|s/return audit ? XDP_PASS : XDP_DROP/return XDP_DROP/
what is unprotected is dropped|bpf/gate.bpf.c|s/return pass(REASON_UNPROTECTED, bytes)/return drop(hook, REASON_UNPROTECTED, 0, bytes, 0)/
what is granted is dropped|bpf/gate.bpf.c|s/^\treturn pass(reason, bytes)/\treturn drop(hook, reason, 0, bytes, 0)/
protection is not looked up|bpf/gate.bpf.c|/!is_protected(&pkt))/,+1d
drops are not counted|bpf/gate.bpf.c|/count_packet(counted, bytes)/d
passes are not counted|bpf/gate.bpf.c|/count_packet(reason, bytes)/d
packets are not counted|bpf/gate_tell.h|/counter->packets++/d
bytes are not counted|bpf/gate_tell.h|/counter->bytes += bytes/d
audit is counted as what it would be|bpf/gate.bpf.c|s/counted = audit ? REASON_AUDIT : reason/counted = reason/
ports are not counted|bpf/gate.bpf.c|/^\tcount_port(/d
ports are counted in slot 0|bpf/gate_tell.h|s/key = word >> PROTECTED_SLOT_SHIFT/key = 0/
all protocols of a port are counted as TCP|bpf/gate_tell.h|s/&slot->tcp + pkt->proto_index/\&slot->tcp/
granted and ungranted are swapped|bpf/gate_tell.h|s/^\tif (granted)/\tif (!granted)/
use of a grant is not counted|bpf/gate.bpf.c|s/count_usage(&match, bytes) && //
a grant is never seen|bpf/gate_tell.h|/usage->last_seen_boot_ns = /d
every granted packet is told|bpf/gate_tell.h|s/return usage->packets++ == 0/usage->packets++;\n\treturn 1/
the first granted packet is not told|bpf/gate.bpf.c|s/if (count_usage(&match, bytes) && .*/if (count_usage(\&match, bytes) \&\& 0)/
drops are not told|bpf/gate.bpf.c|s/if (take_budget(kept))/if (0)/
any drop may take all of the budget|bpf/gate.bpf.c|s/if (take_budget(kept))/if (take_budget(0))/
what has no ports takes the budget of denied packets|bpf/gate.bpf.c|s/JITGATE_KEPT_FOR_PORTS/JITGATE_KEPT_FOR_GRANTS/
denied packets get no more than what has no ports|bpf/gate.bpf.c|s/JITGATE_KEPT_FOR_GRANTS/JITGATE_KEPT_FOR_PORTS/
grants are told no more than denied packets|bpf/gate.bpf.c|s/take_budget(0)/take_budget(JITGATE_KEPT_FOR_GRANTS)/
passes are told|bpf/gate.bpf.c|s/count_packet(reason, bytes);/&\n\tif (take_budget(0))\n\t\tbpf_ringbuf_output(\&events_v1, \&(struct event){}, sizeof(struct event), 0);/
no event budget|bpf/gate_tell.h|s/ || budget->left <= kept//
budget is not taken|bpf/gate_tell.h|/__sync_fetch_and_add(&budget->left/d
budget below 0 is as good|bpf/gate_tell.h|s/budget->left <= kept/budget->left == kept/
event without time|bpf/gate_tell.h|/event->boot_ns = /d
event without interface|bpf/gate_tell.h|/event->ifindex = /d
event without slot|bpf/gate_tell.h|s/event->slot = slot/event->slot = slot >> 16/
event without reason|bpf/gate_tell.h|s/event->reason = reason/event->reason = reason >> 8/
event without what would be|bpf/gate_tell.h|s/event->would_be = would_be/event->would_be = would_be >> 8/
event without family|bpf/gate_tell.h|/event->family = /d
event without protocol|bpf/gate_tell.h|/event->proto = /d
event without ports|bpf/gate_tell.h|/event->[sd]port_be = /d
event without source|bpf/gate_tell.h|/memcpy(event->saddr/d
event without destination|bpf/gate_tell.h|/memcpy(event->daddr/d
event is not cleared|bpf/gate_tell.h|/memset(event, 0/d
event is never sent|bpf/gate_tell.h|s/bpf_ringbuf_submit(/bpf_ringbuf_discard(/
root never calls the gate|bpf/gate.bpf.c|/bpf_tail_call(ctx, &slots_v1/d
an empty slot drops|bpf/gate.bpf.c|/bpf_tail_call(/,/return/s/return XDP_PASS/return XDP_DROP/
root never calls the gate at tc|bpf/gate.bpf.c|/bpf_tail_call(ctx, &slots_tc_v1/d
an empty slot drops at tc|bpf/gate.bpf.c|/slots_tc_v1, 0/,/return/s/return TC_ACT_UNSPEC/return TC_ACT_SHOT/
a pass at tc ends the judging there|bpf/gate.bpf.c|s/? TC_ACT_SHOT : TC_ACT_UNSPEC/? TC_ACT_SHOT : TC_ACT_OK/
an empty slot at tc ends the judging there|bpf/gate.bpf.c|/slots_tc_v1, 0/,/return/s/return TC_ACT_UNSPEC/return TC_ACT_OK/
a drop at tc passes|bpf/gate.bpf.c|s/? TC_ACT_SHOT : TC_ACT_UNSPEC/? TC_ACT_UNSPEC : TC_ACT_UNSPEC/
the frame to try the filter with is counted as any other|bpf/gate.bpf.c|/is_probe(hook, reason)/,+1d
the frame to try the filter with passes|bpf/gate.bpf.c|s/return is_audit() ? XDP_PASS : XDP_DROP/return XDP_PASS/
the frame to try the filter with is dropped by an audit|bpf/gate.bpf.c|s/return is_audit() ? XDP_PASS : XDP_DROP/return XDP_DROP/
the frame to try the filter with is not counted|bpf/gate.bpf.c|/count_packet(REASON_PROBE, bytes)/d
any frame to that address is a try|bpf/gate_tell.h|s/reason != REASON_MALFORMED || //
any malformed frame is a try|bpf/gate_tell.h|/h_dest\[i\] != /,+1d
bytes at tc are one too many|bpf/gate_hook.h|s/return skb->len + /&1 + /
event at tc without interface|bpf/gate_hook.h|s/__sk_buff \*)hook->ctx)->ifindex/__sk_buff *)hook->ctx)->ingress_ifindex/
TABLE
)

bpf_compile() { # folder with bpf/ and include/ -> gate.bpf.o in it
  "$clang" -target bpf -mcpu=v2 -O2 -g -w -I"$1/include" -I"$1/bpf" "-I/usr/include/$("${CC:-gcc}" -print-multiarch)" \
    -c "$1/bpf/gate.bpf.c" -o "$1/gate.bpf.o" 2>"$1/clang"
}

# What became of a mutant, as one line in its folder: empty is good.
try_mutant() { # folder, name, file, expression
  local exit_code expect=1
  [[ $2 == 'refused: '* ]] && expect=2
  mkdir "$1" && cp -r bpf include "$1/" || return
  sed -i "$4" "$1/$3"
  if cmp -s "$3" "$1/$3"; then
    echo 'mutant does not apply'
  elif ! bpf_compile "$1"; then
    echo "mutant does not compile: $(grep -m 1 error: "$1/clang")"
  else
    timeout 20 "$packet_test" -x "$1/gate.bpf.o" >"$1/tap"
    exit_code=$?
    case $exit_code in
    "$expect") ;;
    0) echo 'no packet test noticed' ;;
    2) echo "not loaded: $(grep -m 1 '^Bail' "$1/tap")" ;;
    *) echo "packet_test exits with $exit_code" ;;
    esac
  fi >"$1/why"
}

report() { # number, name, why not
  if [[ -z $3 ]]; then
    echo "ok $1 - $2"
  else
    echo "not ok $1 - $2"
    echo "# $3"
    failed=1
  fi
}

if [[ $(id -u) != 0 ]]; then
  echo '1..0 # SKIP needs root to load the packet program'
  exit 0
fi
if [[ ! -x $packet_test ]]; then
  echo "Bail out! no $packet_test: run make"
  exit 2
fi

failed=0
mkdir "$work/0" && cp -r bpf include "$work/0/"
why=
bpf_compile "$work/0" || why="does not compile: $(head -n 1 "$work/0/clang")"
[[ -n $why ]] || "$packet_test" "$work/0/gate.bpf.o" >"$work/0/tap" || why=$(grep -m 1 -E '^(not ok|Bail)' "$work/0/tap")
report 1 'the program as it is passes' "$why"

names=()
while IFS='|' read -r name file expression; do
  [[ $name == *"$word"* ]] || continue
  names+=("$name")
  while (($(jobs -rp | wc -l) >= jobs_max)); do wait -n; done
  try_mutant "$work/${#names[@]}" "$name" "$file" "$expression" &
done <<<"$table"
wait

for i in "${!names[@]}"; do
  report $((i + 2)) "caught: ${names[i]#refused: }" "$(cat "$work/$((i + 1))/why" 2>&1)"
done
echo "1..$((${#names[@]} + 1))"
exit "$failed"
