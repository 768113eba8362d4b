#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Does `jitgate selftest` notice? A packet program with one line wrong is built into a jitgated and a jitgate of its
# own, in a copy of the tree: the bad jitgate meets the corpus, the bad daemon does not start, and the good jitgate meets
# the daemon of another version.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin mutant

copy=$tmp/copy
variant=$(basename "$build")
sanitizers=
[[ $variant == san ]] && sanitizers=address,undefined

# With what is built already: only what the packet program is in has to be made anew.
copy_tree() {
  local file
  mkdir -p "$copy/build/$variant" "$copy/tests"
  for file in Makefile agent bpf include packaging; do cp -a "$tests/../$file" "$copy/" || return; done
  cp -a "$tests"/{tests.mk,packet.mk,deps.sh} "$copy/tests/" || return
  find "$build" -maxdepth 1 -type f -exec cp -a -t "$copy/build/$variant" {} +
}

make_mutant() {
  env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -j2 -C "$copy" ${sanitizers:+SAN=$sanitizers} \
    "build/$variant/jitgate" "build/$variant/jitgated"
}

# jg_of FOLDER: sets said and rc, on one line.
jg_of() {
  said=$(in_srv "$1/jitgate" -c "$tmp/jitgate.conf" selftest 2>&1)
  rc=$?
  said=$(paste -sd ' ' <<<"$said" | tr -s ' ')
}

check "the tree is copied" copy_tree
sed -i 's/IPPROTO_UDPLITE:$/0xfe:/' "$copy/bpf/gate_parse.h"
fails "one line is changed: UDP-Lite has no ports" cmp "$copy/bpf/gate_parse.h" "$tests/../bpf/gate_parse.h"
check "the mutant is built" make_mutant

jg_of "$build"
is "the program as it is has no surprise" 0 $rc
frames=${said%% *}
jg_of "$copy/build/$variant"
is "the mutant: exit code" 1 $rc
like "the mutant: said first" "^$frames frames, [0-9]+ SURPRISES; not attached" "$said"
like "the mutant: a frame is named, with what it did" \
  'SURPRISE every protocol with ports: .* by UDP-Lite: enforce: verdict pass \(2\), not drop' "$said"
like "the mutant: the rest is counted" 'and [0-9]+ more surprises: --verbose shows them' "$said"
said=$(in_srv "$copy/build/$variant/jitgate" -c "$tmp/jitgate.conf" selftest --json)
is "the mutant, JSON: exit code" 1 $?
is "the mutant, JSON: the surprises are those that did not pass" true \
  "$(jq '(.surprises | length) == .frames - .passed and .frames > .passed' <<<"$said")"
is "the mutant, JSON: nothing but UDP-Lite" "" \
  "$(jq -r '.surprises[].name | select(contains("UDP-Lite") | not)' <<<"$said" | head -n 5)"

good=$build
build=$copy/build/$variant
cp "$good/probe" "$build/"
write_conf
try_jitgated
is "the mutant is not put in force: exit code" 1 $?
like "it says why" 'SELF-TEST FAILED: the new filter judges [0-9]+ of [0-9]+ frames wrong' "$said"

# Another version, which judges as it must, but at the tc hook, which is not in use.
cp "$tests/../bpf/gate_parse.h" "$copy/bpf/"
sed -i 's/^#define JITGATE_FLOW_SEEN_STEP_NS 1/#define JITGATE_FLOW_SEEN_STEP_NS 2/' "$copy/include/jitgate_abi.h"
fails "another version: one line is changed" cmp "$copy/include/jitgate_abi.h" "$tests/../include/jitgate_abi.h"
sed -i 's/? TC_ACT_SHOT : TC_ACT_UNSPEC/? TC_ACT_UNSPEC : TC_ACT_SHOT/' "$copy/bpf/gate.bpf.c"
fails "and one at the tc hook, which makes it wrong there" cmp "$copy/bpf/gate.bpf.c" "$tests/../bpf/gate.bpf.c"
check "it is built" make_mutant
must_start_jitgated
build=$good
jg_of "$good"
is "another version in force: exit code" 1 $rc
like "another version in force: said first" "^$frames frames, no surprise; but that is NOT the program in force" "$said"
other_tag=$(bpftool -j prog show pinned "$pin/gate" | jq -r .tag)
like "another version in force: its tag, ours, and what to do" \
  "$srv_if: runs filter $other_tag and root [0-9a-f]{16}, this binary holds [0-9a-f]{16} .*restart jitgated" "$said"
fails "the two tags are two" grep -q "this binary holds $other_tag" <<<"$said"
stop jitgated
must_start_jitgated
jg_of "$good"
is "the good one has been started: exit code" 0 $rc
stop jitgated

# The same on a machine that needs the tc hook: what is in force there stays.
id_of() { bpftool -j prog show pinned "$1" | jq .id; }
tc_in_force() { echo "$(id_of "$pin/gate_tc") $(id_of "$pin/root_tc") $(bpftool map lookup pinned "$pin/slots_tc_v1" key 0 0 0 0)"; }
detach() { in_srv "$build/jitgated" -c "$tmp/jitgate.conf" --detach >>"$tmp/detach.log" 2>&1; }
check "the XDP hook is free" detach
mkdir "$tmp/bpf/other"
bpftool prog loadall "$build/neighbour.bpf.o" "$tmp/bpf/other" 2>/dev/null || die "cannot load somebody else's programs"
in_srv bpftool net attach xdp pinned "$tmp/bpf/other/neighbour_xdp" dev $srv_if || die "the other program cannot be attached"
serve 22/tcp 80/tcp
conf[conflict]='"tc"'
must_start_jitgated
feed_sync port=22/tcp grant=$cli4,22/tcp,600s
stop jitgated
before=$(tc_in_force)
build=$copy/build/$variant
try_jitgated
is "a filter that is wrong at the tc hook is not put in force: exit code" 1 $?
like "it says why" 'SELF-TEST FAILED: the new filter judges [0-9]+ of [0-9]+ frames wrong' "$said"
build=$good
is "the filter in the slot, the root program and the pins at the tc hook are those of before" "$before" "$(tc_in_force)"
is "which are verified" "tc true" "$(jg status --json | jq -r '.interfaces[0] | "\(.xdp_mode) \(.verified)"')"
check "the port is closed" silent_for $nbr4 22 1s
check "the grant goes on" tcp_from $cli4 22 3s
check "an open port answers" tcp_from $nbr4 80 3s
must_start_jitgated
check "control: the good one starts there" jg selftest
fails "and puts its own filter into the slot" test "$before" == "$(tc_in_force)"
finish
