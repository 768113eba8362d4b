#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Makes the initramfs of the test machine: this machine's own programs with the libraries that they ask for, the
# programs and scripts under test, and a few modules of the kernel.
#
#   tests/kernel/image.sh KERNEL-FOLDER RELEASE-FOLDER OUTPUT
#
# KERNEL-FOLDER is what fetch.sh filled. Exit: 0 done, 1 cannot, with the reason on stderr.
set -eu -o pipefail
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
modules=(veth bridge tcp_diag sch_ingress cls_bpf)
tested=(packet_test trie_test jitgated jitgate jitgate-azure emulator probe)
tools=(bash env awk basename bpftool cat chmod comm curl cut date dirname grep head id insmod ip jq kill ln ls mkdir mktemp mount
  mountpoint mv nsenter paste ping ps readlink rm sed seq setpriv sleep sort stat sysctl tail tc timeout touch tr true umount uname
  uniq wc)

fail() {
  echo "$1" >&2
  exit 1
}

# The dynamic loader and the libraries of a program, under the names it knows them by.
add_libraries() {
  { ldd "$1" 2>/dev/null || true; } | awk '{ for (i = 1; i <= NF; i++) if ($i ~ /^\//) { print $i; break } }' |
    while read -r library; do
      [[ -e $root$library ]] || cp -L --parents "$library" "$root"
    done
}

add_program() { # file, place
  cp -L "$1" "$root/$2"
  add_libraries "$1"
}

add_tools() {
  local tool path
  for tool in "${tools[@]}"; do
    path=$(type -P "$tool") || fail "$tool is missing"
    add_program "$path" "usr/bin/$tool"
  done
}

add_tested() {
  local name
  mkdir -p "$root/jitgate/build/release" "$root/jitgate/tests/e2e" "$root/jitgate/tests/kernel"
  for name in "${tested[@]}"; do
    add_program "$release/$name" "jitgate/build/release/$name"
  done
  cp "$release/neighbour.bpf.o" "$root/jitgate/build/release/"
  cp "$here"/../e2e/{lib.bash,bypass.sh,conflict.sh} "$root/jitgate/tests/e2e/"
  cp "$here"/{programs,selftest,case}.sh "$root/jitgate/tests/kernel/"
  install -m 0755 "$here/init.sh" "$root/init"
}

# A module after those that it needs. One that is not there is built in, or the test will say.
add_module() {
  local file needed
  file=$(find "$kernel/root" -name "$1.ko*" -print -quit)
  [[ -n $file ]] || return 0
  for needed in $(modinfo -F depends "$file" | tr , ' '); do add_module "$needed"; done
  [[ ! -e $root/modules/$1.ko ]] || return 0
  case $file in
  *.xz) xz -dc "$file" ;;
  *.zst) zstd -qdc "$file" ;;
  *) cat "$file" ;;
  esac >"$root/modules/$1.ko"
  echo "$1.ko" >>"$root/modules/order"
}

main() {
  local name

  (($# == 3)) || { echo "usage: tests/kernel/image.sh KERNEL-FOLDER RELEASE-FOLDER OUTPUT" >&2; exit 2; }
  kernel=$1 release=$2
  root=$(mktemp -d "${TMPDIR:-/tmp}/jitgate-image.XXXXXX")
  trap 'rm -rf "$root"' EXIT
  chmod 0755 "$root" # the daemons give root up
  mkdir -p "$root"/usr/{bin,sbin,lib,lib64} "$root"/{proc,sys,dev,tmp,run,modules}
  for name in bin sbin lib lib64; do ln -s "usr/$name" "$root/$name"; done
  add_tools
  add_tested
  : >"$root/modules/order"
  for name in "${modules[@]}"; do add_module "$name"; done
  (cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) >"$3"
}

main "$@"
