#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The layer check is worth something: it fails, naming the file, when a rule is broken, and passes on the same tree unbroken.
# shellcheck source=tests/check/lib.bash
. "$(dirname "$0")/lib.bash"

export JITGATE_CORE=${JITGATE_CORE:?"run it as: make check"}
unset MAKEFLAGS MFLAGS MAKELEVEL
origin=$PWD
copy=$scratch/tree

mkdir -p "$copy/build" &&
  cp -a Makefile agent bpf include tests "$copy" &&
  cp -a build/release "$copy/build" &&
  cd "$copy" || exit 1

rebuild() { # targets in build/release
  local target targets=()
  for target in "$@"; do
    targets+=("build/release/$target")
  done
  make -s WERROR=0 "${targets[@]}"
}

restore() { # name of a file in agent/ without .c; what was built of it
  local target
  cp -a "$origin/agent/$1.c" agent/
  cp -a "$origin/Makefile" .
  shift
  for target in "$@"; do
    cp -a "$origin/build/release/$target" build/release/
  done
}

layers_fail_with() { # what the check has to say
  if tests/check/layers.sh >"$scratch/layers.out" 2>&1; then
    echo "the layer check passed"
    return 1
  fi
  grep -qF "$1" "$scratch/layers.out" || { echo "expected: $1"; cat "$scratch/layers.out"; return 1; }
}

# name, code, what the check has to say: the code goes to the end of agent/NAME.c
broken_by() {
  local status
  printf '\n%s\n' "$2" >>"agent/$1.c"
  rebuild "$1.o" && layers_fail_with "$3"
  status=$?
  restore "$1" "$1.o"
  return "$status"
}

linked_with_curl() {
  local status
  printf '\n#include <curl/curl.h>\nCURL *stray(void);\nCURL *stray(void)\n{\n\treturn curl_easy_init();\n}\n' >>agent/jitgated.c
  sed -i '/^jitgated_pkg/s/$/ libcurl/' Makefile
  rebuild jitgated && layers_fail_with 'jitgated: linked with libcurl'
  status=$?
  restore jitgated jitgated.o jitgated
  return "$status"
}

core_open='#include <fcntl.h>
int stray(const char *path);
int stray(const char *path) { return open(path, O_RDONLY); }'
core_clock='#include <time.h>
long stray(void);
long stray(void) { return (long)time(NULL); }'
core_zone='#include <time.h>
void stray(time_t s, struct tm *ret);
void stray(time_t s, struct tm *ret) { localtime_r(&s, ret); }'
core_print='void stray(void);
void stray(void) { puts("here"); }'
core_log='#include "log.h"
void stray(void);
void stray(void) { log_info("here"); }'
core_global='int stray;'
core_edge='#include "files.h"'
curl_call='#include <curl/curl.h>
CURL *stray(void);
CURL *stray(void) { return curl_easy_init(); }'
bpf_call='#include <bpf/bpf.h>
int stray(int fd);
int stray(int fd) { return bpf_map_freeze(fd); }'
header_call='#include "azure_token.h"
char *stray(const struct azure_token *token);
char *stray(const struct azure_token *token) { return azure_token_header(token); }'
token_text='#include "text.h"
void stray(struct text *out);
void stray(struct text *out) { text_append(out, "x", 1); }'
json_call='#include <cjson/cJSON.h>
cJSON *stray(const char *text);
cJSON *stray(const char *text) { return cJSON_Parse(text); }'

check "control: the tree as it is passes" tests/check/layers.sh
check "open() in CORE is found" broken_by cidr "$core_open" 'agent/cidr.c: CORE may not import open'
check "time() in CORE is found" broken_by reconcile "$core_clock" 'agent/reconcile.c: CORE may not import time'
check "local time in CORE is found" broken_by reconcile "$core_zone" 'agent/reconcile.c: CORE may not import localtime_r'
check "printing in CORE is found" broken_by text "$core_print" 'agent/text.c: CORE may not import puts'
check "logging in CORE is found" broken_by reconcile "$core_log" 'agent/reconcile.c: CORE may not import log_line'
check "a variable in CORE is found" broken_by cidr "$core_global" 'agent/cidr.c: CORE has no variables'
check "an EDGE header in CORE is found" broken_by cidr "$core_edge" 'agent/cidr.c: CORE includes files.h'
check "a curl call in jitgated is found" broken_by daemon "$curl_call" 'agent/daemon.c: only azure_http may use curl_easy_init'
check "cJSON in jitgated is found" broken_by feed_server "$json_call" 'agent/feed_server.c: only azure_json json_member may use cJSON_Parse'
check "the token's header outside of azure_http is found" broken_by azure_ask "$header_call" \
  'agent/azure_ask.c: only azure_http may use azure_token_header'
check "a text in the token's keeper is found" broken_by azure_token "$token_text" \
  'agent/azure_token.c: keeps a secret and may not use text_append'
check "a bpf call in jitgate-azure is found" broken_by jitgate_azure "$bpf_call" \
  'agent/jitgate_azure.c: only datapath pin_dir pinned_maps pins carry activate attach attach_tc verify_tc tcx clsact links heal detach verify gate_maps gate_flows gate_counters probe_filter gate_tags trial trial_maps trial_read end_sockets may use bpf_map_freeze'
check "jitgated linked with curl is found" linked_with_curl
check "control: the tree restored passes" tests/check/layers.sh
cd "$origin" || exit 1
end_checks
