# shellcheck shell=bash disable=SC2119,SC2120 # options are for the tracer, and there may be none
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What the crash tests share. A step is a system call that changes something outside the process, or a store into a
# map's memory (agent/step.h). strace counts a daemon's calls of each kind, and kills it, or fails the call, at the Nth; so
# every step is found, also one that is new, and none is listed by hand.
# shellcheck source-path=SCRIPTDIR source=../e2e/lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.bash"

# The reads, the waits and what a process does to itself change nothing that outlives it. getegid is STEP().
step_kinds=(
  bpf openat mkdir unlink unlinkat rmdir rename renameat renameat2 symlink symlinkat chmod fchmod fchmodat chown fchown fchownat
  write ftruncate fsync fdatasync flock bind listen connect sendto sendmsg ioctl setresuid getegid
)
# shellcheck disable=SC2034 # of lib.bash: under strace the self-test of a start takes seconds, and more beside other tests
ready_s=60
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

# paused_start OPTION…: as traced_start, but traced from behind the self-test on.
paused_start() {
  expect_ready jitgated || return 1
  JITGATE_PAUSE=1 NOTIFY_SOCKET=$tmp/notify-jitgated start jitgated "$ns_srv" "$build/jitgated" -c "$tmp/jitgate.conf"
  wait_for 10 is_paused || die "no start pauses behind the self-test" "$(tail -n 3 "$tmp/jitgated.log")"
  trace_running "$@"
  kill -CONT "${pids[jitgated]}"
  await_ready jitgated
}
is_paused() { [[ $(awk '{ print $3 }' "/proc/${pids[jitgated]}/stat") == T ]]; }

# Of what was traced, "KIND FIRST LAST" lines: by number the calls of each kind from the first call of FROM on ("" for all)
# and before that of TO.
count_calls() { # FROM TO
  awk -F '(' -v from="$1" -v to="$2" '
    $1 == from { from = "" }
    to != "" && $1 == to { exit }
    { n[$1]++; if (from == "" && !first[$1]) first[$1] = n[$1] }
    END { for (kind in n) if (first[kind]) print kind, first[kind], n[kind] }' "$tmp/calls" >"$tmp/counts"
}
# calls_of KIND: their numbers.
calls_of() { awk -v kind="$1" '$1 == kind { for (n = $2; n <= $3; n++) print n }' "$tmp/counts"; }

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

# A start is killed at each of its steps, but for those of the self-test. kill_starts NAME LEAST PREPARE CHECK KEPT ALLOWED:
# PREPARE before each, CHECK right after each crash, with no help. STRIDE=N: at every Nth of a kind.
kill_starts() {
  { "$3" && traced_start; } || die "$1: cannot be traced"
  kill9 jitgated
  count_calls getegid getsid
  kill_part traced_start "$@"
  { "$3" && paused_start; } || die "$1: cannot be traced behind the self-test"
  kill9 jitgated
  await strace 5
  count_calls '' ''
  kill_part paused_start "$@"
  end_phase "$1" "$2"
}
kill_part() { # START NAME LEAST PREPARE CHECK KEPT ALLOWED
  local kind n i numbers
  for kind in "${step_kinds[@]}"; do
    mapfile -t numbers < <(calls_of "$kind")
    for ((i = 0; i < ${#numbers[@]}; i += ${STRIDE:-1})); do
      n=${numbers[i]}
      "$4" || die "$2: cannot prepare"
      if "$1" -e "trace=$kind" -e "inject=$kind:signal=KILL:when=$n"; then
        kill9 jitgated
        [[ $1 == traced_start ]] || await strace 5
        continue # it made fewer calls this time
      fi
      [[ $1 == traced_start ]] || await strace 5
      await jitgated 5
      ((stopped_rc == 137)) || wrong+=("$1 $kind $n: ended with $stopped_rc")
      crashes=$((crashes + 1))
      "$5" || wrong+=("$1 $kind $n: $5 fails after the crash")
      heal "$1 $kind $n" "$6" "$7" || die "$2: $1 $kind $n cannot be healed" "${wrong[*]}"
      kill9 jitgated
    done
  done
}

# A daemon that runs is killed at each step of ACT. kill_acts NAME LEAST RESET ACT KEPT ALLOWED
kill_acts() {
  local kind n
  plain_start || die "$1: it does not start"
  "$3" || die "$1: cannot prepare"
  trace_running
  "$4"
  stop strace INT
  count_calls '' ''
  for kind in "${step_kinds[@]}"; do
    for n in $(calls_of "$kind"); do
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
