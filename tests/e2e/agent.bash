# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What jitgated costs and how fast it is, measured on the real daemon and real maps: for agent.sh, which prints it, and
# for the end-to-end test that holds it below its limits.
# shellcheck source-path=SCRIPTDIR source=../e2e/lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.bash"

writes_seen=
until_ns=$((($(date +%s) + 7200) * 1000000000))

agent_start() {
  command -v strace >/dev/null || die "strace is missing: make deps"
  conf[max_grants]=16384 # as in production
  conf_guard[longest]='"24h"'
  must_start_jitgated
}

# feed_time GRANTS [CHANGED [FIRST]]: one snapshot; into the array `seen`.
feed_time() {
  local said_by
  said_by=$("$build/probe" feed-time "$tmp/run" "$pin" "$1" "$until_ns" "${@:2}" 2>&1) ||
    die "the snapshot of $1 grants does not get through" "$said_by"
  parse_into seen "$said_by"
}

# Of numbers, one a line.
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
highest() { sort -n | tail -n 1; }
lowest() { sort -n | head -n 1; }

# resident NAME [FIELD]: kB.
resident() { awk -v field="${2:-VmRSS}:" '$1 == field { print $2 }' "/proc/${pids[$1]}/status"; }

# wakeups NAME: how often it has gone to sleep so far, all threads.
wakeups() { awk '/^voluntary_ctxt/ { n += $2 } END { print n }' "/proc/${pids[$1]}/task/"*/status; }

# cpu_us NAME: on a processor so far, all threads.
cpu_us() { awk '{ n += $1 } END { printf "%d\n", n / 1000 }' "/proc/${pids[$1]}/task/"*/schedstat; }

# wakeups_in NAME SECONDS: the time is what is measured, so this is no wait for anything. A busy machine takes longer: it is
# told for the time that was asked for.
wakeups_in() {
  local before began=${EPOCHREALTIME/./}
  before=$(wakeups "$1")
  sleep "$2"
  awk -v n=$(($(wakeups "$1") - before)) -v asked_s="$2" -v spent_us=$((${EPOCHREALTIME/./} - began)) \
    'BEGIN { printf "%.0f\n", n * asked_s * 1e6 / spent_us }'
}

# count_writes COMMAND…: writes_seen becomes the number of map updates and deletes that jitgated made meanwhile.
# shellcheck disable=SC2034 # the scripts read it
count_writes() {
  local trace=$tmp/writes.trace
  rm -f "$trace" "$tmp/strace.log"
  start strace "$ns_srv" strace -f -e trace=bpf -o "$trace" -p "${pids[jitgated]}"
  wait_for 5 grep -q attached "$tmp/strace.log" || die "strace cannot attach" "$(cat "$tmp/strace.log")"
  "$@"
  stop strace INT
  grep -q 'BPF_MAP_LOOKUP\|BPF_MAP_GET_NEXT_KEY' "$trace" || die "the trace shows not even a look-up"
  writes_seen=$(grep -c 'BPF_MAP_UPDATE\|BPF_MAP_DELETE' "$trace")
}

# knock_times N: from a denied SYN to "ask now", microseconds, one a line.
knock_times() {
  in_cli "$build/probe" knock-time "$tmp/run" $srv4 22 "$1" | sed -n 's/^ask_us=//p'
}

# open_times N: from the first message of a snapshot of 16 new grants to all of them in the map, microseconds.
open_times() {
  local i
  for ((i = 0; i < $1; i++)); do
    feed_time 16 0 $((20000 + i * 16))
    echo "${seen[open_us]}"
  done
}

# start_azure_idle: jitgate-azure after its first answer, with the next question a minute away.
start_azure_idle() {
  start_emulator
  # shellcheck disable=SC2034 # for the config
  conf_azure[poll_live]='"60s"' conf_azure[poll_idle]='"60s"'
  write_conf
  start_azure
  wait_for 15 grep -q 'Azure lists' "$tmp/azure.log" || die "jitgate-azure does not ask"
  wait_for 10 is_quiet azure || die "jitgate-azure does not come to rest"
}
# At rest: jitgated but for its check, which comes every 450 ms.
is_quiet() { (($(wakeups_in "$1" 0.3) <= $([[ $1 == jitgated ]] && echo 1 || echo 0))); }
