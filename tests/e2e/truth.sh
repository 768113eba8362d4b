#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What cannot be shown is not said: programs with other maps, pins that were taken away or exchanged, links that are
# gone. Whoever can do that is root. A jitgated that runs sets it right (see guardian.sh, too); without one it is not
# hidden.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin truth

# run COMMAND WORD…: sets said (on one line), complained (too) and rc.
run() {
  said=$(jg "$@" 2>"$tmp/complaint")
  rc=$?
  said=$(paste -sd ' ' <<<"$said" | tr -s ' ')
  complained=$(paste -sd ' ' "$tmp/complaint" | tr -s ' ')
}
fill_slot() { bpftool map update pinned "$pin/slots_v1" key 0 0 0 0 value pinned "$1"; }
slot_id() { bpftool -j map dump pinned "$pin/slots_v1" | jq '.[0] | (.formatted // .).value'; }
verified() { jg status --json | jq -c '[.interfaces[] | .verified]'; }
why() { jg status --json | jq -r --arg name "${1:-$srv_if}" '.interfaces[] | select(.name == $name) | .why'; }

# distrusted NAME WHY: both commands say it of the interface, and that neither is well.
distrusted() {
  run status
  is "$1: status exits with 1" 1 $rc
  like "R13: $1: status says so first" "^jitgate [^ ]+ NOT VERIFIED: $srv_if \\($2\\)" "$said"
  is "R13: $1: JSON says so" "[false]" "$(verified)"
  run selftest
  is "$1: selftest exits with 1" 1 $rc
}
# Without jitgated, too, nobody is to read that enforcement goes on.
unclaimed() { fails "$1: status does not say that enforcement goes on" grep -q 'enforcement goes on' <<<"$(jg status)"; }
# doubted NAME WHY [SELFTEST_WHY]: the same, and selftest, to which the tags alone look well, has the reason first.
doubted() {
  distrusted "$1" "$2"
  like "$1: selftest says so first" "^[0-9]+ frames, no surprise; NOT VERIFIED: $srv_if \\(${3-$2}\\) \\(tag" "$said"
  is "$1: selftest, JSON" "false $srv_if" \
    "$(jg selftest --json | jq -r '.program | "\(.in_force) \(.not_verified[0].interface)"')"
}
trusted() {
  is "$1: verified" "[true]" "$(verified)"
  check "$1: selftest agrees" jg selftest
}

serve 22/tcp
must_start_jitgated
feed_sync port=22/tcp grant=$cli4,22/tcp,600s
check "the client's port is open" tcp_from $cli4 22 3s
trusted "as it should be, jitgated running"

# 1. The filter's twin: the same instructions, so the same tag, but other maps, which protect nothing.
mkdir "$tmp/bpf/twin"
bpftool prog loadall "$build/gate.bpf.o" "$tmp/bpf/twin" || die "cannot load the filter a second time"
is "the twin has the filter's tag" "$(bpftool -j prog show pinned "$pin/gate" | jq -r .tag)" \
  "$(bpftool -j prog show pinned "$tmp/bpf/twin/gate" | jq -r .tag)"
another='another filter \(id [0-9]+\), not on the pinned grants_v1, is in the slot; restart jitgated'
fill_slot "$tmp/bpf/twin/gate"
check "with the twin in the slot, jitgated puts the filter back" closes_for $nbr4 22 1
is "the filter is in the slot" "$(bpftool -j prog show pinned "$pin/gate" | jq .id)" "$(slot_id)"
trusted "the twin was in the slot, jitgated running"
stop jitgated
trusted "as it should be, jitgated stopped"
fill_slot "$tmp/bpf/twin/gate"
doubted "the twin in the slot, jitgated stopped" "$another"
unclaimed "the twin in the slot, jitgated stopped"
mv "$pin/gate" "$tmp/bpf/gate_aside"
bpftool prog pin pinned "$tmp/bpf/twin/gate" "$pin/gate"
doubted "the twin in the slot and as the pin" 'its filter does not work on the pinned grants_v1; restart jitgated'
rm "$pin/gate"
distrusted "the filter's pin is missing" 'the pin gate is missing; restart jitgated'
mv "$tmp/bpf/gate_aside" "$pin/gate"

# 2. A filter that lets everything pass, and none.
cat >"$tmp/pass.c" <<'END'
__attribute__((section("xdp"), used)) int pass(void *ctx) { return 2; }
END
"${CLANG:-clang}" -target bpf -O2 -c "$tmp/pass.c" -o "$tmp/pass.o" || die "cannot build a program that passes all"
bpftool prog load "$tmp/pass.o" "$tmp/bpf/pass" || die "cannot load a program that passes all"
fill_slot "$tmp/bpf/pass"
check "with that in the slot the port is open to all" tcp_from $nbr4 22 3s
distrusted "a filter that passes all" "$another"
bpftool map delete pinned "$pin/slots_v1" key 0 0 0 0
distrusted "no filter" 'the filter slot is empty, packets pass; restart jitgated'
fill_slot "$pin/gate"
trusted "the filter is back"

# 3. A map's pin is another map, while the filter goes on with its own.
bpftool map create "$tmp/bpf/blank" type array key 4 value 131072 entries 1 name data_protected flags 0x400
mv "$pin/protected_v1" "$tmp/bpf/protected_aside"
mv "$tmp/bpf/blank" "$pin/protected_v1"
doubted "a blank map pinned as protected_v1" 'its filter does not work on the pinned protected_v1; restart jitgated'
rm "$pin/protected_v1"
mv "$tmp/bpf/protected_aside" "$pin/protected_v1"
trusted "the map is back"

# 4. One pin is missing: not the same as none.
for name in budget_v1 sources_v1 slots_v1; do
  mv "$pin/$name" "$pin/aside"
  run status
  like "without the pin $name: status names it" "the pin $pin/$name is missing" "$complained"
  fails "without the pin $name: it does not say that nothing is filtered" grep -q 'NOTHING IS FILTERED' <<<"$complained$said"
  is "without the pin $name: exit code" 1 $rc
  run selftest
  like "without the pin $name: selftest names it first" \
    "^[0-9]+ frames, no surprise; but what is in force CANNOT BE TOLD: the pin [^ ]*$name is missing" "$said"
  is "without the pin $name: selftest's exit code" 1 $rc
  mv "$pin/aside" "$pin/$name"
done
check "all the while the port was closed" silent_for $nbr4 22
trusted "all pins are back"

# 5. The slots' pin is another array. The kernel empties the real one, because nobody holds it any more.
bpftool map create "$tmp/bpf/slots" type prog_array key 4 value 4 entries 1 name slots_v1
rm "$pin/slots_v1"
mv "$tmp/bpf/slots" "$pin/slots_v1"
fill_slot "$pin/gate"
check "with other slots the port is open to all" wait_for 5 tcp_from $nbr4 22
unclaimed "other slots, with the filter in them"
distrusted "other slots, with the filter in them" 'its program does not call the pinned slots_v1; restart jitgated'
must_start_jitgated
trusted "jitgated was started again"
check "and the port is closed" silent_for $nbr4 22

# 6. A port that the config names and a feed named, too: it is the config's, whoever tells.
source_of() { jg status --json | jq -r '.ports[] | select(.port == 22) | .source'; }
is "jitgated says whose the port is" config "$(source_of)"
stop jitgated
is "the pins say the same" config "$(source_of)"

# 7. Audit is said where it counts.
conf[mode]='"audit"'
must_start_jitgated
run selftest
is "audit mode: the self-test is good" 0 $rc
like "audit mode: said first" "^[0-9]+ frames, no surprise; the program tried is the one on $srv_if; AUDIT: nothing is dropped" "$said"
is "audit mode, JSON" audit "$(jg selftest --json | jq -r .program.mode)"
stop jitgated
unset "conf[mode]"

# 8. Interfaces that the config names.
ip -n "$ns_srv" link add jgsecond type veth peer name jgpeer
conf[interfaces]="{\"$srv_if\", \"jgsecond\"}"
must_start_jitgated
is "two interfaces are verified" "[true,true]" "$(verified)"
gone='no XDP program is on it; restart jitgated to attach again'
one_open() { # NAME WHY
  run status
  is "$1: status exits with 1" 1 $rc
  like "$1: status has it first" "^jitgate [^ ]+ NOT VERIFIED: $srv_if \\($2\\)" "$said"
  is "$1: status has both" "$srv_if false, jgsecond true" \
    "$(jg status --json | jq -r '[.interfaces | sort_by(.verified)[] | "\(.name) \(.verified)"] | join(", ")')"
  run selftest
  is "$1: selftest exits with 1" 1 $rc
  like "$1: selftest has it first" \
    "^[0-9]+ frames, no surprise; the program tried is the one on jgsecond; NOT VERIFIED: $srv_if \\($2\\)" "$said"
}
stop jitgated
rm "$pin/link_$srv_if"
check "a link's pin is gone, jitgated stopped: the port is open there" tcp_from $nbr4 22 3s
one_open "a link's pin is gone, jitgated stopped" "$gone"
like "enforcement is said to go on where it is verified" 'where it is verified, enforcement' "$(jg status | paste -sd ' ' | tr -s ' ')"
must_start_jitgated
is "a restart attaches it again" "[true,true]" "$(verified)"
stop jitgated
bpftool link detach pinned "$pin/link_$srv_if"
one_open "a link is detached, jitgated stopped" "the link is detached; restart jitgated"
rm "$pin/link_jgsecond" "$pin/link_$srv_if"
run selftest
is "pinned, but attached nowhere: exit code" 1 $rc
like "pinned, but attached nowhere: said first" \
  "the one that is pinned, but it is ATTACHED TO NO INTERFACE; NOT VERIFIED: $srv_if .*, jgsecond " "$said"
is "status has both, too" "[false,false]" "$(verified)"
conf[interfaces]="{\"$srv_if\", \"jgnone\"}"
write_conf
is "an interface that is not there" "there is no such interface" "$(why jgnone)"
is "does not hide the other" "$gone" "$(why)"
ip -n "$ns_srv" route add default via $cli4
conf[interfaces]='{"auto"}'
write_conf
is "with \"auto\" the uplink is meant" "$gone" "$(why)"
ip -n "$ns_srv" route del default
finish
