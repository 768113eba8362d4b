#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What jitgate-azure --once shows of one answer: every form of request that counts, and every one that is refused, with
# its reason. The whole document is compared.
# shellcheck source-path=SCRIPTDIR source=azure.bash
. "$(dirname "${BASH_SOURCE[0]}")/azure.bash"
begin azure_once

start_emulator
policy_id=$policy_path
began=$(date +%s)

# at SECONDS: that far from now, as RFC 3339 without fraction and zone.
at() { date -u -d "@$((began + $1))" +%Y-%m-%dT%H:%M:%S; }

# rule NUMBER PROTOCOL LONGEST
rule() { jq -nc --argjson n "$1" --arg p "$2" --arg d "$3" '{number: $n, protocol: $p,
  allowedSourceAddressPrefix: "*", maxRequestAccessDuration: $d}'; }

# A request that began a minute ago and ends in an hour: port 22, Initiated, of this VM. request SOURCE [JQ-CHANGES]:
# the changes are to . = {outer, vm, port}.
requests=()
request() {
  requests+=("$(jq -nc --arg source "$1" --arg vm "$vm_id" --arg start "$(at -60).1234567Z" --arg until "$(at 3600).7Z" '
    {outer: {startTimeUtc: $start, requestor: "bob@example.com"}, vm: {id: $vm},
     port: {number: 22, endTimeUtc: $until, status: "Initiated", statusReason: "UserRequested",
            allowedSourceAddressPrefix: $source}}
    | '"${2-.}"'
    | .outer + {virtualMachines: [.vm + {ports: [.port]}]}')") || die "no request can be made of this" "$*"
}

# answer RULE…: the list from now on is one policy with these rules and the requests.
answer() {
  local value
  value=$(jq -nc --arg id "$policy_id" --arg vm "$vm_id" --argjson rules "$(printf '%s\n' "$@" | jq -sc .)" \
    --argjson requests "$(printf '%s\n' "${requests[@]}" | jq -sc .)" '{value: [{kind: "Basic", id: $id, name: "default",
      type: "Microsoft.Security/locations/jitNetworkAccessPolicies", location: "westeurope",
      properties: {virtualMachines: [{id: $vm, ports: $rules}], requests: $requests, provisioningState: "Succeeded",
      appendMode: false}}]}')
  emulator_do POST answer "{\"on\":\"list\",\"body\":$value}" >/dev/null || die "the emulator does not take an answer"
}

once() { in_srv timeout 60 "$build/jitgate-azure" -c "$tmp/jitgate.conf" --once >"$tmp/once.json" 2>"$tmp/once.err"; }

# shows NAME WANTED-JSON: that whole document, elements in that order.
shows() {
  once
  is "$1: succeeds" 0 $?
  jq -S . <<<"$2" >"$tmp/wanted.json"
  check "$1" diff -U 2 "$tmp/wanted.json" <(jq -S . "$tmp/once.json")
}

# granted SOURCE [PORT [PROTO [UNTIL]]], refused WHY SOURCE [PORT [UNTIL]]: one element of what is wanted. A refused one
# has its end as Azure wrote it.
granted() {
  jq -nc --arg source "$1" --argjson port "${2:-22}" --arg proto "${3:-tcp}" --arg until "${4:-$(at 3600)Z}" \
    --arg policy "$policy_id" '{source: $source, port: $port, proto: $proto, until: $until,
    requestor: "bob@example.com", justification: "", policy: $policy}'
}
refused() {
  jq -nc --arg why "$1" --arg source "$2" --argjson port "${3:-22}" --arg until "${4-$(at 3600).7Z}" \
    --arg policy "$policy_id" '{why: $why, port: $port, source: $source, policy: $policy,
    requestor: "bob@example.com", until: $until}'
}
refused_rule() { refused "$1" "" "$2" "" | jq -c '.requestor = ""'; }
# wanted PORTS GRANTS REFUSED: each the lines of its elements.
wanted() {
  jq -nc --arg vm "$vm_id" --argjson ports "$(jq -sc . <<<"$1")" --argjson grants "$(jq -sc . <<<"$2")" \
    --argjson refused "$(jq -sc . <<<"$3")" '{vm: $vm, clock_offset_s: 0, ports: $ports, grants: $grants, refused: $refused}'
}
port_22='{"port": 22, "proto": "tcp", "longest_s": 10800}'

# 1. What counts: addresses of both families, networks, arrays, host bits, any case, as many digits as there may be.
request 203.0.113.1
request 203.0.113.2 '.port.status = "iNITIATED"'
request 203.0.113.3 '.vm.id |= ascii_upcase'
request 198.51.100.77/24
request 2001:DB8::7
request 2001:db8:5::1/48
request "" '.port.allowedSourceAddressPrefixes = ["203.0.113.4", "192.0.2.0/28"]'
request "" '.port.allowedSourceAddressPrefix = null | .port.allowedSourceAddressPrefixes = ["203.0.113.5"]'
request 203.0.113.6 '.port.allowedSourceAddressPrefixes = null | .outer.justification = null | .port.mappedPort = 2222'
request '*'
for fraction in '' .1 .12 .123 .1234 .12345 .123456 .1234567; do
  request "203.0.113.$((10 + ${#fraction}))" ".port.endTimeUtc = \"$(at 1800)${fraction}Z\""
done
answer "$(rule 22 TCP PT3H)"
shows "every form that counts" "$(wanted "$port_22" "$(
  for source in 203.0.113.{1,2,3} 198.51.100.0/24 2001:db8::7 2001:db8:5::/48 203.0.113.4 192.0.2.0/28 203.0.113.{5,6} \
    0.0.0.0/0 ::/0; do granted "$source"; done
  for digits in 0 2 3 4 5 6 7 8; do granted 203.0.113.$((10 + digits)) 22 tcp "$(at 1800)Z"; done
)" "")"
is "and no word on stderr" "" "$(<"$tmp/once.err")"

# 2. What is over, not yet, or of others: no grant and no refusal.
requests=()
request 203.0.113.1 ".port.endTimeUtc = \"$(at -1)Z\""
request 203.0.113.2 '.port.status = "Revoked" | .port.statusReason = "Expired"'
request 203.0.113.3 '.port.status = "Revoked" | .port.statusReason = "NewerRequestInitiated"'
request 203.0.113.4 '.port.status = "Initiating"'
request 203.0.113.5 '.vm.id += "x"'
request 203.0.113.6 ".port.endTimeUtc = \"$(at -1)Z\" | .port.status = \"Unheard\" | .port.number = 445"
answer "$(rule 22 TCP PT3H)"
shows "what is over, not yet, or of others" "$(wanted "$port_22" "" "")"

# 3. What is refused, each beside one that counts.
requests=()
source_why='source not understood: only an address, a CIDR or * is'
request 203.0.113.1
request VirtualNetwork
request Internet
request 203.0.113.8,203.0.113.9
request 203.0.113.8-203.0.113.9
request 203.0.113.8/33
request ::ffff:203.0.113.8
request " 203.0.113.8"
request vm.example.com
request 203.0.113.2 '.port.allowedSourceAddressPrefix = "" | .port.allowedSourceAddressPrefixes = ["203.0.113.2", "AzureCloud"]'
request ""
request 203.0.113.20 ".port.endTimeUtc = \"$(at 10900)Z\""
request 203.0.113.21 ".port.endTimeUtc = \"$(at 90000000)Z\""
request 203.0.113.22 ".outer.startTimeUtc = \"$(at 600)Z\""
request 203.0.113.23 '.outer.startTimeUtc = null'
request 203.0.113.24 '.outer.startTimeUtc = "yesterday"'
request 203.0.113.25 '.port.endTimeUtc = "tomorrow"'
request 203.0.113.26 '.port.endTimeUtc = null'
request 203.0.113.27 '.port.status = "Approved"'
request 203.0.113.28 '.port.status = null'
request 203.0.113.29 '.port.number = 445'
request 203.0.113.30 '.port.number = 0'
request 203.0.113.31 '.port.number = 161'
request 203.0.113.32 '.port.number = 162'
answer "$(rule 22 TCP PT3H)" "$(rule 161 ICMP PT3H)" "$(rule 162 UDP sometime)"
shows "every form that is refused" "$(wanted "$port_22
  {\"port\": 161, \"proto\": \"*\", \"longest_s\": 10800}
  {\"port\": 162, \"proto\": \"udp\", \"longest_s\": 0}" "$(granted 203.0.113.1; granted 203.0.113.2)" "$(
  refused_rule "protocol of the port not understood: it is closed for all protocols" 161
  for source in VirtualNetwork Internet 203.0.113.8,203.0.113.9 203.0.113.8-203.0.113.9 203.0.113.8/33 ::ffff:203.0.113.8 \
    " 203.0.113.8" vm.example.com AzureCloud; do refused "$source_why" "$source"; done
  refused "no source address" ""
  refused "ends later than the policy allows" 203.0.113.20 22 "$(at 10900)Z"
  refused "ends later than the policy allows" 203.0.113.21 22 "$(at 90000000)Z"
  refused "begins in the future: this machine's clock may be wrong" 203.0.113.22
  refused "startTimeUtc not understood" 203.0.113.23
  refused "startTimeUtc not understood" 203.0.113.24
  refused "endTimeUtc not understood" 203.0.113.25 22 tomorrow
  refused "endTimeUtc not understood" 203.0.113.26 22 ""
  refused "status not understood" 203.0.113.27
  refused "status not understood" 203.0.113.28
  refused "the policy has no such port for this VM" 203.0.113.29 445
  refused "port 0 cannot be granted" 203.0.113.30 0
  refused "protocol of the port not understood" 203.0.113.31 161
  refused "maxRequestAccessDuration of the port not understood" 203.0.113.32 162
)")"

# 4. What the document says in a number or in nothing, standard error says in words.
emulator_do POST answer '{"on":"list","body":{"value":[]}}' >/dev/null || die "the emulator does not take an answer"
shows "no policy names this VM" "$(wanted "" "" "")"
like "and a line says so" '^[^\n]*no policy names this VM, of 0 that were read.*azure\.policies' "$(<"$tmp/once.err")"
emulator_do DELETE answer >/dev/null
put_policy 22/TCP || die "arm refuses the policy"
emulator_do POST fault '{"on":"list","kind":"skew","seconds":900}' >/dev/null
once
is "the clock is wrong: an answer" 0 $?
like "and lines say so" 'clock is (899|900|901) s behind Azure.*no new grant is believed' "$(tr '\n' ' ' <"$tmp/once.err")"
finish
