#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Interfaces that come, go and change their names, and others that take the filter off: by jitgated as it runs, an
# ordinary user without any capability. What the kernel says is asked of the kernel.
# shellcheck source-path=SCRIPTDIR source=guardian.bash
. "$(dirname "${BASH_SOURCE[0]}")/guardian.bash"
guardian_begin guardian

# 1. An interface that is named and is not there (yet).
conf[interfaces]="{\"$srv_if\", \"jglate\"}"
start_guardian
is "jitgated has no capability" 0000000000000000 "$(cap_eff)"
like "a name that does not exist is loud" 'jglate: NOT PROTECTED: there is no such interface.*correct .interfaces. ' \
  "$(log_since jitgated 0)"
is "the other interface is verified" true "$(of $srv_if verified)"
is "the missing one is not" false "$(of jglate verified)"
like "status has it first" '^jitgate [^ ]+ NOT VERIFIED: jglate \(there is no such interface' "$(jg status | sed -n 1p | tr -d ':' | sed 's/VERIFIED/VERIFIED:/')"
is "and exits with 1" 1 "$(jg status >/dev/null; echo $?)"

# 2. It appears, and is guarded before it is up.
tick
made=$now
make_late jglate
check "an interface that appears is attached" wait_for 1 is_attached jglate
tick
note "attached $((now - made)) ms after it was made, measuring included"
is "before it is up" down "$(in_srv ip -j link show jglate | jq -r '.[0].operstate' | tr '[:upper:]' '[:lower:]')"
before=$(reason_count no_grant)
up_late jglate
check "the first packet is dropped" late_silent
check "and was counted" test "$(reason_count no_grant)" -gt "$before"
check "an open port answers" late_tcp 80 3s
feed_sync port=22/tcp grant=$cli4,22/tcp,600s grant=$late_peer4,22/tcp,600s
check "with a grant the closed one does, too" late_tcp 22 3s
feed_sync port=22/tcp grant=$cli4,22/tcp,600s
check "without it it does not" late_silent
is "it is verified" true "$(of jglate verified)"
is "status exits with 0 now" 0 "$(jg status >/dev/null; echo $?)"
like "the log says how it is attached" 'jglate: appeared, attached in native mode, program id [0-9]+' "$(log_since jitgated 0)"
is "jitgated still has no capability" 0000000000000000 "$(cap_eff)"

# 3. Another name.
before=$(link_id jglate)
ip -n "$ns_srv" link set jglate down
ip -n "$ns_srv" link set jglate name jgother
is_renamed() { [[ -e $pin/link_jgother && ! -e $pin/link_jglate ]]; }
check "a new name moves the pin" wait_for 1 is_renamed
is "of the same link" "$before" "$(link_id jgother)"
is "it goes on being verified" true "$(of jgother verified)"
is "and the configured name is missing again" false "$(of jglate verified)"
ip -n "$ns_srv" link set jgother name jglate
is_renamed_back() { [[ -e $pin/link_jglate && ! -e $pin/link_jgother ]]; }
check "the old name brings it back" wait_for 1 is_renamed_back
is "and there is one of it" '["jglate"]' "$(jg status --json | jq -c '[.interfaces[].name | select(startswith("jgl"))]')"

# 4. It vanishes, and comes again.
ip -n "$ns_srv" link del jglate
check "an interface that vanishes is let go, its pin removed" wait_for 1 test ! -e "$pin/link_jglate"
like "status says so" 'the interface is gone' "$(of jglate why)"
make_late jglate
check "another one of its name is attached" wait_for 1 is_attached jglate
up_late jglate
check "and closed" late_silent
check "while an open port answers" late_tcp 80 3s

# 5. bpftool link detach.
lost=$(of $srv_if lost)
mark=$(mark_log jitgated)
tick
began=$now
bpftool link detach pinned "$pin/link_$srv_if"
check "detached by somebody else, it is attached again within a second" wait_for 1 is_attached $srv_if
tick
note "attached again after $((now - began)) ms"
check "the port is closed" silent_for $nbr4 22
check "the grant goes on" tcp_from $cli4 22 3s
is "it is counted" "$((lost + 1)) $((lost + 1))" "$(of $srv_if lost) $(of $srv_if reattached)"
like "and logged" "$srv_if: was NOT VERIFIED: no XDP program is on it; set right, native mode, program id [0-9]+" \
  "$(log_since jitgated "$mark")"
like "status tells it to people" "$srv_if: was not verified 1 time since jitgated started, set right 1" "$(jg status)"
before=$(link_id $srv_if)
kill9 jitgated
check "with jitgated killed the new attachment stays" silent_for $nbr4 22
start_guardian
is "and the next start takes over what a user without capabilities made" "$before" "$(link_id $srv_if)"

# ip cannot take a link off.
fails "ip link set xdp off is refused by the kernel" in_srv ip link set dev $srv_if xdp off
check "so the port stays closed" silent_for $nbr4 22

# The filter is tried at each link event and every 10 s, under a reason of its own. Whoever sends the same frame is counted
# as all others are.
tries() { reason_count probe; }
before=$(tries)
for _ in {1..5}; do jg status >/dev/null; done
within "being asked does not try it" "$before" "$(tries)" $((before + 1))
before=$(tries)
ip -n "$ns_srv" link set jglate mtu 1400
tried_again() { (($(tries) > before)); }
check "a link event has the filter tried within a second" wait_for 1 tried_again
within "some seconds ago at most, status says" 0 \
  "$(($(date +%s) - $(date -d "$(of $srv_if probed_at)" +%s)))" 11
before=$(reason_count malformed)
tried=$(tries)
in_cli "$build/probe" raw jglate-p "026a69747072020000000009080044$(printf '%038d' 0)" 50 || die "the frame cannot be sent"
counted_malformed() { (($(reason_count malformed) == before + 50)); }
check "the same frame from a network is malformed, and counted so" wait_for 2 counted_malformed
within "and not as one of jitgated's" "$tried" "$(tries)" $((tried + 2))

# 6. The pin of a link: it is held, so nothing opens.
start_stream ungranted $nbr4 22/tcp 60s
before=$(link_id $srv_if)
rm "$pin/link_$srv_if"
check "a pin that is removed is made again within a second" wait_for 1 test -e "$pin/link_$srv_if"
is "of the same link" "$before" "$(link_id $srv_if)"
kill9 jitgated
check "which outlives jitgated" silent_for $nbr4 22
end_stream ungranted seen
is "and no packet passed meanwhile" 0 "${seen[passed]}"
within "while so many were sent" 100 "${seen[sent]}" 60000
start_guardian
is "the next start keeps that link" "$before" "$(link_id $srv_if)"

# 7. The filter's slot.
mark=$(mark_log jitgated)
bpftool map delete pinned "$pin/slots_v1" key 0 0 0 0
slot_is_filled() { bpftool map lookup pinned "$pin/slots_v1" key 0 0 0 0; }
check "a filter that is taken out of its slot is put back within a second" wait_for 1 slot_is_filled
check "the port is closed" silent_for $nbr4 22
check "and it is logged" wait_for 1 log_has jitgated "$mark" 'the filter slot is empty, packets pass; set right'

# 8. Another program takes the hook. Jitgated is held up, so that it is first.
load_foreign
mark=$(mark_log jitgated)
kill -STOP "${pids[jitgated]}"
bpftool link detach pinned "$pin/link_$srv_if"
in_srv bpftool net attach xdp pinned "$tmp/bpf/foreign/root" dev $srv_if
foreign=$(program_on "$srv_if")
kill -CONT "${pids[jitgated]}"
check "another program is reported" wait_for 2 log_has jitgated "$mark" \
  "$srv_if: NOT PROTECTED: another XDP program \\(id $foreign\\) is on it; .*bpftool prog show id $foreign"
like "status says so first" "NOT VERIFIED: $srv_if \\(another XDP program \\(id $foreign\\) is on it\\)" "$(jg status | paste -sd ' ' | tr -s ' ')"
is "exits with 1" 1 "$(jg status >/dev/null; echo $?)"
like "explain begins with it" '^NOT ENFORCED on ' "$(jg explain $nbr4 22 | sed -n 1p)"
is "and names the interface in JSON" "$srv_if" "$(jg explain $nbr4 22 --json | jq -r .not_enforced_on)"
for _ in 1 2 3 4 5; do jg status >/dev/null; done
is "the other program is left alone" "$foreign" "$(program_on "$srv_if")"
is "and said once" 1 "$(lines_since "$mark" 'NOT PROTECTED: another XDP program')"
in_srv bpftool net detach xdp dev $srv_if
is_ours() { [[ $(program_on "$srv_if") == "$(bpftool -j prog show pinned "$pin/root" | jq .id)" ]]; }
check "when it leaves, the interface is attached within a second" wait_for 1 is_ours
check "and closed" silent_for $nbr4 22

# 9. Somebody who does it again and again.
mark=$(mark_log jitgated)
before=$(of $srv_if reattached)
for _ in {1..8}; do
  bpftool link detach pinned "$pin/link_$srv_if"
  wait_for 2 is_attached $srv_if || break
done
is_counted() { (($(of "$srv_if" reattached) == before + 8)); }
check "each time it is attached again, and counted" wait_for 2 is_counted
within "the log has some lines of it" 3 "$(lines_since "$mark" 'was NOT VERIFIED')" 5
is "and one that it says no more" 1 "$(lines_since "$mark" 'something keeps taking')"
is "in the end it is verified" true "$(of $srv_if verified)"
is "and jitgated has no capability" 0000000000000000 "$(cap_eff)"
finish
