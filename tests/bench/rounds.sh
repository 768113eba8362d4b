#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Packets a second of every contestant, in one run: for each setting (family, number of grants) all are set up side by side,
# and each round sends each of them the frames of each case, in an order that rotates. One JSON line a measurement.
#
#   unshare -m tests/bench/rounds.sh FILE    appends to FILE
#
#   BENCH_ROUNDS    5
#   BENCH_MS        how long to send, each time
#   BENCH_CPU       the CPU of the generator, and so of everything in the kernel that it sets off
#   BENCH_SETTINGS  FAMILY/GRANTS…; with /ns behind it: only the nanoseconds of jitgate's programs, no rounds
#   BENCH_ONLY      names of contestants
# shellcheck source-path=SCRIPTDIR source=contestants.bash
. "$(dirname "${BASH_SOURCE[0]}")/contestants.bash"

out=${1:?where to write to}
rounds=${BENCH_ROUNDS:-5}
millis=${BENCH_MS:-200}
cpu=${BENCH_CPU:-$(($(nproc) - 1))}
# Nothing else takes that CPU away while something is measured.
alone=(chrt -f 1 taskset -c "$cpu")
only=${BENCH_ONLY:-${contestants[*]}}
settings=${BENCH_SETTINGS:-v4/16 v4/1 v4/256 v4/10000 v4/100000 v6/16 v6/100000 v6/1/ns v6/256/ns v6/10000/ns}

# Where the frames come from: N of @N is the number of grants.
declare -A sources=([flood]=any [flood_near]=near:@N [unprotected]=any [granted]=@N)
declare -A port=([flood]=$closed_port [flood_near]=$closed_port [granted]=$closed_port [unprotected]=$open_port)
able=() playing=() step=0

say() { jq -nc "$@" >>"$out"; }

# How many grants there are makes no difference to an unprotected port.
cases_of() { if [[ $1 == 16 ]]; then echo flood flood_near granted unprotected; else echo flood granted; fi; }

counters() { echo "$(received "$1") $("$1_count" "$2") $(taken_in "$1")"; }

# measure CONTESTANT CASE FAMILY N ROUND
measure() {
  local who=$1 case=$2 from=${sources[$2]/@N/$4} before after flood
  before=$(counters "$who" "$case")
  flood=$(in_ns "$tx_ns" "${alone[@]}" "$build/bench" flood "${tx_if[$who]}" "$3" "${port[$case]}/udp" "$from" "$millis") ||
    flood='{}'
  after=$(counters "$who" "$case")
  say --arg case "$case" --arg contestant "$who" --arg family "$3" --argjson grants "$4" --argjson round "$5" \
    --argjson flood "$flood" --arg before "$before" --arg after "$after" -f "$bench_dir/measurement.jq"
}

# set_up FAMILY N CONTESTANT…: sets $playing.
set_up() {
  local who family=$1 n=$2
  shift 2
  playing=()
  for who; do
    link_up "$who"
    if "${who}_up" "$family" "$n" >"$tmp/up.log" 2>&1; then
      playing+=("$who")
      continue
    fi
    say --arg contestant "$who" --arg family "$family" --argjson grants "$n" --rawfile said "$tmp/up.log" \
      -f "$bench_dir/failure.jq"
    "${who}_down"
    link_down "$who"
  done
}

take_down() {
  local who
  for who in "${playing[@]}"; do
    "${who}_down"
    link_down "$who"
  done
}

play() { # FAMILY N
  local round case i who
  for ((round = 1; round <= rounds; round++)); do
    for case in $(cases_of "$2"); do
      for ((i = 0; i < ${#playing[@]}; i++)); do
        who=${playing[(i + round) % ${#playing[@]}]}
        [[ " ${plays[$who]} " == *" ${case%_near} "* ]] && measure "$who" "$case" "$1" "$2" "$round"
      done
    done
  done
}

nanoseconds() { # FAMILY N
  [[ " ${playing[*]} " == *" native "* ]] || return 0
  "${alone[@]}" "$bench_dir/nanoseconds.sh" "$tmp/bpf/native" "$1" "$2" "$build/bench" >>"$out"
}

# What keeps a contestant from taking part on this machine, found by trying. Not jitgate: that it cannot be set up is an error.
not_here() { # CONTESTANT
  "$1_lacks" | grep . && return
  [[ $1 != native && $1 != generic && $1 != tc ]] || return 0
  link_up "$1"
  "$1_up" v4 1 >"$tmp/up.log" 2>&1 || { echo "cannot be set up here:"; tail -n 3 "$tmp/up.log"; }
  "$1_down"
  link_down "$1"
}

name_contestants() {
  local who
  for who in $only; do
    not_here "$who" >"$tmp/lacks"
    [[ -s $tmp/lacks ]] || able+=("$who")
    say --arg contestant "$who" --arg title "${title[$who]}" --arg plays "${plays[$who]}" \
      --arg lacks "$(paste -sd ' ' "$tmp/lacks")" -f "$bench_dir/contestant.jq"
  done
}

begin
name_contestants
for setting in $settings; do
  IFS=/ read -r family n ns <<<"$setting"
  note "  $((++step)) of $(wc -w <<<"$settings"): IP$family, $n grants"
  if [[ $ns == ns ]]; then
    set_up "$family" "$n" native
  else
    set_up "$family" "$n" "${able[@]}"
    play "$family" "$n"
  fi
  nanoseconds "$family" "$n"
  take_down
done
