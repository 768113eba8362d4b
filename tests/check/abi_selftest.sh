#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The ABI check fails when the ABI moves, also where no size changes, and tells what to do.
# shellcheck source=tests/check/lib.bash
. "$(dirname "$0")/lib.bash"

header=$scratch/jitgate_abi.h
golden=$scratch/abi.golden
released=$scratch/abi.released

fresh() {
  cp include/jitgate_abi.h "$header"
  cp tests/check/abi.golden "$golden"
  cp tests/check/abi.golden "$released"
}

abi_check() {
  ABI_HEADER=$header ABI_GOLDEN=$golden ABI_RELEASED=$released tests/check/abi.sh >"$scratch/out" 2>&1
}

fails_with() {
  if abi_check; then
    echo "the ABI check passed"
    return 1
  fi
  grep -qF -- "$1" "$scratch/out" || { echo "expected: $1"; cat "$scratch/out"; return 1; }
}

untouched_passes() {
  fresh
  abi_check || { cat "$scratch/out"; return 1; }
}

swapped_fields() {
  fresh
  sed -i 's/__u16 sport_be; .*/__u16 dport_be;/; t; s/__u16 dport_be;$/__u16 sport_be;/' "$header"
  cmp -s "$header" include/jitgate_abi.h && return 1
  fails_with 'raise JITGATE_ABI_VERSION'
}

reordered_reasons() {
  fresh
  sed -i '/^\tREASON_MALFORMED,/d; s/^\tREASON_NO_GRANT,/&\n\tREASON_MALFORMED,/' "$header"
  fails_with 'raise JITGATE_ABI_VERSION'
}

raised_but_not_recorded() {
  fresh
  sed -i 's/^#define JITGATE_ABI_VERSION .*/#define JITGATE_ABI_VERSION 999/' "$header"
  fails_with 'run tests/check/abi.sh --record'
}

recorded_without_raise() {
  fresh
  sed -i 's/__u32 grants; /__u32 granted; /' "$header"
  ABI_HEADER=$header ABI_GOLDEN=$golden tests/check/abi.sh --record || return 1
  fails_with 'changed without a new JITGATE_ABI_VERSION'
}

raised_and_recorded_passes() {
  fresh
  sed -i 's/^#define JITGATE_ABI_VERSION .*/#define JITGATE_ABI_VERSION 999/; s/__u32 grants; /__u32 granted; /' "$header"
  ABI_HEADER=$header ABI_GOLDEN=$golden tests/check/abi.sh --record || return 1
  abi_check || { cat "$scratch/out"; return 1; }
}

# A map of the packet program that has no struct: its element is another one.
narrowed_array() {
  local multiarch
  fresh
  multiarch=$("${CC:-gcc}" -print-multiarch)
  cp -r bpf "$scratch/bpf"
  sed -i 's/^volatile __u16 protected_v1/volatile __u8 protected_v1/' "$scratch/bpf/gate.bpf.c"
  cmp -s "$scratch/bpf/gate.bpf.c" bpf/gate.bpf.c && return 1
  "${CLANG:-clang}" -target bpf -g -O2 -w -Iinclude -I"$scratch/bpf" ${multiarch:+"-I/usr/include/$multiarch"} \
    -c "$scratch/bpf/gate.bpf.c" -o "$scratch/gate.bpf.o" || return 1
  ABI_OBJECT=$scratch/gate.bpf.o fails_with 'raise JITGATE_ABI_VERSION' && grep -q '__u8\[65536\]' "$scratch/out"
}

check "control: the ABI as it is passes" untouched_passes
check "two fields of one size that change places are found" swapped_fields
check "a reason that moves is found" reordered_reasons
check "an array whose elements become smaller is found" narrowed_array
check "a raised version has to be recorded" raised_but_not_recorded
check "a new record under a released version is found" recorded_without_raise
check "raised and recorded passes" raised_and_recorded_passes
end_checks
