#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# `make bench`: the rounds, the agent's own figures, and what comes of them: build/bench.json, build/bench.svg, a table.
# Exit code 1 when a figure is missing or not to be trusted; with STRICT=1 also when a target is not reached.
#
#   tests/bench/bench.sh [FOLDER]    where to write, build/ if not said; see rounds.sh for the rest
set -u -o pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
to=${1:-build}
lines=$(mktemp) agent=$(mktemp) || exit 2
running=
trap 'rm -f "$lines" "$agent"' EXIT
trap 'end_it; exit 130' INT
trap 'end_it; exit 143' TERM

# In the background, for a shell does not look up from what it waits for in the foreground: who is told to stop tells the one that
# has something to clean up, and waits for it.
run() {
  "$@" &
  running=$!
  wait "$running"
}
end_it() { # with TERM: what a shell starts in the background does not hear INT
  [[ -z $running ]] || { kill -TERM "$running"; wait "$running"; }
}

machine() {
  jq -n --arg cpu "$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)" --argjson cpus "$(nproc)" \
    --arg kernel "$(uname -r | grep -oE '^[0-9.]+')" --arg arch "$(uname -m)" --arg date "$(date -u +%F)" \
    --argjson virtual "$(if grep -qw hypervisor /proc/cpuinfo; then echo true; else echo false; fi)" \
    --arg load "$(cut -d ' ' -f 1 /proc/loadavg)" '{$cpu, $cpus, $kernel, $arch, $virtual, $date, load_before: ($load | tonumber)}'
}

# Last, and never beside the rounds.
agent_figures() {
  if [[ ! -x $here/agent.sh ]]; then
    echo null >"$agent"
  elif ! run "$here/agent.sh" >"$agent" || ! jq -e 'type == "object"' "$agent" >/dev/null; then
    echo '{"error": "tests/bench/agent.sh failed"}' >"$agent"
  fi
}

((EUID == 0)) || { echo "bench: needs root: network namespaces, packet programs" >&2; exit 2; }
machine=$(machine) || exit 2
run unshare -m "$here/rounds.sh" "$lines" || exit 2
mkdir -p "$to"
agent_figures
jq -s --argjson machine "$machine" --slurpfile agent "$agent" -f "$here/summary.jq" "$lines" >"$to/bench.json" || exit 2
jq -r -f "$here/chart.jq" "$to/bench.json" >"$to/bench.svg" || exit 2
jq -r --arg form text -f "$here/report.jq" "$to/bench.json" || exit 2
echo "written: $to/bench.json, $to/bench.svg" >&2
jq -e --arg strict "${STRICT:-0}" '.unsound == [] and ($strict != "1" or all(.targets[]; .reached))' "$to/bench.json" >/dev/null
