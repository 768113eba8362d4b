#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# jitgate's main job, once, on the kernel that runs: closed, opened by a grant, closed on time, with the daemon killed
# too, and the whole way from a request in Azure. Says which features the kernel gave. Made for the test machine; runs
# on a host as well.
# shellcheck source-path=SCRIPTDIR source=../e2e/lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.bash"
begin kernel

life_s=0 # of a grant: several times what this machine needs for the steps meanwhile

status_of() { awk -v key="$1:" '$1 == key { print $2 }' "/proc/${pids[jitgated]}/status"; }
kernel_since() { [[ $(printf '%s\n' "$1" "$(uname -r)" | sort -V | head -n 1) == "$1" ]]; }

# From 5.19 on whoever holds a map by descriptor may write it, from 6.5 on a program may end sockets.
allowed_power() {
  local caps=0
  kernel_since 5.19 || caps=$((caps | 1 << 39)) # CAP_BPF
  kernel_since 6.5 || caps=$((caps | 1 << 12))  # CAP_NET_ADMIN
  printf '%016x' $caps
}
ending_means() { if kernel_since 6.5; then echo bpf; else echo netlink; fi; }

yes_no() { if "$@" >/dev/null 2>&1; then echo yes; else echo no; fi; }

# The program on the interface is replaced in place by the filter itself, and put back.
link_updates() {
  "$build/probe" link-update "$pin/link_$srv_if" "$pin/gate" && "$build/probe" link-update "$pin/link_$srv_if" "$pin/root"
}
calls_boottime() { [[ $(bpftool prog dump xlated pinned "$pin/gate") == *ktime_get_boot_ns* ]]; }
is_ring_buffer() { [[ $(bpftool -j map show pinned "$pin/events_v1" | jq -r .type) == ringbuf ]]; }

feature() { note "feature $1=$2"; }
tell_features() {
  feature "native veth XDP" "$(yes_no test "$(jq -r '.interfaces[0].xdp_mode' <<<"$1")" = native)"
  feature "maps without capability" "$(yes_no test $((0x$(status_of CapEff) >> 39 & 1)) = 0)"
  feature "ends sockets by" "$(jq -r .end_sockets <<<"$1")"
  feature boottime "$(yes_no calls_boottime)"
  feature "link update" "$(yes_no link_updates)"
  feature "ring buffer" "$(yes_no is_ring_buffer)"
  feature "machine code" "$(bpftool -j prog show pinned "$pin/gate" | jq -r '"\(.bytes_jited) bytes"')"
  feature "jitgated resident" "$(status_of VmRSS) kB"
}

two_sessions() { (($(grep -c ^session "$tmp/shells.log") == 2)); }

# 1. A feed of the test's own.
conf[end_sockets]='"on"'
serve 22/tcp 80/tcp
check "open without jitgate" opens_for $cli4 22 10s
tick
began=$now
must_start_jitgated
tick
life_s=$((4 + 2 * (now - began) / 1000))
tell_features "$(jg status --json)"
status=$(jg status --json) # after the link was changed to and fro
is "the interface is verified" true "$(jq -r '.interfaces[0].verified' <<<"$status")"
is "veth has native XDP" native "$(jq -r '.interfaces[0].xdp_mode' <<<"$status")"
is "jitgated is no longer root" 64000 "$(status_of Uid)"
is "jitgated has no more capabilities than this kernel asks for" "$(allowed_power)" "$(status_of CapEff)"

is "sockets are ended by the means of this kernel" "$(ending_means)" "$(jq -r .end_sockets <<<"$status")"

check "closed without a grant, IPv4" silent_for $cli4 22 1s
check "closed without a grant, IPv6" silent_for $cli6 22 1s
check "an unprotected port stays open" opens_for $cli4 80 10s

check "a snapshot with grants is taken" feed_sync port=22/tcp grant=$cli4,22/tcp,${life_s}s grant=$cli6,22/tcp,600s
deadline=$(deadline_of 22 32)
check "open for a grant, IPv4" tcp_from $cli4 22 3s
check "open for a grant, IPv6" tcp_from $cli6 22 3s
check "closed for a neighbour without one" silent_for $nbr4 22 1s
start_stream packets $cli4 22/tcp 60s
check "closed after the grant's end" closes_for $cli4 22 $((life_s + 7))
end_stream packets seen "$deadline"
within "packets passed before the deadline" 1 "${seen[before_passed]}" 60000
is "no packet after the deadline passes" 0 "${seen[after_passed]}"
within "packets were sent after it" 1 "${seen[after_lost]}" 60000
check "the other grant lives on" tcp_from $cli6 22 3s

# The server's process of a session ends with the grant, another's does not.
start shells "$ns_srv" "$build/probe" shell :: 443
check "a snapshot with another port is taken" feed_sync port=22/tcp port=443/tcp grant=$cli4,443/tcp,${life_s}s \
  grant=$nbr4,443/tcp,600s grant=$cli6,22/tcp,600s
start_hold ended $cli4 443 600s 60s || die "no session"
start_hold other $nbr4 443 600s 60s || die "no other session"
check "two processes have sessions" wait_for 5 two_sessions
check "one ends with its grant" wait_for $((life_s + 7)) grep -q 'from=::ffff:'$cli4' .*end=ECONNABORTED' "$tmp/shells.log"
end_hold ended seen
is "its client hears of it" reset "${seen[end]-}"
check "the other lives on" alive other
fails "its process too" grep -q '^over from=::ffff:'$nbr4 "$tmp/shells.log"
stop other
stop shells

# 2. By the user that jitgated has become: what is taken off is attached again, and an interface that comes is guarded.
program_on() { in_srv ip -j link show "$1" | jq -r '.[0].xdp.prog.id // empty'; }
is_attached() { [[ -n $(program_on "$1") ]]; }
counted_probes() { jg status --json | jq '.counters.probe.packets'; }
before=$(counted_probes)
bpftool link detach pinned "$pin/link_$srv_if"
check "taken off by somebody else, it is attached again" wait_for 5 is_attached $srv_if
check "and closed" silent_for $nbr4 22 1s
is "it is verified" true "$(jg status --json | jq -r '.interfaces[0].verified')"
feature "attach again without root" "$(yes_no is_attached $srv_if)"
feature "probe without root" "$(yes_no test "$(counted_probes)" -gt "$before")"
rm "$pin/link_$srv_if"
check "its pin is put back" wait_for 5 test -e "$pin/link_$srv_if"
bpftool map delete pinned "$pin/slots_v1" key 0 0 0 0
check "the filter is put back into its slot" wait_for 5 bpftool map lookup pinned "$pin/slots_v1" key 0 0 0 0
conf[interfaces]="{\"$srv_if\", \"jglate\"}"
write_conf
check "an interface that will come is in the config" reload_jitgated
ip -n "$ns_srv" link add jglate type veth peer name jglatepeer
check "it is attached when it comes" wait_for 5 is_attached jglate
is "and verified" true "$(jg status --json | jq -r '.interfaces[] | select(.name == "jglate") | .verified')"
ip -n "$ns_srv" link del jglate
check "and let go when it goes" wait_for 5 test ! -e "$pin/link_jglate"
conf[interfaces]="{\"$srv_if\"}"
write_conf
check "the config is as before" reload_jitgated
is "with no more capabilities than before" "$(allowed_power)" "$(status_of CapEff)"

# 3. Enforcement outlives the agent.
remember
check "a snapshot with a new grant is taken" feed_sync port=22/tcp grant=$cli4,22/tcp,${life_s}s
check "open again" tcp_from $cli4 22 3s
kill9 jitgated
check "open while the grant lasts, with jitgated killed" tcp_from $cli4 22 3s
check "closed after its end, with jitgated killed" closes_for $cli4 22 $((life_s + 7))
must_start_jitgated
is "jitgated takes over the same program and maps" "$remembered" "$(map_ids; xdp_id)"
check "still closed" silent_for $cli4 22 1s
stop jitgated || die "jitgated does not end"
check "closed when it has ended" silent_for $cli4 22 1s

# 4. Both daemons.
start_emulator
check "a policy is put in Azure" put_policy 22/TCP
must_start_jitgated
start_azure
check "closed before the request" closes_for $cli4 22 10
check "a request is made in Azure" emulator_do POST initiate-fast "{\"port\":22,\"source\":\"$cli4\",\"seconds\":$((life_s + 6))}"
check "open by a grant from Azure" opens_for $cli4 22 14s
check "not for the neighbour" silent_for $nbr4 22 1s
check "closed after its end" closes_for $cli4 22 $((life_s + 21))
finish
