#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What `make bench` makes of its measurements: which of them count, the medians and ratios, the targets. Made-up numbers, no packets.
# shellcheck source=tests/check/lib.bash
. "$(dirname "$0")/lib.bash"

lines=$scratch/lines

# judged CASE SENT RECEIVED COUNTED ARRIVED: the error of that measurement, "null" for none.
judged() {
  jq -n -r --arg case "$1" --arg contestant it --arg family v4 --argjson grants 16 --argjson round 1 \
    --argjson flood "{\"sent\": $2, \"ns\": 1000000}" --arg before "7 70 700" --arg after "$((7 + $3)) $((70 + $4)) $((700 + $5))" \
    -f tests/bench/measurement.jq | jq -r .error
}
judges() { # WANTED CASE NUMBERS…
  local said
  said=$(judged "${@:2}")
  [[ $said == "$1" ]] || { echo "$said"; return 1; }
}

counts_that_agree() {
  judges null flood 10000 10000 9951 49 && judges null granted 10000 10049 10000 9951
}
generator_failed() { judges "the generator failed" flood 0 0 0 0; }
lost_on_the_link() { judges "9900 of 10000 frames came out of the link" flood 10000 9900 9900 0; }
uncounted() { judges "it counted 9900 of 10000 packets" flood 10000 10000 9900 0; }
let_through() {
  judges "100 of 10000 packets got through" flood 10000 10000 10000 100 &&
    judges "100 of 10000 packets got through" flood_near 10000 10000 10000 100
}
held_back() { judges "9900 of 10000 packets arrived behind it" unprotected 10000 10000 10000 9900; }

# rate CONTESTANT ROUND MPPS [ERROR]; contestants bare_drop and native
rate() {
  jq -nc --arg contestant "$1" --argjson round "$2" --argjson mpps "$3" --arg error "${4-}" '{case: "flood", $contestant,
    family: "v4", grants: 16, $round, $mpps, error: (if $error == "" then null else $error end)}' >>"$lines"
}
begin_lines() {
  printf '%s\n' '{"contestant": "bare_drop", "title": "bare"}' '{"contestant": "native", "title": "jitgate"}' >"$lines"
}
summary_says() { # JQ CONDITION
  jq -s --argjson machine '{}' --argjson agent '[null]' -f tests/bench/summary.jq "$lines" >"$scratch/summary" || return 1
  jq -e "$1" "$scratch/summary" >/dev/null || { cat "$scratch/summary"; return 1; }
}

# The machine is half as fast in the second round, the only one that both were measured in.
ratios_of_the_same_round() {
  begin_lines
  rate bare_drop 1 4 && rate bare_drop 2 2 && rate native 2 1.92
  summary_says '.cases[] | select(.contestant == "native") | .mpps == 1.92 and .of_bare == 0.96' &&
    summary_says '.targets[0] | .reached and .figure == 0.96' && summary_says '.unsound == []'
}
medians() {
  begin_lines
  rate bare_drop 1 4 && rate bare_drop 2 4 && rate bare_drop 3 4 && rate bare_drop 4 5
  rate native 1 3.9 && rate native 2 1 && rate native 3 3.8
  summary_says '[.cases[] | .mpps] == [4, 3.8] and (.cases[1].rounds == [3.9, 1, 3.8])'
}
slow_is_not_reached() {
  begin_lines
  rate bare_drop 1 4 && rate native 1 3.79
  summary_says '.targets[0] | .reached == false and .figure == 0.948'
}
errors_do_not_count() {
  begin_lines
  rate bare_drop 1 4 && rate bare_drop 2 4 && rate bare_drop 3 4
  rate native 1 3.9 && rate native 2 9 broken && rate native 3 3.7
  summary_says '(.cases[] | select(.contestant == "native") | .mpps == 3.8) and (.errors | length == 1) and .unsound == []'
}
half_in_error_is_unsound() {
  begin_lines
  rate bare_drop 1 4 && rate bare_drop 2 4
  rate native 1 3.9 && rate native 2 3.9 broken
  summary_says '.unsound | length == 1 and .[0].contestant == "native"'
}
disturbed_is_noisy() {
  begin_lines
  rate bare_drop 1 4 && rate bare_drop 2 4 && rate bare_drop 3 2 && rate native 1 2.6 && rate native 2 4 && rate native 3 5.1
  summary_says '.noisy | length == 1 and .[0].contestant == "native"'
}
not_set_up_is_unsound() {
  begin_lines
  rate bare_drop 1 4
  echo '{"contestant": "native", "family": "v4", "grants": 16, "error": "cannot be set up"}' >>"$lines"
  summary_says '(.unsound | length == 1) and all(.targets[]; .reached | not)'
}

# ns CASE GRANTS NS: of root, beside an empty program's 6
ns() { echo "{\"run\": \"$1\", \"program\": \"root\", \"family\": \"v4\", \"grants\": $2, \"ns\": $3, \"empty_ns\": 6}" >>"$lines"; }
nanoseconds_are_over_the_empty_program() {
  begin_lines
  ns unprotected 16 18 && ns denied 16 42 && ns denied_near 16 36 && ns granted 16 91
  ns denied 10000 84 && ns denied_near 10000 72
  summary_says '[.targets[2:8][] | .figure] == [12, 36, 30, 85, 2, 2]' &&
    summary_says '[.targets[2:8][] | .reached] == [true, false, true, true, true, true]'
}

root_beside_the_filter() {
  begin_lines
  rate bare_drop 1 4 && rate native 1 3.9 && ns granted 16 56
  echo '{"run": "granted", "program": "gate", "family": "v4", "grants": 16, "ns": 54, "empty_ns": 7}' >>"$lines"
  summary_says true && jq -r --arg form details -f tests/bench/report.jq "$scratch/summary" |
    grep -qxF '| granted, IPv4 | 47 | 50 | 3 | ×1.04 |'
}

report_and_chart() {
  begin_lines
  rate bare_drop 1 4 && rate native 1 3.9 && ns denied 16 42
  summary_says true && jq -r --arg form text -f tests/bench/report.jq "$scratch/summary" >"$scratch/text" &&
    grep -q 'jitgate *3.90 ×0.98' "$scratch/text" &&
    jq -r --arg form overview -f tests/bench/report.jq "$scratch/summary" | grep -q '^| jitgate | 3.90 ×0.98 |' &&
    jq -r -f tests/bench/chart.jq "$scratch/summary" | tail -n 1 | grep -qx '</svg>'
}

check "a measurement counts when the numbers agree to half a percent" counts_that_agree
check "it does not when the generator fails" generator_failed
check "nor when the link loses frames" lost_on_the_link
check "nor when the filter counts others than were sent" uncounted
check "nor when a closed port lets packets through" let_through
check "nor when traffic that may pass does not arrive" held_back
check "ratios are of the same round" ratios_of_the_same_round
check "the median of the rounds counts" medians
check "a target that is missed is not reached" slow_is_not_reached
check "a measurement with an error has no part in the figures" errors_do_not_count
check "with half of the rounds in error the run is not sound" half_in_error_is_unsound
check "nor when a contestant cannot be set up" not_set_up_is_unsound
check "a rate of which two rounds are a quarter off is noisy" disturbed_is_noisy
check "nanoseconds are those over an empty program" nanoseconds_are_over_the_empty_program
check "what the root program costs is told beside the filter alone" root_beside_the_filter
check "table and chart can be made of it" report_and_chart
end_checks
