#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# jitgated is killed at every step of the first start after a reboot: there is the state file, and nothing in the kernel.
# Who has a grant is never locked out, what is attached is closed to others, and the next start heals everything.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin kill_boot

serve 22/tcp
must_start_jitgated
feed_sync "${old[@]}"
pins_due=$(pins)
kill9 jitgated
kill_starts "a start after a reboot killed" 40 forget_kernel no_lock_out "$always" "$either"
finish
