#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Calls that fail while jitgated guards: what it could not do it says, with the reason, and leaves no half behind; and what
# it cannot take off it does not claim to have taken off.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
# shellcheck source=../e2e/guardian.bash
. "$tests/e2e/guardian.bash"
guardian_begin fail_guard

detach() { in_srv "$@" "$build/jitgated" -c "$tmp/jitgate.conf" --detach >"$tmp/detach.log" 2>&1; }
late_filters() { in_srv tc filter show dev jglate ingress; }
left() { jg status --json | jq -r '.left[] | "\(.name) \(.still_enforced)"'; }

# 1. A renamed interface whose pin cannot be put back under the new name.
conf[interfaces]="{\"$srv_if\", \"jglate\"}"
make_late jglate
start_guardian
mark=$(mark_log jitgated)
trace_running -e trace=renameat -e inject=renameat:error=ENOSPC
rm "$pin/link_jglate"
ip -n "$ns_srv" link set jglate name jgother
check "the new name is told" wait_for 5 log_has jitgated "$mark" 'jglate is jgother now'
check "and why its pin is not put back" wait_for 5 log_has jitgated "$mark" \
  'jgother: cannot pin link_jgother again: No space left on device'
is "what was half put back is removed" '' "$(cd "$pin" && compgen -G '*new*')"
stop strace INT
check "it is put back as soon as that can be done" wait_for 10 test -e "$pin/link_jgother"
stop jitgated

# 2. A link that --detach cannot end.
detach strace -o "$tmp/calls" -e trace=bpf
is "--detach succeeds" 0 $?
ends=$(awk '/^bpf\(/ { n++ } /BPF_LINK_DETACH/ { print n; exit }' "$tmp/calls")
ip -n "$ns_srv" link del jgother
must_start_jitgated
stop jitgated
detach strace -o "$tmp/calls" -e trace=bpf -e "inject=bpf:error=EPERM:when=$ends"
is "--detach that cannot end a link fails" 1 $?
like "and says which" "cannot take off $pin/link_$srv_if: Operation not permitted" "$(<"$tmp/detach.log")"
is "it leaves no pin of a link" '' "$(cd "$pin" && compgen -G 'link_*')"
detach
is "the next one ends the rest" "0 gone" "$? $(test -e "$pin" || echo gone)"

# 3. As before Linux 6.6: no links at the tc hook, so that a filter judges behind another XDP program. Only root takes it
# off, wherever it stands.
mkdir "$tmp/bpf/other"
bpftool prog loadall "$build/neighbour.bpf.o" "$tmp/bpf/other" 2>/dev/null || die "cannot load somebody else's programs"
make_late jglate
in_srv bpftool net attach xdp pinned "$tmp/bpf/other/neighbour_xdp" dev jglate || die "the other program cannot be attached"
up_late jglate
conf[conflict]='"tc"'
write_conf
traced_start -e trace=bpf || die "it does not start" "$(tail -n 3 "$tmp/jitgated.log")"
n=$(awk '/^bpf\(/ { n++ } /BPF_LINK_CREATE/ && / EBUSY / { busy = 1; next } busy && /BPF_LINK_CREATE/ { print n; exit }' "$tmp/calls")
stop jitgated
detach
traced_start -e trace=bpf -e "inject=bpf:error=EINVAL:when=$n" || die "it does not start" "$(tail -n 3 "$tmp/jitgated.log")"
like "a filter judges behind the other program" "handle 0x6a67 root_tc" "$(late_filters)"
check "and closes the port" late_silent
# All at once: this kernel has such links, and at its next check jitgated would make one, in front of the other filter.
mark=$(mark_log jitgated)
conf[interfaces]="{\"$srv_if\"}"
write_conf
kill -STOP "${pids[jitgated]}"
kill -HUP "${pids[jitgated]}"
in_srv tc filter add dev jglate ingress protocol all prio 1 handle 0x99 bpf pinned "$tmp/bpf/other/neighbour_tc" ||
  die "the other filter does not get in front"
kill -CONT "${pids[jitgated]}"
check "let go in vain, behind another filter, it is said to be enforced still" wait_for 5 log_has jitgated "$mark" \
  'jglate: is no longer guarded, but STILL ENFORCED, because it cannot be taken off: Operation not permitted; restart'
is "status says so" "jglate Operation not permitted" "$(left)"
check "as it is: the other filter leaves the packet to those behind it" late_silent
stop jitgated
must_start_jitgated
is "a restart takes it off" '' "$(left)$(late_filters | grep -F root_tc)"
like "and leaves the other's" neighbour_tc "$(late_filters)"
late_tcp 22
is "the port is open" 0 $?
finish
