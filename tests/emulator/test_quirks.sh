#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What the services do that readers stumble over: ids in other case, nulls, unknown members, fractions of any length,
# Updating, empty request ids; several identities, and a metadata service that is asked too often.
# shellcheck source=tests/emulator/lib.bash
. "$(dirname "$0")/lib.bash"

# A policy with a single source, a list of sources and none, and a request whose end has seven digits.
set_up() {
  control POST reset
  call PUT "$policies/default" "$(policy 22 TCP '*' PT3H | jq -c '.properties.virtualMachines[0].ports += [
    {number: 23, protocol: "TCP", allowedSourceAddressPrefixes: ["192.0.2.1"], maxRequestAccessDuration: "PT3H"},
    {number: 24, protocol: "TCP", maxRequestAccessDuration: "PT3H"}]')"
  end=$(in_seconds 3600)
  end=${end%Z}
  call POST "$policies/default/initiate" "$(access 22 "\"endTimeUtc\":\"$end.1234567Z\",\"allowedSourceAddressPrefix\":\"192.0.2.7\"")"
  call GET "$policies/default"
  cp "$work/body" "$work/usual"
}

quirks() {
  control POST quirks "$1"
  call GET "$policies/default"
}
end_is() { is 200 ".properties.requests[0].virtualMachines[0].ports[0].endTimeUtc == \"$1\""; }

test_ids() {
  set_up
  quirks '{"ids":"lower"}'
  check "A23: ids in lower case" is 200 ".id == \"${policies,,}/default\" and ([.. | objects | .id // empty | test(\"[A-Z]\")] | any | not)"
  quirks '{"ids":"upper"}'
  check "ids in upper case" is 200 ".properties.virtualMachines[0].id == \"${vm^^}\" and .properties.requests[0].virtualMachines[0].id == \"${vm^^}\""
  quirks '{"ids":"segments"}'
  check "only the fixed words in lower case" is 200 ".properties.virtualMachines[0].id == \"$sub/resourcegroups/myRg1/providers/microsoft.compute/virtualmachines/vm1\""
  call GET "$policies"
  check "in lists too" is 200 '.value[0].id | contains("/resourcegroups/")'
  quirks '{}'
  check "and back" cmp "$work/body" "$work/usual"
  quirks '{"ids":"middle"}'
  control POST quirks '{"ids":"middle"}'
  check "another case: refused" test "$status" = 400
}

test_times() {
  local digits
  set_up
  for digits in 1 3 7; do
    quirks "{\"fraction_digits\":$digits}"
    check "$digits digits of a second" end_is "$end.$(cut -c "1-$digits" <<<1234567)Z"
  done
  quirks '{"fraction_digits":0}'
  check "none" end_is "${end}Z"
  call POST "$policies/default/initiate" "$(access 22 '"duration":"PT1H","allowedSourceAddressPrefix":"192.0.2.8"')"
  check "in the answer to a request too" is 202 '.startTimeUtc | test(":[0-9]{2}Z$")'
  control POST quirks '{"fraction_digits":"vary"}'
  check "A4: every length in turn" test "$(for _ in 1 2 3 4 5 6 7 8; do
    call GET "$policies/default"
    jq -r '.properties.requests[] | .startTimeUtc, .virtualMachines[].ports[].endTimeUtc' "$work/body"
  done | sed 's/.*:[0-9][0-9]//; s/Z//' | awk '{ print length }' | sort -u | paste -sd ' ')" = '0 2 3 4 5 6 7 8'
  control POST quirks '{"fraction_digits":8}'
  check "eight: refused" test "$status" = 400
}

test_members() {
  set_up
  quirks '{"nulls":true}'
  check "A19: members that are not there are null" is 200 '(.properties.virtualMachines[0] | .publicIpAddress == null and has("publicIpAddress"))
    and ([.properties.virtualMachines[0].ports[] | .allowedSourceAddressPrefix, .allowedSourceAddressPrefixes] == ["*", null, null, ["192.0.2.1"], null, null])
    and (.properties.requests[0] | has("justification") and .justification == null)'
  check "and nothing else has changed" is 200 "[del(.. | nulls)] == [$(cat "$work/usual")]"
  quirks '{"unknown":true}'
  check "unknown members come first" is 200 '(keys_unsorted[0] == "x-new") and (.properties.requests[0].virtualMachines[0].ports[0] | keys_unsorted[0] == "x-new")'
  check "and nothing else has changed" is 200 "walk(if type == \"object\" then del(.\"x-new\") else . end) == $(cat "$work/usual")"
}

test_updating() {
  set_up
  control POST latency '{"updating_ms":2000}'
  call PUT "$policies/default" "$(policy 22 TCP '*' PT3H)"
  check "after a write a policy is Updating" is 200 '.properties.provisioningState == "Updating"'
  call GET "$policies/default"
  check "A10: also for who looks, with its live request" is 200 '.properties.provisioningState == "Updating" and
    .properties.requests[0].virtualMachines[0].ports[0].status == "Initiated"'
  check "and Succeeded later" wait_for 8 provisioned
}
provisioned() {
  call GET "$policies/default"
  is 200 '.properties.provisioningState == "Succeeded"'
}

test_request_ids() {
  set_up
  check "a read has a request id" grep -qi '^x-ms-request-id: [0-9a-f-]\{36\}' "$work/headers"
  call PUT "$policies/default" "$(policy 22 TCP '*' PT3H)"
  check "A11: a write has an empty one" grep -qi '^x-ms-request-id: *.$' "$work/headers"
  call GET "$sub/$security/jitNetworkAccessPolicies"
  check "a list of the subscription is made of three" test "$(header x-ms-original-request-ids | grep -cE '^[0-9a-f-]{36}$')" = 3
  control POST quirks '{"empty_request_ids":true}'
  call GET "$sub/$security/jitNetworkAccessPolicies"
  check "A11: which may all be empty" test "$(header x-ms-original-request-ids | grep -c '^ *$')" = 3
  check "while the correlation id is there" test -n "$(header x-ms-correlation-request-id)"
}

test_hidden() {
  set_up
  call PUT "$policies/other" "$(policy 22 TCP '*' PT3H)"
  control POST quirks '{"subscription_hides":"default"}'
  call GET "$sub/$security/jitNetworkAccessPolicies"
  check "the subscription's list leaves one out" is 200 '[.value[].name] == ["other"]'
  call GET "$group/$security/jitNetworkAccessPolicies"
  check "which the group's has" is 200 '[.value[].name] == ["default","other"]'
}

test_names() {
  local long
  printf -v long '%053d' 7
  set_up
  call PUT "$policies/$long" "$(policy 22 TCP '*' PT3H)"
  check "A24: policy and machine names of 56 characters" test "$status" = 200
  call PUT "$policies/${long}0" "$(policy 22 TCP '*' PT3H)"
  check "of 57: refused" is_error 400 InvalidPolicyInput
  call PUT "$policies/default" "$(policy 22 TCP '*' PT3H | jq -c '.properties.virtualMachines[0].ports[0].allowedSourceAddressPrefixes = ["192.0.2.1"]')"
  check "a source and a list of sources: refused" is_error 400 InvalidPolicyInput
  call PUT "$policies/default" "$(policy 22 TCP '*' PT3H | jq -c '.properties.virtualMachines[0].ports[0].allowedSourceAddressPrefixes = null')"
  check "A19: a source and null: as the service's own templates write it" test "$status" = 200
}

# token_of QUERY
token_of() {
  ask_imds "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fmanagement.azure.com%2F${1:+&$1}"
}
token_text() {
  token_of "$1"
  jq -r .access_token "$work/body"
}

test_identities() {
  local one res=$group/providers/Microsoft.ManagedIdentity/userAssignedIdentities/second
  control POST reset
  token_of client_id=nobody
  check "an identity that the machine has not: refused" is 400 '.error == "invalid_request" and .error_description == "Identity not found"'
  stop
  start --identity client_id=c1,object_id=o1 --identity "client_id=c2,msi_res_id=$res"
  token_of ''
  check "several and none named: refused" is 400 '.error == "invalid_request" and (.error_description | startswith("Multiple user assigned identities exist"))'
  one=$(token_text client_id=c1)
  check "by client id" test ${#one} -gt 20
  check "the same by object id" test "$(token_text object_id=o1)" = "$one"
  check "another one by resource id, percent-encoded" test "$(token_text "msi_res_id=${res//\//%2F}" | cut -c 1-3)" = eyJ
  check "which has a token of its own" test "$(token_text client_id=c2)" != "$one"
  token_of 'client_id=c1&object_id=o1'
  check "two ids at once: refused" test "$status" = 400
  stop
  start --identity client_id=c1
  token_of ''
  check "the only one needs no name" test "$status" = 200
  stop
  start --identity client_id=c1 --identity client_id=c2 --identity system
  token_of ''
  check "nor does the system's beside others" test "$status" = 200
  stop
  start --identity none
  token_of ''
  check "no identity at all" is 400 '.error == "invalid_request"'
  "$emulator" --identity name=x >"$work/body" 2>&1
  rc=$?
  check "an id of another kind is a usage error" test "$rc" = 2
}

test_imds_limit() {
  local n=0
  control POST imds-limit '{"per_s":1,"identity_per_s":1}'
  while ((n++ < 50)); do
    ask_imds '/metadata/instance/compute?api-version=2021-02-01'
    [[ $status == 200 ]] || break
  done
  check "asked too often: 429" test "$status" = 429
  control POST imds-limit '{"per_s":0}'
  ask_imds '/metadata/instance/compute?api-version=2021-02-01'
  check "no limit again" test "$status" = 200
}

end=
start --imds 0
run_tests ids times members updating request_ids hidden names identities imds_limit
stop
end_tests
