#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# `jitgate selftest` beside a daemon at work: it disturbs nothing, sees which program is in force, and needs none.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin selftest

# run WORD…: sets said, complained and rc.
run() {
  said=$(jg selftest "$@" 2>"$tmp/complaint")
  rc=$?
  complained=$(<"$tmp/complaint")
}
tag_of() { bpftool -j prog show pinned "$pin/$1" | jq -r .tag; }
# Everything that a frame or a hand could change.
maps_now() {
  local name
  for name in slots_v1 grants_v1 protected_v1 sources_v1 ports_v1 stats_v1 usage_v1 state_v1 budget_v1; do
    bpftool -j map dump pinned "$pin/$name"
  done | md5sum
}
is_quiet() { [[ $(maps_now) == "$(sleep 0.2; maps_now)" ]]; }
fill_slot() { bpftool map update pinned "$pin/slots_v1" key 0 0 0 0 value id "$(bpftool -j prog show pinned "$pin/$1" | jq .id)"; }

# 1. No daemon, nothing pinned.
run
is "without a daemon: exit code" 0 $rc
like "without a daemon: said first" '^[0-9]+ frames, no surprise; not attached: tested the program in this binary' "$said"
run --json
is "without a daemon, JSON: nothing is attached" "null null null" \
  "$(jq -r '.program | "\(.in_force) \(.attached) \(.pinned_tag)"' <<<"$said")"
within "ten thousand frames, as the manual says" 10000 "$(jq .frames <<<"$said")" 100000
is "all of them passed" true "$(jq '.frames == .passed and .frames == ([.families[].frames] | add)' <<<"$said")"
is "every family has frames" 0 "$(jq '[.families[] | select(.frames == 0)] | length' <<<"$said")"
is "no surprises are listed" '[]' "$(jq -c .surprises <<<"$said")"
frames=$(jq .frames <<<"$said")
run --verbose
is "--verbose has a line for every frame" "$frames" "$(grep -c '^as due ' <<<"$said")"
run --verbose --json
is "--verbose --json has every frame" "$frames" "$(jq '.all | length' <<<"$said")"
is "no two frames have one name" "" "$(jq -r '.all[] | .name' <<<"$said" | sort | uniq -d | head -n 5)"

# 2. Beside a daemon, with maps of another size.
serve 22/tcp
conf[max_grants]=1000
must_start_jitgated
check "a snapshot with a grant is taken" feed_sync port=22/tcp grant=$cli4,22/tcp,600s
tags="$(tag_of gate) $(tag_of root)"
check "the client's port is open" tcp_from $cli4 22 3s
remember
# The far end of the link is down: nothing comes but what is tried here, so that counters can be compared.
ip -n "$ns_lan" link set p-srv down
wait_for 5 is_quiet || die "the link does not fall silent"
before=$(maps_now) pins=$(ls "$pin")
run --json
is "beside a daemon: exit code" 0 $rc
is "the program in force has the tag of the one tried" "true $tags" \
  "$(jq -r '.program | "\(.in_force) \(.tag) \(.root_tag)"' <<<"$said")"
is "the program on the interface is named with its tags" "$srv_if $tags" \
  "$(jq -r '.program.attached[] | "\(.interface) \(.tag) \(.root_tag)"' <<<"$said")"
run
like "beside a daemon: said first" "^$frames frames, no surprise; the program tried is the one on $srv_if" "$said"
is "a quiet link: counters, grants and ports are as before" "$before" "$(maps_now)"
is "nothing is pinned" "$pins" "$(ls "$pin")"
ip -n "$ns_lan" link set p-srv up
wait_for 5 link_is_up || die "the test network does not come up again"
untouched "the grant and the closed port are as before"

start_hold session $cli4 22 60s
for _ in 1 2 3; do run; done
check "a session lives on through three of them" alive session
end_hold session held
is "the session was not stalled" stopped "${held[end]-}"

# 3. Another program in force, or none.
stop jitgated
run
is "enforced without a daemon: still the same program" 0 $rc
gate=$(tag_of gate) root=$(tag_of root)
fill_slot root
run
is "another program in the slot: exit code" 1 $rc
like "another program in the slot: said first" "^$frames frames, no surprise; but that is NOT the program in force" "$said"
like "another program in the slot: both tags, and what to do" \
  "^$srv_if: runs filter $root and root $root, this binary holds $gate and $root; restart jitgated: systemctl restart" \
  "$(paste -sd ' ' <<<"$said" | sed "s/  */ /g; s/ $srv_if:/\n$srv_if:/")"
run --json
is "another program in the slot, JSON" "1 false $root" "$rc $(jq -r '.program | "\(.in_force) \(.attached[0].tag)"' <<<"$said")"
bpftool map delete pinned "$pin/slots_v1" key 0 0 0 0
run
is "an empty slot: exit code" 1 $rc
like "an empty slot is said" "^$srv_if: the filter's slot is EMPTY, packets pass" "$said"
fill_slot gate
run
is "the slot is as it was: exit code" 0 $rc
mv "$pin/gate" "$pin/gate_aside"
bpftool prog pin id "$(xdp_id)" "$pin/gate"
run
is "another program is pinned: exit code" 1 $rc
like "another program is pinned: both tags" "filter that is pinned has tag $root, this binary's has $gate" \
  "$(paste -sd ' ' <<<"$said" | tr -s ' ')"
mv "$pin/gate_aside" "$pin/gate"
must_start_jitgated
run
is "jitgated was restarted: exit code" 0 $rc
stop jitgated
rm "$pin/link_$srv_if"
run
is "pinned, but attached nowhere: exit code" 1 $rc
like "pinned, but attached nowhere: said" 'ATTACHED TO NO INTERFACE' "$(paste -sd ' ' <<<"$said" | tr -s ' ')"

# 4. Who may, and how it is called.
cp "$build/jitgate" "$tmp/command"
complained=$(setpriv --reuid 65534 --regid 65534 --clear-groups "$tmp/command" -c "$tmp/jitgate.conf" selftest 2>&1)
is "an ordinary user: exit code" 1 $?
like "an ordinary user is told what to do" '^jitgate: selftest: .*Operation not permitted; run as root: .*CAP_BPF' "$complained"
run now
is "too many arguments" "2 jitgate: too many arguments for selftest; see jitgate --help" "$rc $complained"
complained=$(jg status --verbose 2>&1)
is "--verbose is for selftest" "2 jitgate: no --verbose for status; see jitgate --help" "$? $complained"
echo 'frobnicate = 1' >>"$tmp/jitgate.conf"
run
is "a broken config that was named" 78 $rc
finish
