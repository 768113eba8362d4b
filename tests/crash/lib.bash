# shellcheck shell=bash disable=SC2119,SC2120 # options are for the tracer, and there may be none
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What the crash tests share. A step is a system call that changes something outside the process, or a store into a
# map's memory (agent/step.h). strace counts a daemon's calls of each kind, and kills it, or fails the call, at the Nth; so
# every step is found, also one that is new, and none is listed by hand. A process that is killed at a call does not make
# it: to be killed at one that only reads, or that fails, leaves the world as to be killed at the next step. FULL=1 does
# that all the same, at every call of the kinds.
# shellcheck source-path=SCRIPTDIR source=../e2e/lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.bash"

# getegid is STEP().
step_kinds=(
  bpf openat mkdir unlink unlinkat rmdir rename renameat renameat2 symlink symlinkat chmod fchmod fchmodat chown fchown fchownat
  write ftruncate fsync fdatasync flock bind listen connect sendto sendmsg ioctl setresuid getegid
)
# What reads or waits, and what a process does to itself.
other_kinds=(
  accept4 access arch_prctl brk capget capset clock_nanosleep close dup3 epoll_create1 epoll_ctl epoll_wait execve
  exit_group faccessat2 fcntl fstat fstatfs futex getdents64 geteuid getpid getrandom getsid getsockname getsockopt
  gettid getuid lseek madvise membarrier mmap mprotect mremap munmap nanosleep newfstatat poll prctl pread64 prlimit64
  read readlink readlinkat recvfrom recvmsg restart_syscall rseq rt_sigaction rt_sigprocmask rt_sigreturn seccomp
  set_robust_list set_tid_address setgroups setresgid setsockopt setuid signalfd4 socket statfs statx sysinfo
  timerfd_create timerfd_settime uname getegid
)
# The self-test of a start changes nothing, and is most of it: left out (agent/step.h), but for one start in kill_start.sh.
export JITGATE_UNTRIED=1
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

# Of what was traced from STEP() in main on, or all (""), "KIND N" lines: the steps by the number of the call of its kind.
find_steps() { # FROM
  awk -F '(' -v from="$1" -v all="${FULL:-}" -v kinds=" ${step_kinds[*]} " -v others=" ${other_kinds[*]} " '
    !/^[a-z]/ { next }
    $1 == from { from = "" }
    { n[$1]++ }
    from != "" || index(others, " " $1 " ") && $1 != "getegid" { next }
    !index(kinds, " " $1 " ") { print "unknown " $1; next }
    !all && (/ = -1 E/ || / = -1 \(/) { next }
    !all && $1 == "bpf" && /^bpf\((BPF_OBJ_GET|BPF_MAP_LOOKUP|BPF_MAP_CREATE|BPF_MAP_GET_NEXT|BPF_PROG_LOAD|BPF_BTF_LOAD|BPF_PROG_TEST_RUN|BPF_[A-Z_]*_GET_(NEXT|FD|INFO))/ { next }
    !all && $1 == "bpf" && /attach_type=BPF_TRACE_ITER/ { next }
    !all && $1 == "openat" && !/O_CREAT|O_TRUNC/ { next }
    !all && ($1 == "connect" || /^write\(2,/ || /^bind\(.*AF_NETLINK/ || /nlmsg_type=(RTM_GET|SOCK_DIAG_BY)/ || /^ioctl\(.*ETHTOOL_G/) { next }
    { print $1, n[$1] }' "$tmp/calls" >"$tmp/steps"
  ! grep '^unknown' "$tmp/steps"
}

# held: {"grants": ["SOURCE PORT"], "ports": [PORT]} as the daemon says them.
held() {
  jq -nc --argjson list "$(jg list --json)" --argjson status "$(jg status --json)" \
    '{grants: [$list[] | "\(.source) \(.port)"] | sort, ports: [$status.ports[].port] | sort}'
}

# truth: what the daemon says is what the kernel says: mode, program, grants; and it leaves no file or pin of a half.
truth() {
  local status state
  status=$(jg status --json)
  state=$(bpftool -j map lookup pinned "$pin/${state_pin:-state_v1}" key 0 0 0 0)
  jq -en --argjson s "$status" --argjson state "$state" --argjson program "$(program_there)" --argjson now "$(boot_ns)" '
    ($state.formatted // $state).value as $m |
    (if $m.mode == 0 or $now < $m.confirm_until_boot_ns then "enforce" else "audit" end) == $s.mode and
    ([$s.interfaces[] | .verified and ($program == 0 or .program_id == $program)] | all)' >/dev/null ||
    echo "says $(jq -c '[.mode, .arming, .interfaces]' <<<"$status"), the kernel: $(program_there) $(jq -c '(.formatted // .).value' <<<"$state")"
  find "$tmp/state" "$pin" "$tmp/run" -mindepth 1 \( -name '.*' -o -name '*new*' -o -name detaching \) -printf 'left behind: %P\n'
  [[ -z ${pins_due-} || $(pins) == "$pins_due" ]] || echo "pins: $(pins)"
}
boot_ns() { "$build/probe" clock | sed -n 's/.*boot_ns=\([0-9]*\).*/\1/p'; }
pins() { find "$pin" -mindepth 1 -printf '%f\n' | sort | paste -sd ' '; }
program_there() { xdp_id; }

# heal STEP KEPT ALLOWED: a plain start gets ready and verifies, what KEPT names is there, and nothing that ALLOWED does
# not name; both in the form of `held`. Then AFTER_HEAL, if there is one, says nothing. Fails when it does not even start.
heal() {
  local now lies
  plain_start || { wrong+=("$1: does not start again: $(tail -n 1 "$tmp/jitgated.log")"); kill9 jitgated; return 1; }
  jg status >/dev/null || wrong+=("$1: $(jg status | head -n 1)")
  now=$(held)
  jq -en --argjson now "$now" --argjson kept "$2" --argjson allowed "$3" '
    ($kept.grants - $now.grants) + ($kept.ports - $now.ports) +
    ($now.grants - $allowed.grants) + ($now.ports - $allowed.ports) == []' >/dev/null || wrong+=("$1: it holds $now")
  lies=$(truth; ${after_heal:-:})
  [[ -z $lies ]] || wrong+=("$1: after a restart: $lies")
}

# Right after a crash of a start that attaches: the kept grant passes, and where there is a program, no other does.
no_lock_out() {
  tcp_from "$cli4" 22 >/dev/null || return 1
  is_open_still || silent_for "$nbr4" 22 >/dev/null
}
# A link that was not pinned goes with the process, a moment later.
is_open_still() { [[ ! -e $pin/link_$srv_if ]] && wait_for 5 is_detached; }

# end_phase NAME LEAST: as many crashes as one expects, and no harm.
end_phase() {
  note "$1: $crashes"
  within "$1: so many times" "$2" "$crashes" 9999
  is "$1: it never does harm" '' "$(printf '%s\n' "${wrong[@]}" | head -n 20)"
  wrong=() crashes=0 had=() turn=0
}

# takes_turn KIND: whether the next step is one to be killed at. STRIDE=N, for what does the same many times: each STEP(),
# the first of each kind, and every Nth of all. FULL=1: each.
declare -A had=()
turn=0
takes_turn() {
  local had_one=${had[$1]-}
  turn=$((turn + 1)) had[$1]=1
  [[ -n ${FULL-} || -z $had_one || $1 == getegid ]] || ((turn % ${STRIDE:-1} == 0))
}

# A start is killed at each of its steps. kill_starts NAME LEAST PREPARE CHECK KEPT ALLOWED: PREPARE before each, CHECK
# right after each crash, with no help.
kill_starts() {
  local kind n steps
  { "$3" && traced_start; } || die "$1: cannot be traced" "$(tail -n 3 "$tmp/jitgated.log")"
  kill9 jitgated
  find_steps getegid || die "$1: a kind of call of which the test does not know whether it changes anything" "$(<"$tmp/steps")"
  mapfile -t steps <"$tmp/steps"
  for n in "${steps[@]}"; do
    kind=${n% *} n=${n#* }
    takes_turn "$kind" || continue
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
  end_phase "$1" "$2"
}

# A daemon that runs is killed at each step of ACT. kill_acts NAME LEAST RESET ACT KEPT ALLOWED.
kill_acts() {
  local kind n steps
  alive jitgated || plain_start || die "$1: it does not start"
  "$3" || die "$1: cannot prepare"
  trace_running
  "$4"
  stop strace INT
  find_steps '' || die "$1: a kind of call of which the test does not know whether it changes anything" "$(<"$tmp/steps")"
  mapfile -t steps <"$tmp/steps"
  for n in "${steps[@]}"; do
    kind=${n% *} n=${n#* }
    takes_turn "$kind" || continue
    alive jitgated || plain_start || die "$1: it does not start"
    "$3" || die "$1: cannot prepare"
    trace_running -e "trace=$kind" -e "inject=$kind:signal=KILL:when=$n"
    "$4"
    if wait_for "2" dead jitgated; then
      await jitgated 1
      ((stopped_rc == 137 || stopped_rc == 0)) || wrong+=("$kind $n: ended with $stopped_rc")
      ((stopped_rc == 137)) && crashes=$((crashes + 1))
      await strace 5
      heal "$kind $n" "$5" "$6" || die "$1: $kind $n cannot be healed" "${wrong[*]}"
    else
      stop strace INT
    fi
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
