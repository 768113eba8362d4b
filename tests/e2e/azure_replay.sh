#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Every recorded answer, official example and documented sample, asked for by jitgate-azure --once: dates moved to the
# present, and what must come of it written out for each file. The files are not part of this tree: JITGATE_AZURE_API
# names their folder, or they lie beside the tree in shared/azure-api.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

api=${JITGATE_AZURE_API:-$tests/../../shared/azure-api}
if [[ ! -d $api/recordings || ! -d $api/examples ]]; then
  echo "1..0 # SKIP no recorded answers at $api (JITGATE_AZURE_API)"
  exit 0
fi

# FILE: HOW | PORTS | GRANTS. Ports are NUMBER/PROTOCOL/SECONDS, grants SOURCE,PORT/PROTOCOL,END[,REQUESTOR] with the end
# as it was recorded. HOW is what the file's answer is: a list; one policy; one request, as a new one is answered; compute or token
# of the metadata service; or no list, and then PORTS is what the failure says.
declare -A wanted=(
  [recordings/get-policy-2018-07-22]='policy | 22/*/10800 3389/*/10800 5985/*/10800 5986/*/10800
    | 167.220.196.64,3389/*,2018-07-22T15:51:55Z'
  [recordings/list-subscription-2018-07-22]='list | 22/*/10800 3389/*/10800 5985/*/10800 5986/*/10800
    | 167.220.196.64,3389/*,2018-07-22T15:51:55Z'
  [recordings/initiate-2018-07-22]='request | 3389/tcp/10800 | 167.220.196.64,3389/tcp,2018-07-22T15:51:55Z'
  [recordings/put-policy-other-rg-2018-07-22]='policy | 8080/tcp/18000 |'
  [recordings/list-subscription-two-policies-2019-03-13]='list
    | 22/*/10800 3389/*/10800 5985/*/10800 5986/*/10800 | 127.0.0.1,22/tcp,2019-03-13T22:13:11Z'
  [recordings/list-subscription-empty-2020-06-17]='list | |'
  [recordings/put-policy-2022-11-17]='policy | 22/tcp/10800 |'
  [recordings/initiate-2022-11-17]='request | 22/tcp/10800 | 127.0.0.1,22/tcp,2022-11-17T11:44:50Z'
  [recordings/delete-policy-2022-11-17]='no list | empty answer |'
  [recordings/put-pricing-2022-11-17]='no list | value is not an array |'
  [recordings/list-subscription-updating-2023-09-28]='list | 22/tcp/10800 | 127.0.0.1,22/tcp,2023-09-28T16:34:13Z'
  [examples/CreateJitNetworkAccessPolicy_example]='policy | 22/*/10800 3389/*/10800
    | 192.127.0.2,3389/*,2018-05-17T09:06:45Z,barbara@contoso.com'
  [examples/GetJitNetworkAccessPolicy_example]='policy | 22/*/10800 3389/*/10800
    | 192.127.0.2,3389/*,2018-05-17T09:06:45Z,barbara@contoso.com'
  [examples/GetJitNetworkAccessPoliciesSubscription_example]='list | 22/*/10800 3389/*/10800
    | 192.127.0.2,3389/*,2018-05-17T09:06:45Z,barbara@contoso.com'
  [examples/GetJitNetworkAccessPoliciesResourceGroupLocation_example]='list | 22/*/10800 3389/*/10800
    | 192.127.0.2,3389/*,2018-05-17T09:06:45Z,barbara@contoso.com'
  [examples/InitiateJitNetworkAccessPolicy_example]='request | 3389/tcp/10800
    | 192.127.0.2,3389/tcp,2018-07-12T09:53:03Z,barbara@contoso.com'
  [examples/DeleteJitNetworkAccessPolicy_example]='no list | empty answer |'
  [examples/GetPricingByNameVirtualMachines_example]='no list | value is not an array |'
  [examples/PutPricingVMsByName_example]='no list | value is not an array |'
  [imds/instance-compute]='compute | |'
  [imds/token-200]='token | |'
  [imds/version-missing-400]='no compute | answers 400 .*api-version is invalid |'
  [imds/instance-network]='no compute | resourceId is not a text |'
)

begin azure_replay
start_emulator
emulator_vm=$vm_id

control() { emulator_do POST "$1" "$2" >/dev/null || die "the emulator does not take it" "$1 $2"; }

# moved FILE LATE: the answer in FILE as {status, headers, body, by}, its times moved by so many seconds that it was given
# LATE seconds ago. Where a file has no status, its name ends with it.
moved() {
  local status=${1##*-}
  status=${status%.json}
  [[ $status =~ ^[2-5][0-9][0-9]$ ]] || status=200
  jq -c --argjson late "$2" --arg status "$status" '
    def seconds: sub("\\.[0-9]+"; "") | fromdateiso8601;
    def times: [.. | objects | .startTimeUtc // empty];
    (.response // ((.responses // {($status): {body: .}}) | to_entries[0] | {status: (.key | tonumber), body: .value.body}))
    | (if .headers.Date then .headers.Date | strptime("%a, %d %b %Y %H:%M:%S GMT") | mktime
       else (times | map(seconds) | max // now | floor) + 60 end) as $given
    | ((now | floor) - $given - $late) as $by
    | {status, by: $by, body, headers: ((.headers // {}) | with_entries(select(.key
        | test("^(Content-Length|Transfer-Encoding|Date|Content-Type|Connection)$"; "i") | not)))}
    | .body |= (.. |= if type == "object" then with_entries(
        if (.key == "startTimeUtc" or .key == "endTimeUtc") and (.value | type) == "string"
        then .value |= (capture("(?<whole>[^.Z]+)(?<rest>.*)")
          | (.whole + "Z" | fromdateiso8601 + $by | todateiso8601 | rtrimstr("Z")) + .rest)
        else . end) else . end)' "$1"
}

# as_list HOW: the answer on stdin as one to a list. A request is put into a policy that has a rule for what it asks.
as_list() {
  jq -c --arg how "$1" '
    def rule: {number: .number, protocol: "TCP", maxRequestAccessDuration: "PT3H"};
    def around: {id: "/subscriptions/s/policy", properties: {requests: [.],
      virtualMachines: [.virtualMachines[] | {id, ports: [.ports[] | rule]}]}};
    if $how == "policy" then .body = {value: [.body]} | .status = 200
    elif $how == "request" then .body = {value: [.body | around]} | .status = 200 else . end'
}

# serve_as HOW ANSWER: the emulator gives it from now on, for the machine that it names, to lists or what $on says.
serve_as() {
  local how=${1#no } on=${on-list} vm
  if [[ $how =~ ^(compute|token)$ ]]; then # the sample's subscription and token are no real ones
    on=$how
    control answer '{"on":"list","unchecked":true,"body":{"value":[]}}'
  fi
  vm=$(jq -r '[.body | .. | objects | select(has("ports")) | .id][0] // "'"$emulator_vm"'"' <<<"$2")
  control vm "$(jq -nc --arg id "$vm" '{id: $id}')"
  control answer "$(jq -c --arg on "$on" '{on: $on, status, headers, body} | if .body then . else del(.body) end' <<<"$2")"
}

# wanted_document HOW PORTS GRANTS BY ANSWER
wanted_document() {
  jq -c --arg how "$1" --arg ports "$2" --arg grants "$3" --argjson by "$4" --arg default_vm "$emulator_vm" '
    def words: [splits("[ \n]+") | select(. != "")];
    {vm: (if $how == "compute" then .body.resourceId
          else [.body | .. | objects | select(has("ports")) | .id][0] // $default_vm end),
     ports: ($ports | words | map(split("/") | {port: (.[0] | tonumber), proto: .[1], longest_s: (.[2] | tonumber)})),
     grants: ($grants | words | map(split(",") | {source: .[0], port: (.[1] | split("/")[0] | tonumber),
       proto: (.[1] | split("/")[1]), until: (.[2] | fromdateiso8601 + $by | todateiso8601),
       requestor: (.[3] // "")}))}' <<<"$5"
}

once() { in_srv timeout 60 "$build/jitgate-azure" -c "$tmp/jitgate.conf" --once >"$tmp/once.json" 2>"$tmp/once.err"; }

# comes_out NAME HOW PORTS GRANTS ANSWER
comes_out() {
  serve_as "$2" "$5"
  check "$1: understood" once
  wanted_document "$2" "$3" "$4" "$(jq .by <<<"$5")" "$5" | jq -S . >"$tmp/wanted.json"
  check "$1: these ports and grants" diff -U 3 "$tmp/wanted.json" <(jq -S '{vm, ports,
    grants: (.grants | map({source, port, proto, until, requestor}))}' "$tmp/once.json")
  is "$1: nothing is refused" "[]" "$(jq -c .refused "$tmp/once.json")"
  if jq -e '.ports == []' "$tmp/wanted.json" >/dev/null; then
    like "$1: it is said that there is no policy" '^jitgate-azure: no policy names this VM, of [^;]*\?$' "$(<"$tmp/once.err")"
  else
    is "$1: no word on stderr" "" "$(<"$tmp/once.err")"
  fi
}

# by_its_id NAME PORTS GRANTS ANSWER: the policy of a list again, as azure.policies asks for it; the group has none.
by_its_id() {
  conf_azure[policies]="{\"$(jq -r '.body.value[0].id' <<<"$4")\"}"
  write_conf
  on="get" comes_out "$1, asked for by its id" policy "$2" "$3" "$(jq -c '.body |= .value[0]' <<<"$4")"
  emulator_do DELETE answer >/dev/null
  unset "conf_azure[policies]"
  write_conf
}

# fails_with NAME HOW PATTERN ANSWER
fails_with() {
  serve_as "$2" "$4"
  once
  is "$1: no answer to that question" 1 $?
  like "$1: says why, in one line" "$3" "$(<"$tmp/once.err")"
  is "$1: no document" "1 " "$(wc -l <"$tmp/once.err") $(<"$tmp/once.json")"
}

trim() { sed 's/^[[:space:]]*//; s/[[:space:]]*$//' <<<"${1//$'\n'/ }"; }

# replay NAME
replay() {
  local how ports grants answer
  IFS='|' read -r -d '' how ports grants <<<"${wanted[$1]}"
  how=$(trim "$how") ports=$(trim "$ports") grants=$(trim "$grants")
  answer=$(moved "$api/$1.json" 0 | as_list "$how") || die "$1 cannot be replayed"
  emulator_do DELETE answer >/dev/null
  case $how in
    no\ *) fails_with "$1" "$how" "$ports" "$answer" ;;
    request)
      comes_out "$1, as it was answered" "$how" "$ports" "" "$answer"
      comes_out "$1, some seconds later" "$how" "$ports" "$grants" "${answer//\"Initiating\"/\"Initiated\"}"
      ;;
    policy)
      comes_out "$1" "$how" "$ports" "$grants" "$answer"
      by_its_id "$1" "$ports" "$grants" "$answer"
      ;;
    *) comes_out "$1" "$how" "$ports" "$grants" "$answer" ;;
  esac
  [[ -n $grants ]] || return
  # Whether an ended request still reads Initiated for a while is not known, so the end decides, not the status.
  answer=$(moved "$api/$1.json" 86400 | as_list "$how")
  comes_out "$1, a day later" "$how" "$ports" "" "${answer//\"Initiating\"/\"Initiated\"}"
}

for file in "$api"/{recordings,examples,imds}/*.json; do
  name=${file#"$api"/}
  name=${name%.json}
  if [[ -n ${wanted[$name]-} ]]; then
    replay "$name"
    unset "wanted[$name]"
  else
    not_ok "$name: what must come of it is written down"
  fi
done
is "every file that is written down is there" "" "${!wanted[*]}"
finish
