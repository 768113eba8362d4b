#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Enforcement outlives the agent: killed, restarted, stopped, rebooted, and taken off only when asked.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin restart

serve 22/tcp 80/tcp
must_start_jitgated
feed_sync port=22/tcp grant=$cli4,22/tcp,5m grant=$cli6,22/tcp,5m
remember
untouched "the client has a grant, the neighbour has none"

# 1. kill -9 and restart, three times, under traffic.
start_stream granted $cli4 22/tcp 60s
start_stream granted6 $cli6 22/tcp 60s
start_stream ungranted $nbr4 22/tcp 60s
start_hold session $cli4 22 60s 2s
for _ in 1 2 3; do
  kill9 jitgated
  must_start_jitgated
done
untouched "after three kills the same program and maps are at work"
end_hold session held
end_stream granted seen
is "restarts cost a granted source no packet" 0 "${seen[lost]}"
within "while so many were sent" 100 "${seen[sent]}" 60000
end_stream granted6 seen
is "restarts cost a granted IPv6 source no packet" 0 "${seen[lost]}"
end_stream ungranted seen
is "restarts let no packet of an ungranted source through" 0 "${seen[passed]}"
within "while so many of its were sent" 100 "${seen[sent]}" 60000
is "a granted session goes on" stopped "${held[end]}"
within "and never pauses" 0 "${held[worst_gap_ms]}" 250
is "the grants are listed after a restart without a feed" 2 "$(jg status --json | jq .grants)"
is "a restarted daemon says that its interface is verified" true "$(jg status --json | jq '.interfaces[0].verified')"

# 2. A second instance.
try_jitgated
is "a second instance fails" 1 $?
is "it says so in one line" 1 "$(wc -l <<<"$said")"
like "which names the other" 'another|already|second|running' "$said"
untouched "and changes nothing"
check "the first goes on" jg status

# 3. SIGTERM leaves enforcement in place.
stop jitgated
is "SIGTERM is a clean end" 0 "$stopped_rc"
untouched "enforcement goes on without the daemon"
said=$(jg status)
like "status without a daemon says that it does not run" 'not run|no agent|stopped|cannot|down' "$said"
check "an unprotected port answers" tcp_from $nbr4 80

# 4. Reboot: everything of the kernel's is gone, the state file is there. One grant ends while the machine is off.
must_start_jitgated
feed_sync port=22/tcp grant=$cli4,22/tcp,5m grant=$nbr4,22/tcp,1s
check "the second grant opens" tcp_from $nbr4 22
stop jitgated
umount "$tmp/bpf"
mount -t bpf bpf "$tmp/bpf"
check "without pins nothing is attached" test -z "$(xdp_id)"
check "and the port is open to all" wait_for 3 tcp_from $cli4c 22
tick
off=$now
past_end() { tick && ((now > off + 1100)); }
wait_for 5 past_end
must_start_jitgated
check "after the reboot the live grant is open without a feed" tcp_from $cli4 22
check "the one that ended meanwhile is not" silent_for $nbr4 22
check "a source that never had one is closed" silent_for $cli4c 22

# 5. Somebody takes the program off under the daemon: status must not go on saying that the interface is protected.
is "before that, the interface is verified" true "$(jg status --json | jq '.interfaces[0].verified')"
bpftool link detach pinned "$pin/link_$srv_if"
is "with the program taken off it is not" false "$(jg status --json | jq '.interfaces[0].verified')"
like "and status says so in its first line" 'NOT|not ' "$(jg status | head -n 1)"
stop jitgated
must_start_jitgated
check "a restart attaches it again" closes_for $nbr4 22 3

# 6. --detach, the way out.
stop jitgated
in_srv "$build/jitgated" -c "$tmp/jitgate.conf" --detach >"$tmp/detach.log" 2>&1
is "--detach succeeds" 0 $?
check "it opens everything" tcp_from $nbr4 22
check "nothing is attached" test -z "$(xdp_id)"
check "no pin is left" test ! -e "$pin"
in_srv "$build/jitgated" -c "$tmp/jitgate.conf" --detach >>"$tmp/detach.log" 2>&1
is "--detach twice is no error" 0 $?
must_start_jitgated
check "and a start closes again" silent_for $nbr4 22
finish
