#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# One filter takes the place of another under a flood: by whole restarts of jitgated, each of which loads a program,
# tests it and puts it into the slot, and 200 times by the last step alone, between two filters that two starts loaded.
# No packet of a source without a grant passes, none of one with a grant is lost. Then starts that are killed at every
# moment, and starts that fail: what was in force stays.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin upgrade

# A start takes most of a second when the machine is busy, under the sanitizers longer.
restarts=25 swaps=200 kills=12
[[ $(basename "$build") == san ]] && restarts=10 kills=8
port=5555
port_bytes="$((port % 256 * 256 + port / 256))" # as grants_v1 has it

# start_flood [PORT]: from the client, with a grant, and from its other address, without.
start_flood() {
  start flood "$ns_srv" "$build/probe" flood "/run/netns/$ns_cli" "/run/netns/$ns_srv" $cli4 $cli4b $srv4 $port 600s
  wait_for 5 grep -q flooding "$tmp/flood.log" || die "the flood does not start" "$(cat "$tmp/flood.log")"
}
# end_flood: what it saw is in `seen`.
end_flood() {
  stop flood || die "the flood does not end"
  parse_into seen "$(grep sent= "$tmp/flood.log" | tail -n 1)"
  rm "$tmp/flood.log"
  note "$1: ${seen[rate]} packets a second for ${seen[ms]} ms: ${seen[sent]} granted, ${seen[lost]} of them lost; \
${seen[ungranted_sent]} ungranted, ${seen[ungranted_passed]} of them passed"
}
# Sum over the CPUs.
denied() {
  bpftool -j map lookup pinned "$pin/stats_v1" key 11 0 0 0 |
    jq '[(.formatted // .).values[].value.packets] | add'
}
denied_more() { (($(denied) - before > $1)); }
# The flood's checksums are wrong: what reaches UDP is counted there.
# shellcheck disable=SC2016 # awk's own
udp_errors() { in_srv awk '/^Udp: [0-9]/ { print $4 }' /proc/net/snmp; }
arrived() { (($(udp_errors) - mark > $1)); }
in_slot() { bpftool -j map lookup pinned "$pin/slots_v1" key 0 0 0 0 | jq '(.formatted // .).value' 2>/dev/null; }
put_in_slot() { bpftool map update pinned "$pin/slots_v1" key 0 0 0 0 value pinned "$1"; }
filter_id() { bpftool -j prog show pinned "$pin/gate" | jq .id; }

conf[protect]="{\"22/tcp\", \"$port/udp\"}"
must_start_jitgated
feed_sync port=22/tcp port=$port/udp grant=$cli4,22/tcp,30m grant=$cli4,$port/udp,30m
serve 22/tcp
remember
untouched "the client has a grant, the neighbour has none"

# 1. Restarts and swaps under the flood.
before=$(denied)
declare -A filters=()
start_flood
failed=0
for ((i = 0; i < restarts; i++)); do
  if ((i % 4)); then kill9 jitgated; else stop jitgated; fi
  start_jitgated || failed=$((failed + 1))
  filters[$(in_slot)]=1
  ((i != restarts - 2)) || bpftool prog pin id "$(filter_id)" "$tmp/bpf/former" || die "cannot keep a filter"
done
is "each of $restarts starts got ready" 0 $failed
is "each put another filter in the slot" "$restarts" "${#filters[@]}"
kill9 jitgated # which would put its own back
changed=0
for ((i = 0; i < swaps; i++)); do
  if ((i % 2)); then filter=$pin/gate; else filter=$tmp/bpf/former; fi
  former=$(in_slot)
  put_in_slot "$filter" && [[ $(in_slot) != "$former" ]] && changed=$((changed + 1))
done
rm "$tmp/bpf/former"
end_flood "$restarts restarts and $swaps swaps"
is "each of $swaps swaps put the other filter in the slot" "$swaps" "$changed"
is "no packet of the source without a grant passed" 0 "${seen[ungranted_passed]}"
is "no packet of the source with a grant was lost" 0 "${seen[lost]}"
is "none came twice" 0 "${seen[twice]}"
is "each packet of the one without met a filter that dropped it" "${seen[ungranted_sent]}" "$(($(denied) - before))"
if [[ $(basename "$build") == release ]]; then
  check "that were tens of thousands a second" test "${seen[rate]}" -ge 20000
fi
untouched "and the same root program and maps are at work"

# The same flood shows both when they happen.
start_flood
bpftool map delete pinned "$pin/slots_v1" key 0 0 0 0
mark=$(udp_errors)
wait_for 5 arrived 1000
end_flood "the slot is emptied by hand"
check "control: with an empty slot packets without a grant pass, and are counted" test "${seen[ungranted_passed]}" -gt 0
like "status says so" 'the filter slot is empty, packets pass' "$(jg status)"
must_start_jitgated
untouched "a restart fills it"
key=$(bpftool -j map dump pinned "$pin/grants_v1" | jq -r --argjson port "$port_bytes" \
  '[.[] | select((.formatted // .).key.port_be == $port)][0].key | map(ltrimstr("0x")) | join(" ")')
start_flood
# shellcheck disable=SC2086 # one word a byte
bpftool map delete pinned "$pin/grants_v1" key hex $key
before=$(denied)
wait_for 5 denied_more 200
end_flood "the grant is deleted by hand"
check "control: without the grant packets are lost, and are counted" test "${seen[lost]}" -gt 0
is "and nothing passes by that" 0 "${seen[ungranted_passed]}"
stop jitgated
must_start_jitgated
feed_sync port=22/tcp port=$port/udp grant=$cli4,22/tcp,30m grant=$cli4,$port/udp,30m

# 2. Killed on the way: while it loads; when its self-test is over, before it touches the maps; when the maps are
# filled, before the swap; right after the swap. It waits at the two in the middle, for a log that takes no more.
declare -A ends=([early]=0 [tested]=0 [filled]=0 [swapped]=0)
is_swapped() { [[ $(in_slot) != "$former" ]]; }
until_then() { until "$@" || dead jitgated; do :; done; }
is_blocked() { grep -q pipe_write "/proc/${pids[jitgated]}/wchan"; }
# start_blocked BYTES: a start that can write so many bytes to its log, at most a page, then waits.
start_blocked() {
  local full
  rm -f "$tmp/full"
  { mkfifo "$tmp/full" && exec {full}<>"$tmp/full"; } || die "cannot make a pipe"
  dd if=/dev/zero bs=4096 count=16 status=none >&"$full"
  if (($1)); then
    dd bs=4096 count=1 status=none <&"$full" >/dev/null
    dd if=/dev/zero bs=$((4096 - $1)) count=1 status=none >&"$full"
  fi
  nsenter --net="/run/netns/$ns_srv" -- "$build/jitgated" -c "$tmp/jitgate.conf" >&"$full" 2>&1 &
  pids[jitgated]=$!
  wait_for 20 is_blocked || die "jitgated does not wait for its log"
  exec {full}>&-
}
kill9 jitgated
start_flood
for ((i = 0; i < kills; i++)); do
  former=$(in_slot)
  case $((i % 4)) in
    1) start_blocked 0 && end=tested ;;
    2) start_blocked 100 && end=filled ;; # the line of the self-test fits, that of a grant does not
    *) start jitgated "$ns_srv" "$build/jitgated" -c "$tmp/jitgate.conf" ;;
  esac
  case $((i % 4)) in
    0) sleep "0.0$((i * 7 % 10))" && end=early ;;
    3) until_then is_swapped && end=swapped ;;
  esac
  kill9 jitgated
  if is_swapped; then [[ $end == swapped ]] || die "it was killed too late: $end"; fi
  ends[$end]=$((ends[$end] + 1))
  start_jitgated || failed=$((failed + 1))
  kill9 jitgated
done
must_start_jitgated
end_flood "$kills starts that were killed"
is "after each killed start the next got ready" 0 $failed
is "as many were killed at each of four places" "$((kills / 4)) $((kills / 4)) $((kills / 4)) $((kills / 4))" \
  "${ends[early]} ${ends[tested]} ${ends[filled]} ${ends[swapped]}"
is "no packet of the source without a grant passed" 0 "${seen[ungranted_passed]}"
is "no packet of the source with a grant was lost" 0 "${seen[lost]}"
untouched "and the same root program and maps are at work"

# 3. A daemon that crashed leaves the slot filled, for the array is pinned. Without the pin the kernel empties it.
kill9 jitgated
is "with the daemon killed the slot has its filter" "$(filter_id)" "$(in_slot)"
is "and no process holds the array" "" "$(bpftool map show pinned "$pin/slots_v1" | grep pids)"
check "the port is closed" silent_for $nbr4 22
cp=$(in_slot)
rm "$pin/slots_v1"
check "control: without the pin the array is emptied, and the port is open" wait_for 5 tcp_from $nbr4 22
must_start_jitgated
check "a start pins it again, with another filter in it" test "$(in_slot)" -gt "$cp"
check "and the port is closed" closes_for $nbr4 22 3
remember

# 4. A start that fails changes nothing, at whichever step.
stop jitgated
refused() { # NAME WHAT IT SAYS
  try_jitgated
  is "$1: exit code" 1 $?
  like "$1: it says" "$2" "$said"
  untouched "$1: what was in force stays"
  is "$1: the filter in the slot is the one that is pinned" "$(filter_id)" "$(in_slot)"
}
in_force=$(in_slot)
mv "$pin/gate" "$pin/gate_old"
mkdir "$pin/gate"
mkdir "$pin/gate/full"
try_jitgated
is "the pin gate cannot be replaced: exit code" 1 $?
like "the pin gate cannot be replaced: it says" "$pin/gate is not a pin that root made \(no pin" "$said"
untouched "the pin gate cannot be replaced: what was in force stays"
is "the pin gate cannot be replaced: the slot keeps its filter" "$in_force" "$(in_slot)"
rmdir "$pin/gate/full" "$pin/gate"
mv "$pin/gate_old" "$pin/gate"

mkdir "$pin/gate_new"
refused "a name in the way of the new pin" "$pin/gate_new is not a pin that root made \(no pin"
rmdir "$pin/gate_new"

conf[allow]='{"198.51.100.0/24"}'
conf[max_grants]=4096 # the pinned maps have room for fewer
for ((i = 1; i <= 140; i++)); do printf '"%d/tcp", ' $((6000 + i)); done >"$tmp/many"
conf[protect]="{$(sed 's/, $//' "$tmp/many"), \"22/tcp\", \"$port/udp\"}"
write_conf
refused "more entries than the maps hold" 'protect and allow need more entries than max_grants'
unset "conf[allow]"
conf[max_grants]=256
conf[protect]="{\"22/tcp\", \"$port/udp\"}"
conf[interfaces]="{\"$srv_if\", \"jgbusy\"}"
write_conf
ip -n "$ns_srv" link add jgbusy type veth peer name jgbusyp
in_srv bpftool net attach xdp pinned "$pin/root" dev jgbusy
refused "an interface that is taken" "jgbusy already runs another jitgate's program"
ip -n "$ns_srv" link del jgbusy
conf[interfaces]="{\"$srv_if\"}"
write_conf

must_start_jitgated
untouched "the next start succeeds"
finish
