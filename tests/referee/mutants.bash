# shellcheck shell=bash disable=SC2034,SC2154 # names of e2e/lib.bash, and names for referee.sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Can the referee fail? The filter with one line of its reading spoilt is put in its place, behind the same root program
# and over the same maps, and the stream has to find it out. Which lines the packet tests need is
# tests/packet/mutants.sh's business; here the stream is on trial.
# Not here is what this kernel makes needless: since 5.11 it refuses a first IPv6 fragment without all of its headers, so
# that nothing is gained any more by ports shown in the padding behind payload_len.

# name | receiver | sed expression for bpf/gate_parse.h and gate_verdict.h
referee_mutants=$(
  cat <<'TABLE'
802.1Q tags are not taken off|plain|s/^#define GATE_ETH_8021Q .*/#define GATE_ETH_8021Q GATE_BE16(0x8101)/
IPv4 options are not skipped|plain|s/header_len = ip->ihl \* 4U/header_len = 20/
a first IPv4 fragment is taken for a later one|plain|s/ip->frag_off & GATE_IPV4_OFFSET_MASK/ip->frag_off \& (GATE_IPV4_OFFSET_MASK | GATE_IPV4_MORE)/
a first IPv6 fragment is taken for a later one|plain|s/ext->frag_offset & GATE_IPV6_OFFSET_MASK/ext->frag_offset \& (GATE_IPV6_OFFSET_MASK | GATE_IPV6_MORE)/
a fragment header may stand anywhere|conntrack|/!may_be_fragment(ip6, i)/,+1d
a fragment header may stand behind any one header|conntrack|s/headers_before == 1 \&\& ip6->nexthdr == IPPROTO_HOPOPTS/headers_before == 1/
the reserved byte of a fragment header is its length|plain|s/^\t\treturn 8;/\t\treturn (ext->len + 1U) * 8;/
authentication headers have the length of others|conntrack|s/is_auth = auth >> proto \& 1/is_auth = 0/
destination headers are not walked over|plain|s/ || proto == IPPROTO_DSTOPTS//
routing headers are not walked over|plain|s/ || proto == IPPROTO_ROUTING//
hop-by-hop headers are not walked over|plain|s/proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING/proto == IPPROTO_ROUTING/
authentication headers are not walked over|conntrack|s/ || proto == IPPROTO_AH//
too many headers or tags pass|plain|s/reason == REASON_TOO_DEEP || //
malformed packets pass|conntrack|s/reason == REASON_MALFORMED || //
the source port is judged|plain|s/dport_be = ports->dest/dport_be = ports->source/
a grant covers twice as many sources|plain|s%memcpy(key->addr, pkt->saddr, 4);%&\n\t\tkey->addr[2] \&= 0x7f;%
UDP-Lite has no ports|plain|/case IPPROTO_UDPLITE:/,+1d
TABLE
)

# load_gate OBJECT NAME: into slot 0, in place of what is there, with its maps.
load_gate() {
  local map reuse=()
  for map in "$pin"/*_v[0-9]*; do
    [[ $map != */layout_v* ]] || continue # of no use to a program
    reuse+=(map name "$(bpftool -j map show pinned "$map" | jq -r .name)" pinned "$map")
  done
  bpftool prog load "$1" "$tmp/bpf/$2" "${reuse[@]}" &&
    bpftool map update pinned "$pin/slots_v1" key 0 0 0 0 value pinned "$tmp/bpf/$2"
}

# write_mutant NUMBER EXPRESSION: the sources, in $tmp/mutant-NUMBER.
write_mutant() {
  local folder=$tmp/mutant-$1 root
  root=$(dirname "$tests")
  mkdir "$folder" && cp -r "$root/bpf" "$root/include" "$folder/" || return
  sed -i "$2" "$folder"/bpf/gate_{parse,verdict}.h
  if [[ -n $2 ]] && diff -rq "$root/bpf" "$folder/bpf" >/dev/null; then
    echo "does not apply: the line has moved"
    return 1
  fi
}

# make_mutant NUMBER EXPRESSION: the object is $tmp/mutant-NUMBER/gate.bpf.o.
make_mutant() {
  local folder=$tmp/mutant-$1 multiarch
  multiarch=$("${CC:-gcc}" -print-multiarch)
  write_mutant "$1" "$2" || return
  "${CLANG:-clang}" -target bpf -mcpu=v2 -O2 -g -w -I"$folder/include" -I"$folder/bpf" "-I/usr/include/$multiarch" \
    -c "$folder/bpf/gate.bpf.c" -o "$folder/gate.bpf.o"
}

put_mutant() { make_mutant "$1" "$2" && load_gate "$tmp/mutant-$1/gate.bpf.o" "mutant-$1"; }

# try_mutant NUMBER NAME RECEIVER EXPRESSION
try_mutant() {
  local said
  if ! said=$(put_mutant "$1" "$4" 2>&1); then
    not_ok "seen: $2" "$said"
    return
  fi
  use_receiver "$3"
  if referee first "mutant-$1" 0 1000000; then
    not_ok "seen: $2" "nothing arrived in $(total "mutant-$1" frames) frames; $again"
  else
    ok "seen: $2"
    note "after $(total "mutant-$1" frames) frames"
  fi
}

# A delivery is traced to its train; the train alone, and out of the same seed, does it again.
check_hunt() {
  local train
  check "a mutant to be hunted is put in" put_mutant hunt 's/ip->frag_off & GATE_IPV4_OFFSET_MASK/ip->frag_off/'
  use_receiver plain
  mkdir "$tmp/found"
  referee hunt hunt 0 1000000 "$tmp/found"
  train=$(sed -n 's/^leak .* train=\([0-9]*\) .*/\1/p' "$tmp/hunt.tally" | head -n 1)
  like "a delivery is traced to its train" '^leak seed=.* delivered to port' "$(cat "$tmp/hunt.tally")"
  check "it is kept as a pcap" tcpdump -n -r "$tmp/found/$seed-$train.pcap"
  fails "the train alone does it again" referee hunt again "$train" 1 "$tmp/found"
  like "and is named again" "^leak .* train=$train " "$(cat "$tmp/again.tally")"
}

# With the gate on and its daemon killed: nobody puts the slot right again.
check_mutants() {
  local number=0 name receiver expression said
  kill9 jitgated
  while IFS='|' read -r name receiver expression; do
    number=$((number + 1))
    if ((frames >= 1000000 || (number + seed) % 3 == 0)); then
      try_mutant $number "$name" "$receiver" "$expression"
    else # in a short game a third of them is played, by the seed; but all have to apply
      said=$(write_mutant $number "$expression") || not_ok "$name" "$said"
    fi
  done <<<"$referee_mutants"
  check_hunt
  check "the program as it is can be put in the same way" put_mutant right ""
  forget_fragments
  referee first right 0 100000
  is "and nothing arrives" 0 "$(total right leaks)"
}
