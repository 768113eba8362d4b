#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# jitgated is killed at every step of the first start after a reboot: there is the state file, and nothing in the kernel.
# Who has a grant is never locked out, what is attached is closed to others, and the next start heals
# everything. At every third step of a kind, unless STRIDE says otherwise: kill_start.sh takes each.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin kill_boot

no_lock_out() {
  tcp_from "$cli4" 22 >/dev/null || return 1
  [[ -z $(xdp_id) ]] || silent_for "$nbr4" 22 >/dev/null
}
serve 22/tcp
must_start_jitgated
feed_sync "${old[@]}"
kill9 jitgated
STRIDE=${STRIDE:-3}
kill_starts "a start after a reboot killed" 40 forget_kernel no_lock_out "$always" "$either"
finish
