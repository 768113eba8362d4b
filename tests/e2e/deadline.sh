#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The program ends a grant, not the agent: with the daemons stopped or killed the last packet passes before the
# deadline and the first one is dropped within 20 ms after it.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin deadline

serve 22/tcp
start_emulator
put_policy 22/TCP || die "arm refuses the policy"
must_start_jitgated
start_azure
check "closed before any grant" closes_for $cli4 22 5

# measure_deadline WHAT: the end of the stream and the session that run, with WHAT done to the daemons.
measure_deadline() {
  local what=$1 deadline
  deadline=$(deadline_of 22)
  check "$what: closed after the deadline" closes_for $cli4 22 12
  end_hold session held
  end_stream packets seen "$deadline"
  note "$what: of ${seen[sent]} packets the last passed ${seen[last_passed_us]} us from the deadline," \
    "  the first dropped at ${seen[first_lost_us]} us"
  within "$what: packets were sent before it" 200 "${seen[before_passed]}" 60000
  within "$what: packets were sent after it" 50 "${seen[after_lost]}" 60000
  is "$what: no packet before the deadline is dropped" 0 "${seen[before_lost]}"
  is "R14: $what: no packet after the deadline passes" 0 "${seen[after_passed]}"
  within "$what: the first drop is at most 20 ms after the deadline" 0 "${seen[first_lost_us]}" 20000
  within "R9, R14: $what: the session lived up to the deadline and not longer" -100 \
    $(((held[last_boot_ns] - deadline) / 1000000)) 20
}

# 1. Both daemons stopped.
emulator_do POST initiate-fast "{\"port\":22,\"source\":\"$cli4\",\"seconds\":9}" >/dev/null
check "open with a grant from Azure" opens_for $cli4 22 8s
start_stream packets $cli4 22/tcp 60s
start_hold session $cli4 22 60s
kill -STOP "${pids[jitgated]}" "${pids[azure]}"
measure_deadline SIGSTOP
kill -CONT "${pids[jitgated]}" "${pids[azure]}"
check "they go on afterwards" wait_for 5 jg status

# 2. jitgate-azure killed.
emulator_do POST initiate-fast "{\"port\":22,\"source\":\"$cli4\",\"seconds\":8}" >/dev/null
check "open again" opens_for $cli4 22 12s
start_stream packets $cli4 22/tcp 60s
start_hold session $cli4 22 60s
kill9 azure
measure_deadline "kill -9 of jitgate-azure"

# 3. jitgated killed.
feed_sync port=22/tcp grant=$cli4,22/tcp,2s
check "open once more" tcp_from $cli4 22 1s
start_stream packets $cli4 22/tcp 60s
start_hold session $cli4 22 60s
kill9 jitgated
measure_deadline "kill -9 of jitgated"

# 4. The positive control: a daemon that lives is no worse.
must_start_jitgated
feed_sync port=22/tcp grant=$cli4,22/tcp,2s
start_stream packets $cli4 22/tcp 60s
start_hold session $cli4 22 60s
measure_deadline "all alive"
finish
