#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# jitgated is killed at every step of taking an answer, of a reload and of a shutdown: nobody with a grant loses a packet,
# nobody without one gets one through, and the next start heals everything.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin kill_acts

# Its answer comes when what was asked before is through.
settle() { jg status >/dev/null 2>&1; }

serve 22/tcp
must_start_jitgated
feed_sync "${old[@]}"
pins_due=$(pins)
kill9 jitgated

# 1. An answer that adds, keeps and drops a grant and closes a port.
reset_answer() { feed_sync "${old[@]}"; }
take_answer() {
  local before
  before=$(last_sync)
  feed "${new[@]}" >/dev/null 2>&1
  wait_for 5 dead_or_synced "$before"
  settle
}
dead_or_synced() { dead jitgated || sync_after "$1"; }
begin_streams
kill_acts "an answer killed" 10 reset_answer take_answer "$always" "$either"
end_streams "answers killed"
must_start_jitgated
feed_sync "${new[@]}"
is "after all that, the next answer is in force to the letter" "$new_alone" "$(held)"
kill9 jitgated

# 2. A reload that protects one port more.
reset_reload() {
  conf[protect]='{"22/tcp"}'
  write_conf && reload_jitgated
}
take_reload() {
  conf[protect]='{"22/tcp", "9090/tcp"}'
  write_conf
  kill -HUP "${pids[jitgated]}"
  wait_for 5 dead_or_reloaded
  settle
}
dead_or_reloaded() { dead jitgated || jg status --json | jq -e 'any(.ports[]; .port == 9090)'; }
begin_streams
kill_acts "a reload killed" 5 reset_reload take_reload "$always" "$either"
end_streams "reloads killed"

# 3. A shutdown, which changes nothing at all: at every call.
nothing() { :; }
take_end() {
  kill -TERM "${pids[jitgated]}"
  wait_for 5 dead jitgated
}
begin_streams
FULL=1 kill_acts "a shutdown killed" 1 nothing take_end "$always" "$either"
end_streams "shutdowns killed"
finish
