#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# More than jitgated can take: a feed that sends without pause and never reads, clients of the control socket that hang,
# and events that the ring buffer has no room for. Grants live and end on time, others are served, what is counted is right.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin overload

conf[max_grants]=4096
serve 22/tcp
must_start_jitgated
feed_sync port=22/tcp grant=$cli4,22/tcp,20m
is_release() { ! grep -q __asan_init "$build/jitgated"; }
field() { awk -v field="$1:" '$1 == field { print $2 }' "/proc/${pids[jitgated]}/status"; }
# fds: how many sockets it has; each client is one.
fds() { readlink "/proc/${pids[jitgated]}/fd/"* | grep -c socket; }
# The first end of a grant in the map, in boot ns.
first_end() { bpftool -j map dump pinned "$pin/grants_v1" | jq '[.[] | (.formatted // .).value.expires_boot_ns] | min'; }
# longest_answer COMMAND…: asks for status as long as the command holds; the longest time, in ms, in $longest.
longest_answer() {
  local began
  longest=0 answers=0
  while "$@"; do
    tick && began=$now
    jg status >/dev/null || return 1
    tick
    ((now - began > longest)) && longest=$((now - began))
    answers=$((answers + 1))
  done
}

# 1. A feed that sends snapshots, or complaints, without pause, and never reads. One grant of its ends meanwhile.
flood_of() { # NAME ITEM…
  local name=$1 deadline
  shift
  start_stream kept $cli4 22/tcp 60s
  start_stream stranger $nbr4 22/tcp 60s
  start flood "$ns_srv" setpriv --reuid $feed_uid --regid $feed_uid --clear-groups "$build/probe" feed "$tmp/run/feed.sock" \
    "$@" flood=3500ms
  opens_for $cli4b 22 2s >/dev/null || not_ok "$name: what it grants first is open"
  start_stream ending $cli4b 22/tcp 60s
  deadline=$(first_end)
  longest_answer alive flood || not_ok "$name: status is answered all the time"
  await flood 5
  note "$name: $(tail -n 1 "$tmp/flood.log"); $answers answers of status meanwhile, the slowest took $longest ms"
  parse_into seen "$(tail -n 1 "$tmp/flood.log")"
  within "$name: it was one" 20 "${seen[floods]-0}" 100000000
  within "$name: status was answered so often" 5 "$answers" 1000000
  within "$name: and within 3 s" 0 "$longest" 3000
  end_stream kept seen
  is "$name: a grant loses no packet" 0 "${seen[lost]}"
  end_stream stranger seen
  is "$name: a stranger gets none through" 0 "${seen[passed]}"
  within "$name: of so many" 1000 "${seen[sent]}" 60000
  end_stream ending seen "$deadline"
  is "$name: the other grant lives to its end" 0 "${seen[before_lost]}"
  is "$name: and not longer" 0 "${seen[after_passed]}"
  within "$name: of so many" 500 "${seen[after_lost]}" 60000
}
flood_of "snapshots" port=22/tcp grant=$cli4,22/tcp,20m grant=$cli4b,22/tcp,2s fill=300
flood_of "complaints" port=22/tcp grant=$cli4,22/tcp,20m grant=$cli4b,22/tcp,2s trouble="no route"
within "lines of a feed that complains: not one each time" 0 "$(grep -c 'no route' "$tmp/jitgated.log")" 64
if is_release; then within "all of that in less than 24 MB" 0 "$(field VmHWM)" 24576; fi
feed_sync port=22/tcp grant=$cli4,22/tcp,20m
check "afterwards a feed is heard as ever" tcp_from $cli4 22

# 2. Clients that hang: that say nothing, half a line, or that do not read. Others are served, and they are dropped.
mkfifo "$tmp/mute" "$tmp/deaf"
exec 8<>"$tmp/mute" 9<>"$tmp/deaf"
before=$(fds)
hang() { start "hang$1" "$ns_srv" setpriv --reuid "$2" --regid 64000 --clear-groups socat -u "${@:3}"; }
for n in {1..12}; do hang "$n" 64003 "$tmp/mute" "UNIX-CONNECT:$tmp/run/control.sock"; done
has_more() { (($(fds) >= before + $1)); }
busy() { has_more 6; }
check "six places are taken by whoever may ask" wait_for 3 busy
within "and no more than six" $((before + 6)) "$(fds)" $((before + 6))
longest_answer busy || not_ok "root is answered all the time"
within "root is answered so often meanwhile" 20 "$answers" 1000000
within "and within a second" 0 "$longest" 1000
is_free() { (($(fds) == before)); }
check "they are hung up on" wait_for 8 is_free
others() { setpriv --reuid 64003 --regid 64000 --clear-groups timeout 5 "$build/probe" ask "$tmp/run/control.sock" "status json"; }
check "then others of their kind are answered" grep -q ^OK <(others)
for n in {1..12}; do stop "hang$n"; done
for n in 1 2 3 4; do start "hang$n" "$ns_srv" socat -u "$tmp/mute" "UNIX-CONNECT:$tmp/run/control.sock"; done
check "half a line, by root" wait_for 3 has_more 4
printf 'statstatstat' >&8
longest_answer has_more 1 || not_ok "half a line: others are answered all the time"
within "half a line: others are answered" 20 "$answers" 1000000
feed_sync port=22/tcp grant=$cli4,22/tcp,20m fill=3000
"$build/probe" ask "$tmp/run/control.sock" "list json" >&9 2>/dev/null &
pids[deaf]=$!
check "a client that does not read a long answer takes a place" wait_for 3 has_more 1
check "root is answered" jg status
check "and it is hung up on" wait_for 8 is_free
kill9 deaf
for n in 1 2 3 4; do stop "hang$n"; done
untouched_grant() { tcp_from "$cli4" 22 && silent_for "$nbr4" 22; }
check "grants are what they were" untouched_grant

# 3. Events that nobody fetches: the ring buffer is full, and the counters are not in it.
ring_bytes=$((64 * 1024)) event_bytes=72
kill -STOP "${pids[jitgated]}"
counted() { bpftool -j map lookup pinned "$pin/stats_v1" key "$no_grant" 0 0 0 | jq '[(.formatted // .).values[].value.packets] | add'; }
no_grant=$(sed -n '/^enum reason/,/^}/p' "$tests/../include/jitgate_abi.h" | grep -o 'REASON_[A-Z_0-9]*' | awk '$1 == "REASON_NO_GRANT" { print NR - 1 }')
mapfile -t zeros < <(printf '00\n%.0s' {1..60})
bpftool map update pinned "$pin/budget_v1" key 0 0 0 0 value hex ff ff ff 00 "${zeros[@]}"
before=$(counted)
start_stream granted $cli4 22/tcp 60s
start_stream stranger $nbr4 22/tcp 60s
enough() { (($(counted) >= before + 2 * ring_bytes / event_bytes)); }
check "twice as many packets are dropped as events have room" wait_for 20 enough
end_stream stranger seen
is "none of them passes" 0 "${seen[passed]}"
is "each is counted" "${seen[sent]}" "$(($(counted) - before))"
end_stream granted seen
is "a granted source loses none" 0 "${seen[lost]}"
kill -CONT "${pids[jitgated]}"
check "jitgated goes on" wait_for 5 jg status
start knocked "$ns_srv" setpriv --reuid $feed_uid --regid $feed_uid --clear-groups \
  "$build/probe" feed "$tmp/run/feed.sock" port=22/tcp grant=$cli4,22/tcp,20m ask=8s
knock() { silent_for "$nbr4" 22; dead knocked; }
wait_for 8 knock
await knocked 9
is "and hears of the next packet" 0 "$stopped_rc"
is "status counts what was dropped while it was stopped, too" "$(counted)" "$(reason_count no_grant)"
finish
