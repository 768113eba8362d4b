#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Azure refuses what it has granted a moment ago: 403, 404, 401, no token, 429. Nothing is granted by it, nothing taken
# away, no port let go; it is said in status and log, and with the right back all goes on.
# shellcheck source-path=SCRIPTDIR source=azure.bash
. "$(dirname "${BASH_SOURCE[0]}")/azure.bash"
begin azure_refused

world_up
begin_case
nothing_moved "before any of it"

# 1. The list is refused.
loss "403 after having worked" "403 AuthorizationFailed.*jitNetworkAccessPolicies/read" \
  '{"on":"list","kind":"status","status":403}'
loss "404 of the group" "404 ResourceGroupNotFound" \
  '{"on":"list","kind":"status","status":404,"code":"ResourceGroupNotFound"}'
loss "401, whatever the token" "401 ExpiredAuthenticationToken; the token was refused" \
  '{"on":"list","kind":"status","status":401}'

# 2. The token is refused: the one at hand has ended, and there is no other.
begin_case
emulator_do POST fault '{"on":"token","kind":"status","status":400}' >/dev/null
emulator_do POST token '{"expire":true}' >/dev/null
lost "no token any more" "cannot get a token.*400 .*managed identity"
emulator_do DELETE fault >/dev/null
recovers "no token any more"

# 3. Asked too often: not a read before Retry-After has passed, whoever knocks.
begin_case
before=$(reads)
emulator_do POST fault '{"on":"list","kind":"status","status":429,"retry_after":9}' >/dev/null
check "429: Azure is asked, and says when to come back" wait_for 20 reads_above "$before"
tick
told=$now
before=$(reads)
lost "429" "429 TooManyRequests.*in 9 s at the earliest"
check "429: asked again" wait_for 20 reads_above "$before"
tick
within "R11: 429: after what Retry-After said, and knocks made no difference" 8000 $((now - told)) 14000
emulator_do DELETE fault >/dev/null
recovers "429"

sessions_lived
finish
