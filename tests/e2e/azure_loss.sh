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

# 1. Half an answer.
loss "a body cut before its length" "cut short" '{"on":"list","kind":"truncated"}'
loss "half a body under a length that agrees" "not understood" '{"on":"list","kind":"wrong-length"}'
loss "an empty 200" empty '{"on":"list","kind":"empty"}'

# 2. A refusal.
loss "403 after having worked" "403 AuthorizationFailed.*jitNetworkAccessPolicies/read" \
  '{"on":"list","kind":"status","status":403}'
loss "404 of the group" "404 ResourceNotFound" '{"on":"list","kind":"status","status":404}'
loss "a gateway's page with 502" "502 \\(Bad Gateway\\)" '{"on":"list","kind":"html","status":502}'
loss "a gateway's page with 200" "not understood" '{"on":"list","kind":"html","status":200}'

sessions_lived
finish
