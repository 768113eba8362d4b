#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The packet program as an object: what bpftool and the kernel will see of it.
# shellcheck source=tests/check/lib.bash
. "$(dirname "$0")/lib.bash"

object=build/release/gate.bpf.o
name_max=15 # BPF_OBJ_NAME_LEN - 1: a longer map name is cut without a word

btf() {
  bpftool btf dump -j file "$object"
}

map_names() {
  btf | jq -r '(.types | map({key: (.id | tostring), value: .}) | from_entries) as $t
    | .types[] | select(.kind == "DATASEC" and .name == ".maps") | .vars[] | $t[.type_id | tostring].name'
}

has_btf() {
  btf | jq -e '[.types[] | select(.kind == "FUNC")] | map(.name) | contains(["gate", "root"])' >/dev/null ||
    { echo "$object: no BTF for gate and root"; return 1; }
}

map_names_fit() {
  local n
  map_names >"$scratch/maps"
  n=$(wc -l <"$scratch/maps")
  ((n >= 8)) || { echo "only $n maps found"; return 1; }
  awk -v max="$name_max" 'length($0) > max { print $0 ": " length($0) " characters" }' "$scratch/maps" | none
}

map_names_are_versioned() {
  local version
  version=$(sed -n 's/^#define JITGATE_ABI_VERSION \([0-9]*\)$/\1/p' include/jitgate_abi.h)
  map_names | grep -v "_v$version\$" | none
}

calls_none() { # tracing and aborting have no place in the path
  grep -nE 'bpf_printk|bpf_trace_printk|XDP_ABORTED|vmlinux\.h' bpf/*.[ch] | none
}

check "the object has BTF" has_btf
check "map names have at most $name_max characters" map_names_fit
check "map names carry the ABI version" map_names_are_versioned
check "no bpf_printk, no XDP_ABORTED, no vmlinux.h" calls_none
end_checks
