#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The ABI between the packet program and user space, as recorded in abi.golden: pinned maps outlive the program that made them,
# so a layout changes only together with JITGATE_ABI_VERSION and the names of the maps.
#
#   tests/check/abi.sh            compare
#   tests/check/abi.sh --record   write abi.golden anew, after the version was raised (or before the first release)
#
# For its own test: ABI_GOLDEN, ABI_HEADER, ABI_OBJECT (the packet program), ABI_RELEASED (abi.golden as last released).
# shellcheck source=tests/check/lib.bash
. "$(dirname "$0")/lib.bash"

golden=${ABI_GOLDEN:-tests/check/abi.golden}
header=${ABI_HEADER:-include/jitgate_abi.h}
object=${ABI_OBJECT:-build/release/gate.bpf.o}
released=${ABI_RELEASED:-$scratch/released}

# A file with one variable of each type of the header, so that BTF has them all.
all_types() {
  echo "#include \"$(realpath "$header")\""
  sed -n 's/^\(struct\|enum\) \([a-z_]*\) {$/\1 \2 a_\2;/p' "$header"
}

btf_layout() { # object: every struct and enum that it has a variable of
  bpftool btf dump -j file "$1" | jq -r '
    (.types | map({key: (.id | tostring), value: .}) | from_entries) as $t
    | def named($id): $t[$id | tostring]
        | if .kind == "ARRAY" then "\(named(.type_id))[\(.nr_elems)]" else .name end;
    [.types[] | select(.kind == "VAR") | $t[.type_id | tostring]] | sort_by(.name)[]
    | if .kind == "STRUCT"
      then "struct \(.name), \(.size) bytes",
           (.members[] | "  \(.bits_offset / 8) \(.name) \(named(.type_id))")
      else "enum \(.name)", (.values[] | "  \(.val) \(.name)")
      end'
}

map_layout() { # the packet program: name, type, entries, flags, key and value of each map
  bpftool btf dump -j file "$1" | jq -r '
    (.types | map({key: (.id | tostring), value: .}) | from_entries) as $t
    | def number: $t[$t[.type_id | tostring].type_id | tostring].nr_elems;
    def pointee: $t[$t[.type_id | tostring].type_id | tostring].name;
    [.types[] | select(.kind == "DATASEC" and .name == ".maps") | .vars[] | $t[.type_id | tostring]] | sort_by(.name)[]
    | "map \(.name)",
      ($t[.type_id | tostring].members[]
       | "  \(.name) \(if .name == "key" or .name == "value" then pointee else number end)")'
}

data_layout() { # the packet program: its global variables that are maps of their own, in shared memory
  bpftool btf dump -j file "$1" | jq -r '
    (.types | map({key: (.id | tostring), value: .}) | from_entries) as $t
    | def element: if .kind == "ARRAY" or .kind == "VOLATILE" then $t[.type_id | tostring] | element else .name end;
    def bounds: if .kind == "ARRAY" then "[\(.nr_elems)]" + ($t[.type_id | tostring] | bounds) else "" end;
    [.types[] | select(.kind == "DATASEC" and (.name | startswith(".data."))) | .name as $section
     | .vars[] | $t[.type_id | tostring] | {$section, name, type: ($t[.type_id | tostring] | element + bounds)}] | sort_by(.name)[]
    | "data \(.name)", "  \(.section) \(.type)"'
}

version() {
  sed -n 's/^#define JITGATE_ABI_VERSION \([0-9]*\)$/\1/p' "$header"
}

compile_both() {
  all_types >"$scratch/types.c"
  "${CLANG:-clang}" -target bpf -g -O2 -I"/usr/include/$(${CC:-gcc} -print-multiarch)" -c "$scratch/types.c" -o "$scratch/bpf.o" &&
    "${CC:-gcc}" -gbtf -c "$scratch/types.c" -o "$scratch/native.o" &&
    btf_layout "$scratch/bpf.o" >"$scratch/bpf.layout" &&
    btf_layout "$scratch/native.o" >"$scratch/native.layout" &&
    { map_layout "$object" && data_layout "$object"; } >"$scratch/maps.layout" &&
    { echo "version $(version)"; cat "$scratch/bpf.layout" "$scratch/maps.layout"; } >"$scratch/layout"
}

both_worlds_agree() {
  [[ $(grep -c ^struct "$scratch/bpf.layout") -ge 9 ]] || { echo "structs are missing"; return 1; }
  diff -u "$scratch/bpf.layout" "$scratch/native.layout"
}

as_recorded() {
  diff -u "$golden" "$scratch/layout" && return
  if [[ $(head -n 1 "$golden") == "version $(version)" ]]; then
    echo "the ABI changed: raise JITGATE_ABI_VERSION and rename the maps, then run tests/check/abi.sh --record"
  else
    echo "a new ABI version: run tests/check/abi.sh --record"
  fi
  return 1
}

# What was released with this version number has to be what is recorded now.
as_released() {
  local tag
  if [[ ! -e $released ]]; then
    tag=$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null) || return 0 # nothing released yet
    git show "$tag:tests/check/abi.golden" >"$released" || return 1
  fi
  [[ $(head -n 1 "$released") != $(head -n 1 "$golden") ]] && return 0
  diff -u "$released" "$golden" || { echo "abi.golden changed without a new JITGATE_ABI_VERSION"; return 1; }
}

if [[ ${1:-} == --record ]]; then
  compile_both && cp "$scratch/layout" "$golden"
  exit
fi
check "the header compiles in both worlds" compile_both
check "clang for BPF and the native compiler lay it out alike" both_worlds_agree
check "the layout is as recorded" as_recorded
check "what is recorded is what was released under this version" as_released
end_checks
