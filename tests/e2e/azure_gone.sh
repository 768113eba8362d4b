#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Azure answers in full, and something is not there any more: requests, a VM in a policy, a policy, all policies. Grants
# end at once and only those that are gone; ports stay closed. Before the first good answer only `protect` is closed.
# shellcheck source-path=SCRIPTDIR source=azure.bash
. "$(dirname "${BASH_SOURCE[0]}")/azure.bash"
begin azure_gone

# session_cut NAME WHAT: a session ends because jitgate ended the server's side of it, or, on a kernel that cannot, for want
# of packets; and not because anybody else closed it.
session_cut() {
  check "$2" wait_for 25 dead "$1"
  end_hold "$1" held
  is "$2: by jitgate" "$(way_to_end)" "${held[end]-}"
}
way_to_end() { if [[ $(jg status --json | jq -r .end_sockets) == none ]]; then echo stall; else echo reset; fi; }
grant_count() { jg status --json | jq .grants; }
said_of() { log_since jitgated "$gate_mark" | grep -E "^jitgated: $1 .*source=$2/?[0-9]* port=$3/" >/dev/null; }

# 1. Nothing known yet, and Azure does not answer.
serve 22/tcp 2022/tcp 3333/tcp 80/tcp
start_emulator
put_policy 22/TCP 2022/TCP || die "arm refuses the policy"
request_fast $cli4 22
request_fast $cli4 2022
emulator_do POST fault '{"on":"list","kind":"status","status":503}' >/dev/null
must_start_jitgated
start_azure
check "no answer yet: status shows the failure" wait_for 10 feed_error_like 503
like "no answer yet: status begins with what is closed" '^jitgate [^ ]+: ONLY .protect. PORTS ARE CLOSED' \
  "$(jg status | sed -n 1p)"
is "no answer yet: in JSON" "true never [22]" \
  "$(jg status --json | jq -r '"\(.only_protect) \(.feed.state) \([.ports[].port] | unique)"')"
check "R15: no answer yet: the protected port is closed to all" silent_for $cli4 22
check "R15: no answer yet: no other port is" tcp_from $nbr4 2022
emulator_do DELETE fault >/dev/null
check "the first good answer opens for the grant" opens_for $cli4 22 20s
check "and closes the policy's port to the others" closes_for $nbr4 2022 10
fails "and status begins with something else" grep -q ONLY <<<"$(jg status | sed -n 1p)"
opens_for $cli4 2022 5s >/dev/null || die "the client's grant does not open port 2022"
start_sessions

# 2. One request of two for a port is revoked.
request_fast $cli4b 22
check "another source is granted the same port" opens_for $cli4b 22 20s
start_hold session_b $cli4b 22 500s 3s || die "no session of the other source"
begin_case
emulator_do POST revoke "{\"port\":22,\"source\":\"$cli4b\"}" >/dev/null
check "revoked: the source is shut out" closes_for $cli4b 22 20
check "revoked: the log says so" said_of revoked $cli4b 22
session_cut session_b "revoked: its session is cut"
check "R7: revoked: the other source of the same port is not" tcp_from $cli4 22
check "revoked: nor is its session" alive session22
is "revoked: the other two are in force" 2 "$(grant_count)"

# 3. A newer request for the same source and port takes the place of the older: longer, then shorter.
# deadline_moved SECONDS: the deadline is about so far from now.
deadline_moved() {
  local boot
  parse_into seen "$("$build/probe" clock)"
  boot=$((($(deadline_of 22) - seen[boot_ns]) / 1000000000))
  ((boot > $1 - 60 && boot <= $1))
}
statuses() {
  arm_call GET "$policy_path" | jq -r '[.properties.requests[].virtualMachines[].ports[] | select(.number == 22)
    | .status + "/" + .statusReason] | sort | unique | join(" ")'
}
begin_case
request_fast $cli4 22 1800
check "newer and longer: its end counts" wait_for 20 deadline_moved 1800
like "newer and longer: Azure calls the older one replaced" 'Revoked/NewerRequestInitiated' "$(statuses)"
check "newer and longer: the log says renewed" said_of renewed $cli4 22
request_fast $cli4 22 700
check "newer and shorter: its end counts" wait_for 20 deadline_moved 700
check "newer and shorter: the log says shortened" said_of shortened $cli4 22
check "newer: the session goes on" alive session22
fails "newer: nothing was revoked on the way" said_of revoked $cli4 22

# 4. A second policy, of another region and another name, names this VM too; the first is deleted.
default_path=$policy_path
policy_path=${policy_path%/locations/*}/locations/northeurope/jitNetworkAccessPolicies/spare
put_policy 3333/TCP || die "arm refuses the second policy"
request_access 900 $cli4,3333 >/dev/null || die "arm refuses the request"
check "the second policy's port opens for its grant" opens_for $cli4 3333 20s
check "and closes to the others" closes_for $nbr4 3333 10
start_hold session3333 $cli4 3333 500s 3s || die "no session on the second policy's port"
begin_case
arm_call DELETE "$default_path" >/dev/null || die "arm does not delete the policy"
check "R4: policy deleted: its grant ends" closes_for $cli4 22 20
check "policy deleted: on each of its ports" silent_for $cli4 2022
check "policy deleted: the log says so" said_of revoked $cli4 22
session_cut session22 "policy deleted: the session on the protected port is cut"
session_cut session2022 "policy deleted: the session on the learned port is cut"
check "policy deleted: the other policy's grant is in force" tcp_from $cli4 3333
check "policy deleted: and its session lives" alive session3333

# all_closed WHAT: nothing is granted, and no port let go.
all_closed() {
  local port
  for port in 22 2022 3333; do
    check "$1: port $port is closed to who had a grant" silent_for $cli4 $port
    check "$1: port $port is closed to the others" silent_for $nbr4 $port
  done
  check "$1: an unprotected port answers" tcp_from $nbr4 80
  is "$1: all three are protected, nothing is granted" '[22,2022,3333] 0' "$(closed_ports) $(grant_count)"
  is "$1: that is no failure" fresh "$(feed_field state)$(feed_field last_error)"
  fails "$1: no port was let go" log_has jitgated 0 '^jitgated: released '
}

# 5. The VM is taken out of the policy that is left: a complete answer that does not name it.
begin_case
arm_call PUT "$policy_path" "$(jq -nc --arg id "${vm_id}x" '{kind: "Basic", properties: {virtualMachines:
  [{id: $id, ports: [{number: 3333, protocol: "TCP", maxRequestAccessDuration: "PT3H"}]}]}}')" >/dev/null ||
  die "arm refuses the policy of another VM"
session_cut session3333 "VM gone from the policy: the session is cut"
like "VM gone from the policy: the log says what its request asks for" \
  'refused port=3333 source="10\.9\.0\.2" .*why="the policy has no such port for this VM"' \
  "$(log_since azure "$azure_mark")"
await_good "VM gone from the policy: asked again"
all_closed "VM gone from the policy"

# 6. No policy at all; again and again, and over restarts.
begin_case
arm_call DELETE "$policy_path" >/dev/null || die "arm does not delete the policy"
check "R16: empty list: the log says so" wait_for 20 log_has azure "$azure_mark" \
  'policies=0 for_this_vm=0 .*; no policy names this VM'
await_good "empty list: and again"
all_closed "empty list"
stop jitgated
check "R4: empty list, no daemon: the learned port is closed" silent_for $nbr4 2022
must_start_jitgated
feed_fresh() { [[ $(feed_field state) == fresh ]]; }
check "empty list, after a restart: the feed tells again" wait_for 20 feed_fresh
all_closed "empty list, after a restart"

# 7. All is as it was.
policy_path=$default_path
put_policy 22/TCP 2022/TCP || die "arm refuses the policy"
request_fast $cli4 22
check "with the policy back a grant opens the port" opens_for $cli4 22 20s
check "and for nobody else" silent_for $nbr4 22
finish
