# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What the emulator's tests share: TAP, start and stop, requests to it. Sourced. Needs curl and jq; loopback only.

set -u -o pipefail
export LC_ALL=C

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${JITGATE_BUILD:-build/release}
[[ $build == /* ]] || build=$root/$build
emulator=$build/emulator

sub=/subscriptions/20ff7fc3-e762-44dd-bd96-b71116dcdc23
group=$sub/resourceGroups/myRg1
vm=$group/providers/Microsoft.Compute/virtualMachines/vm1
security=providers/Microsoft.Security
policies=$group/$security/locations/westeurope/jitNetworkAccessPolicies
v='api-version=2020-01-01'

work=$(mktemp -d)
tap_n=0 tap_failed=0 pid='' log='' imds='' arm='' ca='' token='' status='' rc=0 bg=''

# ---------------------------------------------------------------- TAP

# check NAME COMMAND...: ok when it succeeds; shows the last answer when it does not.
check() {
  local name=$1
  shift
  tap_n=$((tap_n + 1))
  if "$@" >"$work/check" 2>&1; then
    echo "ok $tap_n - $name"
    return
  fi
  tap_failed=$((tap_failed + 1))
  echo "not ok $tap_n - $name"
  { printf '%s ' "$@"; echo; cat "$work/check"; echo "status $status, curl $rc"; head -c 600 "$work/body"; echo; } | sed 's/^/#   /'
}

# run_tests NAME...: test_NAME of each
run_tests() {
  local name
  for name in "$@"; do
    echo "# $name"
    "test_$name"
  done
}

end_tests() {
  echo "1..$tap_n"
  exit $((tap_failed > 0))
}

skip() {
  tap_n=$((tap_n + 1))
  echo "ok $tap_n - $1 # SKIP $2"
}

# wait_for SECONDS COMMAND...
wait_for() {
  local until=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < until)) || return 1
    read -r -t 0.05 <> <(:) || true
  done
}

# ---------------------------------------------------------------- the emulator and requests to it

# start OPTION...: fills pid, imds, arm, ca, token
start() {
  local ready
  log=$work/log
  : >"$log" # what an earlier one said
  "$emulator" "$@" >"$log" 2>"$work/err" &
  pid=$!
  wait_for 15 grep -q '^emulator: ready' "$log" || { echo "Bail out! the emulator does not start: $(cat "$work/err")"; exit 1; }
  ready=$(head -n 1 "$log")
  imds=${ready#*imds=} imds=${imds%% *}
  arm=${ready#*arm=} arm=${arm%% *}
  ca=${ready#*ca=}
  get_token
}

# stop: ends it in good order; fills rc
stop() {
  kill -TERM "$pid"
  wait "$pid"
  rc=$?
  pid=
}

clean_up() {
  [[ -z $pid ]] || kill -KILL "$pid" 2>/dev/null
  rm -rf "$work"
}
trap clean_up EXIT

# ask CURL-ARGUMENT...: fills status, rc and the files body and headers
ask() {
  : >"$work/body"
  : >"$work/headers"
  status=$(curl -sS --max-time 10 --cacert "$ca" -o "$work/body" -D "$work/headers" -w '%{http_code}' "$@" 2>"$work/curl")
  rc=$?
}

ask_imds() { ask -H Metadata:true "$imds$1" "${@:2}"; }

# call METHOD PATH [BODY]: to the resource manager, with the token; a PATH without a query gets the version
call() {
  local path=$2
  [[ $path == *\?* ]] || path+="?$v"
  ask -X "$1" -H "Authorization: Bearer $token" -H Content-Type:application/json ${3+--data-binary "$3"} "$arm$path"
}

# control METHOD NAME [BODY]
control() { ask -X "$1" ${3+--data-binary "$3"} "$imds/emulator/$2"; }

# Is the last answer of this status, and true for this jq expression?
is() { [[ $status == "$1" ]] && jq -e "$2" "$work/body"; }
is_error() { is "$1" ".error.code == \"$2\" and (.error.message | length > 0)"; }
header() { tr -d '\r' <"$work/headers" | grep -i "^$1:" | cut -d ' ' -f 2-; }
says() { grep -qF -- "$1" "$work/body"; }

get_token() {
  ask_imds "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fmanagement.azure.com%2F"
  token=$(jq -r .access_token "$work/body")
}

# policy PORT PROTOCOL SOURCE LONGEST [VM]
policy() {
  jq -nc --arg id "${5-$vm}" --argjson port "$1" --arg protocol "$2" --arg source "$3" --arg longest "$4" '
    {kind: "Basic", properties: {virtualMachines: [{id: $id, ports: [{number: $port, protocol: $protocol,
      allowedSourceAddressPrefix: $source, maxRequestAccessDuration: $longest}]}]}}'
}

# access PORT MEMBERS [VM]: the body of an initiate; MEMBERS are the other members of the port
access() { echo "{\"virtualMachines\":[{\"id\":\"${3-$vm}\",\"ports\":[{\"number\":$1${2:+,$2}}]}]}"; }

in_seconds() { date -u -d "@$(($(date +%s) + $1))" +%FT%TZ; }

# state JQ-FILTER-OF-PORT: "STATUS REASON" of the request ports that match, sorted, comma between
state() {
  call GET "$policies/default"
  jq -r "[.properties.requests[].virtualMachines[].ports[] | select($1) | \"\(.status) \(.statusReason)\"] | sort | join(\",\")" \
    "$work/body"
}
state_is() { [[ $(state "$1") == "$2" ]]; }

# background_list COUNT: a list in the background (fills bg, and the files bg, bg-err); returns when it is the COUNTth that
# the emulator has seen. Its end is not waited for in vain: it is released or stopped.
background_list() {
  curl -sSN --max-time 60 --cacert "$ca" -H "Authorization: Bearer $token" -o "$work/bg" "$arm$policies?$v" 2>"$work/bg-err" &
  # shellcheck disable=SC2034 # the caller waits for it
  bg=$!
  wait_for 5 list_counted "$1"
}

list_counted() {
  control GET stats
  is 200 ".list == $1" >/dev/null
}

[[ -x $emulator ]] || { echo "Bail out! $emulator is not built (make emulator)"; exit 1; }

# Of a script that has find_problems OPERATION STATUS, which fills problems: does it see this edit of $work/good?
finds() { # WHAT JQ-EDIT-OF-A-GOOD-POLICY
  local problems
  jq -c "$2" "$work/good" >"$work/body"
  status=200
  find_problems get 200
  check "the checker finds $1" grep -q . <<<"$problems"
}
