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
kill9 jitgated
begin_streams
kill_starts "a start killed" 100 nothing nothing "$always" "$either"
end_streams "starts killed"
finish
