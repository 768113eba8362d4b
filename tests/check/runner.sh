#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The runner counts right and believes nobody: programs that fail, crash, hang, lie about their plan or say nothing.
# shellcheck source=tests/check/lib.bash
. "$(dirname "$0")/lib.bash"

unset REQUIRE_ALL
export TMPDIR=$scratch # where the runner keeps its files: they have to be gone afterwards
out=$scratch/out

two_good='printf "1..2\nok 1 - a\nok 2 - b\n"'
one_skipped='printf "ok 1 - a\nok 2 - b # SKIP no such thing here\n1..2\n"'

# Closing line, exit code, then entries.
ends_with() {
  local closing=$1 code=$2 got
  shift 2
  tests/run "$@" >"$out" 2>&1
  got=$?
  [[ $got == "$code" ]] || { echo "exit code $got, not $code"; cat "$out"; return 1; }
  [[ $(tail -n 1 "$out") == "$closing" ]] || { echo "closing line is not: $closing"; cat "$out"; return 1; }
}

says() {
  grep -qF -- "$1" "$out" || { echo "does not say: $1"; cat "$out"; return 1; }
}

all_good() {
  ends_with '4 passed, 0 failed, 0 skipped' 0 '# two programs' "a: $two_good" "b: $two_good" && says 'two programs' &&
    ! grep -q 'Not passed' "$out"
}
failing() {
  ends_with '1 passed, 1 failed, 0 skipped' 1 'a: printf "1..2\nok 1 - x\nnot ok 2 - the rule\n# seen: 7\n"; exit 1' &&
    says '  a: the rule' && says '# seen: 7'
}
beside_each_other() { # each waits for the other; told of in order, a heading waits for both
  local first="echo >$scratch/b1; until [[ -e $scratch/b2 ]]; do sleep 0.05; done" second="echo >$scratch/b2"
  ends_with '4 passed, 0 failed, 0 skipped' 0 "a @20 &: $first; $two_good" \
    "b @20 &: $second; until [[ -e $scratch/b1 ]]; do sleep 0.05; done; $two_good" '# behind' &&
    [[ $(awk '/^ok|^behind/ { printf "%s ", $1 == "ok" ? $2 : $1 }' "$out") == 'a b behind ' ]]
}
not_unless_told() { # the second would find the first one's file
  ends_with '4 passed, 0 failed, 0 skipped' 0 "a: echo >$scratch/c; sleep 0.3; rm $scratch/c; $two_good" \
    "b: ! [[ -e $scratch/c ]] && $two_good"
}
many_beside() { # one of them fails, and it is that one
  ends_with '10 passed, 1 failed, 0 skipped' 1 "a &: $two_good" "b &: $two_good" "c &: $two_good" \
    'd &: printf "1..1\nnot ok 1 - x\n"; exit 1' "e &: $two_good" "f &: $two_good" && says '  d: x'
}
failing_with_exit_0() { ends_with '0 passed, 1 failed, 0 skipped' 1 'a: printf "1..1\nnot ok 1 - x\n"'; }
crashing() {
  ends_with '1 passed, 1 failed, 0 skipped' 1 'a: printf "1..2\nok 1 - x\n"; kill -SEGV $$' && says 'ended by signal 11'
}
bad_exit() { ends_with '2 passed, 1 failed, 0 skipped' 1 "a: $two_good; exit 3" && says 'exit code 3, although'; }
not_there() { ends_with '0 passed, 1 failed, 0 skipped' 1 'a: ./no-such-program' && says 'command not found'; }
too_few() { ends_with '1 passed, 1 failed, 0 skipped' 1 'a: printf "1..2\nok 1 - x\n"' && says 'planned 2, ran 1'; }
too_many() { ends_with '2 passed, 1 failed, 0 skipped' 1 'a: printf "1..1\nok 1\nok 2\n"' && says 'planned 1, ran 2'; }
no_plan() { ends_with '1 passed, 1 failed, 0 skipped' 1 'a: echo ok 1' && says 'no plan'; }
two_plans() { ends_with '2 passed, 1 failed, 0 skipped' 1 "a: $two_good; echo 1..2" && says 'a second plan'; }
out_of_order() { ends_with '2 passed, 1 failed, 0 skipped' 1 'a: printf "1..2\nok 2\nok 1\n"' && says 'test 2 came where 1 was due'; }
nothing_planned() { ends_with '0 passed, 1 failed, 0 skipped' 1 'a: echo 1..0' && says 'planned no test'; }
printing_nothing() { ends_with '0 passed, 1 failed, 0 skipped' 1 'a: true' && says 'printed nothing'; }
bailing_out() { ends_with '2 passed, 1 failed, 0 skipped' 1 "a: $two_good; echo 'Bail out! no root'" && says 'Bail out! no root'; }
a_remark_is_shown() {
  ends_with '2 passed, 0 failed, 0 skipped' 0 "a: echo '## a table'; echo '# a note'; $two_good" && says '      a table' &&
    ! grep -q 'a note' "$out"
}
stderr_apart() { # half a line on stderr does not spoil the TAP; it is shown when something fails
  ends_with '1 passed, 1 failed, 0 skipped' 1 'a: echo 1..2; printf half >&2; echo ok 1; echo not ok 2' && says '| half'
}

hanging() {
  ends_with '0 passed, 1 failed, 0 skipped' 1 "a @1: sleep 7777" && says 'no end within 1 s' && ! pgrep -f '^sleep 7777$'
}
leaving_processes() {
  ends_with '2 passed, 1 failed, 0 skipped' 1 "a: sleep 7778 & $two_good" && says 'left running' && ! pgrep -f '^sleep 7778$'
}

skipping() { ends_with '1 passed, 0 failed, 1 skipped' 0 "a: $one_skipped" && says 'a: skipped: b: no such thing here'; }
skipping_all() { ends_with '0 passed, 0 failed, 1 skipped' 0 'a: echo "1..0 # SKIP not root"' && says 'not root'; }
skipping_in_cmocka() { ends_with '0 passed, 0 failed, 1 skipped' 0 'a: printf "1..1\nnot ok 1 # SKIP b\n"'; }
skip_is_failure() {
  REQUIRE_ALL=1 ends_with '1 passed, 1 failed, 0 skipped' 1 "a: $one_skipped" && says 'a: skipped: b: no such thing here'
}
require_all_stays_out() { # it is the runner's, not the programs'
  REQUIRE_ALL=1 ends_with '1 passed, 0 failed, 0 skipped' 0 'a: echo 1..1; env | grep -q ^REQUIRE_ALL || echo ok 1'
}

misused() {
  tests/run >"$out" 2>&1
  [[ $? == 2 ]] && says 'nothing to run' || return 1
  tests/run 'no colon' >"$out" 2>&1
  [[ $? == 2 ]] && says 'not an entry: no colon'
}

interrupted_by() { # signal, exit code: the program gets its chance to clean up, and everything ends
  local runner tries
  set -m
  tests/run "a: trap 'echo cleaned >$scratch/cleaned; exit' TERM; echo \$\$ >$scratch/pid; sleep 7779 & wait" >"$out" 2>&1 &
  runner=$!
  set +m
  for ((tries = 100; tries > 0; tries--)); do
    [[ -s $scratch/pid ]] && break
    sleep 0.05
  done
  kill -s "$1" "$runner"
  wait "$runner"
  [[ $? == "$2" && -e $scratch/cleaned ]] || { echo "not cleaned up"; return 1; }
  rm -f "$scratch/cleaned" "$scratch/pid"
  ! pgrep -f '^sleep 7779$'
}

nothing_left() {
  find "$scratch" -name 'jitgate-run.*' | none
}

check "passes are added up" all_good
check "programs run beside each other when told so, in order for the reader" beside_each_other
check "else one after another" not_unless_told
check "a failure among many is that one's" many_beside
check "a failed test fails, its output is shown" failing
check "a failed test fails, though the program exits 0" failing_with_exit_0
check "a crash is a failure" crashing
check "an exit code without a failed test is a failure" bad_exit
check "a program that is not there is a failure" not_there
check "fewer tests than planned is a failure" too_few
check "more tests than planned is a failure" too_many
check "no plan is a failure" no_plan
check "two plans are a failure" two_plans
check "tests out of order are a failure" out_of_order
check "an empty plan is a failure" nothing_planned
check "printing nothing is a failure" printing_nothing
check "bailing out is a failure" bailing_out
check "stderr does not mix with TAP" stderr_apart
check "a remark is shown when all is well too, a note is not" a_remark_is_shown
check "a hanging program is ended and is a failure" hanging
check "a process left behind is ended and is a failure" leaving_processes
check "a skip is counted and explained" skipping
check "a whole program can be skipped" skipping_all
check "cmocka's form of a skip is one" skipping_in_cmocka
check "REQUIRE_ALL=1 makes a skip a failure" skip_is_failure
check "REQUIRE_ALL is not passed on" require_all_stays_out
check "misuse is exit code 2" misused
check "INT ends the program and the runner" interrupted_by INT 130
check "TERM ends the program and the runner" interrupted_by TERM 143
check "no temporary file is left" nothing_left
end_checks
