#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The kernel as referee: a seeded stream of frames goes to a receiver that would deliver thousands of them to the
# protected ports, and with the filter on delivers none that has no grant. What goes to other ports, and what
# comes from a granted source, arrives as before. Then the filter is spoilt in known ways, and the referee has to see it.
#
#   FRAMES=N  frames a run (there are eight, and four of a quarter)    SEED=N   another stream; the default is a new one each time
#   TRAIN=N   only this train of the stream, and a few behind it
# shellcheck source-path=SCRIPTDIR source=../e2e/lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.bash"
# shellcheck source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
# shellcheck source=mutants.bash
. "$(dirname "${BASH_SOURCE[0]}")/mutants.bash"

is_number() { [[ $1 =~ ^[0-9]{1,12}$ ]]; }
is_number "${FRAMES:-1}" || die "FRAMES=$FRAMES: give a number of at least 1"
((10#${FRAMES:-1} > 0)) || die "FRAMES=$FRAMES: give a number of at least 1"
is_number "${SEED:-1}" || die "SEED=$SEED: give the number that was printed"
is_number "${TRAIN:-1}" || die "TRAIN=$TRAIN: give the number of a train"
frames=${FRAMES:-100000} first=${TRAIN:-0}
[[ -z ${TRAIN-} ]] || frames=1
seed=${SEED:-$((EPOCHSECONDS * 1000 + RANDOM % 1000))}
kept=$(dirname "$tests")/build/referee
again="make test-referee SEED=$seed"

# Control: the stream without the filter.
check_free() { # MODE RECEIVER
  local tally=off-$1-$2 enough=$((frames / 20)) what="without the gate, $2 receiver, MTU $mtu" proto family
  referee count "$tally" "$first" "$frames"
  ((frames >= 10000)) || return 0
  within "$what: the kernel delivers thousands of $(total "$tally" frames) frames to closed ports" \
    "$enough" "$(total "$tally" leaks)" "$frames"
  is "$what: some of every kind" "" "$(silent_kinds "$tally" 5)"
  for family in 4 6; do
    for proto in tcp udp sctp dccp udplite; do
      (($(sum "$tally" proto 5 $proto $family) > 0)) || not_ok "$what: $proto over IPv$family arrives"
    done
    within "$what: IPv$family fragments are put together and arrive" $((frames / 500)) \
      "$(sum "$tally" kind 5 fragments $family)" "$frames"
  done
  for proto in udp4 udp6 tcp; do
    (($(sum "$tally" socket 3 $proto) > 0)) || not_ok "$what: a $proto socket gets something"
  done
  within "$what: real sockets get their share" "$enough" "$(awk '$1 == "socket" { n += $3 } END { print n }' \
    "$tmp/$tally.tally")" "$frames"
  [[ $2 == plain ]] || within "$what: so count the rules" "$enough" "$(sum "$tally" rules 3)" "$frames"
}

# The same stream with the filter.
check_gated() { # MODE RECEIVER
  local free=off-$1-$2 tally=on-$1-$2 what="$1 mode, $2 receiver" leaks
  forget_fragments
  referee hunt "$tally" "$first" "$frames" "$kept"
  leaks=$(total "$tally" leaks)
  is "$what: none of $(total "$tally" frames) frames arrives at a closed port" 0 "$leaks"
  if ((leaks)); then
    note "again: $again TRAIN=N"
    sed -n '/^leak/,$p' "$tmp/$tally.tally" | sed 's/^/# /'
  fi
  is "$what: nor at a socket there, UDP and UDP-Lite" 0 \
    "$(awk '$1 == "socket" && $2 ~ /^udp/ { n += $3 } END { print n }' "$tmp/$tally.tally")"
  within "$what: the SYNs that are answered are granted ones" 0 "$(sum "$tally" socket 3 tcp)" \
    "$(sum "$tally" proto 7 tcp)"
  [[ $2 == plain ]] || is "$what: nor do the rules count any" "0 " "$(sum "$tally" rules 3) $(rules_sources)"
  ((frames >= 10000)) || return 0
  within "$what: other ports get what they got without" $(($(sum "$free" kind 6) * 7 / 10)) "$(sum "$tally" kind 6)" \
    "$frames" # more: a contradiction that named a closed port is gone, a merged packet is taken apart
  is "$what: some of every kind" "" "$(silent_kinds "$tally" 6)"
  within "$what: a granted source's frames arrive" $(($(sum "$free" kind 7) * 7 / 10)) "$(sum "$tally" kind 7)" \
    "$frames"
}

# gate_on MODE: "tc" is behind somebody else's XDP program, which lets everything pass.
gate_on() {
  if [[ $1 == tc ]]; then
    conf[xdp_mode]='"auto"' conf[conflict]='"tc"'
    mkdir "$tmp/bpf/other"
    bpftool prog loadall "$build/neighbour.bpf.o" "$tmp/bpf/other" 2>/dev/null || die "the other program does not load"
    in_srv bpftool net attach xdp pinned "$tmp/bpf/other/neighbour_xdp" dev $gated_if || die "it cannot be attached"
  else
    conf[xdp_mode]="\"$1\""
  fi
  must_start_jitgated
  is "$1 mode is on" "$1" "$(jg status --json | jq -r ".interfaces[] | select(.name == \"$gated_if\").xdp_mode")"
  feed_sync "${grants[@]}"
}

gate_off() {
  ! alive jitgated || stop jitgated
  in_srv "$build/jitgated" -c "$tmp/jitgate.conf" --detach >"$tmp/detach.log" 2>&1
  rm -rf "$tmp/state"
}

play() { # MODE MTU
  local receiver
  set_mtu "$2"
  for receiver in plain conntrack; do
    use_receiver $receiver
    check_free "$1" $receiver
  done
  gate_on "$1"
  for receiver in plain conntrack; do
    use_receiver $receiver
    check_gated "$1" $receiver
  done
  table "$1 mode, MTU $2, seed $seed" {off,on}-"$1"-{plain,conntrack}.tally >>"$tmp/table"
}

# Once more, with ports that keep sessions: those of granted sources are learned, and nobody else gets in by them.
check_kept() { # MODE
  local tally=kept-$1 what="$1 mode, sessions kept" flows
  conf[session]='"keep"'
  write_conf
  reload_jitgated
  use_receiver plain
  forget_fragments
  referee hunt "$tally" "$first" "$(((frames + 4) / 5))" "$kept"
  is "$what: none of $(total "$tally" frames) frames arrives at a closed port" 0 "$(total "$tally" leaks)"
  ((frames >= 10000)) || return 0
  flows=$(bpftool -j map dump pinned "$pin/flows_v1" | jq length)
  note "$what: $flows sessions are known"
  within "$what: while sessions are known" $((frames / 10000)) "$flows" "$frames"
  feed_sync port=22/any
  forget_fragments
  referee hunt "$tally-alone" "$first" "$(((frames + 4) / 5))" "$kept"
  is "$what: nor when no source is granted any more" 0 "$(total "$tally-alone" leaks)"
  unset 'conf[session]'
}

begin referee
[[ -x $build/referee ]] || { echo "Bail out! $build/referee is missing: make it first"; exit 1; }
mkdir -p "$kept"
note "seed $seed; again: $again"
make_link
conf[interfaces]="{\"$gated_if\"}"
conf[protect]='{"22/any", "3389/any", "5632/any", "4/any", "1541/any"}'
grants=()
for port in 22 3389 5632 4 1541; do
  grants+=("port=$port/any" "grant=$granted4,$port/any,1h" "grant=$granted6,$port/any,1h")
done

# A native program takes frames of up to a page.
play native 3400
[[ -n ${TRAIN-} ]] || check_mutants
gate_off
play generic 9000
check_kept generic
gate_off
frames=$(((frames + 3) / 4))
play tc 3400
sed 's/^/# /' "$tmp/table"
cp "$tmp/table" "$kept/table"
finish
