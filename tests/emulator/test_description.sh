#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The emulator held to the published description of the API: every operation in it, every answer: a status that is
# documented or else the documented error, every member declared and of its type, every required member there.
#
# JITGATE_AZURE_API names the folder with the description; without it the tests are skipped.
# shellcheck disable=SC2016 # the variables in the jq programs are jq's
# shellcheck source=tests/emulator/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=tests/emulator/operations.bash
. "$(dirname "$0")/operations.bash"

published=${JITGATE_AZURE_API:-$root/../shared/azure-api}
description=$published/swagger/jitNetworkAccessPolicies.json
common=$published/arm/common-types-subset.json

# Real answers have a member that the description does not declare, and a status before those it lists.
known='{"undeclared": ["appendMode"], "values": {"status": ["Initiating"]}}'

declare -A id_of=(
  [list_subscription]=JitNetworkAccessPolicies_List [list_subscription_region]=JitNetworkAccessPolicies_ListByRegion
  [list_group]=JitNetworkAccessPolicies_ListByResourceGroup
  [list_group_region]=JitNetworkAccessPolicies_ListByResourceGroupAndRegion
  [get]=JitNetworkAccessPolicies_Get [put]=JitNetworkAccessPolicies_CreateOrUpdate
  [delete]=JitNetworkAccessPolicies_Delete [initiate]=JitNetworkAccessPolicies_Initiate)

# The programs' variables are jq's: $swagger, $common, $known, and what a call adds.
ask_jq() { jq -L "$root/tests/emulator" --slurpfile swagger "$description" --slurpfile common "$common" --argjson known "$known" "$@"; }

# Sets problems: what of the last answer does not fit the operation and the status that is wanted.
find_problems() {
  problems=$(ask_jq -nr --arg id "${id_of[$1]}" --arg status "$status" --arg wanted "$2" --rawfile body "$work/body" \
    'include "swagger"; answer_problems($swagger[0]; $common[0]; $known; $id; $status; $wanted; $body)' 2>&1)
}

observe() {
  local problems
  find_problems "$1" "$2"
  seen+=("$1 $status")
  check "$1: $3: as described" no_problems "$problems"
}
no_problems() {
  [[ -z $1 ]] || { echo "$1"; return 1; }
}

every_operation_known() {
  local id
  for id in $(ask_jq -nr '$swagger[0].paths[][].operationId'); do
    [[ " ${id_of[*]} " == *" $id "* ]] || { echo "$id is not exercised"; return 1; }
  done
}

every_status_seen() { # OPERATION
  local code
  for code in $(ask_jq -nr --arg id "${id_of[$1]}" '$swagger[0].paths[][] | select(.operationId == $id) | .responses | keys[] | select(. != "default")'); do
    [[ " ${seen[*]/%/,} " == *" $1 $code, "* ]] || { echo "$1 has never answered $code"; return 1; }
  done
}

# The checker itself: each of these is wrong in one way.
test_checker() {
  two_policies
  call GET "$group/$in_region/default"
  observe get 200 "a good one"
  cp "$work/body" "$work/good"
  finds "an empty body" empty
  finds "a missing member" 'del(.properties.virtualMachines)'
  finds "a missing member of a list" 'del(.properties.requests[1].virtualMachines[0].ports[0].endTimeUtc)'
  finds "a member that is not declared" '.properties.etag = "x"'
  finds "a string for a number" '.properties.virtualMachines[0].ports[0].number = "22"'
  finds "a fraction for a number" '.properties.virtualMachines[0].ports[0].number = 22.5'
  finds "a number out of range" '.properties.virtualMachines[0].ports[0].number = 65536'
  finds "null for a list" '.properties.requests = null'
  finds "a list for an object" '.properties = []'
  finds "a number for an inherited string" '.location = 5'
  finds "a value that no list has" '.properties.virtualMachines[0].ports[0].protocol = "SCTP"'
  finds "a time with eight digits" '.properties.requests[0].startTimeUtc = "2026-01-05T13:19:07.67796471Z"'
  finds "a duration that is none" '.properties.virtualMachines[0].ports[0].maxRequestAccessDuration = "3 hours"'
}

if [[ ! -r $description || ! -r $common ]]; then
  skip "the published description" "none in $published"
  end_tests
fi
seen=()
check "every operation described is exercised" every_operation_known
start --imds 0
run_tests checker
for name in "${operations[@]}"; do
  "exercise_$name"
  check "$name: every documented status was seen" every_status_seen "$name"
done
stop
end_tests
