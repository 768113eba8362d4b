#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Answers that are odd or hostile: nothing is widened by them and nothing let go, the feed lives, and its next question
# is as good as its first.
# shellcheck source-path=SCRIPTDIR source=azure.bash
. "$(dirname "${BASH_SOURCE[0]}")/azure.bash"
begin azure_odd
# What the sanitizer keeps of memory that was given back is not the daemon's, whose memory is looked at.
export ASAN_OPTIONS=$ASAN_OPTIONS:quarantine_size_mb=8

# One Azure for --once, and one for the daemons, which begins with a byte a second: that takes its time.
start_emulator
mv "$tmp/jitgate.conf" "$tmp/once.conf"
mv "$tmp/emulator.log" "$tmp/emulator-once.log"
mv "$tmp/tls" "$tmp/tls-once"
sed -i "s|$tmp/tls/|$tmp/tls-once/|" "$tmp/once.conf"
pids[emulator-once]=${pids[emulator]}
once_imds=$imds once_arm=$arm
world_up
begin_case
emulator_do POST fault '{"on":"list","kind":"slow"}' >/dev/null
new_source
request_fast "$newcomer" 22

# 1. A page with one policy, one rule and one live request, and what can be done to it.
end=$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%SZ)
page=$(jq -nc --arg vm "$vm_id" --arg id "$policy_path" --arg start "$(date -u +%Y-%m-%dT%H:%M:%SZ)" --arg until "$end" '
  {value: [{id: $id, name: "default", kind: "Basic", properties: {virtualMachines: [{id: $vm, ports: [
    {number: 22, protocol: "TCP", maxRequestAccessDuration: "PT3H"}]}], requests: [{startTimeUtc: $start, requestor: "",
    virtualMachines: [{id: $vm, ports: [{number: 22, endTimeUtc: $until, status: "Initiated",
    allowedSourceAddressPrefix: "203.0.113.1"}]}]}], provisioningState: "Succeeded"}}]}')
with() { jq -c "$1" <<<"$page"; }

# once_of TEXT: asked once, with that text as the answer to the list.
once_of() {
  jq -Rsc '{on: "list", text: .}' <<<"$1" |
    in_srv curl -fsS -X POST --data-binary @- "$once_imds/emulator/answer" >/dev/null || die "no such answer can be given"
  in_srv timeout 60 "$build/jitgate-azure" -c "$tmp/once.conf" --once >"$tmp/once.json" 2>"$tmp/once.err"
}
# no_list NAME PATTERN TEXT: the whole answer does not count.
no_list() {
  once_of "$3"
  is "$1: no answer" 1 $?
  like "$1: one line says why" "$2" "$(<"$tmp/once.err")"
  is "$1: and nothing else is said" "1 " "$(wc -l <"$tmp/once.err") $(<"$tmp/once.json")"
}
summary() { jq -c '[.ports[].port, (.grants[] | .source)]' "$tmp/once.json"; }
# comes_to NAME WANTED TEXT: an answer that counts.
comes_to() {
  once_of "$3"
  is "$1: an answer" 0 $?
  is "$1: its ports and granted sources" "$2" "$(summary)"
}
# not_granted NAME TEXT: whether the answer counts or not, the port is not let go and nothing is granted.
not_granted() {
  if once_of "$2"; then
    is "$1: the port is protected, nothing granted" '[22]' "$(summary)"
    is "$1: one entry is refused" 1 "$(jq '.refused | length' "$tmp/once.json")"
  else
    is "$1: one line, no document" "1 " "$(wc -l <"$tmp/once.err") $(<"$tmp/once.json")"
  fi
}

comes_to "the page as it is" '[22,"203.0.113.1"]' "$page"
comes_to "unknown members everywhere" '[22,"203.0.113.1"]' "$(with '(.. | objects) += {aNewOne: [{status: "Revoked"}]}')"
comes_to "unknown values of kind, state and reason" '[22,"203.0.113.1"]' "$(with '.value[].kind = "Premium"
  | .value[].properties.provisioningState = "Levitating" | (.. | .status? // empty) |= .
  | .value[].properties.requests[].virtualMachines[].ports[].statusReason = "Whim"')"
comes_to "null where an array may be missing" '[22,"203.0.113.1"]' \
  "$(with '.value[].properties.requests[].virtualMachines[].ports[].allowedSourceAddressPrefixes = null
  | .nextLink = null | .value[].properties.virtualMachines[].publicIpAddress = null')"
comes_to "requests that are null" '[22]' "$(with '.value[].properties.requests = null')"
comes_to "requests that are missing" '[22]' "$(with 'del(.value[].properties.requests)')"
comes_to "five hundred sources that are none" '[22]' "$(with '.value[].properties.requests[].virtualMachines[].ports[]
  |= (del(.allowedSourceAddressPrefix) | .allowedSourceAddressPrefixes = [range(500) | "Tag\(.)"])')"
is "five hundred sources that are none: each is shown" 500 "$(jq '.refused | length' "$tmp/once.json")"
comes_to "a nextLink that is empty" '[22,"203.0.113.1"]' "$(with '.nextLink = ""')"
# shellcheck disable=SC2016 # jq's variables
comes_to "a thousand old requests around it" '[22,"203.0.113.1"]' "$(with '.value[].properties.requests |=
  (. as $live | [range(500) | $live[0] | .virtualMachines[].ports[].status = "Revoked"]
  | . + $live + .)')"
comes_to "members of another case beside the right ones" '[22,"203.0.113.1"]' \
  "$(with '.Value = [] | .value[].properties.requests[].virtualMachines[].ports[].STATUS = "Revoked"')"
comes_to "members of another case instead" '[22]' \
  "$(with '.value[].properties |= (.Requests = .requests | del(.requests))')"

no_list "an array" "not an object" '[]'
no_list "an object with nothing" "value is not an array" '{}'
no_list "a value that is null" "value is not an array" '{"value":null}'
no_list "a value that is an object" "value is not an array" '{"value":{}}'
no_list "a policy that is null" "a policy is not an object" "$(with '.value += [null]')"
no_list "a policy without properties" "properties is not an object" "$(with '.value[0].properties = null')"
no_list "a policy whose machines are null" "virtualMachines is not an array" \
  "$(with '.value[0].properties.virtualMachines = null')"
no_list "a machine whose ports are null" "ports is not an array" \
  "$(with '.value[0].properties.virtualMachines[0].ports = null')"
for number in 22.5 65536 -1 1e99 null; do
  no_list "a rule for port $number" "number is not a whole number" \
    "$(with ".value[0].properties.virtualMachines[0].ports[0].number = $number")"
done
no_list "a rule with its port twice" "same key twice" "${page/\"number\":22/\"number\":22,\"number\":2222}"
twice='"properties":{"virtualMachines":[]},"properties":'
no_list "properties twice" "same key twice" "${page/\"properties\":/$twice}"
no_list "the half of it" "cut short" "${page%%\"requests\"*}"
no_list "one answer behind another" "something behind" "$page$page"
no_list "a thousand levels" "deep" "${page%\}},\"aNewOne\":$(printf '[%.0s' {1..1000})$(printf ']%.0s' {1..1000})}"
no_list "a NUL in a text" "NUL|U\\+0000|null|control" "${page/default\"/default\\u0000\"}"
no_list "a nextLink that is a number" "nextLink is not a text" "$(with '.nextLink = 1')"
no_list "a nextLink to another port" "another address" "$(with '.nextLink = "https://127.0.0.1:1/list"')"
no_list "a nextLink without TLS" "another address" "$(with ".nextLink = \"${once_arm/https/http}/list\"")"
asked_there() { in_srv curl -fsS "$once_imds/emulator/stats" | jq .imds_other; }
before=$(asked_there)
no_list "a nextLink to a server that answers" "another address" "$(with ".nextLink = \"$once_imds/metadata/list\"")"
is "a nextLink to a server that answers: it is not asked" "$before" "$(asked_there)"
no_list "a nextLink to another host" "another address" "$(with '.nextLink = "https://example.net/list"')"

request=".value[0].properties.requests[0].virtualMachines[0].ports[0]"
not_granted "a status that is a list" "$(with "$request.status = [\"Initiated\"]")"
not_granted "an end that is a number" "$(with "$request.endTimeUtc = 4102444800")"
not_granted "sources that are an object" "$(with "$request.allowedSourceAddressPrefixes = {}")"
not_granted "a source that is a number" "$(with "$request.allowedSourceAddressPrefix = 0")"
not_granted "a status twice, once Revoked" "${page/\"status\":\"Initiated\"/\"status\":\"Revoked\",\"status\":\"Initiated\"}"
not_granted "a source twice" \
  "${page/\"allowedSourceAddressPrefix\":/\"allowedSourceAddressPrefix\":\"*\",\"allowedSourceAddressPrefix\":}"
not_granted "a request for port 22.5" "$(with "$request.number = 22.5")"

# 2. The same for the daemons. What was begun at first:
lost_within_s=40
lost "a byte a second" "slow|time|late|long"
unset lost_within_s
emulator_do DELETE fault >/dev/null
recovers "a byte a second"

loss "100 MB" "too large" '{"on":"list","kind":"huge"}'
loss "100 MB, packed" "too large" '{"on":"list","kind":"bomb"}'
loss "members twice" twice '{"on":"list","kind":"dup-keys"}'
within "a hundred megabytes did not fit into it" 1000 \
  "$(awk '$1 == "VmHWM:" { print $2 }' "/proc/${pids[azure]}/status")" 80000

# odd_loss WHAT PATTERN BODY
odd_loss() {
  begin_case
  emulator_do POST answer "{\"on\":\"list\",\"body\":$3}" >/dev/null || die "the emulator takes no answer"
  lost "$1" "$2"
  emulator_do DELETE answer >/dev/null
  recovers "$1"
}
odd_loss "a list that goes on for ever" "does not end|again|repeat" \
  "{\"value\":[],\"nextLink\":\"$arm${policy_path%/default}?api-version=2020-01-01\"}"
odd_loss "a list that goes on elsewhere" "another address" '{"value":[],"nextLink":"https://127.0.0.1:1/list"}'
odd_loss "a rule that is not understood" "not a whole number" "$(with '.value[0].properties.virtualMachines[0].ports[0].number = null')"

sessions_lived

# 4. Hundreds of requests that are refused: all are counted, the journal gets some.
begin_case
with '.value[].properties.requests[].virtualMachines[].ports[]
  |= (del(.allowedSourceAddressPrefix) | .allowedSourceAddressPrefixes = [range(500) | "Tag\(.)"])' |
  jq -Rsc '{on: "list", text: .}' |
  in_srv curl -fsS -X POST --data-binary @- "$imds/emulator/answer" >/dev/null || die "no such answer can be given"
refused_more() { [[ $(feed_field refused_more) == 436 ]]; }
check "five hundred refused: status counts them" wait_for 20 refused_more
log_since azure "$azure_mark" >"$tmp/refused.log"
is "five hundred refused: 64 lines, and how many more" "64 1" \
  "$(grep -c 'refused port=22' "$tmp/refused.log") $(grep -c 'refused more=436' "$tmp/refused.log")"
finish
