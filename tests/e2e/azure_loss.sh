#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Azure answers, but not with a whole list: nothing is granted by it, nothing taken away, no port let go; it is said in
# status and log, and the next good answer counts.
# shellcheck source-path=SCRIPTDIR source=azure.bash
. "$(dirname "${BASH_SOURCE[0]}")/azure.bash"
begin azure_loss

world_up
begin_case
nothing_moved "before any of it"

# 1. Half an answer, or another page than asked for.
loss "a body cut before its length" "cut short" '{"on":"list","kind":"truncated"}'
loss "half a body under a length that agrees" "not understood" '{"on":"list","kind":"wrong-length"}'
loss "an empty 200" empty '{"on":"list","kind":"empty"}'
loss "a gateway's page with 502" "502 \\(Bad Gateway\\)" '{"on":"list","kind":"html","status":502}'
loss "a gateway's page with 200" "not understood" '{"on":"list","kind":"html","status":200}'

# Restarts meanwhile: a feed that knows nothing yet takes nothing away, and a new jitgated is told what is the matter.
begin_case
emulator_do POST fault '{"on":"list","kind":"status","status":503}' >/dev/null
lost "an outage" "503 ServiceUnavailable"
stop jitgated
must_start_jitgated
check "an outage, jitgated restarted: status shows it" wait_for 15 feed_error_like "503 ServiceUnavailable"
nothing_moved "an outage, jitgated restarted"
stop azure
begin_case
start_azure
check "an outage, the feed restarted: the log says it" wait_for 15 log_has azure "$azure_mark" "503 ServiceUnavailable"
check "an outage, the feed restarted: status shows it" wait_for 15 feed_error_like "503 ServiceUnavailable"
nothing_moved "an outage, the feed restarted"
check "an outage, the feed restarted: what was requested meanwhile is not in force" silent_for "$newcomer" 22
emulator_do DELETE fault >/dev/null
recovers "an outage"

# 2. The first page of two, the second of which does not come: first one without policies, then one with all there is.
second_page="$arm${policy_path%/default}?api-version=2020-01-01"
# first_page VALUE: answers of the list without a location from now on.
first_page() {
  emulator_do POST answer "$(jq -nc --arg next "$second_page" --argjson value "$1" \
    '{on: "list_wide", body: {value: $value, nextLink: $next}}')" >/dev/null || die "the emulator takes no answer"
}
# half_list WHAT PATTERN FAULT-JSON
half_list() {
  local before
  begin_case
  emulator_do POST fault "$3" >/dev/null || die "the emulator does not take the fault" "$3"
  first_page '[]'
  lost "$1, the first has no policy" "$2"
  first_page "[$(arm_call GET "$policy_path")]"
  before=$(reads)
  check "$1: asked again" wait_for 20 reads_above $((before + 2))
  nothing_moved "$1, the first has all policies"
  check "$1: what is only in the first is not in force" silent_for "$newcomer" 22
  emulator_do DELETE fault >/dev/null
  check "$1: the same first page counts when the second comes" opens_for "$newcomer" 22 20s
  emulator_do DELETE answer >/dev/null
  recovers "$1"
}
half_list "the second page fails" "500 InternalServerError" '{"on":"list_location","kind":"status","status":500}'
half_list "the second page is cut short" "cut short" '{"on":"list_location","kind":"truncated"}'

# 3. What looks like loss and is none: a policy that is being updated goes on granting.
begin_case
new_source
request_fast "$newcomer" 22
emulator_do POST answer "$(arm_call GET "$policy_path" | jq -c '.properties.provisioningState = "Updating"
  | {on: "list", body: {value: [.]}}')" >/dev/null || die "the emulator takes no answer"
check "a policy in Updating: a new grant is in force" opens_for "$newcomer" 22 20s
await_good "a policy in Updating: asked again"
nothing_moved "a policy in Updating"
check "a policy in Updating: the new grant still is" tcp_from "$newcomer" 22

sessions_lived
finish
