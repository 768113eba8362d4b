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
check "without pins nothing is attached" forget_kernel
check "and the port is open to all" wait_for 3 tcp_from $cli4c 22
tick
off=$now
past_end() { tick && ((now > off + 1100)); }
wait_for 5 past_end
must_start_jitgated
check "R15: after the reboot the live grant is open without a feed" tcp_from $cli4 22
check "the one that ended meanwhile is not" silent_for $nbr4 22
check "a source that never had one is closed" silent_for $cli4c 22

# 5. Somebody takes the program off under the daemon: it comes back. Without the daemon, status must not go on saying that
# the interface is protected.
is "status exits with 0 while all is well" 0 "$(jg status >/dev/null; echo $?)"
is "before that, the interface is verified" true "$(jg status --json | jq '.interfaces[0].verified')"
bpftool link detach pinned "$pin/link_$srv_if"
check "with the program taken off, it is attached again" closes_for $nbr4 22 1
is "and the interface is verified" true "$(jg status --json | jq '.interfaces[0].verified')"
stop jitgated
bpftool link detach pinned "$pin/link_$srv_if"
is "with jitgated stopped it is not" false "$(jg status --json | jq '.interfaces[0].verified')"
like "and status says so in its first line" 'NOT|not ' "$(jg status | sed -n 1p)"
is "status exits with 1 then" 1 "$(jg status >/dev/null; echo $?)"
must_start_jitgated
check "a restart attaches it again" closes_for $nbr4 22 3

# 6. Somebody takes pins away, with the daemon stopped.
stop jitgated
rm "$pin/link_$srv_if"
like "with the pin of the link removed nothing is attached, and status says so" 'no XDP program' \
  "$(jg status --json | jq -r '.interfaces[0].why')"
must_start_jitgated
is "a restart attaches and pins it again" true "$(jg status --json | jq '.interfaces[0].verified')"
check "and the port is closed" silent_for $nbr4 22
stop jitgated

# 7. --detach, the way out.
must_start_jitgated
stop jitgated
bpftool map create "$pin/grants_v2" type array key 4 value 4 entries 1 name grants_v2
must_start_jitgated
check "what a start of another version left beside the filter in force is removed" test ! -e "$pin/grants_v2"
stop jitgated
bpftool map create "$pin/grants_v2" type array key 4 value 4 entries 1 name grants_v2
detach() { in_srv "$build/jitgated" -c "$tmp/jitgate.conf" --detach >>"$tmp/detach.log" 2>&1; }
check "--detach succeeds" detach
check "it opens everything" tcp_from $nbr4 22
check "nothing is attached" test -z "$(xdp_id)"
check "no pin is left, also of the other version, and no folder" test ! -e "$pin"
check "--detach twice is no error" detach
mkdir "$pin"
bpftool map create "$pin/theirs_v3" type array key 4 value 4 entries 1 name theirs_v3

# 8. Another xdp_mode does not take an interface's protection off for a moment: it waits for a detach.
mode_of() { jg status --json | jq -r --arg name "$1" '.interfaces[] | select(.name == $name) | .xdp_mode'; }
verified() { jg status --json | jq -r --arg name "$1" '.interfaces[] | select(.name == $name) | .verified'; }
conf[xdp_mode]='"generic"'
must_start_jitgated
check "and a start closes again" silent_for $nbr4 22
is "in the mode that was asked for" generic "$(mode_of $srv_if)"
before=$(xdp_id)
stop jitgated
conf[xdp_mode]='"native"'
mark=$(mark_log jitgated)
must_start_jitgated
like "another xdp_mode is a warning" \
  "$srv_if: runs in generic mode; xdp_mode = \"native\" takes effect after jitgated --detach and a start" \
  "$(log_since jitgated "$mark")"
is "the mode stays" "generic $before" "$(mode_of $srv_if) $(xdp_id)"
is "and the interface is verified" true "$(verified $srv_if)"
stop jitgated
check "it is detached" detach
mark=$(mark_log jitgated)
must_start_jitgated
is "after that the new mode is in force" native "$(mode_of $srv_if)"
fails "without a warning" log_has jitgated "$mark" 'takes effect after'
stop jitgated
unset "conf[xdp_mode]"

# 9. A dot in a name, which a pin cannot have; a new name; no interface any more.
link_id() { bpftool -j link show pinned "$1" | jq .id; }
rename_if() { ip -n "$ns_srv" link set dev "$1" down && ip -n "$ns_srv" link set dev "$1" name "$2" up; }
ip -n "$ns_srv" link add jgdot type veth peer name jgdotpeer
rename_if jgdot jg.dot
conf[interfaces]="{\"$srv_if\", \"jg.dot\"}"
must_start_jitgated
is "an interface with a dot in its name is verified" true "$(verified jg.dot)"
check "its link is pinned with a colon" test -e "$pin/link_jg:dot"
before=$(link_id "$pin/link_jg:dot")
stop jitgated
must_start_jitgated
is "a restart keeps its link" "$before" "$(link_id "$pin/link_jg:dot")"
stop jitgated
rename_if jg.dot jg.new
conf[interfaces]="{\"$srv_if\", \"jg.new\"}"
must_start_jitgated
is "a new name keeps the link, under a new pin" "$before" "$(link_id "$pin/link_jg:new")"
check "and the old pin is gone" test ! -e "$pin/link_jg:dot"
is "and the interface is verified" true "$(verified jg.new)"
ip -n "$ns_srv" link del jg.new
is "an interface that is gone is not verified" "the interface is gone; it is attached when it appears again" "$(jg status --json | jq -r '.interfaces[1].why')"
stop jitgated

# Two interfaces that changed names are each other's pins.
ip -n "$ns_srv" link add jgone type veth peer name jgtwo
conf[interfaces]="{\"$srv_if\", \"jgone\", \"jgtwo\"}"
must_start_jitgated
one=$(link_id "$pin/link_jgone") two=$(link_id "$pin/link_jgtwo")
stop jitgated
rename_if jgone jgthree
rename_if jgtwo jgone
rename_if jgthree jgtwo
must_start_jitgated
is "names that were exchanged keep their interfaces' links" "$two $one" \
  "$(link_id "$pin/link_jgone") $(link_id "$pin/link_jgtwo")"
is "and there is a pin for each, no more" 3 "$(find "$pin" -name 'link_*' | wc -l)"
stop jitgated
# Another `user`: what the one of before could have changed is taken over only when root says so.
must_start_jitgated
check "somebody is let in by hand" jg open 22 --from $nbr4 --for 1h --reason "a test"
before=$(map_ids)
stop jitgated
conf[user]='"64002"'
write_conf
said=$(in_srv "$build/jitgated" -c "$tmp/jitgate.conf" 2>&1)
is "under another user it does not start" 1 $?
like "it says whose the pins are, and what to do" "uid 64000, mode [0-7]+.*If uid 64000 was .user. before: chown -R -h root $pin, and start again" "$said"
check "what is in force stays: open for one" tcp_from $nbr4 22
check "and closed for another" silent_for $cli6 22
check "what it says to do is done" eval "$(grep -o 'chown -R -h root [^,]*' <<<"$said")"
must_start_jitgated
is "then it starts, on the very same maps" "$before" "$(map_ids)"
is "as that user" 64002 "$(awk '/^Uid:/ { print $2 }' "/proc/${pids[jitgated]}/status")"
like "what was opened by hand is known" "by_hand.:true" "$(jg list --json | jq -c .)"
check "and may be closed, and that is saved" jg close 22 --from $nbr4
check "closed" silent_for $nbr4 22
stop jitgated
conf[user]='"64000"'
chown -R -h root "$pin"
check "--detach succeeds" detach
is "what others pinned there is left alone" theirs_v3 "$(ls "$pin")"
rm "$pin/theirs_v3"
check "--detach once more" detach
check "without it no pin is left, and no folder" test ! -e "$pin"
finish
