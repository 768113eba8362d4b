#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The layers, as the linker sees them. JITGATE_CORE: the Makefile's list of CORE files.
#   CORE    imports only what is named here: memory, strings, sorting, conversions. No descriptor, clock or output.
#   libraries  each has its owner among the files, and is in no program that should be without it.
# shellcheck source=tests/check/lib.bash
. "$(dirname "$0")/lib.bash"

objects=build/release
core=${JITGATE_CORE:?"run it as: make check"}

# What CORE may import besides its own functions, as __NAME_chk too. strerror: text for people says
# what went wrong. No libc time: localtime_r gives the zone of the daemon, not the reader's, and gmtime_r too reads its file.
core_imports='mem(chr|cmp|cpy|move|set|rchr)|explicit_bzero|str(n?len|n?cmp|n?casecmp|r?chr|chrnul|c?spn|pbrk|n?dup|str|casestr)
malloc|calloc|realloc|reallocarray|free|qsort|qsort_r|bsearch|v?snprintf|strerror|inet_(pton|ntop)|crc32_z
__stack_chk_fail|__assert_fail|__ctype_[a-z_]+|__[a-z]+[sdt]i[234]'

# Symbols of a library, and the files that may use it.
owners() {
  cat <<'EOF'
cJSON_                              azure_json json_member
cfg_                                conf_read
curl_                               azure_http
azure_token_header                  azure_http
bpf_|libbpf_|btf__|ring_buffer__    datapath pin_dir pinned_maps pins carry activate attach attach_tc verify_tc tcx clsact links heal detach verify gate_maps gate_flows gate_counters probe_filter gate_tags trial trial_maps trial_read end_sockets
mnl_                                netlink netif sock_diag clsact
seccomp_|capng_                     sandbox
EOF
}

# A program, and libraries that may not be in it, directly or through another.
forbidden_libraries() {
  cat <<'EOF'
jitgated       libcurl|libcjson
jitgate-azure  libbpf|libelf
jitgate        libcurl|libcjson
EOF
}

# Once for all: "NAME SYMBOL" of what each object needs of others (__memcpy_chk counts as memcpy, the linker's own table as nothing), and what CORE defines.
read_objects() {
  local file name objects_there=() core_there=()
  for file in agent/*.c; do
    name=$objects/$(basename "$file" .c).o
    [[ -e $name ]] && objects_there+=("$name")
  done
  for name in $core; do
    [[ -e $objects/$name.o ]] && core_there+=("$objects/$name.o")
  done
  nm -A -u "${objects_there[@]}" | sed -E '/ _GLOBAL_OFFSET_TABLE_$/d; s|^.*/([^/]*)\.o: *[a-zA-Z] |\1 |; s/@.*//; s/ __(.*)_chk$/ \1/' \
    >"$scratch/imports"
  nm -A -g --defined-only "${core_there[@]}" | awk '{ print $NF }' >"$scratch/defined"
  [[ -s $scratch/imports && -s $scratch/defined ]]
}

core_imports_io() {
  awk -v core="$core" -v allowed="$(paste -sd '|' <<<"$core_imports")" '
    FILENAME == ARGV[1] { defined[$1] = 1; next }
    FILENAME == ARGV[2] { for (i = 2; i <= NF; i++) owns[$i] = owns[$i] "|" $1; next }
    index(" " core " ", " " $1 " ") && !($2 in defined) && $2 !~ "^(" allowed ")$" &&
      !($1 in owns && $2 ~ "^(" substr(owns[$1], 2) ")") { print "agent/" $1 ".c: CORE may not import " $2 }
  ' "$scratch/defined" <(owners) "$scratch/imports"
}

core_globals() { # state that outlives a call; constant tables with pointers are in .data.rel.ro
  local name
  for name in $core; do
    echo "$objects/$name.o"
  done | xargs size -A | awk '
    / :$/ { name = $1; sub(/^.*\//, "", name); sub(/\.o$/, "", name) }
    $1 ~ /^\.(data|bss|tdata|tbss|data\.rel|data\.rel\.local)(\..*)?$/ && $1 !~ /\.ro/ && $2 > 0 {
      print "agent/" name ".c: CORE has no variables, but " $2 " bytes of " $1
    }'
}

# "HEADER LAYER": the word that the header's comment begins with, or "none".
read_headers() {
  awk '
    FNR == 1 { if (file) print file, layer; file = FILENAME; sub(/^agent\//, "", file); layer = "none" }
    layer == "none" && /^ \* (CORE|EDGE|TOP)\./ { layer = substr($2, 1, length($2) - 1) }
    END { print file, layer }' agent/*.h >"$scratch/headers"
}

# CORE knows only CORE.
core_includes() {
  local name files=()
  for name in $core; do
    files+=("agent/$name.c")
    [[ ! -e agent/$name.h ]] || files+=("agent/$name.h")
  done
  awk '
    FILENAME == ARGV[1] { layer[$1] = $2; next }
    /^#include "/ {
      split($0, part, "\"")
      header = part[2]
      if (header in layer && layer[header] != "CORE")
        print FILENAME ": CORE includes " header ", which is " layer[header]
    }' "$scratch/headers" "${files[@]}"
}

mislabelled_headers() {
  local header layer name
  while read -r header layer; do
    name=${header%.h}
    [[ $layer != none ]] || echo "agent/$header: its comment does not begin with its layer"
    [[ -e agent/$name.c ]] || continue
    if [[ " $core " == *" $name "* ]]; then
      [[ $layer == CORE ]] || echo "agent/$header: $layer, but $name is in the Makefile's list of CORE"
    else
      [[ $layer != CORE ]] || echo "agent/$header: CORE, but $name is not in the Makefile's list of CORE"
    fi
  done <"$scratch/headers"
}

strangers() { # a library used by a file that does not own it
  awk '
    FILENAME == ARGV[1] { pattern[++n] = $1; $1 = ""; files[n] = $0 " "; next }
    {
      for (i = 1; i <= n; i++)
        if ($2 ~ "^(" pattern[i] ")" && !index(files[i], " " $1 " ")) print "agent/" $1 ".c: only" files[i] "may use " $2
    }' <(owners) "$scratch/imports"
}

config_read_by_library() { # libconfuse gets bytes; opening files is not its job
  grep -xE 'conf_read (cfg_parse|cfg_parse_fp)' "$scratch/imports" | sed 's|^conf_read |agent/conf_read.c: reads files by |'
}

programs_with_forbidden_library() {
  local program pattern
  forbidden_libraries | while read -r program pattern; do
    ldd "$objects/$program" >"$scratch/libraries" || echo "$program: ldd failed"
    grep -oE "($pattern)[^ ]*" "$scratch/libraries" | sort -u | sed "s|^|$program: linked with |"
  done
}

secret_that_prints() { # the token's keeper has nothing to make texts or lines with
  awk '$1 == "azure_token" && $2 ~ /^(text_|log_|v?snprintf|puts|write|fwrite)/ {
    print "agent/azure_token.c: keeps a secret and may not use " $2 }' "$scratch/imports"
}

missing_objects() {
  local name
  for name in $core; do
    [[ -e $objects/$name.o ]] || echo "$objects/$name.o is not built"
  done
}

list_is_empty() { "$1" | none; }

check "all CORE files are built" list_is_empty missing_objects
check "objects can be read" read_objects
check "headers can be read" read_headers
check "CORE imports no I/O, clock or environment" list_is_empty core_imports_io
check "CORE has no global variables" list_is_empty core_globals
check "CORE includes only CORE" list_is_empty core_includes
check "headers name their layer, as in the Makefile" list_is_empty mislabelled_headers
check "each library is used by its owner only" list_is_empty strangers
check "the token's keeper cannot print" list_is_empty secret_that_prints
check "libconfuse opens no file" list_is_empty config_read_by_library
check "no program has a library that it should be without" list_is_empty programs_with_forbidden_library
end_checks
