#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The last `make bench` into what is checked in: docs/bench.svg, and README and docs/bench.md between their two marks.
#
#   tests/bench/publish.sh [FOLDER]    where bench.json and bench.svg are, build/ if not said
set -eu -o pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
from=${1:-build}
begin='<!-- bench: begin, written by make bench-publish -->' end='<!-- bench: end -->'

fail() {
  echo "bench-publish: $1" >&2
  exit 1
}

check_marks() { [[ $(grep -cxF -e "$begin" -e "$end" "$1") == 2 ]] || fail "the marks are not in $1"; }

# fill FILE FORM
fill() {
  jq -r --arg form "$2" -f "$here/report.jq" "$from/bench.json" >"$tables"
  awk -v begin="$begin" -v end="$end" -v tables="$tables" '
    $0 == end { inside = 0 }
    !inside { print }
    $0 == begin {
      inside = 1
      print ""
      while ((getline line < tables) > 0) print line
      close(tables)
      print ""
    }' "$1" >"$whole"
  cat "$whole" >"$1"
}

[[ -f $from/bench.json && -f $from/bench.svg ]] || fail "no figures: make bench first"
check_marks README.md
check_marks docs/bench.md
jq -e '.unsound == []' "$from/bench.json" >/dev/null || fail "the last run is not sound"
jq -e '.noisy == []' "$from/bench.json" >/dev/null ||
  fail "the last run was disturbed, some rates differ by a quarter from round to round; see .noisy in $from/bench.json"

tables=$(mktemp) whole=$(mktemp)
trap 'rm -f "$tables" "$whole"' EXIT
fill README.md overview
fill docs/bench.md details
cp "$from/bench.svg" docs/bench.svg
