#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The command line, TLS, latencies, the end.
# shellcheck source=tests/emulator/lib.bash
. "$(dirname "$0")/lib.bash"

test_command_line() {
  "$emulator" --help >"$work/body"
  check "help shows a session with curl" says 'curl -sH Metadata:true'
  "$emulator" --port 5 >"$work/body" 2>&1
  rc=$?
  check "an unknown option is a usage error" test $rc = 2
  "$emulator" --imds 65536 >"$work/body" 2>&1
  rc=$?
  check "a port out of range is a usage error" test $rc = 2
  for status in 22 22/SCTP 70000/TCP /TCP; do
    "$emulator" --protect "$status" >"$work/body" 2>&1
    rc=$?
    check "--protect $status is a usage error" test $rc = 2
  done
  "$emulator" --vm /subscriptions/x >"$work/body" 2>&1
  rc=$?
  check "a machine that is no resource id is a usage error" test $rc = 2
  "$emulator" --policy /dev/null >"$work/body" 2>&1
  rc=$?
  check "a policy file without a policy is an error" test $rc = 1
}

test_tls() {
  call GET "$policies"
  check "TLS verifies with ca.pem" test "$status" = 200
  ask -H "Authorization: Bearer $token" "${arm/127.0.0.1/localhost}$policies?$v"
  check "also as localhost" test "$status" = 200
  status=$(curl -sS -o "$work/body" -w '%{http_code}' "$arm$policies?$v" 2>"$work/curl")
  rc=$?
  check "without it: refused by the client" test "$rc" = 60
  ask "http${arm#https}$policies?$v"
  check "no http on that port" test "$status" != 200
}

test_options() {
  local started
  start --plain-arm --latency 150 --initiate-latency 1000 --initiate-delay 1000 --vm "${vm}x" --location northeurope \
    --environment AzureChinaCloud --tls-dir "$work/tls"
  policies=${policies/westeurope/northeurope}
  get_token
  ask_imds '/metadata/instance/compute?api-version=2021-02-01'
  check "the machine, its region and cloud as told" is 200 '.name == "vm1x" and .location == "northeurope" and .azEnvironment == "AzureChinaCloud"'
  check "the resource manager speaks http when asked" test "${arm%%:*}" = http
  check "ca.pem lies where it was asked for" test -s "$work/tls/ca.pem"
  test_latency
  control POST latency '{"ms":0}'
  call GET "$policies/default"
  cp "$work/body" "$work/policy"
  control POST latency '{"ms":5000}'
  control POST reset
  started=${EPOCHREALTIME/./}
  call GET "$policies"
  check "a reset brings back what the options said" took_less "$started" 5000
  stop
  check "a folder that was given is left" test -s "$work/tls/ca.pem"
  start --plain-arm --policy "$work/policy"
  get_token
  call GET "$policies/default"
  check "a policy is loaded from a file" test "$(jq -S . "$work/body")" = "$(jq -S . "$work/policy")"
  stop
  start --protect 22/TCP --protect '53/*'
  policies=${policies/northeurope/westeurope}
  call GET "$policies/default"
  check "a machine that is protected from the start" is 200 '[.properties.virtualMachines[] | "\(.id) \(.ports[] | "\(.number)/\(.protocol)")"] == ["'"$vm"' 22/TCP","'"$vm"' 53/*"]'
  stop
}

# No test here wants an answer sooner than in seconds: the machine may have other work.
test_latency() {
  local started
  call PUT "$policies/default" "$(policy 22 TCP '*' PT3H)"
  started=${EPOCHREALTIME/./}
  call POST "$policies/default/initiate" "$(access 22 '"duration":"PT1H","allowedSourceAddressPrefix":"192.0.2.1"')"
  check "the answer to a request for access has a latency of its own" took_at_least "$started" 1000
  check "and says Initiating" is 202 '.virtualMachines[0].ports[0].status == "Initiating"'
  check "the time until Initiated counts from the arrival" state_is true 'Initiated UserRequested'
  started=${EPOCHREALTIME/./}
  call GET "$policies/default"
  check "latency delays an answer" took_at_least "$started" 150
  control POST latency '{"ms":0,"initiate_ms":0,"initiating_ms":3000}'
  call POST "$policies/default/initiate" "$(access 22 '"duration":"PT1H","allowedSourceAddressPrefix":"192.0.2.2"')"
  check "with a delay a request is Initiating first" state_is '.allowedSourceAddressPrefix == "192.0.2.2"' 'Initiating UserRequested'
  check "and Initiated later" wait_for 10 state_is '.allowedSourceAddressPrefix == "192.0.2.2"' 'Initiated UserRequested'
  control POST latency '{"imds_ms":300}'
  started=${EPOCHREALTIME/./}
  ask_imds /metadata/versions
  check "the metadata service has a latency of its own" took_at_least "$started" 300
  control POST latency '{"ms":-1}'
  check "no latency below zero" test "$status" = 400
  control POST latency '{"ms":5000,"imds_ms":0}'
  started=${EPOCHREALTIME/./}
  ask_imds /metadata/versions
  check "which the resource manager's does not change" took_less "$started" 5000
}
took_ms() { echo $(((${EPOCHREALTIME/./} - $1) / 1000)); }
took_at_least() { (($(took_ms "$1") >= $2)); }
took_less() { (($(took_ms "$1") < $2)); }

test_end() {
  local dir=${ca%/*}
  control POST reset
  control POST fault '{"on":"list","kind":"hang"}'
  background_list 1
  stop
  check "SIGTERM: exit 0, also while a request hangs" test "$rc" = 0
  wait "$bg"
  check "nothing on standard error" test ! -s "$work/err"
  check "the temporary folder is gone" test ! -e "$dir"
}

test_command_line
start --imds 0
run_tests tls end
test_options
end_tests
