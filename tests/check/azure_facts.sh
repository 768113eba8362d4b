#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# docs/azure.md and the tests say the same: which facts there are, and which file holds each. A test names its facts at the
# beginning of its name, "A4, R1: what it shows" (fact_test("A4, R1", ...) in cmocka's lists), so a text that begins so is
# the name of a test.
# shellcheck disable=SC2016 # back quotes are those of the page
# shellcheck source=tests/check/lib.bash
. "$(dirname "$0")/lib.bash"

page=docs/azure.md
ids='[AR][0-9]+(, [AR][0-9]+)*'

# "ID FILE", a line for each row and file, of the table rows "| ID | ... | `FILE`, `FILE` |" of PAGE.
told() {
  awk -F ' [|] ' '/^[|] [AR][0-9]+ [|]/ {
    id = substr($1, 3)
    n = split($NF, files, "`")
    if (n < 3) print id, "nothing"
    for (i = 2; i <= n; i += 2) print id, files[i]
  }' "$1" | sort -u
}

# The same, of the tests in folder DIR. The files of a folder that one test runs are that test.
held() {
  (cd "$1" && grep -rEo "\"$ids(: |\")" --exclude-dir=check .) | awk '{
    file = $0
    sub(/:".*/, "", file)
    sub(/^\.\//, "", file)
    sub(/^unit\/fixtures\/facts\/.*/, "unit/test_azure_facts.c", file)
    rest = substr($0, index($0, ":\"") + 2)
    while (match(rest, /[AR][0-9]+/)) {
      print substr(rest, RSTART, RLENGTH), file
      rest = substr(rest, RSTART + RLENGTH)
    }
  }' | sort -u
}

same() { # PAGE DIR
  diff <(told "$1") <(held "$2") | sed -n "s|^< |only in $1: |p; s|^> |only in $2: |p" | none
}

# Each id once, none left out: A1, A2, ... and R1, R2, ...
numbered() {
  local letter
  for letter in A R; do
    grep -oE "^\| ${letter}[0-9]+ " "$page" | tr -dc '0-9\n' | awk -v letter="$letter" '
      $1 != NR { print letter $1 " where " letter NR " is due" }
      END { if (NR < 2) print "no facts of kind " letter }'
  done | none
}

# The comparison on a small page and its test, whole and with one thing wrong: it has to find that.
finds() { # JUST-WHAT PAGE-LINE TEST-LINE
  local dir=$scratch/small
  rm -rf "$dir"
  mkdir -p "$dir/tests/e2e"
  printf '%s\n' '| A1 | x | y | `e2e/a.sh` |' "$2" >"$dir/page.md"
  printf '%s\n' 'check "A1: x" true' "$3" >"$dir/tests/e2e/a.sh"
  same "$dir/page.md" "$dir/tests" >"$dir/said"
  sed "s|$dir/||g" "$dir/said" | diff - <(printf '%s' "$1")
}

check "every fact of $page is held by the files it names, and no test names another" same "$page" tests
check "facts are numbered without a gap" numbered
check "control: a page and tests that fit" finds '' '| R2 | x | `e2e/a.sh` |' 'check "R2, A1: y" true'
check "control: a fact without a test is found" finds $'only in page.md: R2 e2e/a.sh\n' '| R2 | x | `e2e/a.sh` |' ''
check "control: a fact that names no file is found" finds $'only in page.md: R2 nothing\n' '| R2 | x | y |' ''
check "control: a test of an unknown fact is found" finds $'only in tests: A9 e2e/a.sh\n' '' 'fact_test("A1, A9", f)'
end_checks
