#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The packet tests, the bypass test and jitgate's main job on a kernel of a Debian release, in a machine that qemu
# emulates. Needs no root. All results of the test machine are passed on as TAP, one after another; that it ran to its
# end is one more.
#
#   tests/kernel/run.sh KERNEL CODENAME     as in: tests/kernel/run.sh 5.10 bullseye
#
# JITGATE_BUILD: the folder with the programs, build/release otherwise. Kernels are kept in build/kernel/.
set -u -o pipefail
export LC_ALL=C

limit_s=${JITGATE_KERNEL_LIMIT_S:-400} # emulation is some twenty times slower than the machine
memory_mb=1024
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
release=${JITGATE_BUILD:-build/release}
[[ $release == /* ]] || release=$top/$release

skip_all() {
  echo "1..0 # SKIP $1"
  exit 0
}

bail_out() {
  echo "Bail out! $1"
  exit 1
}

check_tools() {
  [[ $(uname -m) == x86_64 ]] || skip_all "the test machine is an x86_64 one, this is $(uname -m)"
  command -v qemu-system-x86_64 >/dev/null || skip_all "qemu-system-x86_64 is missing"
}

# One processor, no network, no disk; what the second serial line says are the results.
boot() {
  timeout -k 5 "$limit_s" qemu-system-x86_64 -machine accel=tcg -cpu max -smp 1 -m $memory_mb \
    -nodefaults -no-reboot -display none -kernel "$1"/root/boot/vmlinuz-* -initrd "$work/initramfs" \
    -append "console=ttyS0 quiet panic=-1" -serial "file:$work/console" -serial "file:$work/results" \
    </dev/null >"$work/qemu" 2>&1
}

# Renumbers what the programs reported. A program keeps its plan, and fails only when one of its tests did.
pass_on() {
  tr -d '\r' | awk -v kernel="$1" '
    function report(good, name) {
      n++
      bad += !good
      program_bad += !good
      printf "%sok %d - %s\n", good ? "" : "not ", n, name
    }
    /^=== begin / { program = $3; planned = seen = program_bad = 0; next }
    /^=== end / {
      if (planned == 0 || planned != seen) report(0, program ": planned " planned ", ran " seen)
      else if ($4 != 0 && !program_bad) report(0, program ": exit code " $4)
      next
    }
    /^=== kernel / { report(index($3, kernel ".") == 1, "the kernel is " kernel ": " $3); next }
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
      report(whole, "the test machine runs to its end")
      print "1.." n
      exit bad > 0
    }'
}

main() {
  local kernel=${1-} folder rc

  (($# == 2)) || { echo "usage: tests/kernel/run.sh KERNEL CODENAME" >&2; exit 2; }
  folder=$top/build/kernel/$2
  check_tools
  work=$(mktemp -d "${TMPDIR:-/tmp}/jitgate-kernel.XXXXXX") || exit 1
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  "$here/fetch.sh" "$2" "$folder" 2>"$work/why" || skip_all "no kernel $kernel: $(tail -n 1 "$work/why")"
  "$here/image.sh" "$folder" "$release" "$work/initramfs" 2>"$work/why" || bail_out "no initramfs: $(tail -n 1 "$work/why")"
  : >"$work/results"
  boot "$folder"
  pass_on "$kernel" <"$work/results"
  rc=$?
  ((rc == 0)) || tail -qn 20 "$work/qemu" "$work/console" | tr -d '\r' | sed 's/^/# /'
  exit $rc
}

main "$@"
