#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What is run on each kernel, and how it is told, for run.sh to read:
#
#   === kernel VERSION, === begin NAME, what the program printed, === end NAME EXIT-CODE, === all
#
#   tests/kernel/programs.sh [NAME...]     only those; from the top folder
set -u
release=${JITGATE_BUILD:-build/release}
only=" $* "

run_program() {
  local name=$1 rc began=${EPOCHREALTIME/./}
  shift
  [[ $only == *[![:space:]]* && $only != *" $name "* ]] && return
  echo "=== begin $name"
  "$@"
  rc=$?
  echo "# $name: $(((${EPOCHREALTIME/./} - began) / 1000000)) s"
  echo "=== end $name $rc"
}

echo "=== kernel $(uname -r)"
run_program packet_test "$release/packet_test"
run_program trie_test "$release/trie_test" 1500
run_program selftest bash tests/kernel/selftest.sh
run_program bypass bash tests/e2e/bypass.sh
run_program conflict bash tests/e2e/conflict.sh short
run_program case bash tests/kernel/case.sh
echo "=== all"
