#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# System calls of a start that takes over fail, one at a time, in the ways of a machine that is full or broken. It gets
# ready all the same, or ends with a reason, and changes nothing of what is in force. CALLS_MAX: how many calls of each
# kind, evenly spread.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin fail_start

# fail_start START WAY N: whether its Nth call failed.
fail_start() {
  local kind=${2%:*} error=${2#*:} mark
  mark=$(mark_log jitgated)
  if "$1" -e "trace=$kind" -e "inject=$kind:error=$error:when=$3"; then
    kill9 jitgated
  else
    await jitgated 1 || { wrong+=("$*: neither ready nor at its end") && kill9 jitgated; }
    ((stopped_rc == 1 || stopped_rc == 78)) || wrong+=("$*: ended with $stopped_rc")
    [[ -n $(log_since jitgated "$mark") ]] || wrong+=("$*: ended without a word")
  fi
  [[ $1 == traced_start ]] || await strace 5
  grep -q INJECTED "$tmp/calls"
}
fail_part() { # START
  local way i n stride numbers
  for way in "${ways[@]}"; do
    mapfile -t numbers < <(calls_of "${way%:*}")
    stride=$(((${#numbers[@]} + calls_max - 1) / calls_max))
    for ((i = 0; i < ${#numbers[@]}; i += stride > 0 ? stride : 1)); do
      n=${numbers[i]}
      fail_start "$1" "$way" "$n" && crashes=$((crashes + 1))
      heal "$1 $way $n" "$always" "$either" || die "$1 $way $n: cannot be healed" "${wrong[*]}"
      kill9 jitgated
    done
  done
}

serve 22/tcp
must_start_jitgated
feed_sync "${old[@]}"
kill9 jitgated
begin_streams
calls_max=${CALLS_MAX:-3}
# shellcheck disable=SC2119 # with no option
traced_start || die "it does not start under strace"
kill9 jitgated
count_calls getegid getsid
fail_part traced_start
# shellcheck disable=SC2119 # with no option
paused_start || die "it does not start under strace, behind the self-test"
kill9 jitgated
await strace 5
count_calls '' ''
fail_part paused_start
end_phase "a call of a start fails" 50
end_streams "starts in which a call fails"
finish
