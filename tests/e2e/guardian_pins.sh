#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The pin folder, which is jitgated's own while it runs and root's while it starts: what it puts back there, what the
# next start takes from it and what not, and that --detach is the last word.
# shellcheck source-path=SCRIPTDIR source=guardian.bash
. "$(dirname "${BASH_SOURCE[0]}")/guardian.bash"
guardian_begin guardian_pins

owner() { stat -c '%u %a' "$1"; }
all_verified() { jg status --json | jq -c '[.interfaces[].verified] | unique'; }
# refused NAME REGEX: jitgated does not start, says why in one line, and what was enforced goes on.
refused() {
  said=$(in_srv timeout 10 setpriv --bounding-set=$unit_caps "$build/jitgated" -c "$tmp/jitgate.conf" 2>&1)
  is "$1: jitgated does not start" 1 $?
  like "$1: and says why" "$2" "$said"
  check "$1: what is enforced goes on" silent_for $nbr4 22
  check "$1: and so does the grant" tcp_from $cli4 22 3s
}

start_guardian
feed_sync port=22/tcp grant=$cli4,22/tcp,600s
is "the folder is the user's, alone" "64000 700" "$(owner "$pin")"
is "pins that root made stay root's" "0" "$(stat -c %u "$pin/grants_v1")"
remember

# 1. Every pin but the link's, one after another. Each is put back, and the next start takes the same maps over.
for name in grants_v1 sources_v1 protected_v1 ports_v1 stats_v1 usage_v1 events_v1 budget_v1 state_v1 slots_v1 flows_v1 \
  sessions_v1 layout_v1; do
  rm "$pin/$name"
  check "$name is put back within a second" wait_for 1 test -e "$pin/$name"
done
is "all is verified" "[true]" "$(all_verified)"
kill9 jitgated
untouched "with jitgated killed all goes on"
start_guardian
untouched "and the next start takes over the maps that were put back"
for name in gate root; do
  rm "$pin/$name"
  check "$name is put back within a second" wait_for 1 test -e "$pin/$name"
done
is "all is verified" "[true]" "$(all_verified)"
kill9 jitgated
start_guardian
check "after that, too, a start succeeds, and the grant goes on" tcp_from $cli4 22 3s
check "while others stay out" silent_for $nbr4 22
is "and all is verified" "[true]" "$(all_verified)"

# A start that fails leaves the filter in force pinned, whoever had pinned it, and makes no layout of the user's its own.
rm "$pin/gate" "$pin/layout_v1"
check "gate is put back once more" wait_for 1 test -e "$pin/gate"
check "and so is the layout" wait_for 1 test -e "$pin/layout_v1"
filter=$(bpftool -j prog show pinned "$pin/gate" | jq .id)
is "by the user" "64000 64000" "$(stat -c %u "$pin/gate" "$pin/layout_v1" | paste -sd ' ')"
kill9 jitgated
ip -n "$ns_srv" link add jgbusy type veth peer name jgbusyp
in_srv bpftool net attach xdp pinned "$pin/root" dev jgbusy
conf[interfaces]="{\"$srv_if\", \"jgbusy\"}"
write_conf
refused "an interface that is taken" 'jgbusy already runs another'
is "the filter in force is pinned, as root's" "$filter 0" \
  "$(bpftool -j prog show pinned "$pin/gate" | jq .id) $(stat -c %u "$pin/gate")"
check "the user's layout is not" test ! -e "$pin/layout_v1"
ip -n "$ns_srv" link del jgbusy
conf[interfaces]="{\"$srv_if\"}"
start_guardian
is "the next start pins its own" 0 "$(stat -c %u "$pin/layout_v1")"
check "the grant goes on" tcp_from $cli4 22 3s

# The programs first, then a map: what is the user's by then still vouches for the map at the next start.
rm "$pin/gate" "$pin/root"
check "gate and root are put back together" wait_for 1 test -e "$pin/gate" -a -e "$pin/root"
rm "$pin/grants_v1"
check "and a map after them" wait_for 1 test -e "$pin/grants_v1"
kill9 jitgated
start_guardian
check "the next start takes it over: the grant goes on" tcp_from $cli4 22 3s

# All of them: nothing was taken off by that, so nothing opens, and all is put back.
start_stream ungranted $nbr4 22/tcp 60s
rm "$pin"/*
all_back() { [[ -e $pin/grants_v1 && -e $pin/gate && -e $pin/root && -e $pin/link_$srv_if ]]; }
check "with all pins removed, all are put back" wait_for 2 all_back
is "and verified" "[true]" "$(all_verified)"
end_stream ungranted seen
is "meanwhile no packet of an ungranted source passed" 0 "${seen[passed]}"
within "of so many" 50 "${seen[sent]}" 60000

# 2. A pin that is replaced by something else.
bpftool map create "$tmp/bpf/blank" type array key 4 value 131072 entries 1 name data_protected flags 0x400
before=$(bpftool -j map show pinned "$pin/protected_v1" | jq .id)
mv "$tmp/bpf/blank" "$pin/protected_v1"
is_back() { [[ $(bpftool -j map show pinned "$pin/protected_v1" | jq .id) == "$before" ]]; }
check "a pin that is another map by now is replaced by ours within a second" wait_for 1 is_back
remember

# 3. What the user, or somebody else, could have left for root.
stop jitgated
mv "$pin/state_v1" "$tmp/bpf/state_aside"
ln -s "$tmp/bpf/state_aside" "$pin/state_v1"
refused "a symbolic link" 'state_v1 is not a pin that root made \(a symbolic link'
rm "$pin/state_v1"
mv "$tmp/bpf/state_aside" "$pin/state_v1"
ln -s "$tmp/bpf/theirs" "$pin/link_evil"
ip -n "$ns_srv" link add jgtheirs type veth peer name jgtheirsp
said=$(in_srv "$build/probe" xdp-link "$pin/root" jgtheirs "$tmp/bpf/theirs" 2>&1) || die "no link of another's" "$said"
in_srv "$build/jitgated" -c "$tmp/jitgate.conf" --pin-dir "$pin" --detach >>"$tmp/detach.log" 2>&1
fails "a link of another's that is named by a symbolic link stays on" is_bare jgtheirs
rm "$tmp/bpf/theirs"
ip -n "$ns_srv" link del jgtheirs
start_guardian
feed_sync port=22/tcp grant=$cli4,22/tcp,600s
remember
stop jitgated
chown 64001 "$pin/usage_v1"
refused "a pin of a third user" 'usage_v1 is not a pin that root made \(a pin, uid 64001\)'
chown 0 "$pin/usage_v1"
bpftool map create "$tmp/bpf/planted" type array key 4 value 131072 entries 1 name data_protected flags 0x400
mv "$pin/protected_v1" "$tmp/bpf/protected_aside"
mv "$tmp/bpf/planted" "$pin/protected_v1"
chown 64000 "$pin/protected_v1"
refused "another map, planted by the user" 'protected_v1 was pinned by uid 64000, and no program of root.s works on it'
rm "$pin/protected_v1"
mv "$tmp/bpf/protected_aside" "$pin/protected_v1"
chown 64001 "$pin"
refused "a folder of a third user" 'pin_dir [^ ]+ does not belong to root or'
chown 0 "$pin"
start_guardian
untouched "with all of it put right it starts, and nothing has changed"

# 4. A second jitgated does not take the folder away from the first.
try_jitgated
is "a second instance fails" 1 $?
is "the folder is still the user's" "64000 700" "$(owner "$pin")"
bpftool link detach pinned "$pin/link_$srv_if"
check "so the first can attach again" wait_for 1 is_attached $srv_if

# 5. --detach while jitgated runs: off, and it stays off.
mark=$(mark_log jitgated)
in_srv "$build/jitgated" -c "$tmp/jitgate.conf" --detach >>"$tmp/detach.log" 2>&1
is "--detach succeeds beside a jitgated that runs" 0 $?
check "it opens" tcp_from $nbr4 22 3s
check "jitgated says that it saw it" wait_for 2 log_has jitgated "$mark" 'NOTHING IS FILTERED: enforcement was taken off'
for _ in 1 2 3; do jg status >/dev/null; done
check "and leaves it off" is_bare $srv_if
check "no pin, no folder" test ! -e "$pin"
is "status exits with 1" 1 "$(jg status >/dev/null; echo $?)"
is "and says why" "enforcement was taken off by jitgated --detach; restart jitgated" "$(of $srv_if why)"
stop jitgated
start_guardian
check "a restart closes again" silent_for $nbr4 22

# At the very moment when it puts something back, many times.
undone=0
for _ in {1..8}; do
  stop jitgated
  start_guardian
  { rm "$pin/grants_v1" "$pin/budget_v1" && bpftool link detach pinned "$pin/link_$srv_if"; } 2>/dev/null
  jg status >/dev/null &
  in_srv "$build/jitgated" -c "$tmp/jitgate.conf" --detach >>"$tmp/detach.log" 2>&1
  wait $!
  jg status >/dev/null
  is_bare $srv_if && [[ ! -e $pin/link_$srv_if ]] || undone=$((undone + 1))
done
is "nor is it undone by a jitgated that was about to put something back" 0 $undone
stop jitgated
start_guardian

# 6. The same with a jitgated that is stuck, which still holds its link, and with a pin of somebody else in the folder.
bpftool map create "$pin/theirs_v3" type array key 4 value 4 entries 1 name theirs_v3
mark=$(mark_log jitgated)
kill -STOP "${pids[jitgated]}"
in_srv "$build/jitgated" -c "$tmp/jitgate.conf" --detach >>"$tmp/detach.log" 2>&1
check "--detach opens beside a jitgated that is stuck" tcp_from $nbr4 22 3s
kill -CONT "${pids[jitgated]}"
check "which sees it when it comes to itself" wait_for 2 log_has jitgated "$mark" 'NOTHING IS FILTERED: enforcement was taken off'
for _ in 1 2 3; do jg status >/dev/null; done
check "and leaves it off" is_bare $srv_if
is "what others pinned there is left alone" theirs_v3 "$(ls "$pin")"
rm "$pin/theirs_v3"
stop jitgated

# 7. What others can reach, and what a user of before may have left: the folder is shut at a start, and a folder in the place
# of the note of --detach, or of a pin, is in nobody's way.
as_user() { setpriv --reuid 64000 --regid 64000 --clear-groups -- "$@"; }
chmod 1777 "$tmp/bpf"
mkdir -p "$pin"
chmod 0755 "$pin"
start_guardian
is "a folder that others could look into is shut by a start" "64000 700" "$(owner "$pin")"
check "closed" silent_for $nbr4 22
stop jitgated
as_user mkdir "$pin/detaching" || die "the user cannot make a folder"
start_guardian
fails "a folder of the note's name is removed by a start" test -e "$pin/detaching"
for _ in 1 2 3; do jg status >/dev/null; done
check "and takes nothing off" silent_for $nbr4 22
is "it is verified" true "$(of $srv_if verified)"
as_user mkdir "$pin/link_0" "$pin/detaching" || die "the user cannot make a folder"
stop jitgated
said=$(in_srv "$build/jitgated" -c "$tmp/jitgate.conf" --detach 2>&1)
is "--detach tells what it cannot remove" 1 $?
like "by its name" 'cannot take off .*/link_0: Is a directory; see what it is' "$said"
check "and takes off all that it can" is_bare $srv_if
check "the port is open" tcp_from $nbr4 22 3s
rmdir "$pin/link_0"
in_srv "$build/jitgated" -c "$tmp/jitgate.conf" --detach >>"$tmp/detach.log" 2>&1
fails "then nothing is left" test -e "$pin"
finish
