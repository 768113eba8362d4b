#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The recorded requests of real clients, sent to the emulator: its answers have to have the members, of the types, and the
# headers that the service's recorded answers have. Times are moved to the present. What the service answered is not always
# the same: members that came later are named here.
#
# JITGATE_AZURE_API names the folder with recordings/*.json; without it they are skipped.
# shellcheck disable=SC2016 # the variables in the jq programs are jq's
# shellcheck source=tests/emulator/lib.bash
. "$(dirname "$0")/lib.bash"

recordings=${JITGATE_AZURE_API:-$root/../shared/azure-api}/recordings

# "PATH TYPE" of every member, list places left out; sorted, once each.
shape() {
  jq -r "$1"' | [paths as $p | "\($p | map(if type == "number" then "[]" else . end) | join(".")) \(getpath($p) | type)"] | unique[]'
}

# Members of the answer that the recorded one has not, and the other way round; what may differ left out.
differences() { # RECORDING
  diff <(shape '.response.body // empty' <"$1" | grep -vE "$may_differ") <(shape . <"$work/body" | grep -vE "$may_differ")
}

# Headers of the recorded answer that ours has not. Server software and lengths are not compared.
headers_missing() { # RECORDING
  local name
  jq -r '.response.headers | keys[]' "$1" | while read -r name; do
    case ${name,,} in
    server | content-length | transfer-encoding | api-supported-versions) continue ;;
    esac
    grep -qi "^$name:" "$work/headers" || echo "no header $name"
  done
}

compare() { # RECORDING LABEL
  check "$2: status" test "$status" = "$(jq -r .response.status "$1")"
  check "$2: members and their types" differences "$1"
  check "$2: headers" test -z "$(headers_missing "$1")"
}

# The recorded request, with its ends in the future.
replay() { # RECORDING
  local method path body
  method=$(jq -r .request.method "$1")
  path=$(jq -r '.request.path | sub("2015-06-01-preview"; "2020-01-01")' "$1")
  body=$(jq -c --arg until "$(in_seconds 3600)" '.request.body // empty | (.. | objects | select(has("endTimeUtc"))).endTimeUtc |= $until' "$1")
  call "$method" "$path" ${body:+"$body"}
}

# The policies of a recorded list or policy, as they must be there for the request.
put_policies() { # RECORDING
  local one
  jq -c '.response.body | (.value // [.])[]' "$1" | while read -r one; do
    call PUT "$(jq -r .id <<<"$one")" "$(jq -c '{kind, properties: (.properties | {virtualMachines, requests})}' <<<"$one")"
  done
}

may_differ='^$'

test_writes() {
  control POST reset
  may_differ='^properties.appendMode '
  replay "$recordings/put-policy-other-rg-2018-07-22.json"
  compare "$recordings/put-policy-other-rg-2018-07-22.json" "PUT of 2018"
  may_differ='^$'
  replay "$recordings/put-policy-2022-11-17.json"
  compare "$recordings/put-policy-2022-11-17.json" "PUT of 2022"
  replay "$recordings/initiate-2022-11-17.json"
  compare "$recordings/initiate-2022-11-17.json" "initiate of 2022"
  check "initiate of 2022: Initiating, no requestor, no reason" is 202 '.requestor == "" and (has("justification") | not)
    and .virtualMachines[0].ports[0].status == "Initiating"'
  replay "$recordings/delete-policy-2022-11-17.json"
  compare "$recordings/delete-policy-2022-11-17.json" "DELETE of 2022"
  put_policies "$recordings/get-policy-2018-07-22.json"
  replay "$recordings/initiate-2018-07-22.json"
  compare "$recordings/initiate-2018-07-22.json" "initiate of 2018, without a source"
  replay "$recordings/put-pricing-2022-11-17.json"
  compare "$recordings/put-pricing-2022-11-17.json" "PUT of the plan"
}

test_reads() {
  local recording
  for recording in "$recordings"/{list,get}-*.json; do
    control POST reset
    may_differ='appendMode '
    put_policies "$recording"
    replay "$recording"
    compare "$recording" "$(basename "$recording" .json)"
  done
}

# Everything that was recorded is used here: what comes new has to be given its place.
all_used() {
  local file
  for file in "$recordings"/*.json; do
    case $(basename "$file" .json) in
    put-policy-other-rg-2018-07-22 | put-policy-2022-11-17 | initiate-2022-11-17 | initiate-2018-07-22) ;;
    delete-policy-2022-11-17 | put-pricing-2022-11-17 | list-* | get-*) ;;
    *) echo "$file is not replayed"; return 1 ;;
    esac
  done
}

if ! compgen -G "$recordings/*.json" >/dev/null; then
  skip "the recorded requests" "none in $recordings"
  end_tests
fi
check "every recording is replayed" all_used
start --imds 0
run_tests writes reads
stop
end_tests
