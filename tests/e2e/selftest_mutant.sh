#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Does `jitgate selftest` notice? A packet program with one line wrong is built into a jitgated and a jitgate of its
# own, in a copy of the tree: the bad jitgate meets the corpus, and the bad jitgated refuses to start. Then the good
# jitgate meets a daemon with another program that passes.
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
try_jitgated
is "the mutant's own jitgated does not put it in force" 1 $?
like "and says why" 'SELF-TEST FAILED: the new filter judges [0-9]+ of [0-9]+ frames wrong' "$said"

# Another program that judges alike, with one instruction more, is put in force.
cp "$tests/../bpf/gate_parse.h" "$copy/bpf/gate_parse.h"
sed -i 's/^\tint reason;$/&\n\n\tif (!bytes)\n\t\treturn XDP_DROP;/' "$copy/bpf/gate.bpf.c"
fails "one line is added: an empty frame is dropped" cmp "$copy/bpf/gate.bpf.c" "$tests/../bpf/gate.bpf.c"
check "that one is built" make_mutant
cp "$good/probe" "$build/"
must_start_jitgated
build=$good
jg_of "$good"
is "the other in force: exit code" 1 $rc
like "the other in force: said first" "^$frames frames, no surprise; but that is NOT the program in force" "$said"
mutant_tag=$(bpftool -j prog show pinned "$pin/gate" | jq -r .tag)
like "the other in force: its tag, ours, and what to do" \
  "$srv_if: runs filter $mutant_tag and root [0-9a-f]{16}, this binary holds [0-9a-f]{16} .*restart jitgated" "$said"
fails "the two tags are two" grep -q "this binary holds $mutant_tag" <<<"$said"
stop jitgated
must_start_jitgated
jg_of "$good"
is "the good one has been started: exit code" 0 $rc
finish
