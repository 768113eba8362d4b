#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Runs fuzzers, as many at a time as there are cores: SECONDS each, from the inputs that are kept and those that
# earlier runs found. `make fuzz` builds them and calls this.
#
#   tests/fuzz/run.sh SECONDS NAME...
#
# What is new goes to build/fuzz/found/NAME, what breaks a parser to build/fuzz/crashes. Exit: 0 nothing broke, 1 something
# did or a fuzzer did not run, 2 usage.
set -u
cd "$(dirname "$0")/../.." || exit 1

tree=build/fuzz
crashes=$tree/crashes
limit_s=5        # for one input, on a busy machine; replay.c allows one second of CPU time
grace_s=60       # to load the inputs and to end, beyond SECONDS
memory_mb=512    # in all
block_mb=64      # in one piece: an input of some kB has no reason for more
declare -A pids=()

clean_up() {
  local name
  for name in "${!pids[@]}"; do
    kill "${pids[$name]}" 2>/dev/null
  done
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The kept inputs as bytes, seeds among them.
write_inputs() { # name
  rm -rf "$tree/kept/$1"
  mkdir -p "$tree/kept/$1" "$tree/found/$1" "$crashes" "$tree/log" "tests/fuzz/corpus/$1"
  build/san/fuzz/"$1" --write "$tree/kept/$1" "tests/fuzz/corpus/$1"
}

start() { # name, seconds
  local options=(-max_total_time="$2" -timeout="$limit_s" -rss_limit_mb="$memory_mb" -malloc_limit_mb="$block_mb"
    -print_final_stats=1 -verbosity=1 -artifact_prefix="$crashes/$1-" -max_len=4096)
  [[ ! -e tests/fuzz/$1.dict ]] || options+=("-dict=tests/fuzz/$1.dict")
  timeout -k 10 $(($2 + grace_s)) "$tree/fuzz/$1" "${options[@]}" "$tree/found/$1" "$tree/kept/$1" >"$tree/log/$1" 2>&1 &
  pids[$1]=$!
}

# name, exit status: one line of the table.
report() {
  awk -v name="$1" -v status="$2" '
    match($0, /cov: [0-9]+/) { cov = substr($0, RSTART + 5, RLENGTH - 5); if ($2 == "INITED") cov0 = cov }
    match($0, /ft: [0-9]+/) { ft = substr($0, RSTART + 4, RLENGTH - 4); if ($2 == "INITED") ft0 = ft }
    /^stat::number_of_executed_units:/ { runs = $2 }
    /^stat::new_units_added:/ { added = $2 }
    END {
      printf "%-12s %12d %9d %9s %9d %9s %7d  %s\n", name, runs, cov, "+" cov - cov0, ft, "+" ft - ft0, added,
        status == 0 ? "none" : "BROKEN"
    }' "$tree/log/$1"
}

explain() { # name: what broke, and how to see it again
  local input
  echo "$1: see $tree/log/$1"
  grep -m 3 -E 'does not hold|ERROR: |runtime error' "$tree/log/$1" | sed 's/^/  /'
  grep -oE "$crashes/$1-[a-z]+-[0-9a-f]+" "$tree/log/$1" | sort -u | while read -r input; do
    echo "  again: $tree/fuzz/$1 $input    (or: build/san/fuzz/$1 --run $input)"
  done
}

finish_one() { # waits for the first that ends
  local pid status name
  wait -n -p pid "${pids[@]}"
  status=$?
  for name in "${!pids[@]}"; do
    [[ ${pids[$name]} == "$pid" ]] || continue
    unset "pids[$name]"
    report "$name" "$status"
    ((status == 0)) || broken+=("$name")
  done
}

main() {
  local seconds=${1:-} name broken=()
  if [[ ! $seconds =~ ^[1-9][0-9]*$ || $# -lt 2 ]]; then
    echo "usage: make fuzz TIME=SECONDS [FUZZERS=\"NAME...\"], or tests/fuzz/run.sh SECONDS NAME..." >&2
    exit 2
  fi
  shift
  printf '%-12s %12s %9s %9s %9s %9s %7s  %s\n' fuzzer executions edges new features new inputs crashes
  for name in "$@"; do
    write_inputs "$name" || exit 1
    ((${#pids[@]} < $(nproc))) || finish_one
    start "$name" "$seconds"
  done
  while ((${#pids[@]} > 0)); do
    finish_one
  done
  for name in "${broken[@]}"; do
    explain "$name"
  done
  ((${#broken[@]} == 0))
}

main "$@"
