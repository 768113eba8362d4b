#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Linters of everything that is not C: shell, manual pages, units.
# shellcheck source=tests/check/lib.bash
. "$(dirname "$0")/lib.bash"

shell_is_clean() {
  shell_files | xargs shellcheck -x
}

executable_as_meant() { # a program is executable, a file that is sourced is not
  local file
  shell_files | while read -r file; do
    if [[ $(head -c 2 "$file") == '#!' ]]; then
      [[ -x $file ]] || echo "$file: has #! and is not executable"
    else
      [[ ! -x $file ]] || echo "$file: is executable and has no #!"
    fi
  done | none
}

manual_is_clean() {
  mandoc -T lint -W warning packaging/man/*.[1-8]
}

check "shellcheck has nothing to say" shell_is_clean
check "programs are executable, libraries are not" executable_as_meant
check "mandoc has no warning" manual_is_clean
end_checks
