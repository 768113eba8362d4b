#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
#   tests/e2e/conflict.sh [short]     short: not in generic mode, for emulated machines
#
# Another XDP program is on the interface: jitgated refuses and names it, or judges behind it at the tc ingress hook; as a
# link of that hook, or before Linux 6.6 as a filter. Runs on each of the kernels of tests/kernel, too.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin conflict

other=$tmp/bpf/other life_s=4
detach() { in_srv "$build/jitgated" -c "$tmp/jitgate.conf" --detach >>"$tmp/detach.log" 2>&1; }
id_of() { bpftool -j prog show pinned "$1" | jq .id; }
# seen_by xdp|tc: packets that the other program there has counted.
seen_by() {
  bpftool -j map lookup id "$other_map" key "$([[ $1 == xdp ]] && echo 0 || echo 1)" 0 0 0 |
    jq '(.formatted // .).value | if type == "array" then 1 else . end'
}
sees_more() { local before && before=$(seen_by "$1") && in_cli ping -c1 -W2 "$srv4" >/dev/null && (($(seen_by "$1") > before)); }
# An emulated machine takes its time over what ends by itself.
try_start() { said=$(in_srv timeout 60 "$build/jitgated" -c "$tmp/jitgate.conf" 2>&1); }
interface() { jg status --json | jq -r ".interfaces[0] | $1"; } # FILTER
other_xdp() { in_srv bpftool net attach "$1" pinned "$other/neighbour_xdp" dev $srv_if; }
no_xdp() { in_srv bpftool net detach "$1" dev $srv_if; }
tc_filters() { in_srv tc filter show dev $srv_if ingress; }
has_clsact() { [[ $(in_srv tc qdisc show dev "$srv_if" clsact) == *clsact* ]]; }

mkdir "$other"
bpftool prog loadall "$build/neighbour.bpf.o" "$other" 2>/dev/null || die "cannot load somebody else's programs"
other_map=$(bpftool -j prog show pinned "$other/neighbour_xdp" | jq '.map_ids[0]')
other_id=$(id_of "$other/neighbour_xdp")
serve 22/tcp 80/tcp

# 1. By default a start is refused.
other_xdp xdp || die "the other program cannot be attached"
try_start
is "conflict = \"fail\" is the default: jitgated does not start" 1 $?
like "it names the other program, and the way out" "$srv_if already runs another XDP program \\(id $other_id, native\\).*conflict = \"tc\"" "$said"
check "nothing of it is left" test ! -e "$pin"
is "the other program is still there" "$other_id" "$(xdp_id)"
check "and sees packets" sees_more xdp
check "the port is open" tcp_from $cli4 22 3s

# in_tc_mode XDP: all that a grant means, behind another program in this mode.
in_tc_mode() {
  check "$1: closed without a grant" silent_for $cli4 22 1s
  check "$1: closed without a grant, IPv6" silent_for $cli6 22 1s
  check "$1: an unprotected port is open" tcp_from $cli4 80 3s
  feed_sync port=22/tcp grant=$cli4,22/tcp,600s grant=$cli6,22/tcp,600s
  check "$1: open for a grant" tcp_from $cli4 22 3s
  check "$1: open for a grant, IPv6" tcp_from $cli6 22 3s
  check "$1: closed for a neighbour" silent_for $nbr4 22 1s
  check "$1: the other XDP program sees packets" sees_more xdp
  is "$1: it is still there" "$other_id" "$(xdp_id)"
  is "$1: status says tc, verified, and who holds the XDP hook" "tc true $other_id" \
    "$(interface '"\(.xdp_mode) \(.verified) \(.xdp_held_by)"')"
  like "$1: and says so in words" "XDP program $other_id is another's, so jitgate judges behind it" \
    "$(jg status | paste -sd ' ' | tr -s ' ')"
  is "$1: its filter was tried with a packet" true "$(interface '.probed_at != null and .not_probed == null')"
  check "$1: selftest tries the programs of this hook, and finds them in force" jg selftest
}

# 2. Behind it, in native and in generic mode.
conf[conflict]='"tc"'
must_start_jitgated
like "the start is logged with the program that was there" "$srv_if: another XDP program \\(id $other_id\\) holds the XDP hook" \
  "$(cat "$tmp/jitgated.log")"
in_tc_mode native
if compgen -G "$pin/clsact_*" >/dev/null; then hook=filter; else hook="link"; fi
note "feature tc hook=$hook"
stop jitgated
check "--detach" detach
check "it opens the port" tcp_from $nbr4 22 3s
check "nothing of it is left, also not pinned" test ! -e "$pin"
fails "nor a clsact" has_clsact
is "the other program is left alone" "$other_id" "$(xdp_id)"
rm -rf "$tmp/state"
mode=xdp
if [[ ${1-} != short ]]; then
  no_xdp xdp
  mode=xdpgeneric
  other_xdp $mode
  must_start_jitgated
  in_tc_mode generic
  stop jitgated
  conf[conflict]='"fail"'
  write_conf
  try_start
  is "a restart with conflict = \"fail\" is refused" 1 $?
  conf[conflict]='"tc"'
  check "and what was enforced goes on" silent_for $nbr4 22 1s
  check "with its grants" tcp_from $cli4 22 3s
fi

# 3. Another program at the tc hook: behind ours it has its turn, in front of ours nothing is claimed.
must_start_jitgated
feed_sync port=22/tcp grant=$cli4,22/tcp,600s grant=$cli6,22/tcp,600s
in_srv tc qdisc add dev $srv_if clsact 2>/dev/null
in_srv tc filter add dev $srv_if ingress prio 7 bpf da pinned "$other/neighbour_tc" || die "tc does not take the other program"
check "another tc program behind ours sees what passes" sees_more tc
is "and the interface is verified" true "$(interface .verified)"
check "the port is closed" silent_for $nbr4 22 1s
if [[ $hook == filter ]]; then
  in_srv tc filter add dev $srv_if ingress prio 1 handle 7 bpf da pinned "$other/neighbour_tc"
else
  in_srv "$build/probe" tcx-first "$other/neighbour_tc" $srv_if "$tmp/bpf/overtaker"
fi || die "the other program does not get in front"
check "a tc program that accepts all in front of ours: the port is open" tcp_from $nbr4 22 3s
is "and the interface is not verified, says jitgated" false "$(interface .verified)"
like "which says why" 'tc hook; restart jitgated' "$(interface .why)"
stop jitgated
like "and so do the pins" "another program \\(id $(id_of "$other/neighbour_tc")\\) is first at its tc hook; restart jitgated" "$(interface .why)"
must_start_jitgated
is "a restart is first again" true "$(interface .verified)"
check "and the port is closed" silent_for $nbr4 22 1s
check "the grant goes on" tcp_from $cli4 22 3s
rm -f "$tmp/bpf/overtaker"

# Before Linux 6.6 a reload cannot let go of the interface: its filter is root's to take off. That is told, also when the
# filter of another, which leaves packets to those behind it, has come in front.
if [[ $hook == filter ]]; then
  in_srv tc filter add dev $srv_if ingress protocol all prio 1 handle 8 bpf pinned "$other/neighbour_tc" ||
    die "the other program does not get in front"
  mark=$(mark_log jitgated)
  ip -n "$ns_srv" link add jgspare type veth peer name jgspare-p
  conf[interfaces]='{"jgspare"}'
  write_conf
  kill -HUP "${pids[jitgated]}"
  check "an interface that is let go in vain is said to be enforced still" wait_for 20 log_has jitgated "$mark" \
    "$srv_if: is no longer guarded, but STILL ENFORCED, because it cannot be taken off: .*; restart jitgated"
  like "status says so first" "STILL ENFORCED on $srv_if" "$(jg status | paste -sd ' ')"
  is "and JSON" "$srv_if Operation not permitted" "$(jg status --json | jq -r '.left[] | "\(.name) \(.still_enforced)"')"
  check "it is closed" silent_for $nbr4 22 1s
  in_srv tc filter del dev $srv_if ingress protocol all prio 1 handle 8 bpf
  conf[interfaces]="{\"$srv_if\"}"
  write_conf
  kill -HUP "${pids[jitgated]}"
  nothing_left() { [[ $(jg status --json | jq -c '[.left, .interfaces[].name]') == "[[],\"$srv_if\"]" ]]; }
  check "guarded again, nothing is left of it" wait_for 20 nothing_left
  is "and it is verified" "tc true" "$(interface '"\(.xdp_mode) \(.verified)"')"
  ip -n "$ns_srv" link del jgspare
fi

# 4. Enforcement outlives the daemon, and a restart takes over without a gap: behind the other, and back to the XDP hook when
# that is free. The other goes while nothing is sent: a veth that leaves native mode throws away what waits in its ring.
feed_sync port=22/tcp grant=$cli4,22/tcp,600s grant=$cli6,22/tcp,600s
start_streams() {
  start_stream granted $cli4 22/tcp 60s
  start_stream ungranted $nbr4 22/tcp 60s
}
end_streams() { # DURING
  end_stream granted seen
  is "$1: no packet of a granted source is lost" 0 "${seen[lost]}"
  within "$1: while so many were sent" 100 "${seen[sent]}" 60000
  end_stream ungranted seen
  is "$1: none of an ungranted source passes" 0 "${seen[passed]}"
  within "$1: while so many of its were sent" 100 "${seen[sent]}" 60000
}
start_streams
kill9 jitgated
must_start_jitgated
is "a restart keeps the hook" "tc true" "$(interface '"\(.xdp_mode) \(.verified)"')"
end_streams "a restart behind the other"
no_xdp $mode
is "with the XDP hook free it stays at tc, and says so" "tc true null" \
  "$(interface '"\(.xdp_mode) \(.verified) \(.xdp_held_by)"')"
start_streams
stop jitgated
must_start_jitgated
is "a restart takes the XDP hook" "native true" "$(interface '"\(.xdp_mode) \(.verified)"')"
end_streams "from the tc hook to the XDP hook"
is "there is one link" "link_$srv_if" "$(cd "$pin" && ls -d link_* clsact_* 2>/dev/null)"
fails "no filter of ours is left" grep -q root_tc <<<"$(tc_filters)"
stop jitgated
detach
check "the filter of the other is left alone" grep -q neighbour_tc <<<"$(tc_filters)"
check "and sees packets" sees_more tc
rm -rf "$tmp/state"

# 5. On time, with the daemon killed.
other_xdp xdp
must_start_jitgated
is "behind the other again" tc "$(interface .xdp_mode)"
feed_sync port=22/tcp grant=$cli4,22/tcp,${life_s}s
deadline=$(deadline_of 22 32)
kill9 jitgated
start_stream packets $cli4 22/tcp 60s
check "closed after the grant's end, with jitgated killed" closes_for $cli4 22 $((life_s + 7))
end_stream packets seen "$deadline"
within "packets passed before the deadline" 1 "${seen[before_passed]}" 60000
is "no packet after the deadline passes" 0 "${seen[after_passed]}"
within "packets were sent after it" 1 "${seen[after_lost]}" 60000

# 6. With conflict = "fail" again, and the XDP hook free, nothing of the tc hook stays behind.
tc_slot() { bpftool map lookup pinned "$pin/slots_tc_v1" key 0 0 0 0 >/dev/null 2>&1; }
if [[ ${1-} != short ]]; then
  check "before that its programs are pinned, and its slot is filled" test -e "$pin/root_tc" -a -e "$pin/gate_tc"
  check "with the filter" tc_slot
  no_xdp xdp
  conf[conflict]='"fail"'
  must_start_jitgated
  is "the XDP hook is taken" "native true" "$(interface '"\(.xdp_mode) \(.verified)"')"
  is "no pin of the tc hook's programs and attachments is left" "" "$(cd "$pin" && compgen -G '*_tc*' | grep -v slots_tc_v1; compgen -G 'clsact_*')"
  fails "and its slot is empty" tc_slot
  fails "ours is gone from the hook" grep -q root_tc <<<"$(tc_filters)"
  check "the port is closed" silent_for $nbr4 22 1s
  stop jitgated
fi
check "--detach" detach
check "the other's filter is left alone, and its clsact" grep -q neighbour_tc <<<"$(tc_filters)"
fails "ours is gone" grep -q root_tc <<<"$(tc_filters)"
check "the port is open" tcp_from $nbr4 22 3s
finish
