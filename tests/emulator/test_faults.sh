#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Every fault, and what waits.
# shellcheck source=tests/emulator/lib.bash
. "$(dirname "$0")/lib.bash"

# fault KIND [MEMBERS]: set for lists, once, and ask for a list
fault() {
  control POST fault "{\"on\":\"list\",\"kind\":\"$1\",\"count\":1${2:+,$2}}"
  call GET "$policies"
}

duplicated() { [[ $status == 200 ]] && grep -q '"status":"[^"]*","status":' "$work/body"; }

half_json() { [[ $status == 200 && $rc == 0 && -s $work/body ]] && ! jq . "$work/body"; }

test_faults() {
  control POST reset
  control POST initiate-fast '{"port":22,"source":"192.0.2.3","seconds":60}'
  fault status '"status":429,"retry_after":3'
  check "fault status: error body and Retry-After" test "$(is_error 429 TooManyRequests && header Retry-After)" = $'true\n3'
  call GET "$policies"
  check "a fault with a count of one meets one request" test "$status" = 200
  fault html '"status":502'
  check "fault html" test "$status$(header Content-Type)" = 502text/html
  fault empty
  check "fault empty" test "$status$(cat "$work/body")" = 200
  fault not-json
  check "fault not-json" half_json
  fault huge
  check "fault huge: 100 MB" test "$status $(stat -c %s "$work/body")" = '200 100000000'
  fault reset
  check "fault reset" test "$rc" = 56
  fault truncated
  check "fault truncated: the end comes before the length" test "$rc" = 18
  fault wrong-length
  check "fault wrong-length: whole for HTTP, half for JSON" half_json
  fault dup-keys
  check "fault dup-keys" duplicated

  control POST fault '{"on":"token","kind":"dup-keys","count":1}'
  get_token
  check "dup-keys without a status doubles the first member" test "$(grep -c '"access_token":null,"access_token":"' "$work/body")" = 1
  get_token
  control POST fault '{"on":"put","kind":"status","status":500,"count":1}'
  call PUT "$policies/default" "$(policy 2222 TCP '*' PT3H)"
  call GET "$policies/default"
  check "a request that met a fault has no effect" is 200 '.properties.virtualMachines[0].ports[0].number == 22'
  control POST fault '{"on":"imds","kind":"status","status":410}'
  ask_imds '/metadata/instance/compute?api-version=2021-02-01'
  check "a fault for all of IMDS meets compute" test "$status" = 410
  call GET "$policies"
  check "and not the resource manager" test "$status" = 200
  control DELETE fault
  ask_imds '/metadata/instance/compute?api-version=2021-02-01'
  check "cleared: gone" test "$status" = 200
  control POST fault '{"on":"list","kind":"nonsense"}'
  check "an unknown kind: refused" is 400 '.error | contains("kind")'
  control POST fault '{"on":"lost","kind":"hang"}'
  check "an unknown target: refused" is 400 '.error | contains("on")'
  control GET stats
  check "requests are counted" is 200 '.compute > 0 and .token > 0 and .list > 0 and .get > 0 and .put > 0 and .faulted >= 10'
}

test_waiting() {
  local seen
  control POST reset
  control POST fault '{"on":"list","kind":"hang","count":1}'
  check "a request hangs" background_list 1
  call GET "$policies"
  check "others are served meanwhile" test "$status" = 200
  check "it still hangs" kill -0 "$bg"
  control DELETE fault
  wait "$bg"
  rc=$?
  check "clearing faults lets it go, without an answer" test "$rc" = 52
  control POST fault '{"on":"list","kind":"slow","count":1}'
  check "a slow answer begins" background_list 3
  check "and comes byte by byte" wait_for 10 test -s "$work/bg"
  seen=$(stat -c %s "$work/bg")
  check "not at once" test "$seen" -lt 5
  control DELETE fault
  wait "$bg"
  check "when let go, the rest comes" test "$(cat "$work/bg")" = '{"value":[]}'
}

start --imds 0
run_tests faults waiting
stop
end_tests
