#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# jitgate-azure in hostile hands (a test variant, tests/attack): with its sandbox up it can touch no map, no control
# socket, no other process and no file. Each attack three times: with nothing given up, where it has to succeed; with
# all of the sandbox; and without the program's own list of system calls, where the user alone has to be enough.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin attack
[[ -x $build/jitgate-azure-attack ]] || { echo "Bail out! $build/jitgate-azure-attack is missing: make variants"; exit 1; }

start_emulator
must_start_jitgated
check "jitgated has something to lose" feed_sync port=22/tcp grant=$cli4,22/tcp,600s
mkdir "$tmp/place" "$tmp/mount" # root's, as /etc is
victim=$tmp/run/victim

# attack WITHOUT WORDS: prints "succeeded", "refused ERRNO" or "killed". In a mount namespace of its own, for the control.
attack() {
  local words=$2 said rc
  said=$(in_srv unshare -m env JITGATE_ATTACK="$words" JITGATE_ATTACK_WITHOUT="$1" timeout 10 \
    "$build/jitgate-azure-attack" -c "$tmp/jitgate.conf" 2>>"$tmp/attack.log" </dev/null)
  rc=$?
  case $rc in
    159) echo killed ;; # SIGSYS
    0 | 3) sed -n "s|^attack: .*: ||p" <<<"$said" | tail -n 1 ;;
    *) echo "exit code $rc" ;;
  esac
}

# An address of jitgated's that can be read.
address() { awk -F- '/ r/ { print "0x" $1; exit }' "/proc/${pids[jitgated]}/maps"; }
id_of() { bpftool -j "$1" show pinned "$pin/$2" | jq -r .id; }

# What an attack that succeeds has changed.
restore() {
  : >"$victim"
  rm -rf "$tmp/place/new" "$tmp/place/dir" "$tmp/state/new"
  in_srv ip link set lo up
}

# try WORDS [anyone]: `anyone`: what any user may do, so that the list of system calls alone is in the way.
try() {
  local words=$1 free full user
  restore
  free=$(attack sandbox "$words")
  restore
  full=$(attack '' "$words")
  user=$(attack seccomp "$words")
  note "$words: $full; by the user alone: $user"
  is "$words: succeeds without the sandbox" succeeded "$free"
  like "$words: not with it" '^(killed|refused E(ACCES|PERM))$' "$full"
  if [[ ${2-} == anyone ]]; then
    is "$words: is not on the list of system calls" killed "$full"
  else
    like "$words: nor for its user" '^refused E(ACCES|PERM)$' "$user"
  fi
}

# Files.
try "read /etc/shadow"
try "read $tmp/state/snapshot"
try "list $tmp/state"
try "list $pin"
for place in "$tmp/jitgate.conf" "$tmp/state/new" "$tmp/state/snapshot" "$tmp/run/new" "$tmp/place/new"; do try "write $place"; done
try "mkdir $tmp/place/dir"
try "unlink $victim"
try "chmod $victim"
try "mount $tmp/mount"
# Where anybody may write on most machines, it cannot either.
for place in /tmp /var/tmp /dev/shm; do
  is "write $place: it cannot open a file for writing" killed "$(attack '' "write $place/jitgate-attack-$$")"
  is "write $place: which its user could" succeeded "$(attack seccomp "write $place/jitgate-attack-$$")"
  rm -f "$place/jitgate-attack-$$"
done

# Maps and programs.
for name in grants_v1 protected_v1 state_v1 sources_v1 slots_v1 budget_v1; do try "obj_get $pin/$name"; done
try "obj_get $pin/gate"
try "obj_get $pin/link_$srv_if"
try "map_by_id $(id_of map grants_v1)"
try "prog_by_id $(id_of prog gate)"
try "link_by_id $(bpftool -j link show pinned "$pin/link_$srv_if" | jq -r .id)"
try prog_load
try map_create
is "jitgated's grant is as it was" 0 "$(tcp_from $cli4 22 1s >/dev/null; [[ $? == 3 ]]; echo $?)"

# Other processes, jitgated among them.
for pid in "${pids[jitgated]}" "${pids[emulator]}"; do
  try "kill $pid"
  try "ptrace $pid"
  try "mem $pid"
done
try "vm_read ${pids[jitgated]}:$(address)"
try "exec /bin/echo" anyone
try fork anyone

# Sockets.
try "control $tmp/run/control.sock"
try packet
try raw
try diag anyone
for protocol in 12 15 16; do try "netlink $protocol" anyone; done # netfilter, uevents, generic
try link_down

# Powers.
try setuid
try capset
try unshare anyone
check "jitgated has not noticed" jg status

# Nothing of this is in the program that is installed; all but this is in the variant.
has_attack() { grep -q JITGATE_ATTACK "$build/$1"; }
check "the variant is one" has_attack jitgate-azure-attack
for program in jitgated jitgate-azure jitgate; do fails "$program has nothing of it" has_attack "$program"; done
functions() { nm "$build/$1" | awk '$2 ~ /[tT]/ && $3 !~ /^(try_|__wrap_|is_without|call_bpf|make_socket|number|result)/ { print $3 }' | sort -u; }
is "and else it is the same program" "$(functions jitgate-azure)" "$(functions jitgate-azure-attack)"
finish
