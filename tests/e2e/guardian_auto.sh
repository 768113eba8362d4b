#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Which interfaces are guarded: uplinks that a route makes, another config at a reload, typing errors, more news than the
# kernel keeps, devices that cannot be filtered, drivers that refuse native mode.
# shellcheck source-path=SCRIPTDIR source=guardian.bash
. "$(dirname "${BASH_SOURCE[0]}")/guardian.bash"
guardian_begin guardian_auto

# 1. {"auto"} without any uplink.
conf[interfaces]='{"auto"}'
start_guardian
like "without an uplink it is loud" 'NOTHING IS FILTERED: interfaces = \{"auto"\} finds no uplink' "$(log_since jitgated 0)"
like "status says so first" 'NOTHING IS FILTERED: no interface' "$(jg status | sed -n 1p)"
is "and exits with 1" 1 "$(jg status >/dev/null; echo $?)"
check "indeed the port is open" tcp_from $nbr4 22 3s

# 2. A default route makes an uplink, and its end does not unmake it.
ip -n "$ns_srv" route add default via $cli4
check "a default route brings its interface under guard" wait_for 1 is_attached $srv_if
check "the port is closed" silent_for $nbr4 22
check "an open one answers" tcp_from $nbr4 80 3s
is "it is verified" true "$(of $srv_if verified)"
make_late jglate
up_late jglate
jg status >/dev/null
check "an interface without one is left alone" is_bare jglate
ip -n "$ns_srv" -6 route add default via fe80::1 dev jglate
check "an IPv6 default route does the same" wait_for 1 is_attached jglate
check "the port is closed there, too" late_silent
ip -n "$ns_srv" route del default
ip -n "$ns_srv" -6 route del default dev jglate
for _ in 1 2 3; do jg status >/dev/null; done
is "without the routes both stay guarded" "true true" "$(of $srv_if verified) $(of jglate verified)"
check "closed" silent_for $nbr4 22
check "a reload of the same config is taken" reload_jitgated
check "and lets nothing go meanwhile" late_silent
is "both are verified" "true true" "$(of $srv_if verified) $(of jglate verified)"
stop jitgated
start_guardian
check "nor does a restart" late_silent
is "which goes on guarding both" "true true" "$(of $srv_if verified) $(of jglate verified)"

# 3. A reload takes `interfaces`.
conf[interfaces]="{\"$srv_if\", \"jglate\"}"
write_conf
check "names instead of auto are taken at a reload" reload_jitgated
mark=$(mark_log jitgated)
conf[interfaces]="{\"$srv_if\", \"jglaet\"}"
write_conf
check "so is a typing error" reload_jitgated
like "which is loud" 'jglaet: NOT PROTECTED: there is no such interface' "$(log_since jitgated "$mark")"
check "and lets nothing go" late_silent
is "what is not meant any more is still verified" true "$(of jglate verified)"
stop jitgated
start_guardian
check "nor does a restart with it" late_silent
is "which goes on verifying it" true "$(of jglate verified)"
conf[interfaces]="{\"$srv_if\"}"
write_conf
check "the list without the second one is taken" reload_jitgated
check "and opens it" late_tcp 22 3s
like "which is said" 'jglate: is no longer in .interfaces. and was detached: its ports are open' "$(log_since jitgated "$mark")"
check "its pin is gone" test ! -e "$pin/link_jglate"
check "the first is closed all the while" silent_for $nbr4 22

# 4. More news than the kernel keeps for a jitgated that is held up.
conf[interfaces]="{\"$srv_if\", \"jgnew\"}"
write_conf
check "a name for later" reload_jitgated
mark=$(mark_log jitgated)
kill -STOP "${pids[jitgated]}"
ip -n "$ns_srv" link del jglate
for i in {1..1500}; do echo "link set dev lo mtu $((60000 + i))"; done >"$tmp/batch"
ip -n "$ns_srv" -batch "$tmp/batch"
make_late jgnew
kill -CONT "${pids[jitgated]}"
check "what was lost is looked up: the new interface is attached" wait_for 1 is_attached jgnew
check "and it was an overrun" wait_for 2 log_has jitgated "$mark" 'more news of interfaces than it could keep'
up_late jgnew
check "it is closed" late_silent
ip -n "$ns_srv" link del jgnew

# 5. Not Ethernet.
mark=$(mark_log jitgated)
if in_srv ip tuntap add dev jgnew mode tun 2>/dev/null; then
  check "a tun device is not guarded, and that is said" wait_for 2 log_has jitgated "$mark" \
    'jgnew: NOT PROTECTED: it is not an Ethernet interface, and cannot be filtered'
  is "nor does status claim it" false "$(of jgnew verified)"
  check "nothing is attached to it" is_bare jgnew
  in_srv ip tuntap del dev jgnew mode tun
else
  skip "tun device" "this kernel has no tun device to offer"
fi

# 6. An MTU that the driver does not take in native mode: for a veth it is that of its other end.
mark=$(mark_log jitgated)
ip -n "$ns_srv" link add jgnew mtu 9000 address 02:00:00:00:00:01 type veth peer name jgnew-p mtu 9000 \
  address 02:00:00:00:00:02 netns "$ns_cli"
ip -n "$ns_srv" addr add $late4/24 dev jgnew
ip -n "$ns_cli" addr add $late_peer4/24 dev jgnew-p
check "with an MTU of 9000 it is attached" wait_for 1 is_attached jgnew
is "in generic mode" generic "$(of jgnew xdp_mode)"
like "one line says why, and the way out" \
  'jgnew: the driver refused native mode \(.*the MTU here is 9000; for native mode: set a smaller MTU .*jitgated --detach' \
  "$(log_since jitgated "$mark")"
up_late jgnew
check "it is closed all the same" late_silent
check "while an open port answers" late_tcp 80 3s
is "and verified" true "$(of jgnew verified)"
finish
