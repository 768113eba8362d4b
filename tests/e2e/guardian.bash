# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# For the tests of the attach guardian: jitgated with the capabilities that its unit has, in a BPF file system that is
# root's alone, and more interfaces.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

unit_caps=-all,+bpf,+perfmon,+net_admin,+setuid,+setgid,+setpcap,+chown,+dac_read_search
late4=10.10.0.1 late_peer4=10.10.0.2

guardian_begin() {
  begin "$1"
  chmod 0700 "$tmp/bpf"
  serve 22/tcp 80/tcp
}

start_guardian() {
  write_conf
  start_ready jitgated "$ns_srv" setpriv --bounding-set=$unit_caps "$build/jitgated" -c "$tmp/jitgate.conf" ||
    die "jitgated does not get ready" "$(tail -n 5 "$tmp/jitgated.log")"
}

# A pair with one end in the server's namespace and one in the client's, down, with all neighbours known: the first
# packet is what a test sends.
make_late() {
  ip -n "$ns_srv" link add "$1" address 02:00:00:00:00:01 type veth peer name "$1-p" address 02:00:00:00:00:02 netns "$ns_cli"
  ip -n "$ns_srv" addr add $late4/24 dev "$1"
  ip -n "$ns_cli" addr add $late_peer4/24 dev "$1-p"
}
up_late() {
  ip -n "$ns_cli" link set "$1-p" up
  ip -n "$ns_srv" link set "$1" up
  ip -n "$ns_cli" neigh replace $late4 lladdr 02:00:00:00:00:01 dev "$1-p" nud permanent
  ip -n "$ns_srv" neigh replace $late_peer4 lladdr 02:00:00:00:00:02 dev "$1" nud permanent
}
late_tcp() { in_cli "$build/probe" connect $late_peer4 $late4 "$1" "${2:-300ms}"; }
late_silent() {
  late_tcp 22 250ms
  [[ $? == 1 ]]
}

# of NAME FIELD: what jitgated says of one interface. Being asked makes it check.
of() { jg status --json | jq -r --arg name "$1" ".interfaces[] | select(.name == \$name) | .$2"; }
# What the kernel says, without asking jitgated.
program_on() { in_srv ip -j link show "$1" | jq -r '.[0].xdp.prog.id // empty'; }
is_attached() { [[ -n $(program_on "$1") ]]; }
is_bare() { ! is_attached "$1"; }
link_id() { bpftool -j link show pinned "$pin/link_$1" | jq .id; }
lines_since() { log_since jitgated "$1" | grep -cE -- "$2"; }
cap_eff() { awk '$1 == "CapEff:" { print $2 }' "/proc/${pids[jitgated]}/status"; }

# An XDP program that is not ours, pinned as $tmp/bpf/foreign/root.
load_foreign() {
  bpftool prog loadall "$build/gate.bpf.o" "$tmp/bpf/foreign" >/dev/null || die "bpftool cannot load a program"
}
