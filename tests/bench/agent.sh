#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What the agent costs: time of snapshots, map writes, memory, wake-ups, time from a knock to a question and from an
# answer to an open port. As root; everything is in namespaces of its own. On stdout one JSON object, on stderr a table.
# shellcheck source-path=SCRIPTDIR source=../e2e/agent.bash
exec 3>&1 1>&2
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/agent.bash"

declare -a figures=() # name value, in order

figure() { figures+=("$1 $2"); }

# us_figures NAME: the median and the highest of microseconds, one a line on stdin, as milliseconds.
us_figures() {
  local values
  values=$(cat)
  figure "$1" "$(median <<<"$values" | in_ms)"
  figure "$1_max" "$(highest <<<"$values" | in_ms)"
}
in_ms() { awk '{ printf "%.2f\n", $1 / 1000 }'; }

measure_memory_small() {
  figure resident_kb_0 "$(resident jitgated)"
  feed_time 1
  figure resident_kb_1 "$(resident jitgated)"
}

measure_snapshots() {
  local i fresh=() settled=() same=() one=()
  for i in 1 2 3 4 5; do
    feed_time 0
    feed_time 10000
    fresh+=("${seen[maps_us]}") settled+=("${seen[settled_us]}")
    feed_time 10000
    same+=("${seen[maps_us]}")
    feed_time 10000 1
    one+=("${seen[maps_us]}")
  done
  us_figures snapshot_10k_ms < <(printf '%s\n' "${fresh[@]}")
  us_figures snapshot_10k_settled_ms < <(printf '%s\n' "${settled[@]}")
  us_figures snapshot_10k_unchanged_ms < <(printf '%s\n' "${same[@]}")
  us_figures snapshot_10k_one_changed_ms < <(printf '%s\n' "${one[@]}")
}

measure_writes() {
  feed_time 10000
  count_writes feed_time 10000
  figure snapshot_10k_unchanged_writes "$writes_seen"
  count_writes feed_time 10000 1
  figure snapshot_10k_one_changed_writes "$writes_seen"
}

measure_memory_large() {
  figure resident_kb_10k "$(resident jitgated)"
  figure resident_kb_10k_peak "$(resident jitgated VmHWM)"
  figure resident_kb_10k_private "$(resident jitgated RssAnon)"
}

print_figures() {
  local line
  for line in "${figures[@]}"; do printf '%-34s %12s\n' "${line% *}" "${line#* }"; done
  printf '%s\n' "${figures[@]}" | jq -Rnc '[inputs | split(" ") | {(.[0]): (.[1] | tonumber)}] | add' >&3
}

measure_azure() {
  start_azure_idle
  figure azure_wakeups_idle_10s "$(wakeups_in azure 10)"
  figure azure_resident_kb "$(resident azure)"
}

begin agentbench
agent_start
measure_memory_small
figure wakeups_idle_10s "$(wakeups_in jitgated 10)"
measure_snapshots
measure_writes
measure_memory_large
figure wakeups_10k_grants_10s "$(wakeups_in jitgated 10)"
feed_time 0
us_figures feed_to_open_ms_16 < <(open_times 20)
us_figures knock_to_ask_ms < <(knock_times 20)
measure_azure
print_figures
exit 0
