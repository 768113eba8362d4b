#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What Azure's answers mean, and that it is shown: a clock that is wrong keeps new grants out and nothing else, networks
# that stand in place of a client are let in with it, and what is refused is in status with who refused it and why.
# shellcheck source-path=SCRIPTDIR source=azure.bash
. "$(dirname "${BASH_SOURCE[0]}")/azure.bash"
begin azure_meaning

conf_azure[clock_tolerance]='"2m"'
conf_azure[translate]="{\"$nbr4/32\"}"
conf_guard[widest_ipv4]=8
# The neighbour is what a firewall would be: not granted, but translated to.
serve 22/tcp 80/tcp
start_emulator
put_policy 22/TCP || die "arm refuses the policy"
must_start_jitgated
start_azure
check "without a grant nobody gets in, translated or not" closes_for $nbr4 22 15

offset() { jg status --json | jq -r .feed.clock_offset_s; }
offset_between() { local s; s=$(offset); [[ $s != null ]] && ((s >= $1 && s <= $2)); }
known_by_bpftool() { bpftool -j map lookup pinned "$pin/state_v1" key 0 0 0 0 | jq -r '(.formatted // .).value | "\(.clock_known) \(.clock_offset_s)"'; }
skew() { emulator_do POST skew "{\"seconds\":$1}" >/dev/null || die "the emulator's clock cannot be set"; }
refused_of() { jg status --json | jq -c --arg source "$1" '.feed.refused[] | select(.source == $source)'; }
is_refused() { [[ -n $(refused_of "$1") ]]; }
believes_all() { jg status --json | jq -e 'all(.feed.refused[]; .why | test("too far apart") | not)' >/dev/null; }
is_listed() { jg list --json | jq -e --arg source "$1" 'any(.[]; .source == $source)' >/dev/null; }
first_line() { jg status | head -n 1; }
first_line_like() { first_line | grep -E -- "$1" >/dev/null; }

# 1. A grant, and its translation.
request_fast $cli4 22
check "the client's grant opens the port" opens_for $cli4 22 15s
check "R8: and lets in what stands in its place" opens_for $nbr4 22 5s
like "which the list says" "translated from $cli4" \
  "$(jg list --json | jq -r --arg source $nbr4 '.[] | select(.source == $source) | .justification')"
like "of the same requestor" "." "$(jg list --json | jq -r --arg a $cli4 --arg b $nbr4 \
  'map(select(.source == $a or .source == $b)) | select(length == 2 and .[0].requestor == .[1].requestor and .[0].until == .[1].until) | "."')"
is "the clocks are the same" 0 "$(offset)"
is "bpftool sees it" "1 0" "$(known_by_bpftool)"

# 2. Both signs of a wrong clock: the session and its source stay, a new source waits, and comes in when it is cured.
start_hold session22 $cli4 22 500s 3s || die "no session on port 22"
clock_case() { # SKEW FROM TO WORD
  skew "$1"
  check "skew $1: status measures it" wait_for 20 offset_between "$2" "$3"
  check "skew $1: the first line says so" first_line_like "CLOCK IS WRONG, [0-9]+ s $4 "
  like "skew $1: bpftool sees it" "^1 -?[0-9]{3}$" "$(known_by_bpftool)"
  new_source
  request_fast "$newcomer" 22 1500
  check "R2: skew $1: a new grant is refused" wait_for 20 is_refused "$newcomer"
  like "skew $1: for the clocks" "clock and Azure's are too far apart" "$(refused_of "$newcomer")"
  check "skew $1: and not let in" closes_for "$newcomer" 22 3
  check "R2: skew $1: who was granted before is let in" opens_for $cli4 22 3s
  check "skew $1: in place of it, too" opens_for $nbr4 22 3s
  check "skew $1: its session goes on" alive session22
  skew 0
  request_fast "$newcomer" 22 # the one before began in a time that has not come
  check "skew $1: cured, the new grant is believed" opens_for "$newcomer" 22 20s
  check "skew $1: and nothing is refused for the clocks any more" wait_for 5 believes_all
  check "skew $1: the first line is clean" wait_for 5 first_line_like "enforcing on .* feed azure fresh"
}
clock_case 300 -305 -295 behind
clock_case -300 295 305 "ahead of"
# What is between 30 s and the tolerance is shown, and nothing else.
skew 60
check "a minute is shown" wait_for 20 offset_between -62 -58
new_source
request_fast "$newcomer" 22
check "and keeps nobody out" opens_for "$newcomer" 22 20s
skew 0

# 3. Refused by the feed and by the guard rails, each with its reason.
request_fast Internet 22
request_fast 10.0.0.0/7 22
check "R6: a service tag is in status" wait_for 20 is_refused Internet
is "with everything about it" '["22","feed","source not understood: only an address, a CIDR or * is",true,true]' \
  "$(refused_of Internet | jq -c --arg policy "$policy_path" '["\(.port)", .by, .why, .policy == $policy, (.until | test("^20[0-9T:.-]+Z$"))]')"
check "what a guard rail holds back, too" wait_for 20 is_refused 10.0.0.0/7
like "and which" '"why":"wider than guard.widest_ipv4.*"by":"guard"' "$(refused_of 10.0.0.0/7)"
like "as a table for people" "REFUSED +SOURCE.*" "$(jg status)"
like "that names the tag" "22 +Internet .*source not understood" "$(jg status)"
like "and --once has both clocks and reasons" "^0 true$" "$(in_srv timeout 60 "$build/jitgate-azure" \
  -c "$tmp/jitgate.conf" --once | jq -r '"\(.clock_offset_s) \(any(.refused[]; .source == "Internet" and .until != ""))"')"
is "the log says it once" 1 "$(grep -c 'refused port=22 source="Internet"' "$tmp/azure.log")"

# 4. Two live requests for one source: the later end counts, and when that one is revoked the other is still there.
began=$(date +%s)
rfc3339() { date -u -d "@$((began + $1))" +%Y-%m-%dT%H:%M:%SZ; }
two_requests() { # STATUS of the longer one
  emulator_do POST answer "$(jq -nc --arg id "$policy_path" --arg vm "$vm_id" --arg source $cli4 --arg start "$(rfc3339 -5)" \
    --arg short "$(rfc3339 600)" --arg long "$(rfc3339 1500)" --arg status "$1" '
    def request($to; $status): {startTimeUtc: $start, requestor: "ann", virtualMachines: [{id: $vm, ports: [{number: 22,
      endTimeUtc: $to, status: $status, statusReason: "UserRequested", allowedSourceAddressPrefix: $source}]}]};
    {on: "list", body: {value: [{id: $id, properties: {virtualMachines: [{id: $vm, ports: [{number: 22, protocol: "TCP",
      maxRequestAccessDuration: "PT3H"}]}], requests: [request($long; $status), request($short; "Initiated")]}}]}}')" \
    >/dev/null || die "the emulator does not take an answer"
}
ends_at() { [[ $(jg list --json | jq -r --arg source "$cli4" '[.[] | select(.source == $source) | .until] | join(" ")') == "$1" ]]; }
two_requests Initiated
check "two requests for one source: one grant, with the later end" wait_for 20 ends_at "$(rfc3339 1500)"
two_requests Revoked
check "the longer one is revoked: the other is left, with its own end" wait_for 20 ends_at "$(rfc3339 600)"
check "and the session has not noticed" alive session22
emulator_do DELETE answer >/dev/null || die "the emulator goes on with its answer"
check "the emulator's own list again" wait_for 20 is_refused Internet

# 5. The list outlives the feed, and is not known without the daemon.
stop azure
check "the feed is gone" wait_for 5 first_line_like "NOT CONNECTED"
check "what it refused is still shown" is_refused Internet
stop jitgated
is "without jitgated nobody knows" "null null" "$(jg status --json | jq -r '.feed | "\(.refused) \(.refused_more)"')"

finish
