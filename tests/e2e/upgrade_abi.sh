#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Another version of the maps' layout takes over, and other programs than the verdict table asks for do not. Each
# variant is built in a copy of the tree: the next ABI, whose grants have one more field in front of all others; a filter
# that judges wrong; one that the kernel refuses.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin abi

variant=$(basename "$build")
sanitizers=
[[ $variant == san ]] && sanitizers=address,undefined
own=$build

# copy_tree: into $copy, with what is built already, so that only what is changed has to be made anew.
copy_tree() {
  local file
  mkdir -p "$copy/build/$variant" "$copy/tests"
  for file in Makefile agent bpf include packaging; do cp -a "$tests/../$file" "$copy/" || return; done
  cp -a "$tests"/{tests.mk,packet.mk,deps.sh} "$copy/tests/" || return
  find "$own" -maxdepth 1 -type f -exec cp -a -t "$copy/build/$variant" {} +
}
make_variant() {
  env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -j2 -C "$copy" ${sanitizers:+SAN=$sanitizers} \
    "build/$variant/jitgate" "build/$variant/jitgated"
}
# As the unit has it: without CAP_SYS_ADMIN, which alone may ask for programs and layouts by their number.
start_jitgated() {
  write_conf
  start_ready jitgated "$ns_srv" setpriv --bounding-set=-sys_admin "$build/jitgated" -c "$tmp/jitgate.conf"
}
try_jitgated() {
  said=$(in_srv timeout 10 setpriv --bounding-set=-sys_admin "$build/jitgated" -c "$tmp/jitgate.conf" 2>&1)
}
use() { build=$tmp/$1/build/$variant; }
use_own() { build=$own; }

next_abi() {
  find "$copy/agent" "$copy/bpf" "$copy/include" -type f -exec sed -i 's/_v1\b/_v2/g; s/slots_v2/slots_v1/g; s/slots_tc_v2/slots_tc_v1/g' {} + &&
    sed -i -e 's/^#define JITGATE_ABI_VERSION 1$/#define JITGATE_ABI_VERSION 2/' \
      -e 's/^struct gate_grant {$/&\n\t__u64 added;/' \
      -e 's/sizeof(struct gate_grant) == 16/sizeof(struct gate_grant) == 24/' "$copy/include/jitgate_abi.h" &&
    sed -i 's/^#define STATE_FILE_VERSION .*/#define STATE_FILE_VERSION 99/' "$copy/agent/state.h"
}

copy=$tmp/next
check "the next ABI: the tree is copied" copy_tree
check "its version is raised, and a field added" next_abi
check "it is built" make_variant
copy=$tmp/wrong
check "a filter that judges wrong: the tree is copied" copy_tree
sed -i 's/IPPROTO_UDPLITE:$/0xfe:/' "$copy/bpf/gate_parse.h"
check "it is built" make_variant
copy=$tmp/refused
check "a filter that the kernel refuses: the tree is copied" copy_tree
sed -i '/^int gate(struct xdp_md/,/^}/ s/^\treturn judge(&hook);$/\tif (*(const volatile unsigned char *)(long)ctx->data == 1)\n\t\treturn XDP_DROP;\n&/' \
  "$copy/bpf/gate.bpf.c"
check "it is built" make_variant

pins() { find "$pin" -maxdepth 1 -mindepth 1 -printf '%f\n' | sort | paste -sd ' '; }
program_ids() { for name in root gate; do bpftool -j prog show pinned "$pin/$name" | jq .id; done | paste -sd ' '; }
in_slot() { bpftool -j map lookup pinned "$pin/slots_v1" key 0 0 0 0 | jq '(.formatted // .).value'; }
maps_hold() { # what the maps say, without counters, usage and the time of the last change
  local name
  for name in grants protected state; do bpftool -j map dump pinned "$pin/${name}_v1" | jq -S 'map(.formatted // .)'; done
}

like "jitgated runs without CAP_SYS_ADMIN, which is bit 21" '[014589cd][0-9a-f]{5}$' \
  "$(in_srv setpriv --bounding-set=-sys_admin sed -n 's/^CapEff://p' /proc/self/status)"
serve 22/tcp 3389/tcp 80/tcp
must_start_jitgated
feed_sync port=22/tcp port=3389/tcp grant=$cli4,22/tcp,20m grant=$cli6,22/tcp,20m
remember
untouched "the client has a grant, the neighbour has none"
stop jitgated

# 1. A filter that judges wrong, and one that the kernel refuses: nothing at all has changed.
unchanged() { # NAME
  untouched "$1: what was in force stays"
  is "$1: the same programs" "$programs" "$(program_ids)"
  is "$1: the same pins" "$before" "$(pins)"
  is "$1: the maps hold what they held" "$held_before" "$(maps_hold)"
  check "$1: a learned port is closed" silent_for $nbr4 3389
}
programs=$(program_ids) before=$(pins) held_before=$(maps_hold)
conf[protect]='{"80/tcp"}' # a start that succeeds would close it
conf[mode]='"audit"'       # and open everything
write_conf
use wrong
try_jitgated
is "a filter that judges wrong: exit code" 1 $?
# shellcheck disable=SC2016 # back quotes are the text's
like "it says what was judged wrong, that nothing was changed, and how to go on" \
  'SELF-TEST FAILED: the new filter judges [0-9]+ of [0-9]+ frames wrong, the first: .*UDP-Lite.*nothing was changed.*`jitgate selftest`' \
  "$said"
unchanged "a filter that judges wrong"
check "and the port of the new config is open" tcp_from $nbr4 80
use refused
try_jitgated
is "a filter that the kernel refuses: exit code" 1 $?
like "it says so" 'the kernel refuses the packet program' "$said"
unchanged "a filter that the kernel refuses"
conf[protect]='{"22/tcp"}'
unset "conf[mode]"

# Old maps that are not whole cannot be taken over for certain: nor is anything changed.
use next
not_whole() { # NAME WHAT IT SAYS
  try_jitgated
  is "$1: exit code" 1 $?
  like "$1: it says so, and what to do" "$2.*what was in force stays.*--detach" "$said"
  untouched_but_pins "$1"
}
untouched_but_pins() {
  mv "$tmp/bpf/aside" "$pin/$aside"
  unchanged "$1"
}
set_aside() { aside=$1 && mv "$pin/$1" "$tmp/bpf/aside"; }
set_aside layout_v1
not_whole "without the pin of the layout" 'layout_v1 of the running version cannot be taken over into ABI 2: it cannot be read'
set_aside protected_v1
not_whole "without the pin of the ports" 'protected_v1 of the running version cannot be taken over into ABI 2: its pin is missing'
set_aside grants_v1
bpftool map create "$pin/grants_v1" type hash key 24 value 16 entries 512 name grants_v1
not_whole "with another map pinned for the grants" 'grants_v1 .*the filter in force works on another map'

# Nor does it on a first start: it leaves nothing behind.
use wrong
ip -n "$ns_srv" link add jgfirst type veth peer name jgfirstp
conf[pin_dir]="\"$tmp/bpf/other\"" conf[interfaces]='{"jgfirst"}'
write_conf
try_jitgated
is "a wrong filter on a first start: exit code" 1 $?
like "it says that nothing is filtered" 'no filter was in force before, and none is now: ALL PORTS ARE OPEN' "$said"
check "no pin is left" test ! -e "$tmp/bpf/other"
ip -n "$ns_srv" link del jgfirst
conf[pin_dir]="\"$pin\"" conf[interfaces]="{\"$srv_if\"}"
write_conf
use_own

# 2. The next ABI takes over, under traffic, with a session that is drained: its grant was revoked before.
flow_end() { # VERSION PORT
  bpftool -j map dump pinned "$pin/flows_v$1" | jq --argjson port "$2" '[.[] | .formatted // . |
    select(.key.dport_be == ($port % 256 * 256 + ($port / 256 | floor)))] | map(.value.end_boot_ns) | first'
}
conf[session]='"drain=10m"'
must_start_jitgated
feed_sync port=22/tcp port=3389/tcp grant=$cli4,22/tcp,20m grant=$cli6,22/tcp,20m grant=$cli4,3389/tcp,20m
start_hold drained $cli4 3389 120s 3s
feed_sync port=22/tcp port=3389/tcp grant=$cli4,22/tcp,20m grant=$cli6,22/tcp,20m
check "who was revoked begins nothing new" closes_for $cli4 3389 5
check "and its session goes on" alive drained
drained_end=$(flow_end 1 3389)
attached=$(xdp_id) filter=$(in_slot)
start_stream granted $cli4 22/tcp 120s
start_stream granted6 $cli6 22/tcp 120s
start_stream ungranted $nbr4 22/tcp 120s
start_stream learned $nbr4 3389/tcp 120s
start_hold session $cli4 22 120s 3s
deadline=$(deadline_of 22)
kill9 jitgated
# What a start leaves that was killed when it had made its pins: here with something else in them.
leftover() { bpftool map create "$pin/$1" type array key 4 value 8 entries 1 name "$1"; }
leftover grants_v2
leftover state_v2
use next
mark=$(mark_log jitgated)
must_start_jitgated
upgraded=$("$build/probe" clock | grep -o 'boot_ns=[0-9]*' | cut -d= -f2)
like "it says that it upgraded" 'upgraded from ABI 1 to 2' "$(log_since jitgated "$mark")"
like "and that the state file is of another version" 'state file .*written by another version' "$(log_since jitgated "$mark")"
is "the interface runs the same root program" "$attached" "$(xdp_id)"
fails "with another filter in the slot" test "$filter" == "$(in_slot)"
is "no pin of the old version is left" "" "$(pins | tr ' ' '\n' | grep _v1 | grep -v '^slots_')"
is "the interface is verified" true "$(jg status --json | jq '.interfaces[0].verified')"
is "both grants are there" 2 "$(jg status --json | jq .grants)"
bpf_map=$(bpftool -j map dump pinned "$pin/grants_v2" | jq '[.[] | (.formatted // .).value] | map(select(.expires_boot_ns < 18446744073709551615))')
is "in the new layout" '[0,0]' "$(jq -c 'map(.added)' <<<"$bpf_map")"
within "with the end that they had" -1000000 "$(($(jq 'map(.expires_boot_ns) | max' <<<"$bpf_map") - deadline))" 1000000
is "the drained session has the end that it had" "$drained_end" "$(flow_end 2 3389)"
check "who was revoked begins nothing new" silent_for $cli4 3389
check "the learned port is still one" test "$(jg status --json | jq '[.ports[] | select(.port == 3389)] | length')" == 1
check "the granted packets of before are counted on" test "$(reason_count granted)" -gt 0

# Once more, by the new version itself, as after a start that was killed before it had removed the old pins.
kill9 jitgated
leftover grants_v1
leftover protected_v1
mark=$(mark_log jitgated)
must_start_jitgated
fails "that is no upgrade" log_has jitgated "$mark" 'upgraded from'
is "and no pin of the old version is left" "" "$(pins | tr ' ' '\n' | grep _v1 | grep -v '^slots_')"
is "both grants are there after it" 2 "$(jg status --json | jq .grants)"
end_hold session held
for name in granted granted6; do
  end_stream $name seen
  is "$name: no packet was lost" 0 "${seen[lost]}"
  within "$name: so many were sent" 200 "${seen[sent]}" 120000
done
for name in ungranted learned; do
  end_stream $name seen
  is "$name: no packet passed" 0 "${seen[passed]}"
  within "$name: so many were sent" 200 "${seen[sent]}" 120000
done
is "the session goes on" stopped "${held[end]}"
end_hold drained held
is "so does the one that is drained" stopped "${held[end]}"
check "with bytes after the upgrade" test "${held[last_boot_ns]}" -gt "$upgraded"
unset "conf[session]"

# The state file is one of its own by now: after a reboot all is there.
stop jitgated
forget_kernel || die "the program is still attached"
must_start_jitgated
check "after a reboot the learned port is closed" silent_for $nbr4 3389
check "and the grant is open" tcp_from $cli4 22
stop jitgated

# 3. The old version does not go on where the new one was.
use_own
try_jitgated
is "the old version refuses the new one's pins: exit code" 1 $?
like "it names them, and what to do" 'was pinned by a newer version of jitgate \(ABI 2, this one has 1\).*run that version.*--detach' "$said"
check "what is in force stays" silent_for $nbr4 22
check "and the grant is open" tcp_from $cli4 22
like "its command says it, too" 'newer version' "$(jg status 2>&1)"
in_srv "$build/jitgated" -c "$tmp/jitgate.conf" --detach >/dev/null 2>&1
must_start_jitgated
check "after --detach it starts" silent_for $nbr4 22

# 4. What is enforced on trial goes on so, to the same end.
trial() { jg status --json | jq -c '[.mode, .arming.trial_until]'; }
conf[mode]='"audit"' conf[protect]='{"22/tcp"}'
stop jitgated
must_start_jitgated
check "audit mode lets everybody in" tcp_from $nbr4 22
check "armed on trial" jg arm --force --confirm 10m
check "closed" silent_for $nbr4 22
before=$(trial)
like "it is on trial" '^."enforce","20' "$before"
kill9 jitgated
use next
mark=$(mark_log jitgated)
must_start_jitgated
like "the next ABI takes over" 'upgraded from ABI 1 to 2' "$(log_since jitgated "$mark")"
check "it is closed" silent_for $nbr4 22
is "on trial as before" "$before" "$(trial)"
unset "conf[mode]"

# 5. Killed at some moment of the upgrade: what is in force is one of the two, whole, and its version starts.
detach() { in_srv "$tmp/next/build/$variant/jitgated" -c "$tmp/jitgate.conf" --detach; }
begin_anew() {
  stop jitgated
  detach >/dev/null 2>&1
  use_own
  must_start_jitgated
  feed_sync port=22/tcp port=3389/tcp grant=$cli4,22/tcp,20m
  kill9 jitgated
}
begin_anew
use next
tick
begun=$now
must_start_jitgated
tick
took=$((now - begun))
# A walk that the kernel breaks off is not the end of a map: all grants are taken over, or nothing is; sessions may be lost.
traced() { start_ready jitgated "$ns_srv" strace -D -qq -e trace=bpf -o "$tmp/calls" "$@" "$build/jitgated" -c "$tmp/jitgate.conf"; }
walk() { # MAP: which of the calls begins the walk through it
  awk -v map="$1" '/^bpf\(/ { calls++ } index($0, "/" map "\"") { near = 1 }
    near && /BPF_MAP_GET_NEXT_KEY.*key=NULL/ { print calls; exit }' "$tmp/calls"
}
begin_anew
use next
traced
is "an upgrade that is watched: it starts" 0 $?
grants_walk=$(walk grants_v1) flows_walk=$(walk flows_v1)
begin_anew
remember
programs=$(program_ids) before=$(pins) held_before=$(maps_hold)
use next
mark=$(mark_log jitgated)
traced -e "inject=bpf:error=ENOMEM:when=$grants_walk"
is "the kernel breaks off the walk through the grants: no start" 1 $?
like "it says why" 'grants_v1 .*cannot be taken over into ABI 2: Cannot allocate memory; what was in force stays' \
  "$(log_since jitgated "$mark")"
untouched "what was in force stays"
is "the same programs" "$programs" "$(program_ids)"
is "the same pins" "$before" "$(pins)"
is "the maps hold what they held" "$held_before" "$(maps_hold)"
mark=$(mark_log jitgated)
traced -e "inject=bpf:error=ENOMEM:when=$flows_walk"
is "it breaks off that through the flows: it starts" 0 $?
like "and says what is lost" 'not all sessions of the old maps could be taken over: Cannot allocate memory' \
  "$(log_since jitgated "$mark")"
check "the grant is open" tcp_from $cli4 22
check "the learned port is closed" silent_for $nbr4 3389
kill9 jitgated

for part in 15 30 45 60 75 90; do # percent of the time of a start
  begin_anew
  use next
  start jitgated "$ns_srv" "$build/jitgated" -c "$tmp/jitgate.conf"
  sleep "$(printf '%d.%03d' $((took * part / 100000)) $((took * part / 100 % 1000)))"
  kill9 jitgated
  check "killed at $part%: the grant is open" tcp_from $cli4 22
  check "killed at $part%: the learned port is closed" silent_for $nbr4 3389
  if [[ -e $pin/grants_v1 ]]; then use_own; else use next; fi
  note "killed at $part%: pins $(pins)"
  start_jitgated
  is "killed at $part%: a start goes on from there" 0 $?
  check "killed at $part%: the grant is open still" tcp_from $cli4 22
  check "killed at $part%: the learned port is closed still" silent_for $nbr4 3389
  is "killed at $part%: pins of one version are left" 1 "$(pins | tr ' ' '\n' | grep -o '^grants_v.*' | wc -l)"
done
finish
