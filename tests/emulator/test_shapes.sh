#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The emulator held to shapes.json, our own words on what the answers of the API look like: every operation, every answer,
# every member and its type. And shapes.json to the published description, where that is at hand.
# shellcheck disable=SC2016 # the variables in the jq programs are jq's
# shellcheck source=tests/emulator/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=tests/emulator/operations.bash
. "$(dirname "$0")/operations.bash"

published=${JITGATE_AZURE_API:-$root/../shared/azure-api}
description=$published/swagger/jitNetworkAccessPolicies.json
common=$published/arm/common-types-subset.json
book=$root/tests/emulator/shapes.json

# Sets problems: what of the last answer does not fit.
find_problems() {
  problems=$(jq -nr -L "$root/tests/emulator" --slurpfile book "$book" --arg op "$1" --arg status "$status" --arg wanted "$2" \
    --rawfile body "$work/body" 'include "shapes"; answer_misfits($book[0]; $op; $status; $wanted; $body)' 2>&1)
}

observe() {
  local problems
  find_problems "$1" "$2"
  check "$1: $3: fits" no_problems "$problems"
}
no_problems() {
  [[ -z $1 ]] || { echo "$1"; return 1; }
}

test_checker() {
  two_policies
  call GET "$group/$in_region/default"
  observe get 200 "a good one"
  cp "$work/body" "$work/good"
  finds "an empty body" empty
  finds "a missing member" 'del(.kind)'
  finds "a missing member of a list" 'del(.properties.requests[1].virtualMachines[0].ports[0].status)'
  finds "a member that is not known" '.properties.virtualMachines[0].name = "x"'
  finds "a string for a number" '.properties.virtualMachines[0].ports[0].number = "22"'
  finds "null for a list" '.properties.requests = null'
  finds "a time that is none" '.properties.requests[0].startTimeUtc = "yesterday"'
  finds "a status that is none" '.properties.requests[0].virtualMachines[0].ports[0].status = "Open"'
}

test_kept() {
  local put
  control POST reset
  put=$(full_policy)
  call PUT "$group/$in_region/default" "$put"
  call GET "$group/$in_region/default"
  check "all that was put is there" is 200 ".properties | {virtualMachines, requests} == ($put | .properties)"
}

# SHAPE DEFINITION: do both name the same members, and require the same? What our answers always have may be optional there.
same_members() {
  jq -nre --slurpfile book "$book" --slurpfile swagger "$description" --slurpfile common "$common" --arg shape "$1" --arg name "$2" '
    ($common[0].definitions + $swagger[0].definitions) as $defs
    | def parts: . as $d | [$d] + [($d.allOf // [])[] | $defs[."$ref" | split("/") | last]];
    ($defs[$name] | parts) as $parts
    | ([$parts[] | .properties // {} | keys[]] | sort) as $theirs
    | ($book[0].shapes[$shape] | keys | map(rtrimstr("?")) - ["appendMode"] | sort) as $ours
    | ([$parts[] | .required // [] | .[]] - ($book[0].shapes[$shape] | keys)) as $lax
    | if $ours == $theirs and $lax == [] then "same" else "ours \($ours), theirs \($theirs), optional with us \($lax)" | error end'
}

test_against_published() {
  local pair
  if [[ ! -r $description || ! -r $common ]]; then
    skip "shapes.json against the published description" "none in $published"
    return
  fi
  for pair in "list JitNetworkAccessPoliciesList" "policy JitNetworkAccessPolicy" "policy properties JitNetworkAccessPolicyProperties" \
    "machine JitNetworkAccessPolicyVirtualMachine" "rule JitNetworkAccessPortRule" "request JitNetworkAccessRequest" \
    "request machine JitNetworkAccessRequestVirtualMachine" "request port JitNetworkAccessRequestPort" \
    "refusal CloudError" "error CloudErrorBody" "error info ErrorAdditionalInfo"; do
    check "shape ${pair% *} is ${pair##* }" same_members "${pair% *}" "${pair##* }"
  done
}

start --imds 0
run_tests checker kept against_published
for name in "${operations[@]}"; do "exercise_$name"; done
stop
end_tests
