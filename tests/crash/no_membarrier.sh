#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# A kernel that refuses membarrier (nohz_full): between a policy and the flows that are judged by it jitgated waits for so
# long as many packets take, and a revoked session ends when its drain does.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin no_membarrier

conf[session]='"drain=1s"'
serve 22/tcp
must_start_jitgated
calls_made() { grep -c "^$1(.*${2-}" "$tmp/calls"; }

# revoke_under OPTION…: a session of a grant that is revoked, with what jitgated calls meanwhile in calls.
revoke_under() {
  feed_sync port=22/tcp grant=$cli4,22/tcp,20m
  start_hold session $cli4 22 60s 300ms
  trace_running -e trace=membarrier,clock_nanosleep "$@"
  feed_sync port=22/tcp
  check "a new connection is refused" closes_for $cli4 22 3
  check "the session ends with its drain" wait_for 5 dead session
  end_hold session held
  is "as one whose socket was ended" reset "${held[end]-}"
  stop strace INT
}

# The positive control: where the kernel has it, nothing waits.
revoke_under
within "it is called" 1 "$(calls_made membarrier '= 0')" 99
is "and there is no other wait" 0 "$(calls_made clock_nanosleep)"
for error in EINVAL ENOSYS EPERM; do
  revoke_under -e "inject=membarrier:error=$error"
  refused=$(calls_made membarrier INJECTED)
  within "$error: it is refused" 1 "$refused" 99
  is "and each time it waits for 10 ms instead" "$refused" "$(calls_made clock_nanosleep 'tv_nsec=10000000}.*= 0')"
done
check "jitgated goes on" jg status
finish
