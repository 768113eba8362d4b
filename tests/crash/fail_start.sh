#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# System calls of a start that takes over fail, one at a time, in the ways of a machine that is full or broken. It gets
# ready all the same, or ends with a reason, and changes nothing of what is in force. CALLS_MAX: how many calls of each
# kind, evenly spread, from a place that differs from run to run; FULL=1: all.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin fail_start

# fail_start WAY N: whether its Nth call failed.
fail_start() {
  local kind=${1%:*} error=${1#*:} mark
  mark=$(mark_log jitgated)
  if traced_start -e "trace=$kind" -e "inject=$kind:error=$error:when=$2"; then
    kill9 jitgated
  else
    await jitgated 1 || { wrong+=("$*: neither ready nor at its end") && kill9 jitgated; }
    ((stopped_rc == 1 || stopped_rc == 78)) || wrong+=("$*: ended with $stopped_rc")
    [[ -n $(log_since jitgated "$mark") ]] || wrong+=("$*: ended without a word")
  fi
  grep -q INJECTED "$tmp/calls"
}
fail_starts() {
  local way first last n stride
  for way in "${ways[@]}"; do
    read -r first last < <(calls_of "${way%:*}") || continue
    stride=$(((last - first + calls_max) / calls_max))
    for ((n = first + offset % stride; n <= last; n += stride)); do
      fail_start "$way" "$n" && crashes=$((crashes + 1))
      heal "$way $n" "$always" "$either" || die "$way $n: cannot be healed" "${wrong[*]}"
      kill9 jitgated
    done
  done
}
# calls_of KIND: the numbers of the first and the last from main on, if there is any.
calls_of() {
  awk -F '(' -v kind="$1" '
    $1 == "getegid" { began = 1 }
    $1 == kind { n++; if (began) { last = n; if (!first) first = n } }
    END { if (!first) exit 1; print first, last }' "$tmp/all_calls"
}

serve 22/tcp
must_start_jitgated
feed_sync "${old[@]}"
kill9 jitgated
begin_streams
calls_max=${CALLS_MAX:-${FULL:+9999}}
calls_max=${calls_max:-3}
offset=${OFFSET:-$((RANDOM % 100))}
note "every call of a kind that is one of $calls_max, from number $offset on: OFFSET=$offset does the same again"
traced_start || die "it does not start under strace"
kill9 jitgated
mv "$tmp/calls" "$tmp/all_calls"
fail_starts
end_phase "a call of a start fails" 40
end_streams "starts in which a call fails"
finish
