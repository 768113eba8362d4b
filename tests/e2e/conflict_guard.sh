#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# conflict = "tc" while jitgated runs, an ordinary user without any capability: an interface that comes with another XDP
# program, one whose XDP hook is taken later, and everything of the tc hook that others take away. Takes Linux 6.6: before
# that only root attaches there. What the kernel says is asked of the kernel.
# shellcheck source-path=SCRIPTDIR source=guardian.bash
. "$(dirname "${BASH_SOURCE[0]}")/guardian.bash"
guardian_begin conflict_guard

other=$tmp/bpf/other
in_mode() { [[ $(of "$1" '| "\(.xdp_mode) \(.verified)"' 2>/dev/null) == "$2 true" ]]; }
of() { jg status --json | jq -r --arg name "$1" ".interfaces[] | select(.name == \$name) $([[ $2 == \|* ]] || echo .)$2"; }
id_of() { bpftool -j prog show pinned "$1" | jq .id; }
other_xdp() { in_srv bpftool net attach xdp pinned "$other/neighbour_xdp" dev "$1"; }
slot_is_filled() { bpftool map lookup pinned "$pin/slots_tc_v1" key 0 0 0 0; }
is_verified() { [[ $(of "$srv_if" verified) == true ]]; }

mkdir "$other"
bpftool prog loadall "$build/neighbour.bpf.o" "$other" 2>/dev/null || die "cannot load somebody else's programs"
other_id=$(id_of "$other/neighbour_xdp")
conf[interfaces]="{\"$srv_if\", \"jglate\"}"
conf[conflict]='"tc"'
start_guardian
is "jitgated has no capability" 0000000000000000 "$(cap_eff)"
check "where the XDP hook is free it is taken" in_mode $srv_if native
feed_sync port=22/tcp grant=$cli4,22/tcp,600s

# 1. An interface that comes with another program.
kill -STOP "${pids[jitgated]}"
make_late jglate
other_xdp jglate || die "the other program cannot be attached"
kill -CONT "${pids[jitgated]}"
check "an interface that comes with another XDP program is attached at tc within a second" wait_for 1 in_mode jglate tc
up_late jglate
check "it is closed" late_silent
check "an open port answers" late_tcp 80 3s
feed_sync port=22/tcp grant=$cli4,22/tcp,600s grant=$late_peer4,22/tcp,600s
check "a grant opens it" late_tcp 22 3s
feed_sync port=22/tcp grant=$cli4,22/tcp,600s
is "the other program is left alone" "$other_id" "$(program_on jglate)"
is "and named" "$other_id" "$(of jglate xdp_held_by)"
like "the log says how it is attached" "jglate: another XDP program \\(id $other_id\\) holds the XDP hook; appeared, attached behind it" \
  "$(log_since jitgated 0)"
ip -n "$ns_srv" link set jglate down
ip -n "$ns_srv" link set jglate name jgother
is_renamed() { [[ -e $pin/link_jgother && ! -e $pin/link_jglate ]]; }
check "a new name moves the pin" wait_for 1 is_renamed
check "and it goes on being verified" in_mode jgother tc
ip -n "$ns_srv" link del jgother
check "when it vanishes it is let go, its pin removed" wait_for 1 test ! -e "$pin/link_jgother"

# 2. The XDP hook of one that was guarded there is taken.
mark=$(mark_log jitgated)
kill -STOP "${pids[jitgated]}"
bpftool link detach pinned "$pin/link_$srv_if"
other_xdp $srv_if || die "the other program cannot be attached"
kill -CONT "${pids[jitgated]}"
check "one whose XDP hook is taken is attached at tc within a second" wait_for 1 in_mode $srv_if tc
like "which is logged" "$srv_if: was NOT VERIFIED: another XDP program \\(id $other_id\\) is on it; set right, tc mode" \
  "$(log_since jitgated "$mark")"
check "it is closed" silent_for $nbr4 22
check "the grant goes on" tcp_from $cli4 22 3s
is "the other program is left alone" "$other_id" "$(program_on $srv_if)"
is "there is one link" "link_$srv_if" "$(cd "$pin" && ls -d link_*)"

# 3. The attachment is taken off, three times.
for i in 1 2 3; do
  before=$(link_id $srv_if)
  bpftool link detach pinned "$pin/link_$srv_if"
  is_anew() { [[ $(link_id "$srv_if" 2>/dev/null) != "$before" ]]; }
  check "detached at tc, it is attached again within a second ($i)" wait_for 1 is_anew
  check "and verified ($i)" wait_for 1 in_mode $srv_if tc
  check "and closed ($i)" silent_for $nbr4 22
done
check "the grant goes on" tcp_from $cli4 22 3s

# 4. What belongs to it: pins, and the slot. Nothing opens for a moment.
start_stream ungranted $nbr4 22/tcp 60s
before=$(link_id $srv_if)
for name in link_$srv_if root_tc gate_tc slots_tc_v1; do
  rm "$pin/$name"
  check "$name is put back within a second" wait_for 1 test -e "$pin/$name"
done
is "it is the same link" "$before" "$(link_id $srv_if)"
kill9 jitgated
start_guardian
check "a start takes over what was put back" in_mode $srv_if tc
end_stream ungranted seen
is "no packet passed meanwhile" 0 "${seen[passed]}"
within "while so many were sent" 100 "${seen[sent]}" 60000
before=$(of $srv_if reattached)
bpftool map delete pinned "$pin/slots_tc_v1" key 0 0 0 0
check "a filter that is taken out of the slot at tc is put back within a second" wait_for 1 slot_is_filled
is "and it is counted" $((before + 1)) "$(of $srv_if reattached)"
check "the port is closed" silent_for $nbr4 22
check "all is verified" wait_for 1 is_verified

# 5. Somebody in front of it: that is not claimed to be right.
mark=$(mark_log jitgated)
in_srv "$build/probe" tcx-first "$other/neighbour_tc" $srv_if "$tmp/bpf/overtaker" || die "the other program does not get in front"
is "with another in front it is not verified" false "$(of $srv_if verified)"
like "and the way out is said" 'programs came to or left its tc hook; restart jitgated to be first again' "$(of $srv_if why)"
for _ in 1 2 3; do jg status >/dev/null; done
is "once in the log" 1 "$(lines_since "$mark" 'NOT PROTECTED')"
kill9 jitgated
start_guardian
check "the next start takes over what a user without capabilities made, and is first again" in_mode $srv_if tc
check "the port is closed" silent_for $nbr4 22
check "the grant goes on" tcp_from $cli4 22 3s
rm -f "$tmp/bpf/overtaker"
stop jitgated
start_guardian # to look at the hook as it is now

# 6. A start that fails, after it got in front of somebody again: what was in force is, by what is pinned, too.
in_slot() { echo $((16#$(bpftool -j map lookup pinned "$pin/slots_tc_v1" key 0 0 0 0 | jq -r '.value | map(ltrimstr("0x")) | reverse | add'))); }
kill -STOP "${pids[jitgated]}"
make_late jglate
other_xdp jglate || die "the other program cannot be attached"
kill -CONT "${pids[jitgated]}"
check "another interface at tc" wait_for 2 in_mode jglate tc
filter=$(id_of "$pin/gate_tc") root=$(id_of "$pin/root_tc")
is "the filter in the slot is the one that is pinned" "$filter" "$(in_slot)"
in_srv "$build/probe" tcx-first "$other/neighbour_tc" $srv_if "$tmp/bpf/overtaker" || die "the other program does not get in front"
check "with another in front the port is open" tcp_from $nbr4 22 3s
stop jitgated
ip -n "$ns_srv" link add jgbridge type bridge
conf[interfaces]="{\"$srv_if\", \"jgbridge\", \"jglate\"}"
conf[xdp_mode]='"native"'
write_conf
try_jitgated
is "an interface without native mode: the start fails" 1 $?
like "and names it" 'cannot attach to jgbridge in native mode' "$said"
fails "the root program had to be another one, to get in front" test "$root" == "$(id_of "$pin/root_tc")"
is "what runs is what is pinned: verified, without jitgated" "tc true" "$(of $srv_if '| "\(.xdp_mode) \(.verified)"')"
is "also where the start did not get to" "tc true" "$(of jglate '| "\(.xdp_mode) \(.verified)"')"
is "the filter of before is in the slot, and pinned" "$filter $filter" "$(in_slot) $(id_of "$pin/gate_tc")"
check "nothing of the start is left" test ! -e "$pin/gate_tc_new" -a ! -e "$pin/gate_new"
check "the port is closed" silent_for $nbr4 22
check "the grant goes on" tcp_from $cli4 22 3s
rm -f "$tmp/bpf/overtaker"
conf[interfaces]="{\"$srv_if\"}"
start_guardian
is "the next start keeps the root program" "$(id_of "$pin/root_tc")" "$(of $srv_if program_id)"
ip -n "$ns_srv" link del jgbridge
ip -n "$ns_srv" link del jglate
stop jitgated
unset 'conf[xdp_mode]'
start_guardian

# 7. The other leaves, and the attachment is taken off after that: the XDP hook is taken.
in_srv bpftool net detach xdp dev $srv_if
check "with the XDP hook free it stays at tc" in_mode $srv_if tc
bpftool link detach pinned "$pin/link_$srv_if"
check "taken off then, it takes the XDP hook within a second" wait_for 1 in_mode $srv_if native
is "there is one link" "link_$srv_if" "$(cd "$pin" && ls -d link_*)"
check "the port is closed" silent_for $nbr4 22

# 8. --detach beside a jitgated that runs.
kill -STOP "${pids[jitgated]}"
bpftool link detach pinned "$pin/link_$srv_if"
other_xdp $srv_if || die "the other program cannot be attached"
kill -CONT "${pids[jitgated]}"
check "at tc again" wait_for 1 in_mode $srv_if tc
in_srv "$build/jitgated" -c "$tmp/jitgate.conf" --detach >>"$tmp/detach.log" 2>&1
is "--detach succeeds" 0 $?
check "it opens" tcp_from $nbr4 22 3s
for _ in 1 2 3; do jg status >/dev/null; done
check "and stays open" tcp_from $nbr4 22 3s
check "no pin, no folder" test ! -e "$pin"
is "the other program is left alone" "$other_id" "$(program_on $srv_if)"
is "jitgated has no capability" 0000000000000000 "$(cap_eff)"
stop jitgated
finish
