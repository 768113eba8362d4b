#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# No bypass at the tc ingress hook either, the kernel being the referee: behind another XDP program in native and in
# generic mode; and when that has gone, frames come as the stack has them, the headers in several pieces.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin conflict_frames

# As in bypass.sh: a link without a bridge, with the addresses that the frames are made for.
ip -n "$ns_srv" link add jgraw0 address 02:00:00:00:00:0b type veth peer name jgraw1 netns "$ns_nbr"
ip -n "$ns_srv" addr add 192.0.2.1/24 dev jgraw0
ip -n "$ns_srv" addr add 2001:db8::1/64 dev jgraw0 nodad
set_mtu() { ip -n "$ns_srv" link set jgraw0 mtu "$1" up && ip -n "$ns_nbr" link set jgraw1 mtu "$1" up; }
in_srv sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.jgraw0.rp_filter=0
conf[interfaces]='{"jgraw0"}'
conf[conflict]='"tc"'
conf[session]='"keep"'

# referee NAME [pieces]: send everything; one line a frame in NAME.seen: delivered to 22, delivered to 23, verdict, name.
referee() { "$build/probe" frames "/run/netns/$ns_nbr" jgraw1 "/run/netns/$ns_srv" "${@:2}" >"$tmp/$1.seen"; }
delivered() { awk -v column="$2" '$column > 0 { $1 = $2 = $3 = ""; print }' "$tmp/$1.seen"; }
# lost FREE NAME: of the frames that the gate passes, those that reached port 23 without it and do not now.
reached_other() { awk '$2 > 0 && $3 == "pass"' "$tmp/$1.seen" | sort; }
lost() { comm -23 <(reached_other "$1") <(reached_other "$2"); }

mkdir "$tmp/bpf/other"
bpftool prog loadall "$build/neighbour.bpf.o" "$tmp/bpf/other" 2>/dev/null || die "cannot load somebody else's programs"
granted() { feed_sync port=22/tcp grant=198.18.0.0/16,22/tcp,10m grant=2001:db8::/32,22/tcp,10m; }

set_mtu 3000
referee free || die "the frames cannot be sent"
within "without a gate the kernel delivers many of the frames to port 22" 40 "$(delivered free 1 | wc -l)" 10000
within "and some to port 23" 5 "$(delivered free 2 | wc -l)" 10000

# behind MODE: an XDP program in that mode.
behind() {
  in_srv bpftool net attach "$1" pinned "$tmp/bpf/other/neighbour_xdp" dev jgraw0 || die "the other program is refused"
  must_start_jitgated
  is "$1: at the tc hook" "tc true" "$(jg status --json | jq -r '.interfaces[0] | "\(.xdp_mode) \(.verified)"')"
  referee "$1"
  is "$1: none of $(wc -l <"$tmp/$1.seen") frames reaches port 22" "" "$(delivered "$1" 1)"
  is "$1: what passes the gate reaches port 23" "" "$(lost free "$1")"
  granted
  referee "$1-granted"
  within "$1: with a grant for the sources they arrive again" 30 "$(delivered "$1-granted" 1 | wc -l)" 10000
  in_srv bpftool net detach "$1" dev jgraw0
}
behind xdpgeneric
stop jitgated
in_srv "$build/jitgated" -c "$tmp/jitgate.conf" --detach >"$tmp/detach.log" 2>&1
rm -rf "$tmp/state"
behind xdp
stop jitgated
rm -rf "$tmp/state"
in_srv "$build/jitgated" -c "$tmp/jitgate.conf" --detach >"$tmp/detach.log" 2>&1

# The other program stays until jitgated is attached: it would put the pieces together.
set_mtu 9000
referee pieces-free pieces || die "frames in pieces cannot be sent"
within "in pieces: without a gate many reach port 22" 40 "$(delivered pieces-free 1 | wc -l)" 10000
within "in pieces: and some port 23" 5 "$(delivered pieces-free 2 | wc -l)" 10000
in_srv bpftool net attach xdpgeneric pinned "$tmp/bpf/other/neighbour_xdp" dev jgraw0
must_start_jitgated
in_srv bpftool net detach xdpgeneric dev jgraw0
is "in pieces: at the tc hook, nobody at the other" "tc true null" \
  "$(jg status --json | jq -r '.interfaces[0] | "\(.xdp_mode) \(.verified) \(.xdp_held_by)"')"
referee pieces pieces
is "in pieces: none of $(wc -l <"$tmp/pieces.seen") frames reaches port 22" "" "$(delivered pieces 1)"
is "in pieces: what passes the gate reaches port 23" "" "$(lost pieces-free pieces)"
granted
referee pieces-granted pieces
within "in pieces: with a grant for the sources they arrive again" 30 "$(delivered pieces-granted 1 | wc -l)" 10000

# Sessions that go on after their grant: known from frames in pieces, and let in by them. Each frame by itself: of a
# train the first fragments of the run before wait for the rest of this one, as README says of a revocation.
alone() { awk '$1 > 0 && $3 != "-" { $1 = $2 = $3 = ""; print }' "$tmp/$1.seen" | sort; }
referee pieces-ack pieces ack
within "in pieces: with a grant frames of connections arrive, too" 30 "$(alone pieces-ack | wc -l)" 10000
feed_sync port=22/tcp
referee pieces-on pieces ack
is "in pieces: after the grant all go on that are no fragments and have their flags" "" \
  "$(comm -23 <(alone pieces-ack) <(alone pieces-on) | grep -v 'fragment\|length that just holds the ports')"
is "in pieces: and nothing else does" "" "$(comm -13 <(alone pieces-ack) <(alone pieces-on))"
within "in pieces: so many go on" 30 "$(alone pieces-on | wc -l)" 10000
referee pieces-new pieces
is "in pieces: nobody begins anew" "" "$(alone pieces-new)"

# The same of a real session, in frames that are larger than the link takes: put together by the stack.
established() {
  bpftool -j map dump pinned "$pin/stats_v1" |
    jq -r '[.[] | (.formatted // .)][8].values | (map(.value.packets) | add), (map(.value.bytes) | add)' | paste -sd ' '
}
set_mtu 1500
ip -n "$ns_nbr" addr add 192.0.2.2/24 dev jgraw1
feed_sync port=22/tcp grant=192.0.2.2,22/tcp,10m
start sink "$ns_srv" socat -u TCP4-LISTEN:22 SYSTEM:"wc -c >$tmp/sink.bytes"
mkfifo "$tmp/source"
start source "$ns_nbr" socat -u -b 65536 OPEN:"$tmp/source" TCP4:192.0.2.1:22,retry=20,interval=0.1
exec 8>"$tmp/source"
head -c 1000000 /dev/zero >&8
feed_sync port=22/tcp
read -r packets bytes < <(established)
head -c 40000000 /dev/zero >&8
exec 8>&-
check "large frames: the session goes on and comes to its end" wait_for 10 test -s "$tmp/sink.bytes"
is "large frames: nothing of it is lost" 41000000 "$(cat "$tmp/sink.bytes")"
read -r packets_after bytes_after < <(established)
within "large frames: of so many bytes each" 3000 \
  $(((bytes_after - bytes) / (packets_after - packets > 0 ? packets_after - packets : 1))) 70000
finish
