# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What the crash tests share. A step is a system call that changes something outside the process, or a store into a
# map's memory (agent/step.h). strace counts a daemon's calls of each kind, and kills it, or fails the call, at the Nth; so
# every step is found, also one that is new, and none is listed by hand.
# shellcheck source-path=SCRIPTDIR source=../e2e/lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.bash"

# The reads, the waits and what a process does to itself change nothing that outlives it. getegid is STEP().
step_kinds=(
  bpf openat mkdir unlink unlinkat rename renameat renameat2 symlink symlinkat chmod fchmod fchmodat chown fchown fchownat
  write ftruncate fsync fdatasync flock bind listen connect sendto sendmsg ioctl setresuid getegid
)
wrong=() # what went wrong in this phase, "STEP: WHY"
crashes=0

# Three grants: one in the old answer and the new one, one only in the old, one only in the new.
kept=grant=$cli4,22/tcp,20m dropped=grant=$cli4b,22/tcp,20m added=grant=$cli4c,22/tcp,20m
# shellcheck disable=SC2034 # for the scripts
{
  old=(port=22/tcp port=443/tcp "$kept" "$dropped")
  new=(port=22/tcp port=443/tcp port=8080/tcp "$kept" "$added")
  always='{"grants": ["'$cli4' 22"], "ports": [22, 443]}'
  either='{"grants": ["'$cli4' 22", "'$cli4b' 22", "'$cli4c' 22"], "ports": [22, 443, 8080, 9090]}'
  new_alone='{"grants":["'$cli4' 22","'$cli4c' 22"],"ports":[22,443,8080]}'
}

# Two packets a millisecond: one of the kept grant, one of a source that never has any.
begin_streams() {
  start_stream granted "$cli4" 22/tcp 600s
  start_stream ungranted "$nbr4" 22/tcp 600s
}
end_streams() { # NAME
  end_stream granted seen
  is "$1: a granted source loses no packet" 0 "${seen[lost]}"
  within "$1: of so many" 200 "${seen[sent]}" 600000
  end_stream ungranted seen
  is "$1: none of a source without a grant passes" 0 "${seen[passed]}"
  within "$1: of so many" 200 "${seen[sent]}" 600000
}

# traced_start OPTION…: the tracer is the daemon's grandchild, so that the daemon is ours. Fails when it does not get ready.
traced_start() {
  start_ready jitgated "$ns_srv" strace -D -qq -o "$tmp/calls" "$@" "$build/jitgated" -c "$tmp/jitgate.conf"
}

# The daemon that runs is traced from now on.
trace_running() {
  rm -f "$tmp/strace.log"
  start strace "$ns_srv" strace -o "$tmp/calls" "$@" -p "${pids[jitgated]}"
  wait_for 5 grep -q attached "$tmp/strace.log" || die "strace cannot attach" "$(cat "$tmp/strace.log")"
}

plain_start() { start_ready jitgated "$ns_srv" "$build/jitgated" -c "$tmp/jitgate.conf"; }

# What was traced, as "KIND BEFORE ALL" lines: calls before main, which are the loader's, and in all.
count_calls() { # IN_MAIN
  awk -F '(' -v in_main="$1" '
    $1 == "getegid" { in_main = 1 }
    { all[$1]++; if (!in_main) before[$1]++ }
    END { for (kind in all) print kind, before[kind] + 0, all[kind] }' "$tmp/calls" >"$tmp/counts"
  # The self-test's thousands of runs, each with the calls around it: first and last, by number among the calls of bpf.
  awk -F '[(,]' '
    $1 != "bpf" { next }
    { n++ }
    $2 == "BPF_OBJ_PIN" { runs = 0 } # it pins nothing
    $2 ~ /^BPF_PROG_(TEST_)?RUN$/ {
      if (!runs++) first = n
      if (runs >= 1000) { from = first; to = n }
    }
    END { print from + 0, to + 0 }' "$tmp/calls" >"$tmp/selftest_calls"
}
# calls_of KIND: the numbers of those since main that a test is to look at: all, but of the self-test's, which are alike
# and on maps that nobody else sees, the first and last ones and some in between.
calls_of() {
  local n all from=0 to=0
  [[ $1 != bpf ]] || read -r from to <"$tmp/selftest_calls"
  all=$(calls_in_all "$1")
  for ((n = $(calls_before "$1") + 1; n <= all; n++)); do
    if ((n <= from + 5 || n >= to - 5 || (n - from) % ((to - from) / 10) == 0)); then echo "$n"; fi
  done
}
calls_before() { awk -v kind="$1" '$1 == kind { n = $2 } END { print n + 0 }' "$tmp/counts"; }
calls_in_all() { awk -v kind="$1" '$1 == kind { n = $3 } END { print n + 0 }' "$tmp/counts"; }

# held: {"grants": ["SOURCE PORT"], "ports": [PORT]} as the daemon says them.
held() {
  jq -nc --argjson list "$(jg list --json)" --argjson status "$(jg status --json)" \
    '{grants: [$list[] | "\(.source) \(.port)"] | sort, ports: [$status.ports[].port] | sort}'
}

# heal STEP KEPT ALLOWED: a plain start gets ready and verifies, what KEPT names is there, and nothing that ALLOWED does
# not name; both in the form of `held`. Fails when it does not even start.
heal() {
  local now
  plain_start || { wrong+=("$1: does not start again: $(tail -n 1 "$tmp/jitgated.log")"); kill9 jitgated; return 1; }
  jg status >/dev/null || wrong+=("$1: $(jg status | head -n 1)")
  now=$(held)
  jq -en --argjson now "$now" --argjson kept "$2" --argjson allowed "$3" '
    ($kept.grants - $now.grants) + ($kept.ports - $now.ports) +
    ($now.grants - $allowed.grants) + ($now.ports - $allowed.ports) == []' >/dev/null || wrong+=("$1: it holds $now")
}

# end_phase NAME LEAST: as many crashes as one expects, and no harm.
end_phase() {
  note "$1: $crashes"
  within "$1: so many times" "$2" "$crashes" 9999
  is "$1: it never does harm" '' "$(printf '%s\n' "${wrong[@]}" | head -n 20)"
  wrong=() crashes=0
}

# A start is killed at each of its steps. kill_starts NAME LEAST PREPARE CHECK KEPT ALLOWED: PREPARE before each, CHECK
# right after each crash, with no help.
kill_starts() {
  local kind n numbers
  { "$3" && traced_start; } || die "$1: cannot be traced"
  kill9 jitgated
  count_calls 0
  for kind in "${step_kinds[@]}"; do
    mapfile -t numbers < <(calls_of "$kind")
    for n in "${numbers[@]}"; do
      "$3" || die "$1: cannot prepare"
      if traced_start -e "trace=$kind" -e "inject=$kind:signal=KILL:when=$n"; then
        kill9 jitgated
        continue # it made fewer calls this time
      fi
      await jitgated 5
      ((stopped_rc == 137)) || wrong+=("$kind $n: ended with $stopped_rc")
      crashes=$((crashes + 1))
      "$4" || wrong+=("$kind $n: $4 fails after the crash")
      heal "$kind $n" "$5" "$6" || die "$1: $kind $n cannot be healed" "${wrong[*]}"
      kill9 jitgated
    done
  done
  end_phase "$1" "$2"
}

# A daemon that runs is killed at each step of ACT. kill_acts NAME LEAST RESET ACT KEPT ALLOWED
kill_acts() {
  local kind n all
  plain_start || die "$1: it does not start"
  "$3" || die "$1: cannot prepare"
  trace_running
  "$4"
  stop strace INT
  count_calls 1
  for kind in "${step_kinds[@]}"; do
    all=$(calls_in_all "$kind")
    for ((n = 1; n <= all; n++)); do
      alive jitgated || plain_start || die "$1: it does not start"
      "$3" || die "$1: cannot prepare"
      trace_running -e "trace=$kind" -e "inject=$kind:signal=KILL:when=$n"
      "$4"
      if wait_for 2 dead jitgated; then
        await jitgated 1
        ((stopped_rc == 137 || stopped_rc == 0)) || wrong+=("$kind $n: ended with $stopped_rc")
        ((stopped_rc == 137)) && crashes=$((crashes + 1))
        await strace 5
        heal "$kind $n" "$5" "$6" || die "$1: $kind $n cannot be healed" "${wrong[*]}"
      else
        stop strace INT
      fi
    done
  done
  [[ -z ${pids[jitgated]-} ]] || kill9 jitgated
  end_phase "$1" "$2"
}

# ways: which calls can fail how, on a machine that is full or broken. One call fails once, as jitgated makes it the 1st,
# 2nd, … time. Not write: that is the log, and the state file's is a case of its own.
# shellcheck disable=SC2034 # for the scripts
ways=(
  bpf:ENOMEM bpf:ENOSPC openat:EMFILE openat:EROFS mmap:ENOMEM fsync:EIO renameat:EROFS rename:EROFS socket:EMFILE
  sendto:ENOBUFS sendmsg:ENOBUFS read:EIO recvmsg:ENOBUFS epoll_ctl:ENOMEM epoll_create1:EMFILE timerfd_create:EMFILE
  signalfd4:EMFILE getdents64:EIO capset:EPERM setresuid:EAGAIN seccomp:ENOMEM bind:EADDRINUSE mkdir:ENOSPC unlink:EROFS
  fchown:EPERM chmod:EROFS chown:EPERM
)
