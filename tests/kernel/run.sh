#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The packet tests, the bypass test and jitgate's main job on kernels of Debian releases, each in a machine that qemu
# emulates, all at the same time: they mostly wait. Then the main job on the kernel that runs here, which alone needs
# root. All results are passed on as TAP, one after another; that a machine ran to its end is one more. The table of what
# each kernel gave comes as '## ' lines, and stays in build/kernel/features.
#
#   tests/kernel/run.sh KERNEL=CODENAME...    as in: tests/kernel/run.sh 5.10=bullseye 6.1=bookworm host
#
# JITGATE_BUILD: the folder with the programs, build/release otherwise. Kernels are kept in build/kernel/.
set -u -o pipefail
export LC_ALL=C

limit_s=${JITGATE_KERNEL_LIMIT_S:-600} # emulation is some twenty times slower than the machine
memory_mb=768
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
release=${JITGATE_BUILD:-build/release}
[[ $release == /* ]] || release=$top/$release
work=

# What pass_on knows besides the words of programs.sh.
tell_skip() { echo "=== skip $1"; }
tell_fault() { echo "=== fault $1"; }

# One processor, no network, no disk; what the second serial line says are the results. Becomes qemu. Without cmpxchg16b,
# which qemu 7.2 emulates wrong once in a while: the flags are garbage after it, and kernels that use it in kmalloc die.
boot() { # kernel's folder, own folder
  exec timeout -k 5 "$limit_s" qemu-system-x86_64 -machine accel=tcg -cpu max,-cx16 -smp 1 -m $memory_mb \
    -nodefaults -no-reboot -display none -kernel "$1"/root/boot/vmlinuz-* -initrd "$2/initramfs" \
    -append "console=ttyS0 quiet panic=-1" -serial "file:$2/console" -serial "file:$2/results" \
    </dev/null >"$2/qemu" 2>&1
}

# For the background: what it says is in results, why it has none in why.
run_machine() { # kernel, codename
  local folder=$top/build/kernel/$2 own=$work/$1

  if [[ $(uname -m) != x86_64 ]]; then
    tell_skip "the test machine is an x86_64 one, this is $(uname -m)"
  elif ! command -v qemu-system-x86_64 >/dev/null; then
    tell_skip "qemu-system-x86_64 is missing"
  elif ! "$here/fetch.sh" "$2" "$folder" 2>"$own/why"; then
    tell_skip "no kernel $1: $(tail -n 1 "$own/why")"
  elif ! "$here/image.sh" "$folder" "$release" "$own/initramfs" 2>"$own/why"; then
    tell_fault "no initramfs: $(tail -n 1 "$own/why")"
  else
    boot "$folder" "$own"
  fi >"$own/results"
}

run_host() {
  if ((EUID == 0)); then
    (cd "$top" && JITGATE_BUILD=$release "$here/programs.sh" selftest case)
  else
    tell_skip "needs root"
  fi >"$work/host/results" 2>"$work/host/console"
}

# Renumbers what the programs reported. A program keeps its plan, and fails only when one of its tests did.
pass_on() {
  tr -d '\r' | awk '
    function report(good, name) {
      n++
      bad += !good
      program_bad += !good
      printf "%sok %d - %s: %s\n", good ? "" : "not ", n, machine, name
    }
    function end_machine() {
      if (machine != "" && !skipped) report(whole, "runs to its end")
    }
    /^=== machine / { end_machine(); machine = $3; whole = skipped = 0; next }
    /^=== skip / { skipped = 1; sub(/^=== skip /, ""); printf "ok %d - %s # SKIP %s\n", ++n, machine, $0; next }
    /^=== fault / { skipped = 1; sub(/^=== fault /, ""); report(0, $0); next }
    /^=== begin / { program = $3; planned = seen = program_bad = 0; next }
    /^=== end / {
      if (planned == 0 || planned != seen) report(0, program ": planned " planned ", ran " seen)
      else if ($4 != 0 && !program_bad) report(0, program ": exit code " $4)
      next
    }
    /^=== kernel / {
      print "# kernel " machine " " $3
      if (machine != "host") report(index($3, machine ".") == 1, "the kernel is " $3)
      next
    }
    /^=== all/ { whole = 1; next }
    /^1\.\.[0-9]+/ { planned = substr($1, 4) + 0; next }
    /^(not )?ok / {
      good = !sub(/^not /, "")
      sub(/^ok [0-9]+ (- )?/, "")
      seen++
      report(good, program ": " $0)
      next
    }
    { print ($0 ~ /^#/ ? "" : "# ") $0 }
    END {
      end_machine()
      print "1.." n
      exit bad > 0
    }'
}

# From "# kernel MACHINE VERSION" and "# feature NAME=VALUE": a line a kernel, a column a feature.
make_table() {
  awk '
    /^# kernel / { rows[++n_rows] = $3 == "host" ? $4 " (this machine)" : $4; next }
    /^# feature / {
      sub(/^# feature /, "")
      name = substr($0, 1, index($0, "=") - 1)
      if (!(name in column)) { column[name] = ++n_columns; names[n_columns] = name }
      cell[n_rows, column[name]] = substr($0, index($0, "=") + 1)
    }
    END {
      line = "| kernel |"; rule = "| --- |"
      for (c = 1; c <= n_columns; c++) { line = line " " names[c] " |"; rule = rule " --- |" }
      print line "\n" rule
      for (r = 1; r <= n_rows; r++) {
        line = "| " rows[r] " |"
        for (c = 1; c <= n_columns; c++) line = line " " cell[r, c] " |"
        print line
      }
    }'
}

# Whatever was started: each is a shell, or the timeout in front of qemu, which hands the signal on.
clean_up() {
  local running
  running=$(jobs -p)
  # shellcheck disable=SC2086 # several
  [[ -z $running ]] || { kill $running 2>/dev/null; wait; }
  [[ -z $work ]] || rm -rf "$work"
}

show_troubled() { # machine
  grep -q "^not ok [0-9]* - $1: " "$work/tap" || return 0
  tail -qn 20 "$work/$1"/{qemu,console} 2>/dev/null | tr -d '\r' | sed "s/^/# $1: /"
}

main() {
  local pair machine machines=()

  (($# > 0)) || { echo "usage: tests/kernel/run.sh KERNEL=CODENAME...|host" >&2; exit 2; }
  work=$(mktemp -d "${TMPDIR:-/tmp}/jitgate-kernel.XXXXXX") || exit 1
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  for pair in "$@"; do
    machine=${pair%%=*}
    machines+=("$machine")
    mkdir "$work/$machine"
    : >"$work/$machine/results"
    [[ $machine == host ]] || run_machine "$machine" "${pair#*=}" &
  done
  wait
  [[ " ${machines[*]} " != *" host "* ]] || run_host
  for machine in "${machines[@]}"; do
    echo "=== machine $machine"
    cat "$work/$machine/results"
  done | pass_on >"$work/tap"
  rc=$?
  cat "$work/tap"
  for machine in "${machines[@]}"; do show_troubled "$machine"; done
  mkdir -p "$top/build/kernel"
  make_table <"$work/tap" | tee "$top/build/kernel/features" | sed 's/^/## /'
  exit $rc
}

main "$@"
