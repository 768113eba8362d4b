#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# shellcheck disable=SC2016 # back quotes are those of the page
# docs/promises.md names, for each promise of the README, tests that hold it. They are there.
# shellcheck source=tests/check/lib.bash
. "$(dirname "$0")/lib.bash"

page=docs/promises.md

# "LEVEL/NAME" of every test that the page names.
named() { grep -oE '`[a-z0-9]+/[a-z0-9_]+`' "$page" | tr -d '`' | sort -u; }

exists() { # LEVEL/NAME
  local found=(tests/"$1".sh tests/"$1".c)
  [[ -f ${found[0]} || -f ${found[1]} ]]
}

all_are_there() {
  local one
  for one in $(named); do exists "$one" || echo "$one is no test"; done | none
}

missing_is_found() { ! exists e2e/no_such_test; }

each_has_one() { # every numbered promise of the README has a row here with a test in it, and no other has
  diff <(sed -n '/^## What it promises/,/^##* *How/p' README.md | grep -oE '^[0-9]+\.') \
    <(grep -E '^\| [0-9]+\. .*`[a-z0-9]+/' "$page" | grep -oE '^\| [0-9]+\.' | cut -c 3-)
}

check "every test that is named exists" all_are_there
check "a test that is not there is found missing" missing_is_found
check "each promise has its tests" each_has_one
end_checks
