#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# jitgated is killed at every step of an order of its operator's: arm, confirm, disarm, open, close. Afterwards all of the
# order is in force or nothing of it, a trial still ends by itself, and what status says is so.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin kill_orders

order() { timeout 5 nsenter --net="/run/netns/$ns_srv" -- "$build/jitgate" -c "$tmp/jitgate.conf" "$@" >/dev/null 2>&1; }
arming() { bpftool -j map lookup pinned "$pin/state_v1" key 0 0 0 0 | jq -r '(.formatted // .).value |
  if .mode == 0 then "enforce" elif .confirm_until_boot_ns > 0 then "trial" else "audit" end'; }
recorded() { [[ -e $tmp/state/armed ]] && echo yes || echo no; }
begin_granted() { start_stream granted "$cli4" 22/tcp 600s; }
end_granted() {
  end_stream granted seen
  is "$1: a granted source loses no packet" 0 "${seen[lost]}"
  within "$1: of so many" 100 "${seen[sent]}" 600000
}

serve 22/tcp
conf[mode]='"audit"'
must_start_jitgated
feed_sync "${old[@]}"
pins_due=$(pins)
begin_granted

# 1. arm: on trial or not at all, and never for good.
after_heal=arm_heals
to_audit() { order disarm; [[ $(arming) == audit ]]; }
arm() { order arm --confirm 60s --force; }
arm_heals() { [[ "$(arming) $(recorded)" =~ ^(trial|audit)" "no$ ]] || echo "$(arming), recorded: $(recorded)"; }
kill_acts "arm killed" 1 to_audit arm "$always" "$either"

# 2. confirm: it lasts, or is still on trial. Nobody was told that it lasts when it does not.
to_trial() { to_audit && arm && [[ $(arming) == trial ]]; }
confirm() { order confirm; }
after_heal=confirm_heals
confirm_heals() { [[ "$(arming) $(recorded)" =~ ^(trial" "no|enforce" "yes)$ ]] || echo "$(arming), recorded: $(recorded)"; }
kill_acts "confirm killed" 4 to_trial confirm "$always" "$either"

# 3. disarm: audit, or as before.
to_confirmed() { to_trial && confirm && [[ "$(arming) $(recorded)" == "enforce yes" ]]; }
disarm() { order disarm; }
after_heal=disarm_heals
disarm_heals() { [[ "$(arming) $(recorded)" =~ ^(audit" "no|enforce" "yes)$ ]] || echo "$(arming), recorded: $(recorded)"; }
kill_acts "disarm killed" 2 to_confirmed disarm "$always" "$either"

# 4. A trial that nobody confirms ends without its agent.
plain_start && to_audit && order arm --confirm 5s --force
is "on trial" trial "$(arming)"
check "the port is closed" closes_for "$nbr4" 22 3
kill9 jitgated
check "with the agent killed, it opens at the end of the trial" opens_for "$nbr4" 22 8s
plain_start
is "and it is audit at the next start" audit "$(arming)"
kill9 jitgated
end_granted "orders of arming killed"

# 5. open: for that source until its end, or not at all, and what passes is what is listed.
conf[mode]='"enforce"'
write_conf
plain_start || die "it does not start"
begin_streams
close22() { order close 22 --from "$cli4c"; }
open22() { order open 22 --from "$cli4c" --for 10m --reason test; }
to_closed() { close22; [[ $(opened) == 0 ]]; }
opened() { jg list --json | jq --arg s "$cli4c" '[.[] | select(.source == $s and .by_hand)] | length'; }
# What was put and not recorded lives on as found in the maps, as what a feed granted does, until a feed answers.
listed() { jg list --json | jq --arg s "$cli4c" '[.[] | select(.source == $s)] | length'; }
after_heal=passes_if_listed
passes_if_listed() {
  if [[ $(listed) == 0 ]]; then
    silent_for "$cli4c" 22 150ms >/dev/null || echo "it passes, and is not listed"
  else
    tcp_from "$cli4c" 22 >/dev/null || echo "it is listed, and does not pass"
  fi
}
kill_acts "open killed" 5 to_closed open22 "$always" "$either"

# 6. close.
to_open() { open22; [[ $(opened) == 1 ]]; }
kill_acts "close killed" 5 to_open close22 "$always" "$either"
end_streams "orders of break-glass killed"
finish
