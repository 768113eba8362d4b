#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Policies from several places: when one of them does not answer, nothing counts of what the others say; when a policy is
# gone from one of them, only its grants end. Then the VM itself moves to another subscription.
# shellcheck source-path=SCRIPTDIR source=azure.bash
. "$(dirname "${BASH_SOURCE[0]}")/azure.bash"
begin azure_sources

# The VM's own group, another group, and one policy of a third.
start_emulator
subscription=${policy_path%%/resourceGroups/*}
provider=providers/Microsoft.Security/locations
spare_path=$subscription/resourceGroups/Spare/$provider/northeurope/jitNetworkAccessPolicies/vm1
hub_path=$subscription/resourceGroups/hub/$provider/westus/jitNetworkAccessPolicies/management
conf_azure[policies]="{\"$subscription/resourceGroups/SPARE\", \"$hub_path\"}"
write_conf
world_go

# grant_at PATH PORT: a policy for that port at that place, and a grant for the client.
grant_at() {
  local policy_path=$1
  put_policy "$2/TCP" || die "arm refuses the policy $1"
  request_access 900 "$cli4,$2" >/dev/null || die "arm refuses the request"
  check "port $2 opens for its grant" opens_for $cli4 "$2" 20s
  check "port $2 is closed to the others" closes_for $nbr4 "$2" 5
  start_hold "session$2" $cli4 "$2" 500s 3s || die "no session on port $2"
}
grant_at "$spare_path" 3333
grant_at "$hub_path" 4444
world_ports='[22,2022,3333,4444]'

# source_lost WHAT PATTERN FAULT-JSON: one place fails; somebody new is granted access at another.
source_lost() {
  loss "$@"
  check "$1: the session of its own policy goes on" alive session3333
  check "$1: and that of the third" alive session4444
}
source_lost "the other group answers 503" "503 ServiceUnavailable" \
  '{"on":"list","path":"/Spare/","kind":"status","status":503}'
source_lost "the other group answers 403" "403 AuthorizationFailed" \
  '{"on":"list","path":"/Spare/","kind":"status","status":403}'
source_lost "the policy's answer is cut short" "cut short" '{"on":"get","path":"/hub/","kind":"truncated"}'
source_lost "a gateway says 404 for the policy" "404" '{"on":"get","path":"/hub/","kind":"html","status":404}'
source_lost "the own group fails, the others do not" "500" '{"on":"list","path":"/myRg1/","kind":"status","status":500}'

# gone PORT WHAT: its grant ends, its port stays closed, and it is no failure.
gone() {
  check "$2: its grant ends" closes_for $cli4 "$1" 20
  check "$2: its session is cut" wait_for 10 dead "session$1"
  await_good "$2: asked again"
  check "$2: the port is closed" silent_for $nbr4 "$1"
  is "$2: and protected" "$world_ports" "$(closed_ports)"
  is "$2: that is no failure" fresh "$(feed_field state)$(feed_field last_error)"
  check "$2: the grants of the others are in force" tcp_from $cli4 22
  check "$2: and so are their sessions" alive session22
}
arm_call DELETE "$hub_path" >/dev/null || die "arm does not delete the policy"
gone 4444 "the policy is not found any more"
arm_call DELETE "$spare_path" >/dev/null || die "arm does not delete the policy"
gone 3333 "the other group's policy is gone"

# The VM moves. Its new place has a policy with the same grants, the old one does not name it any more.
# move NUMBER
move() {
  local group=/subscriptions/00000000-0000-0000-0000-00000000000$1/resourceGroups/moved$1
  begin_case
  vm_id=$group/providers/Microsoft.Compute/virtualMachines/vm1
  policy_path=$group/$provider/westeurope/jitNetworkAccessPolicies/default
  put_policy 22/TCP 2022/TCP || die "arm refuses the policy of the new place"
  emulator_do POST vm "{\"id\":\"$vm_id\"}" >/dev/null || die "the machine cannot be moved"
  request_fast $cli4 22
  request_fast $cli4 2022
}
# moved_well WHAT: nothing of it was felt, and what is new in the new place counts.
moved_well() {
  new_source
  request_fast "$newcomer" 22
  check "$1: a grant of the new place opens" opens_for "$newcomer" 22 20s
  nothing_moved "$1"
  is "$1: grants are the new policy's" "$policy_path" "$(jg list --json | jq -r '[.. | .origin? // empty] | unique[]')"
}
old_path=$policy_path
move 1
arm_call DELETE "$old_path" >/dev/null || die "arm does not delete the policy"
moved_well "moved to another subscription"
move 2
emulator_do POST fault '{"on":"list","path":"/moved1/","kind":"status","status":403}' >/dev/null
moved_well "moved to another subscription, the old one forbidden"

sessions_lived
finish
