#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# No bypass, the kernel being the referee: whatever frame or train of fragments it would deliver to the protected port
# does not arrive there without a grant; and what the gate lets pass arrives as if it were not there.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

begin bypass

# A link of its own without a bridge in between, with the addresses that the frames are made for.
ip -n "$ns_srv" link add jgraw0 address 02:00:00:00:00:0b type veth peer name jgraw1 netns "$ns_nbr"
ip -n "$ns_srv" addr add 192.0.2.1/24 dev jgraw0
ip -n "$ns_srv" addr add 2001:db8::1/64 dev jgraw0 nodad
ip -n "$ns_srv" link set jgraw0 mtu 3000 up
ip -n "$ns_nbr" link set jgraw1 mtu 3000 up
in_srv sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.jgraw0.rp_filter=0
conf[interfaces]="{\"$srv_if\", \"jgraw0\"}"

# referee NAME: send everything; one line a frame in NAME.seen: delivered to 22, delivered to 23, verdict, name.
referee() { "$build/probe" frames "/run/netns/$ns_nbr" jgraw1 "/run/netns/$ns_srv" >"$tmp/$1.seen"; }
delivered() { awk -v column="$2" '$column > 0 { $1 = $2 = $3 = ""; print }' "$tmp/$1.seen"; }
# lost NAME: of the frames that the gate passes, those that reached port 23 without it and do not now.
reached_other() { awk '$2 > 0 && $3 == "pass"' "$tmp/$1.seen" | sort; }
lost() { comm -23 <(reached_other free) <(reached_other "$1"); }

referee free || die "the frames cannot be sent"
within "without a gate the kernel delivers many of the frames to port 22" 40 "$(delivered free 1 | wc -l)" 10000
within "and fragments of two" 4 "$(delivered free 1 | grep -c fragment)" 10000
within "and some to port 23" 5 "$(delivered free 2 | wc -l)" 10000

must_start_jitgated
referee native
is "native mode: none of $(wc -l <"$tmp/native.seen") frames reaches port 22" "" "$(delivered native 1)"
is "native mode: what passes the gate reaches port 23" "" "$(lost native)"

feed_sync port=22/tcp grant=198.18.0.0/16,22/tcp,10m grant=2001:db8::/32,22/tcp,10m
referee granted
within "with a grant for the sources they arrive again" 30 "$(delivered granted 1 | wc -l)" 10000

stop jitgated
in_srv "$build/jitgated" -c "$tmp/jitgate.conf" --detach >"$tmp/detach.log" 2>&1
rm -rf "$tmp/state"
conf[xdp_mode]='"generic"'
must_start_jitgated
is "generic mode is on" generic "$(jg status --json | jq -r '.interfaces[] | select(.name == "jgraw0").xdp_mode')"
referee generic
is "generic mode: none of the frames reaches port 22" "" "$(delivered generic 1)"
is "generic mode: what passes the gate reaches port 23" "" "$(lost generic)"
finish
