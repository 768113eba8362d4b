# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What the parts of the bench share: the link from the generator to a contestant, its counters, processes, cleaning up.
# Everything is in network namespaces and a mount namespace of its own; nothing of the machine's network is touched.

set -u -o pipefail
export LC_ALL=C TZ=UTC
PATH=$PATH:/usr/sbin:/sbin

bench_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=${bench_dir%/tests/bench}
# shellcheck disable=SC2034 # for the scripts that source this
build=${JITGATE_BUILD:-$tree/build/release}

# What the generator's frames are addressed to (agent/frame.h), and the two ports of the cases. Filters hold the first.
# shellcheck disable=SC2034 # some of it is for who sources this
rx_if=jgrx rx_mac=02:00:00:00:00:0b
rx4=192.0.2.1/24 rx6=2001:db8::1/64
closed_port=3389 open_port=443

run_name=jg-bench-$$
tx_ns=$run_name-tx
tmp=''
declare -A pids=() tx_if=()
declare -a netns=()

note() { printf '%s\n' "$*" >&2; }
die() {
  note "bench: $*"
  exit 2
}

# wait_for SECONDS COMMAND…: until it succeeds.
wait_for() {
  local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
  shift
  until "$@" >/dev/null 2>&1; do
    ((${EPOCHREALTIME/./} < end)) || return 1
    sleep 0.02
  done
}

add_netns() {
  ip netns add "$1" || die "cannot make network namespaces"
  netns+=("$1")
  ip -n "$1" link set lo up
}

# in_ns NAMESPACE COMMAND…: `ip netns exec` would hide the bpffs behind a fresh /sys.
in_ns() {
  local ns=$1
  shift
  nsenter --net="/run/netns/$ns" -- "$@"
}
in_rx() {
  local who=$1
  shift
  in_ns "$run_name-$who" "$@"
}

# start NAME CONTESTANT COMMAND…: in the background, in the contestant's namespace.
start() {
  local name=$1 who=$2
  shift 2
  : >"$tmp/$name.log" # before the fork: who waits for a word in it must not find that of an earlier start
  nsenter --net="/run/netns/$run_name-$who" -- "$@" >>"$tmp/$name.log" 2>&1 &
  pids[$name]=$!
}

stop() {
  [[ -n ${pids[$1]-} ]] || return 0
  kill -TERM "${pids[$1]}" 2>/dev/null
  wait_for 10 gone "${pids[$1]}" || kill -KILL "${pids[$1]}" 2>/dev/null
  { wait "${pids[$1]}"; } 2>/dev/null
  unset "pids[$1]"
}
# A child that ended and was not waited for yet still has its pid.
gone() { ! kill -0 "$1" || [[ $(ps -o stat= -p "$1") == Z* ]]; }

# Receive offload is on for all of them, as on a NIC; veth takes redirected frames only then, or under XDP.
# link_up CONTESTANT: a namespace, a link from the generator into it, and the sink behind whatever filters there.
link_up() {
  local who=$1 ns=$run_name-$1
  tx_if[$who]=${tx_if[$who]-tx${#tx_if[@]}} # names of interfaces are short
  add_netns "$ns"
  ip -n "$tx_ns" link add "${tx_if[$who]}" type veth peer name $rx_if netns "$ns" || die "cannot make a link"
  ip -n "$ns" link set $rx_if address $rx_mac
  ip -n "$ns" addr add $rx4 dev $rx_if
  ip -n "$ns" addr add $rx6 dev $rx_if nodad
  in_ns "$ns" sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.$rx_if.rp_filter=0
  in_ns "$ns" ethtool -K $rx_if gro on || die "cannot turn GRO on"
  ip -n "$ns" link set $rx_if up
  ip -n "$tx_ns" link set "${tx_if[$who]}" up
  start "sink-$who" "$who" "$build/bench" sink $closed_port/udp $open_port/udp
  wait_for 5 grep -q ready "$tmp/sink-$who.log" || die "the sink does not start: $(cat "$tmp/sink-$who.log")"
}

link_down() {
  local who=$1 ns kept=()
  stop "sink-$who"
  ip netns del "$run_name-$who"
  for ns in "${netns[@]}"; do [[ $ns == "$run_name-$who" ]] || kept+=("$ns"); done
  netns=("${kept[@]}")
}

# received CONTESTANT: frames that came out of the link. taken_in CONTESTANT: datagrams that reached the sink.
received() { in_rx "$1" ethtool -S $rx_if | awk '/rx_queue_[0-9]+_xdp_packets:/ { n += $2 } END { print n + 0 }'; }
xdp_drops() { in_rx "$1" ethtool -S $rx_if | awk '/rx_queue_[0-9]+_xdp_drops:/ { n += $2 } END { print n + 0 }'; }
taken_in() {
  # shellcheck disable=SC2016 # $ is awk's
  in_rx "$1" awk '
    /^Udp: [0-9]/ { n += $6 } # RcvbufErrors
    $1 == "Udp6RcvbufErrors" { n += $2 }
    END { print n + 0 }' /proc/net/snmp /proc/net/snmp6
}

clean_up() {
  local name ns
  trap '' INT TERM
  exec 2>/dev/null # the shell's own words about killed jobs
  for name in "${!pids[@]}"; do kill -KILL "${pids[$name]}"; done
  wait
  for ns in "${netns[@]}"; do ip netns del "$ns"; done
  [[ -z $tmp ]] || { umount -l "$tmp/bpf"; rm -rf "$tmp"; }
}

begin() {
  ((EUID == 0)) || die "needs root: network namespaces, packet programs"
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  tmp=$(mktemp -d "${TMPDIR:-/tmp}/jgb.XXXXXX") || exit 2
  chmod 0755 "$tmp"
  mkdir "$tmp/bpf"
  mount -t bpf bpf "$tmp/bpf" || die "cannot mount a bpffs"
  add_netns "$tx_ns"
}
