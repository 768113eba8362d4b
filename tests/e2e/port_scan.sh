#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Strangers who knock on a protected port all the time cause no more questions to Azure than the pace allows, and do
# not keep a real user waiting: one address, fifty of them, and another one for every packet.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin port_scan

rate=1500 # SYNs a second
late=6000 # ms that a user may wait

lists() { emulator_do GET stats | jq .list; }
time_is() { tick; ((now >= $1)); }
asked_more_than() { (($(lists) > $1)); }
rest() { tick; wait_for $(($1 + 2)) time_is $((now + $1 * 1000)); }

serve 22/tcp
emulator_options=(--latency 150 --initiate-latency 1000 --initiate-delay 1000)
start_emulator
put_policy 22/TCP || die "arm refuses the policy"
# Knocks alone make it ask.
# shellcheck disable=SC2034 # for the config
conf[protect]='{}' conf_azure[poll_live]='"1h"' conf_azure[poll_idle]='"1d"'

# One machine a scan, so that each has its whole budget.
start_machine() {
  must_start_jitgated
  start_azure
  wait_for 15 grep -q 'protected port=22/tcp by=feed' "$tmp/jitgated.log" || die "the policy does not arrive"
}
stop_machine() {
  stop azure
  stop jitgated
  in_srv "$build/jitgated" -c "$tmp/jitgate.conf" --detach >/dev/null 2>&1
  rm -f "$tmp/jitgated.log" "$tmp/azure.log" "$tmp/state/"*
}

# one_user NAME SOURCE: asks, is accepted, connects.
one_user() {
  local begin
  ip -n "$ns_cli" addr add "$2/24" dev jgcli0
  request_access 3600 "$2,22" >/dev/null || die "the request is refused"
  tick
  begin=$now
  if ! tcp_from "$2" 22 20s >/dev/null; then
    not_ok "$1: the user gets in"
    return
  fi
  tick
  note "$1: in after $((now - begin)) ms"
  within "$1: the user is in within 6 s" 900 $((now - begin)) $late
}

# scan NAME SOURCES READS_MAX USER…: a scan that begins before the users and goes on until they are in, and half a
# minute at least.
scan() {
  local name=$1 sources=$2 most=$3 before began user
  shift 3
  start_machine
  before=$(lists)
  tick
  began=$now
  start scan "$ns_nbr" "$build/probe" scan 10.9.0.130 "$sources" $srv4 22 $rate 120s
  wait_for 5 asked_more_than "$before" || not_ok "$name: the scan knocks" "no question was asked"
  rest 7
  for user in "$@"; do
    one_user "$name" "$user"
    rest 8
  done
  wait_for 60 time_is $((began + 30000))
  tick
  note "$name: $(($(lists) - before)) questions in $(((now - began) / 1000)) s, allowed are $((most + (now - began) / 30000))"
  within "$name: no more questions than allowed" $(($# + 1)) $(($(lists) - before)) $((most + (now - began) / 30000))
  check "$name: the scan went on" alive scan
  stop scan
  like "$name: at its rate" 'sent=[0-9]{4,}' "$(<"$tmp/scan.log")"
  check "$name: it got in nowhere" silent_for $nbr4 22
  rm -f "$tmp/scan.log"
  stop_machine
}

# A read for the scanner, then after 5, 10, 20 s more; and one for each user.
scan "one address" 1 6 10.9.0.101 10.9.0.102
# The first knock is answered at once, the others five seconds later, and then all are known.
scan "fifty addresses" 50 7 10.9.0.103 10.9.0.104
# All are new, for ever: ten, and one in half a minute.
scan "an address a packet" 0 11 10.9.0.105 10.9.0.106
finish
