#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Nanoseconds a frame of the programs that a running jitgated has pinned, by BPF_PROG_RUN, beside those of a program that does
# nothing: `gate` alone, and `root`, which is what is attached and calls it. One JSON line each. The frame is the same each time, so
# all that is looked up is in the nearest cache: what a flood does to caches is in the packet rates.
#
#   tests/bench/nanoseconds.sh PIN_DIR v4|v6 GRANTS [BENCH]    run on the CPU that it is started on
set -u -o pipefail

pins=$1 family=$2 grants=$3
bench=${4:-build/release/bench}
closed=3389/udp open=443/udp
repeat=300000
burst=256 # events, far fewer than the ring buffer holds

# run PROGRAM PORT SOURCE REPEAT BUDGET
run() { "$bench" run "$1" "$family" "$2" "$3" "$grants" "$4" "$pins/budget_v1" "$5"; }

# line CASE VERDICT PORT SOURCE [REPEAT BUDGET]: the case by both programs.
line() {
  local program empty ran
  for program in gate root; do
    empty=$(run empty "$3" "$4" "${5:-$repeat}" 0) && ran=$(run "$pins/$program" "$3" "$4" "${5:-$repeat}" "${6:-0}") || exit 2
    jq -nc --arg case "$1" --arg program $program --arg family "$family" --argjson grants "$grants" --arg verdict "$2" \
      --argjson ran "$ran" --argjson empty "$empty" -f "${BASH_SOURCE[0]%/*}/nanoseconds.jq"
  done
}

# A source in whose network nobody has a grant, and one in a network where somebody has.
line denied drop $closed far
line denied_near drop $closed near
line granted pass $closed granted
if ((grants == 16)); then
  line unprotected pass $open far
  line denied_and_told drop $closed far $burst $burst
fi
