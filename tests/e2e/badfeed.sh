#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# A feed, or something that says it is one, that breaks the protocol or asks for too much: refused and said, and what
# was granted before is granted still. The same for the control socket.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

begin badfeed

conf[max_grants]=64
conf_guard=([longest]='"1h"' [widest_ipv4]=24 [widest_ipv6]=64 [sources]='{"10.0.0.0/8", "fd00::/8"}')
write_conf
serve 22/tcp 80/tcp
must_start_jitgated
feed_sync port=22/tcp grant=$cli4,22/tcp,10m
remember
untouched "the client has a grant, the neighbour has none"

# 1. Broken messages, each in an otherwise good snapshot that would let the neighbour in.
good=(port=22/tcp "grant=$cli4,22/tcp,10m" "grant=$nbr4,22/tcp,10m")
synced=$(last_sync)
broken() {
  local mark
  mark=$(mark_log jitgated)
  check "$1: jitgated hangs up" feed "${good[@]}" "fault=$2" expect=closed
  like "$1: and says why" "bad message: .*$3" "$(log_since jitgated "$mark")"
}
broken "wrong type" type "type"
broken "a type that only jitgated sends" ask "ASK"
broken "too short" short "size"
broken "too long" long "size"
broken "wrong size in the header" size "size"
broken "another protocol version" protocol "version"
broken "port 70000" port "port"
check "a feed of before an upgrade hears of which version jitgated is" feed no-snapshot fault=hello-protocol ask=3s
check "and then jitgated hangs up" feed no-snapshot fault=hello-protocol expect=closed
broken "port 0" port-zero "port"
broken "counts that do not match" count "announced"
broken "no HELLO" no-hello "HELLO"
broken "no BEGIN" no-begin "BEGIN"
broken "prefix length 129" prefix "prefix"
broken "host bits set" host-bits "prefix"
broken "text without end" text "text"
check "stopped half way" feed "${good[@]}" fault=half
check "more grants than fit: jitgated hangs up" feed "${good[@]}" fill=200 expect=closed
untouched "after all of that"
is "none of them counted as an answer" "$synced" "$(last_sync)"

# 2. Another user.
as_other() { setpriv --reuid 64002 --regid 64002 --clear-groups "$build/probe" feed "$tmp/run/feed.sock" "$@"; }
as_other "${good[@]}" hold=300ms >/dev/null 2>&1
untouched "a feed of another uid changes nothing"
is "nor did it count as an answer" "$synced" "$(last_sync)"

# 3. Guard rails: the violating grant is refused, the good one beside it counts.
mark=$(mark_log jitgated)
feed_sync port=22/tcp grant=$cli4,22/tcp,10m grant=$nbr4,22/tcp,2h
untouched "a grant longer than guard.longest is refused"
like "and logged with its source" "$nbr4.*guard\\.longest" "$(log_since jitgated "$mark")"
mark=$(mark_log jitgated)
feed_sync port=22/tcp grant=$cli4,22/tcp,10m grant=10.9.0.0/23,22/tcp,10m grant=fd09::/48,22/tcp,10m
untouched "a grant wider than guard.widest is refused"
check "IPv6 too" silent_for $cli6 22
like "and logged with its source" '10\.9\.0\.0/23.*widest' "$(log_since jitgated "$mark")"
mark=$(mark_log jitgated)
feed_sync port=22/tcp grant=$cli4,22/tcp,10m grant=192.0.2.1,22/tcp,10m
untouched "a grant for a source outside guard.sources is refused"
like "and logged with its source" '192\.0\.2\.1.*guard\.sources' "$(log_since jitgated "$mark")"
is "only the good one is listed" 1 "$(jg status --json | jq .grants)"
feed_sync port=22/tcp grant=$cli4,22/tcp,10m grant=10.9.0.0/24,22/tcp,50m
check "the positive control: a grant just inside the rails opens" tcp_from $nbr4 22
feed_sync port=22/tcp grant=$cli4,22/tcp,10m
untouched "and closes again"

# 4. A feed forgets a port that the config protects; a requestor's name cannot forge a line of the log.
feed_sync port=80/tcp grant=$cli4,22/tcp,10m
untouched "a port in protect stays closed when the feed forgets it"
mark=$(mark_log jitgated)
feed_sync port=22/tcp grant=$cli4,22/tcp,11m "grant=$cli4b,22/tcp,10m,mallory\" until=never
revoked source=10.9.0.9"
fails "a newline in a name does not begin a line" log_has jitgated "$mark" '^revoked'
like "the name is quoted and escaped" 'mallory\\"' "$(log_since jitgated "$mark")"

# 5. A feed that falls silent, or that says TROUBLE: shown, and nothing else.
feed_sync port=22/tcp grant=$cli4,22/tcp,10m fresh=3s
feed_is() { [[ $(jg status --json | jq -r .feed.state) == "$1" ]]; }
check "status says fresh" feed_is fresh
check "and stale when the feed has said nothing for longer than it promised" wait_for 10 feed_is stale
untouched "a stale feed changes nothing"
feed_sync port=22/tcp grant=$cli4,22/tcp,10m
feed no-snapshot trouble="cannot reach Azure: no route" >/dev/null
troubled() { [[ $(jg status --json | jq -r .feed.last_error) == *"no route"* ]]; }
check "status shows what the feed complains about" wait_for 3 troubled
untouched "a feed in trouble changes nothing"

# 6. The control socket.
ask() { timeout 5 "$build/probe" ask "$tmp/run/control.sock" "$1"; }
like "an unknown request is refused" '^ERR ' "$(ask 'open sesame')"
like "an empty request is refused" '^ERR |^$' "$(ask '')"
long=$(printf 'x%.0s' {1..5000})
like "an endless request is refused" '^ERR |^$' "$(ask "$long")"
like "explain with nonsense is refused" '^ERR ' "$(ask 'explain nowhere 22/tcp')"
for _ in {1..40}; do timeout 0.2 "$build/probe" ask "$tmp/run/control.sock" x >/dev/null 2>&1; done
like "after all of that a good one is answered" enforce "$(jg status --json)"

# 7. A knock: a denied SYN makes jitgated ask its feed at once.
start knocked "$ns_srv" setpriv --reuid $feed_uid --regid $feed_uid --clear-groups \
  "$build/probe" feed "$tmp/run/feed.sock" "${good[0]}" "${good[1]}" ask=5s
knock() { silent_for "$nbr4" 22; dead knocked; }
wait_for 5 knock
await knocked 6
is "a denied SYN makes jitgated ask the feed" 0 "$stopped_rc"
untouched "at the end"

# 8. A feed that does nothing but break the protocol: the journal is for other things.
for _ in {1..60}; do feed "${good[@]}" fault=type expect=closed >/dev/null; done
within "a broken feed gets some lines in a minute, not one each time" \
  32 "$(grep -cE 'bad message|stopped half way|feed .* connected' "$tmp/jitgated.log")" 64
untouched "after that, too"
finish
