#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The two services: every check with a request that passes it and one that does not, and the life of a grant.
# shellcheck source=tests/emulator/lib.bash
. "$(dirname "$0")/lib.bash"

test_imds() {
  local compute='/metadata/instance/compute?api-version=2021-02-01'
  ask_imds "$compute"
  check "compute names the machine" is 200 ".resourceId == \"$vm\" and .location == \"westeurope\" and .resourceGroupName == \"myRg1\""
  check "all scalars of compute are strings" is 200 '[.. | scalars | type == "string"] | all'
  ask_imds '/metadata/instance?api-version=2021-02-01'
  check "instance holds compute and network" is 200 '(.compute.name == "vm1") and (.network.interface[0].macAddress | length == 12)'
  ask_imds '/metadata/instance/compute/location?api-version=2021-02-01&format=text'
  check "a leaf is text" says westeurope
  ask_imds '/metadata/instance/compute/location?api-version=2021-02-01'
  check "a leaf without format=text is refused" test "$status" = 400
  ask_imds '/metadata/instance/compute?api-version=2018-04-02'
  check "resourceId is younger than that version" is 200 'has("resourceId") | not'
  ask_imds '/metadata/instance/nothing?api-version=2021-02-01'
  check "an unknown leaf is not found" test "$status" = 404
  ask "$imds$compute"
  check "without the Metadata header: refused" is 400 '.error | contains("metadata header")'
  ask_imds "$compute" -H 'X-Forwarded-For: 10.0.0.1'
  check "forwarded: refused" test "$status" = 400
  ask_imds '/metadata/instance/compute'
  check "without a version: refused, with the newest named" is 400 '."newest-versions" | length == 3'
  ask_imds '/metadata/instance/compute?api-version=1999-01-01'
  check "an unknown version: refused" test "$status" = 400
  ask_imds "$compute&api-version=2021-02-01"
  check "the version given twice: refused" test "$status" = 400
  ask_imds "$compute" -X POST
  check "only GET" test "$status" = 405
  ask_imds '/metadata/versions'
  check "versions need no version" is 200 '.apiVersions | index("2021-02-01")'
}

test_move() {
  local moved=/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/other/providers/Microsoft.Compute/virtualMachines/vm1
  control POST vm "{\"id\":\"$moved\",\"location\":\"westus\",\"environment\":\"AZUREUSGOVERNMENTCLOUD\"}"
  ask_imds '/metadata/instance/compute?api-version=2021-02-01'
  check "a machine can be moved" is 200 ".resourceId == \"$moved\" and .subscriptionId == \"${moved:15:36}\"
    and .resourceGroupName == \"other\" and .location == \"westus\" and .azEnvironment == \"AZUREUSGOVERNMENTCLOUD\""
  control POST vm '{"id":"vm1"}'
  check "not to what is no resource id" test "$status" = 400
  control POST reset
  ask_imds '/metadata/instance/compute?api-version=2021-02-01'
  check "a reset brings it back" is 200 ".resourceId == \"$vm\" and .location == \"westeurope\" and .azEnvironment == \"AzurePublicCloud\""
}

test_token() {
  local first path='/metadata/identity/oauth2/token?api-version=2018-02-01'
  get_token
  first=$token
  check "a token's members are all strings" is 200 '[.[] | type == "string"] | all'
  check "a token can be looked into, as some clients do" is 200 '.access_token | split(".") | length == 3 and
    (.[:2] | map(gsub("-"; "+") | gsub("_"; "/") | @base64d | fromjson) |
    .[0].typ == "JWT" and .[1].aud == "https://management.azure.com/" and (.[1].tid | length == 36))'
  check "expires_on is the end that expires_in tells" is 200 '((.expires_on | tonumber) - now - (.expires_in | tonumber)) | fabs < 3'
  get_token
  check "a live token is handed out again" test "$token" = "$first"
  ask_imds "$path"
  check "without a resource: refused" is 400 '.error == "invalid_resource" and has("error_description")'
  ask "$imds$path&resource=https%3A%2F%2Fmanagement.azure.com%2F"
  check "token without the Metadata header: refused" is 400 '.error == "bad_request_102"'
}

test_arm_door() {
  get_token
  ask "$arm$policies?$v"
  check "no token: refused" is_error 401 AuthenticationFailed
  ask -H 'Authorization: Bearer nobody-issued-this' "$arm$policies?$v"
  check "a foreign token: refused" is_error 401 InvalidAuthenticationToken
  check "a refusal says how to authenticate" test -n "$(header WWW-Authenticate)"
  ask_imds '/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net'
  ask -H "Authorization: Bearer $(jq -r .access_token "$work/body")" "$arm$policies?$v"
  check "a token for another audience: refused" is_error 401 InvalidAuthenticationToken
  call GET "$policies?x=1"
  check "no api-version: refused" is_error 400 MissingApiVersionParameter
  call GET "$policies?api-version=2015-06-01-preview"
  check "another api-version: refused" is_error 400 InvalidApiVersionParameter
  call GET "$group/$security/locations/westeurope/jitPolicies"
  check "an unknown path is not found" is_error 404 NotFound
  call PATCH "$policies/default"
  check "there is no PATCH" is_error 405 MethodNotAllowed
  call GET "$policies"
  check "A1: with token and version: an empty list, compact" test "$status$(cat "$work/body")" = '200{"value":[]}'
  check "A11: a correlation id" test -n "$(header x-ms-correlation-request-id)"
  check "the date" test -n "$(header Date)"
  first=$(header x-ms-ratelimit-remaining-subscription-resource-requests)
  call GET "$policies"
  check "the read limit counts down" test $((first - 1)) = "$(header x-ms-ratelimit-remaining-subscription-resource-requests)"
  control POST token '{"expire":true}'
  call GET "$policies"
  check "an expired token: refused" is_error 401 ExpiredAuthenticationToken
  first=$token
  get_token
  check "after that a new one is issued" test "$token" != "$first"
  call GET "$policies"
  check "and accepted" test "$status" = 200
  control POST budget '{"requests":1,"window_s":30}'
  call GET "$policies"
  check "the last read of a budget passes" test "$status" = 200
  call GET "$policies"
  check "the next is refused with Retry-After" test "$status $(($(header Retry-After) > 25))" = '429 1'
  control POST budget '{"requests":750}'
}

test_limits() {
  local other=${policies/20ff7fc3/20ff7fc4}
  control POST budget '{"requests":1,"window_s":30}'
  call GET "$policies"
  call GET "$policies"
  check "one subscription has used up its reads" is_error 429 TooManyRequests
  call GET "$other"
  check "another has its own" test "$status" = 200
  control POST bucket '{"size":2,"per_s":0}'
  call PUT "$policies/default" "$(policy 22 TCP '*' PT3H)"
  call DELETE "$policies/default"
  check "a bucket of two serves two" test "$status" = 200
  call DELETE "$policies/default"
  check "and then refuses what is no read too, with Retry-After" test "$status$(header Retry-After)" = 42960
  control POST budget '{"requests":750}'
  control POST bucket '{"size":5,"per_s":1000}'
  for _ in 1 2 3 4 5 6 7 8; do call GET "$policies"; done
  check "a bucket fills again" test "$status" = 200
  check "and says what is left" test "$(header x-ms-ratelimit-remaining-subscription-reads)" -le 5
  control POST reset
  call GET "${sub}0/$security/jitNetworkAccessPolicies"
  check "a subscription id that is none: refused" is_error 400 InvalidSubscriptionId
}

# What an administrator does before the first policy.
test_enabling() {
  local plan=$sub/$security/pricings/VirtualMachines
  call POST "$sub/$security/register?api-version=2021-04-01" ''
  check "the provider is registered" is 200 '.registrationState == "Registered"'
  call GET "$plan?api-version=2024-01-01"
  check "no plan at first" is 200 '.properties.pricingTier == "Free" and (.properties | has("subPlan") | not)'
  call PUT "$plan?api-version=2024-01-01" '{"properties":{"pricingTier":"Standard"}}'
  check "Standard is plan 2 when nothing else is said" is 200 ".id == \"$plan\" and .properties.pricingTier == \"Standard\" and .properties.subPlan == \"P2\""
  call PUT "$plan?api-version=2024-01-01" '{"properties":{"pricingTier":"Standard","subPlan":"P1"}}'
  call GET "$plan?api-version=2024-01-01"
  check "plan 1 is remembered" is 200 '.properties.subPlan == "P1"'
  call PUT "$plan?api-version=2024-01-01" '{"properties":{"pricingTier":"Gold"}}'
  check "another tier: refused" is_error 400 InvalidInput
  call GET "$plan?$v"
  check "the version of policies is none of plans" is_error 400 InvalidApiVersionParameter
}

test_policies() {
  local other=$sub/resourceGroups/other/$security/locations/northeurope/jitNetworkAccessPolicies
  call GET "$policies/default"
  check "an unknown policy is not found" is_error 404 PolicyNotFound
  call PUT "$policies/default" "$(policy 22 TCP '*' PT3H)"
  check "a policy is made" is 200 ".name == \"default\" and .id == \"$policies/default\" and .properties.provisioningState == \"Succeeded\"
    and .properties.requests == [] and .properties.appendMode == false and .location == \"westeurope\""
  call GET "$policies/default"
  check "and is there" is 200 ".properties.virtualMachines[0].ports[0].number == 22"
  call GET "${policies^^}/DEFAULT?api-version=2020-01-01"
  check "A23: names and segments are compared without case" is 200 '.name == "default"'
  call PUT "$policies/default" "$(policy '"2222"' TCP '*' PT3H)"
  check "A18: a port number in quotes is answered as a number" is 200 '.properties.virtualMachines[0].ports[0].number == 2222'
  call PUT "$policies/default" "$(policy 65536 TCP '*' PT3H)"
  check "a port out of range: refused" test "$status" = 400
  call PUT "$policies/default" "$(policy 22 SCTP '*' PT3H)"
  check "an unknown protocol: refused" test "$status" = 500
  call PUT "$policies/default" "$(policy 22 TCP '*' PT4M)"
  check "A22: less than five minutes: refused" test "$status" = 400
  call PUT "$policies/default" "$(policy 22 TCP '*' P1DT1S)"
  check "A22: more than a day: refused" test "$status" = 400
  call PUT "$policies/default" '{"properties":{"virtualMachines":'
  check "half a body: refused" is_error 400 InvalidRequestContent
  call GET "$policies/default"
  check "what was refused changed nothing" is 200 '.properties.virtualMachines[0].ports[0].number == 2222'

  call PUT "$other/vm9" "$(policy 22 TCP '*' P1D)"
  call GET "$sub/$security/jitNetworkAccessPolicies"
  check "the subscription lists both" is 200 '[.value[].name] == ["default","vm9"]'
  call GET "$sub/$security/locations/northeurope/jitNetworkAccessPolicies"
  check "the subscription's region lists its own" is 200 '[.value[].name] == ["vm9"]'
  call GET "$group/$security/jitNetworkAccessPolicies"
  check "the group lists its own" is 200 '[.value[].name] == ["default"]'
  call GET "$group/$security/locations/northeurope/jitNetworkAccessPolicies"
  check "the group has none in the other region" is 200 '.value == []'
  control POST page-size '{"policies":1}'
  call GET "$sub/$security/jitNetworkAccessPolicies"
  check "a page names the next" is 200 '(.value | length == 1) and (.nextLink | startswith("https://"))'
  ask -H "Authorization: Bearer $token" "$(jq -r .nextLink "$work/body")"
  check "the next page is the last" is 200 '[.value[].name] == ["vm9"] and (has("nextLink") | not)'
  control POST page-size '{"policies":0}'
  call DELETE "$other/vm9"
  check "deleted: 200 and no body" test "$status$(cat "$work/body")" = 200
  call DELETE "$other/vm9"
  check "not there any more: 204" test "$status" = 204
}

test_initiate() {
  local url=$policies/default/initiate end
  end=$(in_seconds 3600)
  call PUT "$policies/default" "$(policy 22 TCP 198.51.100.0/24 PT3H)"
  call POST "$url" "$(access 22 "\"endTimeUtc\":\"${end%Z}.4200000Z\",\"allowedSourceAddressPrefix\":\"198.51.100.7\"")"
  check "A12: access is granted" is 202 '.virtualMachines[0].ports[0] | .status == "Initiating" and .statusReason == "UserRequested"'
  check "A4: trailing zeros of the end are dropped" is 202 ".virtualMachines[0].ports[0].endTimeUtc == \"${end%Z}.42Z\""
  check "A9: nothing given: no justification, empty requestor" is 202 '(has("justification") | not) and .requestor == ""'
  check "A4: the start has up to 7 digits" is 202 '.startTimeUtc | test("T[0-9:]{8}([.][0-9]{1,7})?Z$")'
  check "A13: the answer points nowhere" test -z "$(header Location)$(header Azure-AsyncOperation)"
  check "at the next look it is open" state_is true 'Initiated UserRequested'
  control POST requestor '{"name":"alice@example.com"}'
  call POST "$url" "$(access 22 '"duration":"PT1H","allowedSourceAddressPrefixes":["198.51.100.8","198.51.100.16/28"]' | sed 's/}$/,"justification":"why not"}/')"
  check "A20: several sources, a duration, a justification" is 202 '.justification == "why not" and .requestor == "alice@example.com"
    and (.virtualMachines[0].ports[0] | .allowedSourceAddressPrefixes == ["198.51.100.8","198.51.100.16/28"] and (.endTimeUtc | endswith("Z")))'
  call POST "$url" "$(access 22 '"duration":"PT1H","allowedSourceAddressPrefix":"198.51.100.0/24"' "${vm^^}")"
  check "ids are compared without case; the whole rule may be asked for" test "$status" = 202

  call POST "$url" "$(access 22 '"allowedSourceAddressPrefix":"198.51.100.7"')"
  check "neither end nor duration: refused" is_error 400 InvalidInitiateInput
  call POST "$url" "$(access 22 "\"endTimeUtc\":\"$end\",\"duration\":\"PT1H\",\"allowedSourceAddressPrefix\":\"198.51.100.7\"")"
  check "end and duration: refused" is_error 400 InvalidInitiateInput
  call POST "$url" "$(access 22 "\"endTimeUtc\":\"$(in_seconds -60)\",\"allowedSourceAddressPrefix\":\"198.51.100.7\"")"
  check "an end that has passed: refused" is_error 400 InvalidInitiateInput
  call POST "$url" "$(access 22 '"endTimeUtc":"2026-02-30T00:00:00Z","allowedSourceAddressPrefix":"198.51.100.7"')"
  check "30 February: refused" is_error 400 InvalidInitiateInput
  refused_as_no_subset "a port that the policy has not" "$(access 23 '"duration":"PT1H","allowedSourceAddressPrefix":"198.51.100.7"')"
  refused_as_no_subset "a machine that the policy has not" "$(access 22 '"duration":"PT1H","allowedSourceAddressPrefix":"198.51.100.7"' "${vm}0")"
  refused_as_no_subset "a source beside the rule" "$(access 22 '"duration":"PT1H","allowedSourceAddressPrefix":"198.51.101.7"')"
  refused_as_no_subset "a source wider than the rule" "$(access 22 '"duration":"PT1H","allowedSourceAddressPrefix":"198.51.0.0/16"')"
  refused_as_no_subset "any source" "$(access 22 '"duration":"PT1H","allowedSourceAddressPrefix":"*"')"
  refused_as_no_subset "one of two sources beside the rule" "$(access 22 '"duration":"PT1H","allowedSourceAddressPrefixes":["198.51.100.7","10.0.0.1"]')"
  refused_as_no_subset "longer than the rule" "$(access 22 '"duration":"PT3H10M","allowedSourceAddressPrefix":"198.51.100.7"')"
  refused_as_no_subset "no source, and the caller is beside the rule" "$(access 22 '"duration":"PT1H"')"
  call POST "$policies/nobody/initiate" "$(access 22 '"duration":"PT1H"')"
  check "an unknown policy: not found" is_error 404 PolicyNotFound
  call GET "$policies/default"
  check "what was refused left no request" is 200 '.properties.requests | length == 3'
  check "A7: the newest is not the last" is 200 '.properties.requests[-1].startTimeUtc != ([.properties.requests[].startTimeUtc] | max)'
  call PUT "$policies/default" "$(policy 22 TCP '*' PT3H)"
  call POST "$url" "$(access 22 '"duration":"PT1H"')"
  check "A20: no source: the caller's own" is 202 '.virtualMachines[0].ports[0].allowedSourceAddressPrefix == "127.0.0.1"'
  call PUT "$policies/default" "$(policy 22 TCP 2001:db8::/32 PT3H)"
  check "A14: PUT shows no requests" is 200 '.properties.requests == []'
  call GET "$policies/default"
  check "A14: but they are still there" is 200 '.properties.requests | length == 4'
  call POST "$url" "$(access 22 '"duration":"PT1H","allowedSourceAddressPrefix":"2001:db8::7"')"
  check "IPv6 inside the rule" test "$status" = 202
  refused_as_no_subset "IPv6 beside the rule" "$(access 22 '"duration":"PT1H","allowedSourceAddressPrefix":"2001:db9::7"')"
}

refused_as_no_subset() {
  call POST "$policies/default/initiate" "$2"
  check "$1: refused as no subset" is 400 '.error.message | startswith("The given access request is not a subset of policy")'
}

test_life() {
  control POST reset
  call PUT "$policies/default" "$(policy 22 '*' '*' PT3H)"
  call POST "$policies/default/initiate" "$(access 22 "\"endTimeUtc\":\"$(in_seconds 2)\",\"allowedSourceAddressPrefix\":\"192.0.2.1\"")"
  call POST "$policies/default/initiate" "$(access 22 '"duration":"PT1H","allowedSourceAddressPrefix":"192.0.2.2"')"
  check "a grant for two seconds is open" state_is '.allowedSourceAddressPrefix == "192.0.2.1"' 'Initiated UserRequested'
  check "A8: and then really ends" wait_for 5 state_is '.allowedSourceAddressPrefix == "192.0.2.1"' 'Revoked Expired'
  check "the longer one goes on" state_is '.allowedSourceAddressPrefix == "192.0.2.2"' 'Initiated UserRequested'
  call POST "$policies/default/initiate" "$(access 22 '"duration":"PT2H","allowedSourceAddressPrefix":"192.0.2.2/32"')"
  check "A26: a newer request for the same source takes its place" state_is '.number == 22 and (.allowedSourceAddressPrefix | startswith("192.0.2.2"))' \
    'Initiated UserRequested,Revoked NewerRequestInitiated'
  control POST revoke '{"port":22,"source":"192.0.2.9"}'
  check "revoking another source revokes nothing" is 200 '.revoked == 0'
  control POST revoke '{"port":22}'
  check "revoking the port revokes what is open" is 200 '.revoked == 1'
  check "A26: and shows who did" state_is '.status == "Revoked" and .statusReason == "UserRequested"' 'Revoked UserRequested'

  control POST reset
  control POST initiate-fast '{"port":2222,"source":"192.0.2.3","seconds":0.7,"justification":"quick"}'
  check "a fast grant is open at once" is 200 '.justification == "quick" and .virtualMachines[0].ports[0].status == "Initiated"'
  call GET "$policies/default"
  check "its rule was made" is 200 '.properties.virtualMachines[0].ports == [{number: 2222, protocol: "TCP", allowedSourceAddressPrefix: "*",
    maxRequestAccessDuration: "PT3H"}]'
  check "it ends" wait_for 4 state_is true 'Revoked Expired'
  control POST initiate-fast "{\"vm\":\"${vm}b\",\"port\":53,\"protocol\":\"UDP\",\"source\":\"VirtualNetwork\",\"seconds\":60}"
  call GET "$policies/default"
  check "other machine, other protocol, a source nobody checks" is 200 ".properties.virtualMachines[1] | .id == \"${vm}b\" and .ports[0].protocol == \"UDP\""
  control POST initiate-fast '{"port":22,"seconds":5}'
  check "a fast grant without a source: refused" is 400 '.error | contains("source")'
}

test_clock() {
  control POST reset
  control POST skew '{"seconds":7200}'
  control POST initiate-fast '{"port":22,"source":"192.0.2.3","seconds":60}'
  check "a skewed service writes its own start" is 200 '((.startTimeUtc | sub("[.][0-9]*"; "") | fromdate) - now - 7200) | fabs < 5'
  call GET "$policies/default"
  check "and its own date" test $(($(date -d "$(header Date)" +%s) - $(date +%s) > 7100)) = 1
  control POST skew '{"seconds":0}'
  control POST linger '{"seconds":600}'
  control POST initiate-fast '{"port":22,"source":"192.0.2.4","seconds":-5}'
  check "A26: with linger an ended request still reads Initiated" state_is '.allowedSourceAddressPrefix == "192.0.2.4"' 'Initiated UserRequested'
  control POST linger '{"seconds":0}'
  check "without it does not" state_is '.allowedSourceAddressPrefix == "192.0.2.4"' 'Revoked Expired'
}

start --imds 0
run_tests imds move token arm_door limits enabling policies initiate life clock
stop
end_tests
