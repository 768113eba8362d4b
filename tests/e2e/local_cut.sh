#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# When a grant ends, so does the local side of its sessions: the server's process, which sits in a read, is thrown out of
# it. And nobody else's is. By the means of this kernel, and by those of one that has no other.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin local_cut

conf[protect]='{"22/tcp", "443/tcp", "2022/tcp"}'
conf['port "2022/tcp" { session']='"drain=2s" }'
conf[end_sockets]='"on"'
at_once_ms=1000

# IPv4 sockets of port 22 are IPv4 ones, those of port 443 IPv6 ones with mapped addresses.
shells() { start shells "$ns_srv" "$build/probe" shell 0.0.0.0 22 "$srv6" 22 :: 443 0.0.0.0 80 0.0.0.0 2022; }
own_peer() { start peer "$ns_cli" "$build/probe" serve 7000/tcp; }

# session NAME SOURCE PORT: a client with a heartbeat, and its process at the server in pid_of[NAME].
declare -A pid_of=()
session() {
  start_hold "$1" "$2" "$3" 300s 5s || { die "session $1 does not open" "$(cat "$tmp/$1.log")"; }
  wait_for 5 new_shell "$2" "$3" || die "no process for session $1"
  pid_of[$1]=$(new_shell "$2" "$3")
}
# The newest one that was for SOURCE and PORT.
new_shell() {
  local line
  line=$(grep -E "^session from=(::ffff:)?$1 port=$2 " "$tmp/shells.log" | tail -n 1)
  [[ -n $line && ! " ${pid_of[*]} " == *" $(word pid "$line") "* ]] && word pid "$line"
}
word() { grep -oE "(^| )$1=[^ ]*" <<<"$2" | cut -d= -f2; } # KEY LINE
lives() { kill -0 "${pid_of[$1]}" 2>/dev/null && alive "$1"; }
gone() { ! kill -0 "${pid_of[$1]}" 2>/dev/null; }
how_it_ended() { grep -E "^over .* pid=${pid_of[$1]} " "$tmp/shells.log"; }
# ends NAME WHAT BOOT_NS: its process is out of the read within a second after that moment, and gone.
ends() {
  local line
  check "$2: the process is gone" wait_for 8 gone "$1"
  line=$(how_it_ended "$1")
  is "$2: its read ends with" ECONNABORTED "$(word end "$line")"
  within "$2: so many ms after the end" 0 $((($(word boot_ns "$line") - $3) / 1000000)) $at_once_ms
  end_hold "$1" seen
  is "$2: the client hears of it" reset "${seen[end]-}"
}
boot_ns() { "$build/probe" clock | grep -oE 'boot_ns=[0-9]+' | cut -d= -f2; }
ended_lines() { log_since jitgated "${1:-0}" | grep -c ' ended source=\|^ended source=\|: ended source='; }

# with_ends TIME: the grants that end in this time, and others that do not.
with_ends() {
  local source grants=()
  for source in $cli4,22 $cli4b,443 $cli6,22 $cli4c,22 127.0.0.1,22 $cli4c,2022; do grants+=("grant=$source/tcp,$1"); done
  feed_sync port=22/tcp port=443/tcp "${grants[@]}" grant=$nbr4,22/tcp,600s grant=$cli4,443/tcp,600s grant=10.9.0.66/31,22/tcp,600s
}

# everything MEANS CAPABILITIES
everything() {
  local means=$1 capabilities=$2 deadline mark name
  must_start_jitgated
  is "$means: status says how" "$means" "$(jg status --json | jq -r .end_sockets)"
  is "$means: capabilities that are kept" "$capabilities" "$(awk '/^CapEff/ { print $2 }' "/proc/${pids[jitgated]}/status")"
  shells
  own_peer
  wait_for 5 grep -q ready "$tmp/shells.log" || die "the shells do not start"

  # 1. At the deadline. All but the first three stay: a live grant, another port, a wider grant, no port of ours, the
  # machine's own connection to the same peer, and one that comes over lo and so past the filter.
  with_ends 600s
  session ipv4 $cli4 22
  session mapped $cli4b 443
  session ipv6 $cli6 22
  session neighbour $nbr4 22
  session other_port $cli4 443
  session wider $cli4c 22
  session drained $cli4c 2022
  session unprotected $cli4 80
  start own "$ns_srv" "$build/probe" hold $srv4 $cli4 7000 300s 5s
  start local "$ns_srv" "$build/probe" hold 127.0.0.1 127.0.0.1 22 300s 5s
  wait_for 5 new_shell 127.0.0.1 22 || die "no session over lo"
  pid_of[local]=$(new_shell 127.0.0.1 22)
  mark=$(mark_log jitgated)
  with_ends 3s
  deadline=$(deadline_of 22 128)
  for name in ipv4 mapped ipv6; do check "$means: $name lives while its grant does" lives $name; done
  ends ipv4 "$means: IPv4, deadline" "$deadline"
  ends mapped "$means: IPv4 in IPv6, deadline" "$deadline"
  ends ipv6 "$means: IPv6, deadline" "$deadline"
  like "$means: the audit trail has it" \
    "ended source=$cli4 source_port=[0-9]+ port=22/tcp id=[0-9a-f]{8} requestor=" "$(log_since jitgated "$mark")"
  check "$means: one that drains lives on then" lives drained
  ends drained "$means: drain" $(($(deadline_of 2022) + 2000000000))
  check "$means: it was looked for late ones, too" wait_for 5 second_look "$deadline"
  for name in neighbour other_port wider unprotected local; do check "$means: $name lives on" lives $name; done
  check "$means: the machine's own connection to that peer lives on" alive own
  is "$means: so many sockets were ended" 4 "$(ended_lines "$mark")"

  # 2. By revocation: the answer does not have it any more.
  feed_sync port=22/tcp port=443/tcp grant=$nbr4,22/tcp,600s grant=10.9.0.66/31,22/tcp,600s
  ends other_port "$means: revoked" "$(jg_sync)"
  check "$means: the neighbour lives on" lives neighbour

  # 3. By a reload that takes the source away.
  conf_guard[sources]="{\"10.9.0.64/26\"}"
  write_conf
  deadline=$(boot_ns)
  check "$means: reload" reload_jitgated
  ends neighbour "$means: refused by a reload" "$deadline"
  check "$means: the wider one lives on" lives wider
  conf_guard=()

  # 4. What ended while jitgated was dead.
  feed_sync port=22/tcp grant=10.9.0.66/31,22/tcp,4s
  kill9 jitgated || die "jitgated does not die"
  check "$means: closed with jitgated dead" closes_for $cli4c 22 10
  check "$means: the process lives on meanwhile" kill -0 "${pid_of[wider]}"
  must_start_jitgated
  check "$means: it ends when jitgated is back" wait_for 2 gone wider
  like "$means: and how" 'end=ECONNABORTED' "$(how_it_ended wider)"
  end_hold wider seen

  # 5. In audit mode nothing is cut off, so nothing ends; nor on trial, which gives all back. What lasts ends them.
  conf[mode]='"audit"'
  write_conf
  check "$means: audit mode" reload_jitgated
  feed_sync port=22/tcp grant=$cli4,22/tcp,3s
  deadline=$(deadline_of 22)
  session audited $cli4 22
  check "$means: it was looked for" wait_for 9 second_look "$deadline"
  check "$means: a session lives on in audit mode" lives audited
  check "$means: armed" jg arm --confirm 60s
  check "$means: closed on trial" silent_for $cli4 22
  check "$means: whose process lives on meanwhile" kill -0 "${pid_of[audited]}"
  check "$means: disarmed" jg disarm
  check "$means: the session goes on" opens_for $cli4 22 3s
  check "$means: with its process" lives audited
  check "$means: armed again" jg arm --confirm 60s
  deadline=$(boot_ns)
  check "$means: confirmed" jg confirm
  ends audited "$means: confirmed" "$deadline"
  check "$means: disarmed again" jg disarm
  conf[mode]='"enforce"'
  stop jitgated
  for name in own local unprotected shells peer; do stop $name; done
  rm -f "$tmp/shells.log"
  pid_of=()
}
# A second and more after that moment.
second_look() { (($(boot_ns) > $1 + 1300000000)); }
jg_sync() { last_sync; }
kernel_since() { [[ $(printf '%s\n' "$1" "$(uname -r)" | sort -V | head -n 1) == "$1" ]]; }

if kernel_since 6.5; then everything bpf 0000000000000000; fi
# shellcheck disable=SC2034 # for start_jitgated
jitgated_program=$build/jitgated-old-kernel
everything netlink 0000000000001000

# Where it would take a privilege it is not done by itself; and off is off.
conf[end_sockets]='"auto"'
must_start_jitgated
is "auto: no capability for it" 0000000000000000 "$(awk '/^CapEff/ { print $2 }' "/proc/${pids[jitgated]}/status")"
is "auto: status says that there are no means" none "$(jg status --json | jq -r .end_sockets)"
like "auto: and why" 'Linux 6.5' "$(jg status --json | jq -r .end_sockets_why)"
like "auto: so does the log" 'the socket lives on' "$(cat "$tmp/jitgated.log")"
stop jitgated
unset jitgated_program
conf[end_sockets]='"off"'
must_start_jitgated
is "off: status says so" off "$(jg status --json | jq -r .end_sockets)"
shells
wait_for 5 grep -q ready "$tmp/shells.log" || die "the shells do not start"
feed_sync port=22/tcp grant=$cli4,22/tcp,3s
session kept $cli4 22
check "off: closed at the end" closes_for $cli4 22 9
check "off: the client hears nothing any more" wait_for 8 dead kept
end_hold kept seen
is "off: and not that it is over" stall "${seen[end]-}"
check "off: the process lives on" kill -0 "${pid_of[kept]}"
finish
