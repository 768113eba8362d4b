#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What is missing is named with its package, and installed only when something is. With package managers that only write down
# what they were asked.
# shellcheck source=tests/check/lib.bash
. "$(dirname "$0")/lib.bash"

unset MAKEFLAGS MFLAGS MAKELEVEL
fakes=$scratch/bin
asked=$scratch/asked
mkdir "$fakes"
bash=$(command -v bash)

fake_manager() { # name: notes its arguments; "install" brings no-such-clang
  printf '#!%s\necho "$*" >>%q\n[[ $* == *install* ]] && ln -sf %q %q/no-such-clang\nexit 0\n' \
    "$bash" "$asked" "$(type -P true)" "$fakes" >"$fakes/$1"
  chmod +x "$fakes/$1"
}

tools_only() { # a PATH with what the script itself needs, and no package manager
  local tool
  for tool in bash cat clang gcc ln make pkg-config bpftool; do
    ln -s "$(command -v "$tool")" "$fakes/$tool"
  done
}

deps() {
  PATH=$fakes CLANG=no-such-clang "$bash" tests/deps.sh "$@" >"$scratch/out" 2>&1
}

says() {
  grep -qxF -- "$1" "$scratch/out" || { echo "does not say: $1"; cat "$scratch/out"; return 1; }
}

make_names_it() { # one line, before any compiler is started
  ! make CLANG=no-such-clang have-build >"$scratch/out" 2>&1 &&
    says "missing: clang (package clang); as root, 'make deps' installs them"
}

library_is_named() {
  ! make PKG_CONFIG=false have-build >"$scratch/out" 2>&1 &&
    grep -q 'libbpf (package libbpf-dev)' "$scratch/out" && grep -q 'libcurl (package libcurl4-openssl-dev)' "$scratch/out"
}

nothing_missing_asks_nobody() {
  rm -f "$asked" "$fakes/no-such-clang"
  PATH=$fakes "$bash" tests/deps.sh install build || return 1
  [[ ! -e $asked ]]
}

apt_is_asked_once() {
  rm -f "$asked" "$fakes/no-such-clang"
  deps install build || { cat "$scratch/out"; return 1; }
  diff -u - "$asked" <<'EOF'
-q update
-q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends clang
EOF
}

no_manager_lists() {
  rm -f "$fakes/apt-get" "$fakes/no-such-clang"
  ! deps install build && says 'missing: clang (package clang); install them'
}

dnf_names() {
  rm -f "$asked" "$fakes/no-such-clang"
  PATH=$fakes CLANG=no-such-clang PKG_CONFIG=pkg-config-none "$bash" tests/deps.sh install build >"$scratch/out" 2>&1
  grep -q -- '^-y install pkgconf-pkg-config clang pkgconfig(libbpf) pkgconfig(libelf) ' "$asked" ||
    { cat "$asked" "$scratch/out"; return 1; }
}

check "make names a missing tool and its package" make_names_it
check "make names missing libraries and their packages" library_is_named
tools_only
fake_manager apt-get
check "nothing missing: no package manager is started" nothing_missing_asks_nobody
if [[ $EUID == 0 ]]; then
  check "apt-get updates and installs what is missing" apt_is_asked_once
  check "without a package manager the missing is listed" no_manager_lists
  fake_manager dnf
  check "dnf is asked for its own names" dnf_names
fi
end_checks
