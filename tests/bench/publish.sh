#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The last `make bench` into what is checked in: docs/bench.svg, and README between its two marks.
#
#   tests/bench/publish.sh [FOLDER]    where bench.json and bench.svg are, build/ if not said
set -eu -o pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
from=${1:-build}
readme=README.md
begin='<!-- bench: begin, written by make bench-publish -->' end='<!-- bench: end -->'

[[ -f $from/bench.json && -f $from/bench.svg ]] || { echo "bench-publish: no figures: make bench first" >&2; exit 1; }
[[ $(grep -cxF -e "$begin" -e "$end" "$readme") == 2 ]] || { echo "bench-publish: the marks are not in $readme" >&2; exit 1; }
jq -e '.unsound == []' "$from/bench.json" >/dev/null || { echo "bench-publish: the last run is not sound" >&2; exit 1; }

tables=$(mktemp)
trap 'rm -f "$tables" "$readme.new"' EXIT
jq -r --arg form markdown -f "$here/report.jq" "$from/bench.json" >"$tables"
awk -v begin="$begin" -v end="$end" -v tables="$tables" '
  $0 == end { inside = 0 }
  !inside { print }
  $0 == begin {
    inside = 1
    print ""
    while ((getline line < tables) > 0) print line
    print ""
  }' "$readme" >"$readme.new"
mv "$readme.new" "$readme"
mkdir -p docs
cp "$from/bench.svg" docs/bench.svg
