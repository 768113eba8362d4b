#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What several grants do to each other: cover, renew, revoke. The feed is the test's own, so that the times are exact.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin grants

conf[protect]='{"22/tcp", "22/udp", "2022/tcp"}'
serve 22/tcp 22/udp 2022/tcp
must_start_jitgated
check "closed before any grant" silent_for $cli4 22

# 1. The narrower of two overlapping grants ends first: an expired /32 must not hide the live /24 around it.
feed_sync port=22/tcp grant=$cli4/32,22/tcp,1s grant=10.9.0.0/24,22/tcp,3s
wide=$(deadline_of 22 24)
start_stream wide-client $cli4 22/tcp 20s
start_stream wide-neighbour $nbr4 22/tcp 20s
check "while both live, the client passes" tcp_from $cli4 22
check "R7: closed after the wider one has ended" closes_for $cli4 22 8
end_stream wide-client seen "$wide"
is "the narrower one's end costs the client no packet" 0 "${seen[before_lost]}"
within "the wider one let the client through for its time" 1000 "${seen[before_passed]}" 3500
is "after the wider one's end nothing passes" 0 "${seen[after_passed]}"
end_stream wide-neighbour seen "$wide"
is "the neighbour under the wider one loses no packet" 0 "${seen[before_lost]}"
is "after the end nothing of the neighbour's passes" 0 "${seen[after_passed]}"

# 2. Renewed before its end: no gap. The same snapshot again and again: no gap.
parse_into seen "$("$build/probe" clock)"
feed_sync port=22/tcp grant=$cli4,22/tcp,2500ms
first=$(deadline_of 22)
within "the deadline in the map is the end that the feed gave, by the other clock" 2500 \
  $(((first - seen[boot_ns]) / 1000000)) 3500
start_stream renewed $cli4 22/tcp 20s
start_hold session $cli4 22 20s 300ms
feed_sync port=22/tcp grant=$cli4,22/tcp,4s
for _ in 1 2 3 4 5; do feed_sync port=22/tcp grant=$cli4,22/tcp,4s; done
second=$(deadline_of 22)
within "the renewal moved the deadline" 1000 $(((second - first) / 1000000)) 10000
check "closed after the renewed end" closes_for $cli4 22 8
end_hold session held
end_stream renewed seen "$second"
is "a renewed grant loses no packet" 0 "${seen[before_lost]}"
is "nothing passes after the renewed end" 0 "${seen[after_passed]}"
within "the session lived up to the renewed end" -50 $(((held[last_boot_ns] - second) / 1000000)) 20

# 3. Revoked: ended before its time, and only that one.
feed_sync port=22/tcp port=2022/tcp grant=$cli4,22/tcp,1m grant=$cli4,2022/tcp,1m grant=$cli6,22/tcp,1m
check "open before the revocation" tcp_from $cli4 22
feed_sync port=22/tcp port=2022/tcp grant=$cli4,2022/tcp,1m grant=$cli6,22/tcp,1m
check "closed after the revocation" silent_for $cli4 22
check "the other port's grant goes on" tcp_from $cli4 2022
check "the other family's grant goes on" tcp_from $cli6 22
check "the neighbour stays closed" silent_for $nbr4 2022
like "the log says what was revoked" 'revoked.*10\.9\.0\.2|10\.9\.0\.2.*revoked' "$(log_since jitgated 0)"

# 4. Protocol and family are part of a grant.
feed_sync port=22/tcp port=22/udp grant=$cli4,22/udp,1m
check "a UDP grant opens UDP" udp_from $cli4 22
check "R5: a UDP grant does not open TCP" silent_for $cli4 22
is "UDP of the neighbour is dropped" 1 "$(udp_from $nbr4 22 >/dev/null; echo $?)"
check "an IPv4 grant opens nothing for IPv6" silent_for $cli6 22

# 5. A grant whose end has passed when it comes opens nothing.
feed_sync port=22/tcp grant=$cli4,22/tcp,-1s grant=$nbr4,22/tcp,1m
check "the live one of the same snapshot opens" tcp_from $nbr4 22
check "the ended one does not" silent_for $cli4 22
finish
