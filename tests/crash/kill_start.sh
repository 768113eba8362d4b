#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# jitgated is killed at every step of a start that takes over what is in force: nobody with a grant loses a packet, nobody
# without one gets one through, and the next start heals everything.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin kill_start

nothing() { :; }
serve 22/tcp
must_start_jitgated
feed_sync "${old[@]}"
pins_due=$(pins)
kill9 jitgated
begin_streams
kill_starts "a start killed" 20 nothing nothing "$always" "$either"

# Within its self-test, which is left out of all others.
unset JITGATE_UNTRIED
for at in getsid:1 bpf:500 bpf:5000; do
  traced_start -e "trace=${at%:*}" -e "inject=${at%:*}:signal=KILL:when=${at#*:}" && die "a start is not killed in its self-test"
  await jitgated 5 && ((stopped_rc == 137)) && crashes=$((crashes + 1))
  heal "self-test $at" "$always" "$either" || die "a self-test that is killed cannot be healed" "${wrong[*]}"
  kill9 jitgated
done
end_phase "a self-test killed" 3
end_streams "starts killed"
finish
