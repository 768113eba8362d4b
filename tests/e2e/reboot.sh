#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# A reboot: all that was the kernel's is gone, the state file is what is left. Ports are closed and live grants open
# before any feed has answered; what ended is not; and when the clock or the file cannot be right, ports are closed and
# it is said. That another clock meets the state is shown by a state that another clock saved: see also tests/sim.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin reboot

state=$tmp/state/snapshot
power_off() {
  kill9 jitgated
  forget_kernel || die "the program is still attached"
}
boot() {
  mark=$(mark_log jitgated)
  must_start_jitgated
}
said_since() { log_since jitgated "$mark"; }
first_line() { jg status | sed -n 1p; }
clock_set() { jg status --json | jq .clock_set; }

serve 22/tcp 3389/tcp
must_start_jitgated

# 1. With nothing but the state file.
feed_sync port=22/tcp port=3389/tcp grant=$cli4,22/tcp,20m grant=$cli4,3389/tcp,12s grant=$nbr4,22/tcp,1s
tick
short_end=$((now + 12000))
check "before: the learned port opens for its grant" tcp_from $cli4 3389
check "the short grant is open" tcp_from $nbr4 22
power_off
check "control: off, the ports are open to all" wait_for 3 tcp_from $cli4c 3389
past_end() { tick && ((now > short_end - 10500)); }
wait_for 10 past_end
boot
check "the live grant is open before any answer" tcp_from $cli4 22
check "the learned port, too, for who has a grant" tcp_from $cli4 3389
check "the grant that ended meanwhile is not" silent_for $nbr4 22
check "the learned port is closed" silent_for $nbr4 3389
is "it is known as one of the feed's" "[3389]" "$(jg status --json | jq -c '[.ports[] | select(.source == "feed" and .port != 22) | .port]')"
is "who was granted is known" '"tester"' "$(jg list --json | jq '.[0].requestor')"
is "the clock is not in question" true "$(clock_set)"
check "with no feed the grant closes at its own end" closes_for $cli4 3389 15
tick
within "and not before it" -400 $((now - short_end)) 3000
check "while the longer one goes on" tcp_from $cli4 22

# 2. Twice in a row, with no answer in between: nothing is forgotten.
power_off
boot
check "a second reboot: the grant is open" tcp_from $cli4 22
check "a second reboot: the learned port is closed" silent_for $nbr4 3389

# 3. A clock that is behind what was saved.
power_off
check "the state was saved an hour from now" "$build/probe" state-shift "$state" 3600s
boot
check "a clock behind the state: the saved grant is closed" silent_for $cli4 22
check "the learned port is closed" silent_for $nbr4 3389
check "the learned port is closed for who had a grant" silent_for $cli4 3389
like "the log says so, and what it waits for" \
  'THE CLOCK IS NOT SET: it shows 20.*, and the state was saved after 20.*[0-9]+ saved grants wait until it is set or a feed answers' \
  "$(said_since)"
like "status says so in its first line" 'the CLOCK IS NOT SET \(it shows 20' "$(first_line)"
is "and in JSON" false "$(clock_set)"
kill9 jitgated
boot
is "a restart does not make it right" false "$(clock_set)"
check "nor the grant open" silent_for $cli4 22
feed_sync port=22/tcp port=3389/tcp grant=$cli4,22/tcp,20m
check "a feed's answer opens" tcp_from $cli4 22
is "and settles the clock" true "$(clock_set)"
fails "status no longer speaks of it" grep -q 'NOT SET' <<<"$(jg status)"
power_off
boot
check "a reboot later all is well: the grant is open" tcp_from $cli4 22
is "a reboot later the clock is not in question" true "$(clock_set)"
power_off
check "control: the same state, saved half a minute from now" "$build/probe" state-shift "$state" 30s
boot
check "control: that is no wrong clock" tcp_from $cli4 22
is "and nothing is said of it" true "$(clock_set)"

# 4. A state file that is of no use. What `protect` names is closed whatever happens.
useless() { # NAME WHAT THE LOG SAYS
  boot
  like "$1: the log names the file" "$2" "$(said_since)"
  check "$1: the port in protect is closed, also for who had a grant" silent_for $cli4 22
  # shellcheck disable=SC2016 # back quotes are the text's
  like "$1: status says that only those are closed" 'ONLY `protect` PORTS ARE CLOSED' "$(first_line)"
  feed_sync port=22/tcp port=3389/tcp grant=$cli4,22/tcp,20m
  check "$1: an answer opens the grant" tcp_from $cli4 22
  check "$1: and closes the learned port" silent_for $nbr4 3389
}
with_state() { # NAME: what the state file becomes before the boot
  power_off
  "$@" || die "cannot make the state $*"
}
flip() { printf '\x5a' | dd of="$state" bs=1 seek="$1" conv=notrunc status=none; }
with_state rm "$state"
boot
fails "a missing state file is no error" grep -q 'state file' <<<"$(said_since)"
check "missing: the port in protect is closed, also for who had a grant" silent_for $cli4 22
# shellcheck disable=SC2016 # back quotes are the text's
like "missing: status says that only those are closed" 'ONLY `protect` PORTS ARE CLOSED' "$(first_line)"
feed_sync port=22/tcp port=3389/tcp grant=$cli4,22/tcp,20m
with_state flip 100
useless "a damaged file" 'state file .*checksum does not match; it is not used'
with_state truncate -s 40 "$state"
useless "a file cut short" 'state file .*truncated; it is not used'
with_state flip 8
useless "a file of another version" 'state file .*written by another version; it is not used'
replace_by_link() { mv "$state" "$tmp/elsewhere" && ln -s "$tmp/elsewhere" "$state"; }
with_state replace_by_link
useless "a link" 'state file .*; it is not used'
replace_by_folder() { rm -f "$state" && mkdir "$state"; }
with_state replace_by_folder
useless_folder() {
  boot
  like "a folder: the log names the file" 'state file .*; it is not used' "$(said_since)"
  check "a folder: the port in protect is closed" silent_for $cli4 22
}
useless_folder
stop jitgated
rmdir "$state"

# 5. With the filter running, a file that is of no use costs nothing, and there is a good one afterwards.
must_start_jitgated
feed_sync port=22/tcp port=3389/tcp grant=$cli4,22/tcp,20m
kill9 jitgated
flip 100
boot
like "a damaged file beside a running filter is said" 'state file .*checksum does not match' "$(said_since)"
check "the grant is open" tcp_from $cli4 22
check "the learned port is closed" silent_for $nbr4 3389
power_off
boot
fails "what the filter held was saved: a reboot later the file is whole" grep -q 'state file' <<<"$(said_since)"
check "the grant is open still" tcp_from $cli4 22
check "the learned port is closed still" silent_for $nbr4 3389
finish
