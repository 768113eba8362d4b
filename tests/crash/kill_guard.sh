#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# jitgated is killed at every step of putting back what somebody took off it, pins and its link, and `jitgated --detach` at
# every step of taking all of it off.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin kill_guard

nothing() { :; }
verified() { jg status --json 2>/dev/null | jq -e '[.interfaces[].verified] | all' >/dev/null; }
verified_or_dead() { dead jitgated || { verified && all_back; }; }
all_back() { [[ $(pins) == "$pins_due" ]]; }

serve 22/tcp
must_start_jitgated
feed_sync "${old[@]}"
pins_due=$(pins)

# 1. Pins of each sort that are removed. Nothing is off by that, so no packet may notice.
remove_pins() {
  rm -f "$pin"/{layout_v1,gate,root,stats_v1,events_v1}
  wait_for 5 verified_or_dead
}
begin_streams
kill_acts "pins put back, killed" 5 verified remove_pins "$always" "$either"

# The root program vouches for maps that jitgated itself has put back, also when only the link holds it.
remove_slots() {
  verified && rm "$pin/slots_v1" && wait_for 5 all_back && [[ $(stat -c %u "$pin/slots_v1") != 0 ]]
}
remove_root() {
  rm "$pin/root"
  wait_for 5 verified_or_dead
}
kill_acts "the root program put back beside slots that were, killed" 3 remove_slots remove_root "$always" "$either"
end_streams "pins put back"

# With the link gone, too, what vouches is the root program that was on its way to its place.
{ plain_start && remove_slots; } || die "the slots are not put back"
trace_running -e trace=renameat -e inject=renameat:signal=KILL:when=1
rm "$pin/root" "$pin/link_$srv_if"
wait_for 5 dead jitgated && await jitgated 1
is "killed with the root program half way, and the link gone" "137 pin_new" \
  "$stopped_rc $(cd "$pin" && compgen -G 'root'; compgen -G 'pin_*'; compgen -G 'link_*')"
await strace 5
heal "half way" "$always" "$either"
is "the next start takes it over" '' "${wrong[*]}"
wrong=()

# The grants themselves and the link, or all pins: what is not put back when jitgated is killed is gone with it. The ports
# are closed by the next start, which knows them, and grants that it does not find are not let in.
remove_grants() {
  rm -f "$pin"/{grants_v1,gate,"link_$srv_if"}
  wait_for 5 verified_or_dead
}
remove_all() {
  kill -STOP "${pids[jitgated]}" # all of them at once
  rm -f "$pin"/*
  kill -CONT "${pids[jitgated]}"
  wait_for 5 verified_or_dead
}
give() { plain_start_if_dead && feed_sync "${old[@]}"; }
plain_start_if_dead() { alive jitgated || plain_start; }
closed='{"grants": [], "ports": [22, 443]}'
after_heal=is_closed
is_closed() { silent_for "$nbr4" 22 150ms >/dev/null || echo "open"; }
kill_acts "the grants and the link put back, killed" 5 give remove_grants "$closed" "$either"
STRIDE=5 kill_acts "all pins put back, killed" 8 give remove_all "$closed" "$either"

# 2. The link, detached by somebody else: open until it is back, of which whoever detached it is to blame.
detach_link() {
  bpftool link detach pinned "$pin/link_$srv_if"
  wait_for 5 verified_or_dead
}
plain_start && feed_sync "${old[@]}"
start_stream granted "$cli4" 22/tcp 600s
kill_acts "a link put back, killed" 3 verified detach_link "$always" "$either"

# 3. --detach, with jitgated and without. What is left is closed or open, and is said to be what it is by the next start; or
# the next --detach ends it.
full_off() { is_detached && [[ ! -e $pin ]]; }
detach() { start_wait nsenter --net="/run/netns/$ns_srv" -- "$@" "$build/jitgated" -c "$tmp/jitgate.conf" --detach; }
start_wait() { "$@" >>"$tmp/detach.log" 2>&1; }
kill_detaches() { # NAME LEAST DAEMON
  local kind n steps odd=0
  plain_start || die "$1: it does not start"
  "$3"
  detach strace -D -qq -o "$tmp/calls" || die "$1: --detach fails" "$(tail -n 3 "$tmp/detach.log")"
  full_off || die "$1: --detach does not take it off"
  find_steps getegid || die "$1: a kind of call of which the test does not know whether it changes anything" "$(<"$tmp/steps")"
  mapfile -t steps <"$tmp/steps"
  for n in "${steps[@]}"; do
    kind=${n% *} n=${n#* } odd=$((!odd))
    [[ -z ${pids[jitgated]-} ]] || kill9 jitgated
    plain_start || die "$1: it does not start"
    "$3"
    detach strace -D -qq -o "$tmp/calls" -e "trace=$kind" -e "inject=$kind:signal=KILL:when=$n"
    [[ $? == 137 ]] || { [[ -z ${pids[jitgated]-} ]] || kill9 jitgated; continue; }
    crashes=$((crashes + 1))
    tcp_from "$cli4" 22 >/dev/null || wrong+=("$kind $n: the granted source is locked out")
    [[ -z ${pids[jitgated]-} ]] || verified || [[ -n $(xdp_id) ]] || tcp_from "$nbr4" 22 >/dev/null ||
      wrong+=("$kind $n: not verified, and nothing passes")
    if ((odd)); then
      detach || wrong+=("$kind $n: the next --detach fails: $(tail -n 1 "$tmp/detach.log")")
      full_off || wrong+=("$kind $n: the next --detach leaves $(pins) $(xdp_id)")
      tcp_from "$nbr4" 22 >/dev/null || wrong+=("$kind $n: closed after the next --detach")
    fi
    [[ -z ${pids[jitgated]-} ]] || kill9 jitgated
    heal "$kind $n" "$always" "$either" || die "$1: $kind $n cannot be healed" "${wrong[*]}"
  done
  [[ -z ${pids[jitgated]-} ]] || kill9 jitgated
  end_phase "$1" "$2"
}
without() { kill9 jitgated; }
kill_detaches "--detach killed" 15 without
kill_detaches "--detach beside a jitgated that runs, killed" 15 nothing
end_stream granted seen
is "in all of this a granted source loses no packet" 0 "${seen[lost]}"
within "of so many" 200 "${seen[sent]}" 600000
finish
