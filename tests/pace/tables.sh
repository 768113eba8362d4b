#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# tables.sh PROGRAM PAGE: what the program prints, between the two marks of the page.
set -u -o pipefail
new=$(mktemp) && tables=$(mktemp) || exit 1
trap 'rm -f "$new" "$tables"' EXIT
"$1" >"$tables" || { echo "$1: a figure is out of its bound, $2 stays as it is" >&2; exit 1; }
awk -v tables="$tables" '
  /^<!-- pace_sim -->$/ { print; print ""; while ((getline line < tables) > 0) print line; print ""; inside = 1; n++; next }
  /^<!-- end of pace_sim -->$/ { inside = 0; n++ }
  !inside
  END { exit n != 2 }' "$2" >"$new" || { echo "$2 has not the two marks of pace_sim" >&2; exit 1; }
cat "$new" >"$2"
