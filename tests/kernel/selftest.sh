#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# `jitgate selftest` on the kernel that runs, as TAP: it judges many frames, and none of them surprises it.
set -u
export LC_ALL=C

jitgate=${JITGATE_BUILD:-build/release}/jitgate
frames_min=10000 # as the manual says
n=0 failed=0

# expect NAME COMMAND...: ok when it succeeds
expect() {
  local name=$1
  shift
  n=$((n + 1))
  if "$@" >/dev/null 2>&1; then
    echo "ok $n - $name"
  else
    failed=1
    echo "not ok $n - $name"
  fi
}

said=$("$jitgate" selftest --json)
rc=$?
expect "exit code 0" test $rc = 0
expect "at least $frames_min frames were judged" jq -e ".frames >= $frames_min" <<<"$said"
expect "none was judged otherwise than expected" jq -e '.surprises == []' <<<"$said"
if ((failed)); then
  echo "# exit code $rc"
  jq -r '.surprises[]?' <<<"$said" 2>/dev/null | head -n 20 | sed 's/^/# /'
fi
echo "1..$n"
exit $failed
