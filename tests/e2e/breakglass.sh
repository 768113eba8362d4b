#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Break-glass: an operator opens a port for one source by hand, with or without a feed. It outlives the agent and the
# machine's sleep, no feed touches it, and it ends on time by the kernel.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin breakglass

one_line() { tr -s ' \n' ' '; }
listed() { jg list --json | jq -c --arg source "$1" '[.[] | select(.source == $source) | [.by_hand, .origin, .requestor, .justification]]'; }
open22() { jg open 22 --from "$1" --for "$2" --reason "Azure is down, ticket 4711" "${@:3}"; }
as_user() { in_srv setpriv --reuid 64000 --regid 64000 --clear-groups "$@"; }

serve 22/tcp 80/tcp
must_start_jitgated
check "the port is closed" silent_for $nbr4 22

# 1. No feed has ever answered: it opens at once, for that source alone.
said=$(SUDO_UID=1000 open22 $nbr4 1h)
is "it is opened" 0 $?
like "which is said with its end" "^OPEN: 22/tcp from $nbr4 until .*\\(in (1 h|60 min|59 min)\\)" "$said"
check "it is open" tcp_from $nbr4 22
check "for nobody else" silent_for $cli4 22
is "the list says who and why" '[[true,"operator","root, by sudo from uid 1000","Azure is down, ticket 4711"]]' "$(listed $nbr4)"
like "so does status" "opened by hand: 22/tcp from $nbr4 until .*by sudo from uid 1000: \"Azure is down, ticket 4711\"" \
  "$(jg status | one_line)"
is "and status counts it" 1 "$(jg status --json | jq .by_hand)"
like "and explain" 'by sudo from uid 1000: "Azure is down, ticket 4711" \(operator\)' "$(jg explain $nbr4 22)"
like "the log is loud" \
  "opened id=[0-9a-f]+ source=$nbr4 port=22/tcp until=.* requestor=\"root, by sudo from uid 1000\" reason=\"Azure is down, ticket 4711\" origin=\"operator\"" \
  "$(<"$tmp/jitgated.log")"

# 2. A feed's answers leave it alone.
feed_sync port=22/tcp grant=$cli4,22/tcp,5m
check "a feed that does not know of it" tcp_from $nbr4 22
feed_sync port=22/tcp grant=$nbr4,22/tcp,1s grant=$cli4,22/tcp,5m
before=$(last_sync)
gone() { [[ $(listed "$nbr4" | jq length) == 1 ]]; }
check "a feed's own grant for it, which ends" wait_for 5 gone
check "takes nothing from it" tcp_from $nbr4 22
feed_sync port=22/tcp
check "an answer without any grant revokes the feed's" closes_for $cli4 22 3
check "and not this one" tcp_from $nbr4 22
within "it was another answer" $((before + 1)) "$(last_sync)" 9223372036854775807

# 3. kill -9 and restart, and a reboot: pins gone, state kept.
ends=$(deadline_of 22)
kill9 jitgated
check "with jitgated killed it is open" tcp_from $nbr4 22
must_start_jitgated
check "after the restart, too" tcp_from $nbr4 22
within "to the same moment" $((ends - 1000000)) "$(deadline_of 22)" $((ends + 1000000))
is "and known for what it is" 1 "$(listed $nbr4 | jq length)"
stop jitgated
rm -r "$pin" # what a reboot takes away
must_start_jitgated
check "after the reboot it is open" tcp_from $nbr4 22
check "and nobody else gets in" silent_for $cli4 22
within "to the same moment, by the wall clock" $((ends - 100000000)) "$(deadline_of 22)" $((ends + 100000000))

# 4. close ends it, and nothing else.
feed_sync port=22/tcp grant=$cli4,22/tcp,5m
said=$(jg close 22 --from $cli4 2>&1)
is "what a feed granted is not closed" 1 $?
like "and told apart" 'that is not open by hand' "$said"
check "the feed's grant goes on" tcp_from $cli4 22
said=$(jg close 22 --from $nbr4)
is "what was opened is closed" 0 $?
like "which is said" "^CLOSED: 22/tcp from $nbr4" "$said"
check "it is closed" silent_for $nbr4 22
fails "closing it again fails" jg close 22 --from $nbr4
kill9 jitgated
must_start_jitgated
check "a restart does not bring it back" silent_for $nbr4 22
check "somebody with a feed's grant, opened by hand besides" open22 $cli4 1h
like "once closed still passes, and that is said" 'IT STILL PASSES by another grant' "$(jg close 22 --from $cli4 | one_line)"
check "as is so" tcp_from $cli4 22

# 5. A network, IPv6, JSON.
check "a network" open22 10.9.0.64/26 1h
check "its members get in" tcp_from $cli4b 22
check "others do not" silent_for $nbr4 22
said=$(open22 $nbr6 2h --json)
is "JSON" "$nbr6 22 tcp true null" "$(jq -r '"\(.source) \(.port) \(.proto) \(.complete) \(.note)"' <<<"$said")"
check "IPv6 gets in" tcp_from $nbr6 22
is "close in JSON" "true false" "$(jg close 22 --from $nbr6 --json | jq -r '"\(.complete) \(.still_granted)"')"
check "and out" closes_for $nbr6 22 2
check "the network is closed" jg close 22/tcp --from 10.9.0.64/26

# 6. It ends on time, with the agent dead. The shortest is a minute.
feed_sync port=22/tcp
check "for a minute" open22 $nbr4 1m
ends=$(deadline_of 22)
start_stream brief $nbr4 22/tcp 120s
kill9 jitgated
past_end() { (($("$build/probe" clock | sed 's/.*boot_ns=//') > ends + 300000000)); }
check "its minute passes" wait_for 70 past_end
end_stream brief seen "$ends"
is "no packet passed after its end" 0 "${seen[after_passed]}"
within "while so many were sent" 100 "${seen[after_lost]}" 10000
is "and none was lost before" 0 "${seen[before_lost]}"
within "while so many passed" 10000 "${seen[before_passed]}" 120000
must_start_jitgated
check "it is closed" silent_for $nbr4 22

# 7. Guard rails, ports that are open, and the wrong words.
conf_guard[longest]='"30m"'
conf_guard[widest_ipv4]=24
write_conf
reload_jitgated
said=$(open22 $nbr4 1h 2>&1)
is "longer than the guard rails allow is refused" 1 $?
like "with the rail, and the way past it" 'longer than guard.longest.*--override' "$said"
check "nothing is open" silent_for $nbr4 22
fails "wider is refused, too" open22 10.9.0.0/16 5m
check "with --override it is opened" open22 $nbr4 1h --override
check "it is open" tcp_from $nbr4 22
like "and the log says past which rail" 'origin="operator, past the guard rails" why="longer than guard.longest"' "$(tail -n 5 "$tmp/jitgated.log")"
check "within the rails it needs no override" open22 $nbr4 10m
check "closed again" jg close 22 --from $nbr4
said=$(jg open 80 --from $nbr4 --for 1h --reason x 2>&1)
is "a port that is not protected is refused" 1 $?
like "since it is open" '80/tcp is not protected: it is open to everybody already' "$said"

# 8. A state folder that cannot be written: it opens all the same, and says so.
chmod 0500 "$tmp/state"
said=$(open22 $nbr4 10m)
is "what cannot be saved is an error" 1 $?
like "which is said first" '^NOT SAVED \(Permission denied\): it is open, but a restart or reboot may close it' "$said"
check "and is open" tcp_from $nbr4 22
kill9 jitgated
must_start_jitgated
check "a restart finds it in the filter" tcp_from $nbr4 22
chmod 0700 "$tmp/state"
check "open once more, it is saved" open22 $nbr4 10m
check "and closed" jg close 22 --from $nbr4
feed_sync port=22/tcp
check "and closed by the feed's next answer" closes_for $nbr4 22 3

# 9. Root alone.
said=$(as_user "$build/jitgate" -c "$tmp/jitgate.conf" open 22 --from $cli4c --for 1h --reason x 2>&1)
is "an ordinary user may not open" 1 $?
like "and is told so" 'only root' "$said"
is "nor by way of the socket" "ERR only root may change anything; use sudo" \
  "$(as_user socat -t 5 - "UNIX-CONNECT:$tmp/run/control.sock" <<<"open text $cli4c 22 tcp 3600 beyond - x")"
check "nothing was opened" silent_for $cli4c 22

# 10. A file that is damaged opens nothing, and stops nothing.
stop jitgated
echo nonsense >"$tmp/state/opened"
must_start_jitgated
like "it is named" "$tmp/state/opened: .*open it again with jitgate open" "$(tail -n 10 "$tmp/jitgated.log")"
check "and nothing is open by it" silent_for $cli4c 22
check "opening goes on" open22 $cli4c 10m
check "it is open" tcp_from $cli4c 22
stop jitgated
finish
