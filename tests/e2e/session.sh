#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What becomes of a session when its grant ends, by policy: it goes on for its drain or for good, whoever is dead, and
# nobody begins a new one. UDP is a stream of one flow, numbered; TCP streams are SYNs, which go with the grant.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin session

second=1000000000
conf[protect]='{"22/any", "2022/tcp", "3022/tcp"}'
conf[session]='"drain=3s"'
conf['port "2022/tcp" { session']='"keep" }'
conf['port "3022/tcp" { session']='"cut" }'
serve 22/tcp 22/udp 2022/tcp 3022/tcp
must_start_jitgated
check "closed before any grant" silent_for $cli4 22

# boot_now: nanoseconds since boot.
boot_now() { "$build/probe" clock | grep -o 'boot_ns=[0-9]*' | cut -d= -f2; }
# ended NAME WHAT FROM TO: the session's last byte came between the two, or within 20 ms after.
ended() {
  end_hold "$1" held
  like "$2: the session did not end by itself" '^(stall|reset)$' "${held[end]-}" # reset: this kernel can end sockets
  within "$2: it lived up to the end of its drain and not longer" -100 $(((held[last_boot_ns] - $3) / 1000000)) \
    $((($4 - $3) / 1000000 + 20))
}
# flows_to PORT [STATE]: how many; a client that has closed is in another state than 1.
flows_to() {
  bpftool -j map dump pinned "$pin/flows_v1" | jq --argjson port "$1" --argjson state "${2-null}" \
    '[.[] | .formatted // . | select(.key.dport_be == ($port % 256 * 256 + ($port / 256 | floor)))
      | select($state == null or .value.state == $state)] | length'
}
no_flows_to() { (($(flows_to "$1") == 0)); }

# 1. drain: the session goes on for three seconds, a UDP flow too, and a SYN passes only with the grant.
feed_sync port=22/any grant=$cli4,22/any,2s grant=$cli6,22/tcp,2s grant=$cli4,3022/tcp,2s
deadline=$(deadline_of 22)
start_hold four $cli4 22 60s 400ms
start_hold six $cli6 22 60s 400ms
start_hold cut $cli4 3022 60s 400ms
start_stream syns $cli4 22/tcp 60s
start_stream datagrams $cli4 22/udp 60s
start_stream stranger $nbr4 22/udp 60s
check "a new connection is refused after the deadline" closes_for $cli4 22 5
check "while the session goes on" alive four
end_hold cut held
within "a port that cuts ends its session at the deadline" -100 $(((held[last_boot_ns] - deadline) / 1000000)) 20
wait_for 10 dead six
ended four "drain" $((deadline + 3 * second)) $((deadline + 3 * second))
ended six "drain, IPv6" $((deadline + 3 * second)) $((deadline + 3 * second))
end_stream syns seen "$deadline"
is "drain: no SYN before the deadline is dropped" 0 "${seen[before_lost]}"
is "drain: no SYN of the same ports passes after it" 0 "${seen[after_passed]}"
within "drain: SYNs were sent after it" 500 "${seen[after_lost]}" 60000
end_stream datagrams seen $((deadline + 3 * second))
is "drain: no datagram before the end of the drain is dropped" 0 "${seen[before_lost]}"
within "drain: datagrams passed" 2000 "${seen[before_passed]}" 60000
is "drain: no datagram passes after it" 0 "${seen[after_passed]}"
end_stream stranger seen
is "drain: none of a flow that nobody granted" 0 "${seen[passed]}"

# 2. Revoked: the drain counts from then.
feed_sync port=22/any grant=$cli4,22/any,10m
start_hold revoked $cli4 22 60s 400ms
start_stream datagrams $cli4 22/udp 60s
wait_for 5 tcp_from $cli4 22
before=$(boot_now)
feed_sync port=22/any
after=$(boot_now)
check "revoked: a new connection is refused" silent_for $cli4 22
check "revoked: while the session goes on" alive revoked
wait_for 10 dead revoked
ended revoked "revoked" $((before + 3 * second)) $((after + 3 * second))
end_stream datagrams seen $((before + 3 * second))
is "revoked: no datagram is dropped up to the end of the drain" 0 "${seen[before_lost]}"
end_stream_again() { parse_into seen "$("$build/probe" stream-check "$tmp/datagrams.packets" "$1")"; }
end_stream_again $((after + 3 * second))
is "revoked: none passes after it" 0 "${seen[after_passed]}"

# 3. The daemon is restarted in the middle of a drain: no gap, and no second more.
feed_sync port=22/any grant=$cli4,22/any,1500ms
deadline=$(deadline_of 22)
start_hold restarted $cli4 22 60s 400ms
start_stream datagrams $cli4 22/udp 60s
check "closed after the deadline" closes_for $cli4 22 5
kill9 jitgated
must_start_jitgated
check "restarted: the session goes on" alive restarted
check "restarted: a new connection is refused" silent_for $cli4 22
wait_for 10 dead restarted
ended restarted "restarted" $((deadline + 3 * second)) $((deadline + 3 * second))
end_stream datagrams seen $((deadline + 3 * second))
is "restarted: no datagram is lost meanwhile" 0 "${seen[before_lost]}"
is "restarted: none passes afterwards" 0 "${seen[after_passed]}"

# 4. keep, and a policy that changes under the session.
feed_sync port=2022/tcp grant=$cli4,2022/tcp,1500ms
start_hold kept $cli4 2022 60s 400ms
check "keep: closed after the deadline" closes_for $cli4 2022 5
check "keep: the session goes on" alive kept
is "keep: its flow is the one that is known and has not said its end" 1 "$(flows_to 2022 1)"
like "keep: explain says that it is closed, and what goes on" 'keep; [1-9][0-9]* session' \
  "$(jg explain $cli4 2022)"
is "keep: with no end" null "$(jg explain $cli4 2022 --json | jq '.sessions_until')"
like "keep: and says nothing of another's" 'keep; 0 sessions of this source' "$(jg explain $nbr4 2022)"
is "keep: status tells the policies" 'cut keep drain=3s' \
  "$(jg status --json | jq -r '[.ports[] | select(.proto == "tcp")] | sort_by(.port) | reverse | map(.session) | join(" ")')"
counts_one() { [[ $(jg status --json | jq '.ports[] | select(.port == 2022 and .proto == "tcp") | .sessions') == 1 ]]; }
check "keep: status counts the session, and those that are closed no more" wait_for 10 counts_one
conf['port "2022/tcp" { session']='"cut" }'
write_conf
before=$(boot_now)
reload_jitgated
after=$(boot_now)
wait_for 5 dead kept
end_hold kept held
within "keep to cut: the session is over at once" -100 $(((held[last_boot_ns] - before) / 1000000)) \
  $(((after - before) / 1000000 + 20))
check "keep to cut: and forgotten" wait_for 5 no_flows_to 2022
conf['port "2022/tcp" { session']='"keep" }'
write_conf
reload_jitgated
check "cut to keep: nothing comes back" silent_for $cli4 2022

# 5. keep, with both daemons killed: the kernel alone.
start_emulator
put_policy 2022/TCP || die "arm refuses the policy"
write_conf
reload_jitgated
start_azure
emulator_do POST initiate-fast "{\"port\":2022,\"source\":\"$cli4\",\"seconds\":5}" >/dev/null
check "open with a grant from Azure" opens_for $cli4 2022 8s
deadline=$(deadline_of 2022)
start_hold kept $cli4 2022 60s 400ms
kill9 azure jitgated
check "killed: closed after the deadline" closes_for $cli4 2022 12
is_past() { (($(boot_now) > $1)); }
wait_for 15 is_past $((deadline + 3 * second))
check "killed: the session goes on for as long as it likes" alive kept
end_hold kept held
is "killed: it ends when it is told" stopped "${held[end]-}"
within "killed: and never stood still" 0 "${held[worst_gap_ms]}" 200
must_start_jitgated
check "it is taken over, and closed for the neighbour" silent_for $nbr4 2022
finish
