#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Azure refuses what it has granted a moment ago: 403, 404, 401, no token, 429; or its clock is another. Nothing is
# granted by it, nothing taken away, no port let go; it is said in status and log, and with the right back all goes on.
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
emulator_do POST fault '{"on":"list","kind":"status","status":429,"retry_after":12}' >/dev/null
check "429: Azure is asked, and says when to come back" wait_for 20 reads_above "$before"
tick
told=$now
before=$(reads)
# Somebody else knocks each time round, for longer than a knock has to wait otherwise.
knocked_for_9s() {
  new_source
  silent_for "$newcomer" 22
  tick
  ((now - told > 9000)) || reads_above "$before"
}
wait_for 20 knocked_for_9s
is "R11: 429: whoever knocks, it is not asked again before it said" "$before" "$(reads)"
lost "429" "429 TooManyRequests.*in 12 s at the earliest"
emulator_do DELETE fault >/dev/null
recovers "429"

# 4. Azure's clock is ten minutes ahead of this machine's: that is no failure, but nobody new is believed.
begin_case
earlier=$newcomer
emulator_do POST skew '{"seconds":600}' >/dev/null
new_source
request_fast "$newcomer" 22
refused_why() { jg status --json | jq -r --arg from "$newcomer" '.feed.refused[]? | select(.source == $from) | .why'; }
too_far_apart() { refused_why | grep -E 'too far apart|begins in the future' >/dev/null; }
check "clocks apart: the new grant is refused" wait_for 20 too_far_apart
check "clocks apart: and not in force" silent_for "$newcomer" 22
nothing_moved "clocks apart"
check "clocks apart: what was granted before is in force" tcp_from "$earlier" 22
emulator_do POST revoke "{\"port\":22,\"source\":\"$earlier\"}" >/dev/null
check "clocks apart: what is revoked ends" closes_for "$earlier" 22 20
is "clocks apart: that is no failure" fresh "$(feed_field state)$(feed_field last_error)"

# The feed is restarted now, and with it goes what it knew of before: jitgated keeps what it holds, and that alone.
starts_over() {
  stop azure
  last_good_seen=$(feed_field last_good)
  start_azure
  check "clocks apart, feed restarted: an answer comes, and is a good one" wait_for 20 good_again
}
ends_of_grants() { jg list --json | jq -c --arg from $cli4 'map(select(.source == $from) | [.port, .until]) | sort'; }
ends=$(ends_of_grants)
restart_mark=$(mark_log jitgated)
starts_over
check "clocks apart, feed restarted: the new grant is refused" wait_for 20 too_far_apart
check "clocks apart, feed restarted: and not in force" silent_for "$newcomer" 22
nothing_moved "clocks apart, feed restarted"
is "R2: clocks apart, feed restarted: each grant has its own end" "$ends" "$(ends_of_grants)"
starts_over # what it said first was no knowledge of grants either
last_good_seen=$(feed_field last_good)
check "clocks apart, feed restarted again: a second answer" wait_for 20 good_again
is "clocks apart, feed restarted again: each grant has its own end" "$ends" "$(ends_of_grants)"
nothing_moved "clocks apart, feed restarted again"
fails "clocks apart, feed restarted: the log calls nothing that was kept granted, renewed or revoked" \
  log_has jitgated "$restart_mark" "^jitgated: (granted|renewed|shortened|revoked|expired) "
emulator_do POST skew '{"seconds":0}' >/dev/null
request_fast "$newcomer" 22
check "clocks apart, cured: a new request is in force" opens_for "$newcomer" 22 20s
like "clocks apart: the log says so" "this machine's clock is (599|600|601) s behind Azure's" \
  "$(log_since azure "$azure_mark")"

sessions_lived
finish
