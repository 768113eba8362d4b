# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What the checks share: TAP, the list of files, a scratch folder. Sourced; leaves the shell in the root of the tree.

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

tap_n=0
tap_failed=0
scratch=$(mktemp -d "${TMPDIR:-/tmp}/jitgate-check.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# check NAME COMMAND...: passes when COMMAND returns 0 and printed nothing that matters; what it printed is shown when it fails.
check() {
  local name=$1
  shift
  tap_n=$((tap_n + 1))
  if "$@" >"$scratch/said" 2>&1; then
    echo "ok $tap_n - $name"
  else
    tap_failed=$((tap_failed + 1))
    echo "not ok $tap_n - $name"
    sed 's/^/# /' "$scratch/said"
  fi
}

end_checks() {
  echo "1..$tap_n"
  exit $((tap_failed > 0))
}

# Succeeds when standard input is empty; else shows it. For "list what is wrong | none".
none() {
  ! grep .
}

all_files() {
  find . \( -name .git -o -path ./build \) -prune -o -type f -print | sed 's|^\./||' | sort
}

c_files() {
  all_files | grep '\.[ch]$'
}

shell_files() {
  local file first
  all_files | while read -r file; do
    first=
    IFS= read -r first <"$file" 2>/dev/null
    [[ $file == *.@(sh|bash) || $first =~ ^'#!'.*[/\ ](ba|da)?sh([[:space:]]|$) ]] && echo "$file"
  done
}

# Files with text that people wrote: no fixture, no input of a fuzzer, no captured answer of a service.
text_files() {
  all_files | grep -vE '/(fixtures|corpus)/' | while read -r file; do
    grep -Iq . "$file" && echo "$file"
  done
}
