#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Everything that is not a protected port is left alone, whatever state the gate is in: before it is there, enforcing,
# with the agent killed, taken off, in generic mode, in audit mode.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin untouched

conf[protect]='{"22/tcp", "40000/tcp"}'
serve 22/tcp 22/udp 67/udp 80/tcp 5353/udp
start client-server "$ns_cli" "$build/probe" serve 8080/tcp 22/tcp
wait_for 5 grep -q ready "$tmp/client-server.log"

# pings_afresh IP-OPTION ADDRESS: both ends have to ask for the other's address again.
pings_afresh() {
  in_cli ip "$1" neigh flush dev jgcli0 && in_srv ip "$1" neigh flush dev jgsrv0 && in_cli ping -c1 -W2 "$2"
}
dhcp_works() {
  local before
  before=$(grep -c 'port=67' "$tmp/server.log")
  in_nbr "$build/probe" dhcp-discover jgnbr0
  wait_for 2 has_more_discovers "$before"
}
has_more_discovers() { (($(grep -c 'port=67' "$tmp/server.log") > $1)); }
outbound() { in_srv "$build/probe" connect "$1" "$2" "$3" 1s; }

# everything_else STATE: one test for each kind, and the protected port for comparison.
everything_else() {
  check "R10: $1: ARP" pings_afresh -4 $srv4
  check "R10: $1: neighbour discovery" pings_afresh -6 $srv6
  check "R10: $1: ICMP, also in fragments" in_cli ping -c1 -W2 -s 4000 $srv4
  check "R10: $1: ICMPv6, also in fragments" in_cli ping -c1 -W2 -s 4000 $srv6
  check "R10: $1: DHCP" dhcp_works
  check "R10: $1: TCP to another port" tcp_from $nbr4 80
  check "R10: $1: TCP to another port, IPv6" tcp_from $nbr6 80
  check "R10: $1: UDP to the protected number" udp_from $nbr4 22
  check "R10: $1: UDP in fragments" udp_from $nbr4 5353 500ms 4000
  check "R10: $1: UDP in fragments, IPv6" udp_from $nbr6 5353 500ms 4000
  check "R10: $1: the machine's own connections" outbound $srv4 $cli4 8080
  check "R9: $1: the machine's own connections to a protected number" outbound $srv6 $cli6 22
}

everything_else "before"
check "before: the port to be protected answers" tcp_from $nbr4 22

must_start_jitgated
everything_else "enforcing"
check "enforcing: the protected port does not answer" silent_for $nbr4 22
like "a protected port in the ephemeral range is reserved" '(^|[,-])40000($|[,-])' \
  "$(in_srv cat /proc/sys/net/ipv4/ip_local_reserved_ports)"
like "not IP is counted" '^[1-9]' "$(reason_count not_ip)"
like "later fragments are counted" '^[1-9]' "$(reason_count later_fragment)"
like "other protocols are counted" '^[1-9]' "$(reason_count other_proto)"
for reason in too_deep short_l4; do is "nothing was taken for $reason" 0 "$(reason_count $reason)"; done
is "nor for malformed" 0 "$(reason_count malformed)"
within "what jitgated tries its filter with is counted by itself" 1 "$(reason_count probe)" 100

kill9 jitgated
everything_else "agent killed"
check "agent killed: the protected port does not answer" silent_for $nbr4 22

in_srv "$build/jitgated" -c "$tmp/jitgate.conf" --detach >"$tmp/detach.log" 2>&1
everything_else "taken off"
check "taken off: the port answers" tcp_from $nbr4 22

# In generic mode the same program runs at another place in the stack.
conf[xdp_mode]='"generic"'
write_conf
must_start_jitgated
is "R13: generic mode is said" generic "$(jg status --json | jq -r '.interfaces[0].xdp_mode')"
everything_else "generic mode"
check "generic mode: the protected port does not answer" silent_for $nbr4 22
feed_sync port=22/tcp grant=$nbr4,22/tcp,1m
check "generic mode: a grant opens it" tcp_from $nbr4 22

conf[mode]='"audit"'
write_conf
reload_jitgated
everything_else "audit mode"
check "audit mode: the protected port answers" tcp_from $cli4 22
finish
