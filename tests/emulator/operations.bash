# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Every operation of the JIT resource with every kind of answer it can give. Sourced after lib.bash, by tests that say what
# an answer has to look like: they define
#   observe OPERATION STATUS LABEL    the last answer: of this operation, with this status expected

# shellcheck disable=SC2154 # security: lib.bash
in_group=$security/jitNetworkAccessPolicies
in_region=$security/locations/westeurope/jitNetworkAccessPolicies
# shellcheck disable=SC2034 # for those who source this
operations=(list_subscription list_subscription_region list_group list_group_region get put delete initiate)

# One policy with all that a policy can hold: two machines, every form of source, requests in every state.
full_policy() {
  jq -nc --arg vm "$vm" --arg until "$(in_seconds 3600)" --arg start "$(in_seconds -60)" '
    def ended($reason): {id: $vm, ports: [{number: 22, allowedSourceAddressPrefix: "192.0.2.7",
      endTimeUtc: "2026-01-05T13:19:07.6779647Z", status: "Revoked", statusReason: $reason}]};
    def request($machine; $who): {virtualMachines: [$machine], startTimeUtc: $start, requestor: $who};
    {kind: "Basic", properties: {
      virtualMachines: [
        {id: $vm, publicIpAddress: "203.0.113.1", ports: [
          {number: 22, protocol: "TCP", allowedSourceAddressPrefix: "*", maxRequestAccessDuration: "PT3H"},
          {number: 53, protocol: "*", allowedSourceAddressPrefixes: ["198.51.100.0/24", "2001:db8::/32"],
            maxRequestAccessDuration: "P1D"}]},
        {id: ($vm + "b"), ports: [{number: 0, protocol: "UDP", maxRequestAccessDuration: "PT5M"},
          {number: 65535, protocol: "TCP", allowedSourceAddressPrefix: "192.0.2.1", maxRequestAccessDuration: "PT30M"}]}],
      requests: [request(ended("Expired"); ""), request(ended("NewerRequestInitiated"); "a@example.com"),
        request(ended("UserRequested"); "") + {justification: "a look"},
        request({id: $vm, ports: [{number: 22, allowedSourceAddressPrefixes: ["192.0.2.8", "192.0.2.16/28"], endTimeUtc: $until,
          status: "Initiated", statusReason: "UserRequested", mappedPort: 50022}]}; "")]}}'
}

two_policies() {
  control POST reset
  call PUT "$group/$in_region/default" "$(full_policy)"
  call PUT "$group/$in_region/other" "$(policy 3389 '*' '*' PT1H)"
}

# refusals OPERATION METHOD PATH [BODY]: what every operation answers when it does not do it
refusals() {
  local op=$1 kind
  shift
  ask -X "$1" ${3+--data-binary "$3"} "$arm$2?$v"
  observe "$op" 401 "no token"
  call "$1" "$2?x=1" ${3+"$3"}
  observe "$op" 400 "no version"
  call "$1" "$2?api-version=2015-06-01-preview" ${3+"$3"}
  observe "$op" 400 "another version"
  for kind in 400 403 404 409 429 500 503; do
    control POST fault "{\"on\":\"arm\",\"kind\":\"status\",\"status\":$kind,\"count\":1}"
    call "$1" "$2" ${3+"$3"}
    observe "$op" "$kind" "refused with $kind"
  done
  control POST fault '{"on":"arm","kind":"status","status":409,"details":true,"count":1}'
  call "$1" "$2" ${3+"$3"}
  observe "$op" 409 "refused with all that a refusal may have"
}

exercise_list() { # OPERATION PATH
  control POST reset
  call GET "$2"
  observe "$1" 200 "nothing there"
  two_policies
  call GET "$2"
  observe "$1" 200 "two policies"
  control POST page-size '{"policies":1}'
  call GET "$2"
  observe "$1" 200 "the first of two pages"
  call GET "$(next_path)"
  observe "$1" 200 "the second of two pages"
  refusals "$1" GET "$2"
}
next_path() { jq -r .nextLink "$work/body" | sed 's|^https*://[^/]*||'; }

exercise_list_subscription() { exercise_list list_subscription "$sub/$in_group"; }
exercise_list_subscription_region() { exercise_list list_subscription_region "$sub/$in_region"; }
exercise_list_group() { exercise_list list_group "$group/$in_group"; }
exercise_list_group_region() { exercise_list list_group_region "$group/$in_region"; }

exercise_get() {
  two_policies
  call GET "$group/$in_region/default"
  observe get 200 "all that a policy can hold"
  call POST "$group/$in_region/default/initiate" "$(access 22 '"duration":"PT1H"')"
  call GET "$group/$in_region/default"
  observe get 200 "after a request"
  call GET "$group/$in_region/nobody"
  observe get 404 "an unknown policy"
  refusals get GET "$group/$in_region/default"
}

exercise_put() {
  local path=$group/$in_region/default
  control POST reset
  call PUT "$path" "$(policy 22 TCP '*' PT3H)"
  observe put 200 "a new policy"
  call PUT "$path" "$(full_policy)"
  observe put 200 "in place of one"
  call PUT "$path" '{"kind":"Basic"}'
  observe put 400 "no machines"
  call PUT "$path" "$(policy 70000 TCP '*' PT3H)"
  observe put 400 "no such port"
  call PUT "$path" "$(policy 22 TCP '*' P2D)"
  observe put 400 "longer than a day"
  call PUT "$path" "$(policy 22 SCTP '*' PT3H)"
  observe put 500 "an unknown protocol"
  call PUT "$path" 'no JSON'
  observe put 400 "no JSON"
  refusals put PUT "$path" "$(policy 22 TCP '*' PT3H)"
}

exercise_delete() {
  local path=$group/$in_region/default
  two_policies
  call DELETE "$path"
  observe delete 200 "a policy"
  call DELETE "$path"
  observe delete 204 "what is not there"
  refusals delete DELETE "$path"
}

exercise_initiate() {
  local path=$group/$in_region/default/initiate
  two_policies
  call POST "$path" "$(access 22 "\"endTimeUtc\":\"$(in_seconds 600)\"")"
  observe initiate 202 "until a time"
  call POST "$path" "$(access 53 '"duration":"PT10M","allowedSourceAddressPrefixes":["198.51.100.7","2001:db8::/64"]' | sed 's/}$/,"justification":"a look"}/')"
  observe initiate 202 "several sources, a reason"
  call POST "$path" "$(access 22 '')"
  observe initiate 400 "no end"
  call POST "$path" "$(access 23 '"duration":"PT10M"')"
  observe initiate 400 "no such port"
  call POST "$path" "$(access 65536 '"duration":"PT10M"')"
  observe initiate 400 "no port at all"
  call POST "$group/$in_region/nobody/initiate" "$(access 22 '"duration":"PT10M"')"
  observe initiate 404 "an unknown policy"
  refusals initiate POST "$path" "$(access 22 '"duration":"PT10M"')"
}
