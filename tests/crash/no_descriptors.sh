#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Descriptors or memory run out while jitgated serves: who knocks at its sockets waits, which is said once and does not turn
# jitgated into a busy loop; packets are judged as before, and with room again all are answered. And a kernel that has no
# memory for any call to a map.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin no_descriptors

serve 22/tcp
must_start_jitgated
feed_sync port=22/tcp grant=$cli4,22/tcp,20m
ask_status() { timeout 2 "$build/probe" ask "$tmp/run/control.sock" "status json"; }
refused() { grep -c "^$1(.*INJECTED" "$tmp/calls"; }
twice_refused() { (($(refused accept4) >= 2)); }

check "at first it is answered" ask_status
for error in EMFILE ENFILE ENOMEM; do
  mark=$(mark_log jitgated)
  trace_running -e trace=accept4 -e "inject=accept4:error=$error"
  start_stream granted $cli4 22/tcp 60s
  start_stream stranger $nbr4 22/tcp 60s
  fails "$error: nobody is answered" ask_status
  check "$error: it is tried again" wait_for 5 twice_refused
  within "$error: but not without pause" 2 "$(refused accept4)" 8
  end_stream granted seen
  is "$error: a granted source loses no packet" 0 "${seen[lost]}"
  end_stream stranger seen
  is "$error: a stranger gets none through" 0 "${seen[passed]}"
  within "$error: of so many" 500 "${seen[sent]}" 60000
  stop strace INT
  check "$error: with room again all are answered" wait_for 5 ask_status
  is "$error: it was said once" 1 "$(log_since jitgated "$mark" | grep -c 'control.sock: cannot take a client: .*; those who knock wait')"
done

# No call to a map or program succeeds: an answer is refused as a whole, and all that was in force stays.
mark=$(mark_log jitgated)
trace_running -e trace=bpf -e inject=bpf:error=ENOMEM
feed port=22/tcp grant=$cli4b,22/tcp,20m >/dev/null
check "an answer that cannot be put in force is refused, and the log tells" wait_for 5 log_has jitgated "$mark" \
  'snapshot refused: Cannot allocate memory; what was in force stays'
check "what it grants is closed" silent_for $cli4b 22
check "what was granted before, and is not in it, is open" tcp_from $cli4 22
check "what was closed is closed" silent_for $nbr4 22
stop strace INT
feed_sync port=22/tcp grant=$cli4b,22/tcp,20m
check "with memory again an answer counts" tcp_from $cli4b 22
check "and takes back what it does not grant" silent_for $cli4 22
is_verified() { jg status --json | jq -e '.interfaces[0].verified'; }
check "the interface is verified" wait_for 5 is_verified
finish
