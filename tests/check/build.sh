#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Objects follow the flags that they are made with. In a build tree of its own; one small object and one that has the
# config's default path in it are made.
# shellcheck source=tests/check/lib.bash
. "$(dirname "$0")/lib.bash"

unset MAKEFLAGS MFLAGS MAKELEVEL
tree=$scratch/build
object=$tree/clockmap.o

build() { make --no-print-directory B="$tree" "$@" "$object"; }

made_anew() { # ARGUMENT...: is the object another file after this make
  local before
  before=$(stat -c %y "$object" 2>/dev/null)
  build "$@" || return 1
  [[ $(stat -c %y "$object") != "$before" ]]
}

stays() { ! made_anew "$@"; }

config_path_is() { # PATH ARGUMENT...
  local path=$1
  shift
  make --no-print-directory B="$tree" "$@" "$tree/jitgate.o" && grep -qaF "$path" "$tree/jitgate.o"
}

tree_of() { make --no-print-directory -pn SAN="$1" help 2>/dev/null | sed -n 's/^B := //p'; }

trees_differ() {
  local san
  for san in '' address undefined address,undefined; do tree_of "$san"; done >"$scratch/trees"
  sort -u "$scratch/trees" | diff <(printf '%s\n' build/release build/san build/san-address build/san-undefined) -
}

warnings_stay_warnings() { # WERROR=0 is for both compilers
  make -n --no-print-directory B="$tree" "$@" "$tree/gate.bpf.o" "$tree/jitgate.o" V=1 | grep -E -- '-Werror' | none
}

check "an object is made" made_anew
check "and stays while nothing has changed" stays
check "other flags make it anew" made_anew CFLAGS=-O1
check "once" stays CFLAGS=-O1
check "WERROR=0 leaves no -Werror to either compiler" warnings_stay_warnings WERROR=0
check "the default config is where sysconfdir says" config_path_is /etc/jitgate/jitgate.conf
check "also when that changes" config_path_is /opt/etc/jitgate/jitgate.conf sysconfdir=/opt/etc
check "each choice of sanitizers has a tree of its own" trees_differ
end_checks
