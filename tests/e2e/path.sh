#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The whole way: a real access request to the emulator over TLS, jitgate-azure, jitgated, packets. Closed, requested,
# open for that source only, expired, closed; IPv4 and IPv6, a single address and a prefix. The ports are learned from
# the policy.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin path

conf[protect]='{}'
serve 80/tcp 22/tcp 2022/tcp 2023/tcp 2024/tcp
start_emulator
must_start_jitgated
check "with nothing protected, the port answers" tcp_from $cli4 22
check "arm accepts the policy" put_policy 22/TCP 2022/TCP 2023/TCP '2024/*'
start_azure

# 1. Closed by the policy alone.
check "a policy in Azure closes its ports" closes_for $cli4 22 15
for port in 2022 2023 2024; do check "port $port is closed too" silent_for $cli4 $port; done
check "IPv6 to a closed port is dropped" silent_for $cli6 2022
check "an unprotected port answers over IPv4" tcp_from $nbr4 80
check "an unprotected port answers over IPv6" tcp_from $nbr6 80
like "status names the feed fresh" '^fresh$' "$(jg status --json | jq -r .feed.state)"

# 2. One request for four ports: who may come differs from port to port.
tick
requested=$now
check "arm accepts the access request" request_access 14 $cli4,22 $cli6,2022 10.9.0.64/26,2023 fd09::64:0/112,2024
end=$((requested + 14000))
check "IPv4 address: the port opens for it" opens_for $cli4 22 12s
tick
note "open $((now - requested)) ms after the request"
check "IPv6 address: the port opens for it" opens_for $cli6 2022 2s
check "IPv4 prefix: open for one address in it" opens_for $cli4b 2023 2s
check "IPv4 prefix: open for another address in it" opens_for $cli4c 2023 2s
check "IPv6 prefix: open for one address in it" opens_for $cli6b 2024 2s
check "IPv6 prefix: open for another address in it" opens_for $cli6c 2024 2s
check "IPv4 address: closed for a neighbour" silent_for $nbr4 22
check "IPv6 address: closed for a neighbour" silent_for $nbr6 2022
check "IPv4 prefix: closed for an address outside it" silent_for $cli4 2023
check "IPv6 prefix: closed for an address outside it" silent_for $cli6 2024
check "a grant for one port opens no other" silent_for $cli4 2022
list=$(jg list --json)
# The answer is an array, or has one in it.
grant=$(jq -c '[.. | objects | select(.source? != null and .port == 22)][0]' <<<"$list")
like "list shows source and justification" '10\.9\.0\.2.*end-to-end test|end-to-end test.*10\.9\.0\.2' "$grant"
within "list shows the packets that used the grant" 1 "$(jq .packets <<<"$grant")" 1000
within "list shows the seconds that are left" 0 "$(jq .seconds_left <<<"$grant")" 14

reason_for() { jg explain "$1" "$2" --json | jq -r .reason; }
is "explain says granted for the client" granted "$(reason_for $cli4 22)"
is "explain says no_grant for the neighbour" no_grant "$(reason_for $nbr4 22)"
is "explain says unprotected for another port" unprotected "$(reason_for $nbr6 80)"

# 3. The end comes for all of them, and only for them.
for source_port in "$cli4 22" "$cli6 2022" "$cli4b 2023" "$cli6b 2024"; do
  # shellcheck disable=SC2086 # two words
  check "it ends: ${source_port/ / to port }" closes_for $source_port 16
done
tick
within "closed no earlier than the end and no later than what asking takes" -100 $((now - end)) 2500
check "an unprotected port still answers" tcp_from $cli4 80
check "IPv6: an unprotected port still answers" tcp_from $cli6 80
is "explain says expired for the client" expired "$(reason_for $cli4 22)"
like "after the end a packet counts as expired" '^[1-9]' "$(reason_count expired)"

# 4. Revoked in Azure before its end; then the whole policy is deleted, which ends grants and opens nothing.
emulator_do POST initiate-fast "{\"port\":22,\"source\":\"$cli4\",\"seconds\":120}" >/dev/null
emulator_do POST initiate-fast "{\"port\":2022,\"source\":\"$cli4\",\"seconds\":120}" >/dev/null
check "a grant for two minutes opens" opens_for $cli4 22 12s
emulator_do POST revoke '{"port":22}' >/dev/null
check "revoked, it closes at the next poll" closes_for $cli4 22 12
check "the other port's grant goes on" tcp_from $cli4 2022
arm_call DELETE "$policy_path" >/dev/null
check "with the policy deleted the other grant ends too" closes_for $cli4 2022 12
is "no grant is left" 0 "$(jg status --json | jq .grants)"
check "the ports that the policy named stay closed" silent_for $nbr4 22
check "an unprotected port answers to the last" tcp_from $nbr4 80
finish
