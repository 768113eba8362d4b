#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Static analysis. clang-tidy reads the text (.clang-tidy says what for); gcc -fanalyzer follows memory and descriptors,
# for it knows cleanup attributes.
# shellcheck source=tests/check/lib.bash
. "$(dirname "$0")/lib.bash"

flags=(-std=gnu17 -D_GNU_SOURCE '-DJITGATE_VERSION="0"' '-DCONF_PATH_DEFAULT="/nowhere"'
  -Iinclude -Iagent -Ibpf -Itests -Ibuild/release)

tidy() {
  { ls agent/*.c tests/*/*.c; } | xargs -P "$(nproc)" -I{} clang-tidy --quiet {} -- "${flags[@]}" 2>"$scratch/noise" ||
    { grep -v ' warnings generated' "$scratch/noise"; return 1; }
}

# At -O0, for with optimization it reads past what it has analyzed. Pointers that cannot be NULL because of another variable are
# beyond it: no null-dereference; what malloc may have returned is another warning and stays.
follow() {
  { ls agent/*.c; } | xargs -P "$(nproc)" -I{} gcc "${flags[@]}" -O0 -fanalyzer -Wno-analyzer-null-dereference \
    -fdiagnostics-plain-output -Werror -c {} -o /dev/null
}

check "clang-tidy has nothing to say" tidy
check "gcc -fanalyzer has nothing to say" follow
end_checks
