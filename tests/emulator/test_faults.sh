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
  fault skew '"seconds":-600'
  check "fault skew: the date is wrong, the answer right" test "$status $(($(date +%s) - $(date -d "$(header Date)" +%s) > 590))" = '200 1'
  call GET "$policies"
  check "and right again" test $(($(date +%s) - $(date -d "$(header Date)" +%s) < 60)) = 1
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

# Which requests a fault meets.
test_targets() {
  local wide=$group/$security/jitNetworkAccessPolicies
  control POST reset
  control POST fault '{"on":"list_wide","kind":"status","status":403}'
  call GET "$wide"
  check "the list without a location can be forbidden" is_error 403 AuthorizationFailed
  check "which names the action" says Microsoft.Security/locations/jitNetworkAccessPolicies/read
  call GET "$policies"
  check "while the one with a location is allowed" test "$status" = 200
  control DELETE fault
  control POST fault '{"on":"list_location","kind":"status","status":403,"path":"/LOCATIONS/northeurope/"}'
  call GET "$policies"
  check "a fault can be for a path only" test "$status" = 200
  call GET "${policies/westeurope/northeurope}"
  check "compared without case" test "$status" = 403
  control DELETE fault
  control POST fault '{"on":"list","kind":"status","status":404,"code":"ResourceGroupNotFound","skip":1,"count":1}'
  call GET "$wide"
  check "the first may pass by" test "$status" = 200
  call GET "$wide"
  check "and the second be met, with the code asked for" is_error 404 ResourceGroupNotFound
  call GET "$wide"
  check "and the third pass" test "$status" = 200
  control GET stats
  check "lists are counted by kind and together" is 200 '.list_wide == 4 and .list_location == 3 and .list == 7'
  control POST fault '{"on":"list","kind":"hang","skip":-1}'
  check "no skip below zero" is 400 '.error | contains("skip")'
}

# prepare JSON
prepare() { control POST answer "$1"; }

test_prepared() {
  local odd='{"value":[],"nextLink":"","extra":null}'
  control POST reset
  prepare '{"on":"list","body":'"$odd"',"count":1}'
  call GET "$policies"
  check "a prepared body is given as it is" test "$status$(cat "$work/body")" = "200$odd"
  check "with the usual headers" test -n "$(header x-ms-correlation-request-id)$(header Date)"
  check "and counts as a read" test "$(header x-ms-ratelimit-remaining-subscription-resource-requests)" -gt 0
  call GET "$policies"
  check "once" test "$(cat "$work/body")" = '{"value":[]}'
  prepare '{"on":"get","status":404,"text":"<p>none","headers":{"Content-Type":"text/html","Date":null,"x-empty":"",
    "x-ms-request-id":["one","two"],"X-MS-Ratelimit-Remaining-Subscription-Resource-Requests":"7"}}'
  call GET "$policies/default"
  check "text, status and type" test "$status$(header Content-Type)$(cat "$work/body")" = '404text/html<p>none'
  check "a header that is not wanted is left out" test -z "$(header Date)"
  check "one that is given takes the usual one's place" test "$(header x-ms-ratelimit-remaining-subscription-resource-requests)" = 7
  check "and may come twice" test "$(header x-ms-request-id)" = $'one\ntwo'
  check "and may be empty" grep -qiE "^x-empty: *.$" "$work/headers"
  ask "$arm$policies/default?$v"
  check "the token is checked first" is_error 401 AuthenticationFailed
  prepare '{"on":"get","status":204,"unchecked":true}'
  ask "$arm$policies/default?$v"
  check "unless told not to" test "$status" = 204
  control DELETE answer
  prepare '{"on":"list","text":"first","count":1}'
  prepare '{"on":"list","text":"second","count":1}'
  prepare '{"on":"list","text":"third"}'
  prepare '{"on":"list","text":"fourth"}'
  check "they come in order, and one without a count gives way" test "$(four_lists)" = 'first second fourth fourth'
  control DELETE answer
  prepare '{"on":"compute","body":{"resourceId":7}}'
  ask_imds '/metadata/instance/compute?api-version=2021-02-01'
  check "for the metadata service too" is 200 '. == {resourceId: 7}'
  ask "$imds/metadata/instance/compute?api-version=2021-02-01"
  check "behind its checks" test "$status" = 400
  control GET answer
  check "they are shown" is 200 '. == [{on: "compute", status: 200}]'
  prepare '{"on":"list","text":"a","body":{}}'
  check "text and body: refused" test "$status" = 400
  prepare '{"on":"list","headers":{"Date":1}}'
  check "a header that is a number: refused" test "$status" = 400
  control DELETE answer
  prepare '{"on":"put","status":200,"body":{}}'
  call PUT "$policies/default" "$(policy 22 TCP '*' PT3H)"
  control DELETE answer
  call GET "$policies/default"
  check "the request itself has no effect" is_error 404 PolicyNotFound
}

four_lists() {
  for _ in 1 2 3 4; do
    call GET "$policies"
    cat "$work/body"
    echo
  done | paste -sd ' '
}

test_transfer() {
  local plain='{"value":[]}'
  control POST reset
  call GET "$policies"
  check "A1: as it is, with its length" test "$(header Content-Length)$(header Content-Encoding)" = ${#plain}
  list_with 'Accept-Encoding: br, gzip'
  check "A1: gzip when asked for" test "$(header Content-Encoding) $(gzip -dc <"$work/body")" = "gzip $plain"
  check "which answers depend on" test "$(header Vary)" = Accept-Encoding
  list_with 'Accept-Encoding: br, gzip;q=0'
  check "not when refused" test "$(header Content-Encoding)$(cat "$work/body")" = "$plain"
  control POST transfer '{"chunked":true}'
  call GET "$policies"
  check "A1: in chunks" test "$(header Transfer-Encoding)$(header Content-Length) $(cat "$work/body")" = "chunked $plain"
  list_with 'Accept-Encoding: gzip'
  check "A1: gzip in chunks" test "$(header Transfer-Encoding) $(gzip -dc <"$work/body")" = "chunked $plain"
  fault truncated
  check "cut off in chunks" test "$rc" = 18
  control POST transfer '{"chunked":false,"gzip":false}'
  list_with 'Accept-Encoding: gzip'
  check "gzip can be switched off" test "$(header Content-Encoding)$(cat "$work/body")" = "$plain"
  fault bomb
  check "a bomb: small on the wire" test "$(header Content-Encoding) $(($(stat -c %s "$work/body") < 200000))" = 'gzip 1'
  check "100 MB when opened" test "$(gzip -dc <"$work/body" | wc -c)" -gt 100000000
}

list_with() { ask -H "Authorization: Bearer $token" -H "$1" "$arm$policies?$v"; }

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
run_tests faults targets prepared transfer waiting
stop
end_tests
