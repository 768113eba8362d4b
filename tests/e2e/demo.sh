#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# jitgate doing its main job, in front of your eyes: real packets, real HTTPS, in network namespaces and a bpffs
# folder of its own. Says with time stamps what was tried and what happened; ends with "demo: OK", or at the first
# step that did not behave.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

if ((EUID != 0)); then
  echo "demo: needs root, for network namespaces and BPF: sudo make demo" >&2
  exit 1
fi

bold='' green='' red='' dim='' plain=''
if [[ -t 1 ]]; then bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' dim=$'\e[2m' plain=$'\e[0m'; fi

stamp() {
  tick
  printf '%s%(%H:%M:%S)T.%03d%s' "$dim" $((now / 1000)) $((now % 1000)) "$plain"
}
title() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
# done_ WHAT RESULT, failed WHAT RESULT: one step each.
done_() { printf '  %s  %s✓%s %-38s %s\n' "$(stamp)" "$green" "$plain" "$1" "$2"; }
failed() {
  printf '  %s  %s✗%s %-38s %s\n' "$(stamp)" "$red" "$plain" "$1" "$2"
  show_logs
  echo "demo: FAILED"
  exit 1
}
# What the library reports as a failed test is a failed step here.
die() { failed "$1" "${2-}"; }
show() { printf '\n  %s$ %s%s\n' "$dim" "$1" "$plain"; sed 's/^./  &/'; }

# answers WHO SOURCE PORT, silent WHO SOURCE PORT
answers() {
  local out
  out=$(tcp_from "$2" "$3" 1s) || failed "$1 -> port $3" "no answer, but there should be one"
  done_ "$1 -> port $3" "answers in ${out#*ms=} ms"
}
silent() {
  local out
  out=$(tcp_from "$2" "$3" 700ms)
  [[ $? == 1 ]] || failed "$1 -> port $3" "${out:-?}: it should be silent"
  done_ "$1 -> port $3" "silence, the packet is dropped"
}

# power_of PID: what a daemon may do, by the kernel's word.
power_of() {
  awk '$1 == "Uid:" { said = "uid " $3 }
    $1 == "CapEff:" { said = said ($2 ~ /^0+$/ ? ", no capability" : ", capabilities " $2) }
    $1 == "Seccomp:" && $2 == 2 { said = said ", seccomp" }
    END { print said }' "/proc/$1/status"
}
feed_is_fresh() { [[ $(jg status --json | jq -r .feed.state) == fresh ]]; }
reached() { tick && ((now >= $1)); }

printf '%sjitgate demo%s: server %s, client %s, neighbour %s, all in namespaces. Times are UTC.\n' \
  "$bold" "$plain" $srv4 $cli4 $nbr4
tick
began=$now
begin demo

title "1. A server, an Azure to talk to, and jitgate"
serve 22/tcp 80/tcp
done_ "echo server" "listens on ports 22 and 80"
start_emulator
done_ "emulator of Azure" "IMDS on ${imds##*/}, ARM with TLS on ${arm##*/}"
put_policy 22/TCP || failed "policy" "the emulator refuses it"
emulator_do POST requestor '{"name":"alice@example.com"}' >/dev/null
done_ "PUT jitNetworkAccessPolicies/default" "port 22/tcp of this VM is just-in-time"
answers client $cli4 22
start_jitgated || failed "jitgated" "does not get ready"
gate_on=$(jg status --json | jq -r '.interfaces[0] | "\(.xdp_mode) XDP on \(.name), program id \(.program_id)"')
done_ "jitgated (pid ${pids[jitgated]})" "$gate_on"
done_ "and has given up root" "$(power_of "${pids[jitgated]}")"

title "2. Before any request"
answers client $cli4 80
silent client $cli4 22
silent neighbour $nbr4 22
start_azure
tick
polled=$now
wait_for 10 feed_is_fresh || failed "jitgate-azure" "gets no answer"
done_ "jitgate-azure (pid ${pids[azure]})" "has the policy from Azure; no grant yet"

title "3. Access for the client, for 12 seconds"
# jitgate asks Azure when a denied SYN knocks, but not within 5 s of the last time; so that the knock below counts:
wait_for 6 reached $((polled + 5500))
said=$(request_access 12 $cli4,22) || failed "POST .../default/initiate" "refused"
tick
requested=$now
said=$(jq -r '.virtualMachines[0].ports[0]
  | "\(.status), \(.allowedSourceAddressPrefix) until \(.endTimeUtc[11:23])"' <<<"$said")
done_ "POST .../default/initiate" "$said"
out=$(tcp_from $cli4 22 8s) || failed "client -> port 22" "does not open"
tick
done_ "client -> port 22" "open, $((now - requested)) ms after the request"
printf '  %-14s  %-38s %s\n' "" "" "(its first SYN made jitgate ask Azure, its second passed)"
silent neighbour $nbr4 22
start_hold session $cli4 22 60s || failed "session" "does not start"
done_ "client starts a session" "a heartbeat every 5 ms"

title "4. Both daemons are killed just before the deadline"
deadline=$(deadline_of 22)
parse_into seen "$("$build/probe" clock)"
end_ms=$(((deadline - seen[boot_ns] + seen[wall_ns]) / 1000000))
wait_for 20 reached $((end_ms - 600))
kill9 jitgated azure || failed "kill -9" "they do not die"
tick
killed=$now
done_ "kill -9 of jitgated and jitgate-azure" "$((end_ms - killed)) ms before the deadline"
alive session || failed "the session" "ended when the daemons died"
answers client $cli4 22
wait_for 10 dead session
end_hold session held
from_deadline=$(((held[last_boot_ns] - deadline) / 1000))
((from_deadline <= 20000 && from_deadline > -200000)) ||
  failed "the session is cut at the deadline" "last byte $from_deadline us from it"
side=after
((from_deadline < 0)) && side=before
done_ "the session is cut at the deadline" \
  "last byte $((${from_deadline#-} / 1000)).$(printf %03d $((${from_deadline#-} % 1000))) ms $side it; no daemon was alive"
silent client $cli4 22
silent neighbour $nbr4 22
answers neighbour $nbr4 80

title "5. jitgated starts again and takes over what is pinned"
start_jitgated || failed "jitgated" "does not get ready"
again=$(jg status --json | jq -r '.interfaces[0] | "\(.xdp_mode) XDP on \(.name), program id \(.program_id)"')
[[ $again == "$gate_on" ]] || failed "jitgated (pid ${pids[jitgated]})" "$again, not $gate_on"
done_ "jitgated (pid ${pids[jitgated]})" "$again, as before"
request_access 300 $cli4,22 >/dev/null || failed "POST .../default/initiate" "refused"
start_azure
opens_for $cli4 22 12s >/dev/null || failed "client -> port 22" "does not open"
done_ "a new request; client -> port 22" "open again, for 5 minutes"

jg status >"$tmp/shown" || failed "jitgate status" "fails"
show "jitgate status" <"$tmp/shown"
jg list >"$tmp/shown" || failed "jitgate list" "fails"
grep -q $cli4 "$tmp/shown" || failed "jitgate list" "does not name the client"
show "jitgate list" <"$tmp/shown"
bpftool -j map dump pinned "$pin/ports_v1" | jq -r '.[].formatted | select(.values[0].value.port != 0)
  | ([.values[].value.tcp.granted_packets] | add) as $in | ([.values[].value.tcp.ungranted_packets] | add) as $out
  | "port \(.values[0].value.port), tcp: \($in) packets granted, \($out) dropped"' >"$tmp/shown" ||
  failed "bpftool map dump" "does not read the counters"
[[ -s $tmp/shown ]] || failed "bpftool map dump" "shows no counter"
show "bpftool map dump pinned $pin/ports_v1    (summed over CPUs)" <"$tmp/shown"

tick
printf '\n%sdemo: OK%s  (%d.%d s)\n' "$green" "$plain" $(((now - began) / 1000)) $(((now - began) / 100 % 10))
