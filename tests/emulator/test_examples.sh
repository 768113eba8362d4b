#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The published examples, request by request.
#
# JITGATE_AZURE_API names the folder with them (examples/*.json); without it they are skipped.
# shellcheck source=tests/emulator/lib.bash
. "$(dirname "$0")/lib.bash"

examples=${JITGATE_AZURE_API:-$root/../shared/azure-api}/examples

# The published examples, request by request. Times have moved on since they were written: the end that initiate asks
# for is moved, and what a look shows of an old grant is compared without its status.
test_examples() {
  local e=$examples/CreateJitNetworkAccessPolicy_example.json end body
  control POST reset
  call PUT "$policies/default" "$(jq -c .parameters.body "$e")"
  check "example: create" is 200 "del(.properties.appendMode) == $(jq -c '.responses["200"].body' "$e")"
  e=$examples/GetJitNetworkAccessPolicy_example.json
  call GET "$policies/default"
  check "example: get" same_but_status '.' "$(jq -c '.responses["200"].body' "$e")"
  call GET "$policies"
  check "example: list of group and region" same_but_status '.value[0]' \
    "$(jq -c '.responses["200"].body.value[0]' "$examples/GetJitNetworkAccessPoliciesResourceGroupLocation_example.json")"
  call GET "$sub/$security/jitNetworkAccessPolicies"
  check "example: list of the subscription" same_but_status '.value[0]' \
    "$(jq -c '.responses["200"].body.value[0]' "$examples/GetJitNetworkAccessPoliciesSubscription_example.json")"
  e=$examples/InitiateJitNetworkAccessPolicy_example.json
  end=$(in_seconds 3600)
  end=${end%Z}.3658798Z
  control POST requestor "{\"name\":$(jq '.responses["202"].body.requestor' "$e")}"
  body=$(jq -c --arg until "$end" '.parameters.body | .virtualMachines[].ports[].endTimeUtc = $until' "$e")
  call POST "$policies/default/initiate" "$body"
  # The example's answer names another subscription than its request; the request's is the right one.
  check "example: initiate" is 202 ". == ($(jq -c '.responses["202"].body' "$e")
    | .virtualMachines[].id = \"$vm\" | .virtualMachines[].ports[].endTimeUtc = \"$end\") + {startTimeUtc}"
  call DELETE "$policies/default"
  check "example: delete" test "$status" = 200
}

# same_but_status FILTER EXAMPLE: the answer's part is the example's but for what time has changed, and what is not in it
same_but_status() {
  is 200 "def timeless: del(.properties.appendMode, .properties.requests[].justification)
      | .properties.requests[].virtualMachines[].ports[] |= del(.status, .statusReason);
    ($1 | timeless) == ($2 | timeless)"
}

# What a plan's example shows of extensions is one customer's choice: their members are compared, not how many there are.
test_plan_examples() {
  local plan="$sub/$security/pricings/VirtualMachines?api-version=2024-01-01"
  control POST reset
  call PUT "$plan" "$(jq -c .parameters.pricing "$examples/PutPricingVMsByName_example.json")"
  check "example: put the plan" has_members_of "$examples/PutPricingVMsByName_example.json"
  call GET "$plan"
  check "example: get the plan" has_members_of "$examples/GetPricingByNameVirtualMachines_example.json"
}

# Every member of the example, of its type, but for what extensions may have; and no other.
has_members_of() {
  is 200 "def shape: [paths as \$p | select(\$p | length < 3 or .[1] != \"extensions\") | \"\(\$p) \(getpath(\$p) | type)\"] | sort;
    shape == ($(jq -c '.responses["200"].body' "$1") | shape)"
}

all_used() {
  local file
  for file in "$examples"/*.json; do
    case $(basename "$file" _example.json) in
    CreateJitNetworkAccessPolicy | DeleteJitNetworkAccessPolicy | GetJitNetworkAccessPolicy | InitiateJitNetworkAccessPolicy) ;;
    GetJitNetworkAccessPoliciesResourceGroupLocation | GetJitNetworkAccessPoliciesSubscription) ;;
    PutPricingVMsByName | GetPricingByNameVirtualMachines) ;;
    *) echo "$file is not replayed"; return 1 ;;
    esac
  done
}

if ! compgen -G "$examples/*.json" >/dev/null; then
  skip "the published examples" "none in $examples"
  end_tests
fi
check "every example is replayed" all_used
start --imds 0
run_tests examples plan_examples
stop
end_tests
