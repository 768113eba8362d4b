#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What building and testing need: says what is missing, by package name, and installs it. It asks for the thing
# itself (a command, a library's pkg-config file), not for the package, so that it costs no time and asks no
# network when nothing is missing.
#
#   tests/deps.sh check GROUP...     name what is missing; exit 1
#   tests/deps.sh install GROUP...   install what is missing, when root; else as check
#
# Groups: build, test, kernel (the emulated machines of `make test-kernel`), fuzz (`make fuzz`), bench (whom `make bench`
# compares with).
set -u

# group, probe, Debian package, RPM package ("=": by what it provides, pkgconfig(NAME))
needs() {
  cat <<'EOF'
build cmd:gcc            gcc                  gcc
build cmd:make           make                 make
build cmd:pkg-config     pkg-config           pkgconf-pkg-config
build cmd:clang          clang                clang
build cmd:bpftool        bpftool              bpftool
build hdr:stdlib.h       libc6-dev            glibc-devel
build hdr:linux/bpf.h    linux-libc-dev       kernel-headers
build lib:libbpf         libbpf-dev           =
build lib:libelf         libelf-dev           =
build lib:zlib           zlib1g-dev           =
build lib:libcurl        libcurl4-openssl-dev =
build lib:libcjson       libcjson-dev         =
build lib:libconfuse     libconfuse-dev       =
build lib:libcap-ng      libcap-ng-dev        =
build lib:libseccomp     libseccomp-dev       =
build lib:libmnl         libmnl-dev           =
test  lib:cmocka         libcmocka-dev        =
test  lib:libmicrohttpd  libmicrohttpd-dev    =
test  lib:gnutls         libgnutls28-dev      =
test  so:libasan.so      gcc                  libasan
test  so:libubsan.so     gcc                  libubsan
test  cmd:clang-format   clang-format         clang-tools-extra
test  cmd:clang-tidy     clang-tidy           clang-tools-extra
test  cmd:shellcheck     shellcheck           ShellCheck
test  cmd:mandoc         mandoc               mandoc
test  cmd:jq             jq                   jq
test  cmd:curl           curl                 curl
test  cmd:openssl        openssl              openssl
test  any:/etc/ssl/certs/*.crt ca-certificates ca-certificates
test  cmd:ip             iproute2             iproute
test  cmd:nft            nftables             nftables
test  cmd:ethtool        ethtool              ethtool
test  cmd:tcpdump        tcpdump              tcpdump
test  cmd:socat          socat                socat
test  cmd:strace         strace               strace
test  cmd:ps             procps               procps-ng
test  cmd:nsenter        util-linux           util-linux
test  cmd:ping           iputils-ping         iputils
test  cmd:mount          mount                util-linux
test  cmd:systemd-analyze systemd             systemd
test  cmd:git            git                  git
test  cmd:node           nodejs               nodejs
test  cmd:npm            npm                  nodejs-npm
bench cmd:nft            nftables             nftables
bench cmd:xdp-filter     xdp-tools            xdp-tools
bench cmd:ipset          ipset                ipset
bench cmd:iptables       iptables             iptables-nft
bench cmd:chrt           util-linux           util-linux
kernel cmd:qemu-system-x86_64 qemu-system-x86 qemu-system-x86-core
kernel cmd:cpio          cpio                 cpio
kernel cmd:insmod        kmod                 kmod
kernel cmd:xz            xz-utils             xz
fuzz  rt:fuzzer          libclang-rt-dev      compiler-rt
EOF
}

PATH="$PATH:/usr/sbin:/sbin"

is_there() {
  local kind=${1%%:*} name=${1#*:}

  # A compiler or a clang of another name may have been chosen: make CC=gcc-13.
  [[ $1 == cmd:gcc ]] && name=${CC:-gcc}
  [[ $1 == cmd:clang ]] && name=${CLANG:-clang}
  [[ $1 == cmd:pkg-config ]] && name=${PKG_CONFIG:-pkg-config}
  [[ $1 == cmd:bpftool ]] && name=${BPFTOOL:-bpftool}
  case $kind in
  cmd) command -v "${name%% *}" >/dev/null ;;
  any) compgen -G "$name" >/dev/null ;;
  hdr) [[ -e /usr/include/$name ]] ;;
  lib) "${PKG_CONFIG:-pkg-config}" --exists "$name" 2>/dev/null ;;
  rt) [[ $("${CLANG:-clang}" -print-file-name="libclang_rt.$name-$(uname -m).a" 2>/dev/null) == /* ]] ;;
  so) [[ $("${CC:-gcc}" -print-file-name="$name" 2>/dev/null) == /* ]] ;;
  esac
}

package_manager() {
  local name
  for name in apt-get dnf tdnf; do
    command -v "$name" && return
  done
}

# Sets $missing ("THING (package P)") and $packages, for the groups given.
find_missing() {
  local group probe apt rpm

  missing=() packages=()
  while read -r group probe apt rpm; do
    [[ " $* " == *" $group "* ]] || continue
    is_there "$probe" && continue
    [[ $rpm == "=" ]] && rpm="pkgconfig(${probe#*:})"
    [[ $manager == *apt-get || -z $manager ]] && rpm=$apt
    [[ " ${packages[*]} " == *" $rpm "* ]] || packages+=("$rpm")
    missing+=("${probe#*:} (package $rpm)")
  done < <(needs)
}

install_packages() {
  echo "installing: ${packages[*]}"
  case $manager in
  *apt-get)
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q update # may fail: an older list may do
    apt-get -q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "${packages[@]}"
    ;;
  *) "$manager" -y install "${packages[@]}" ;;
  esac
}

main() {
  local verb=${1:-} list remedy="install them"
  if [[ $verb != check && $verb != install || $# -lt 2 ]]; then
    echo "usage: tests/deps.sh check|install GROUP..." >&2
    exit 2
  fi
  shift
  manager=$(package_manager)
  [[ -z $manager ]] || remedy="as root, 'make deps' installs them"
  find_missing "$@"
  ((${#missing[@]} > 0)) || return 0
  if [[ $verb == install && $EUID == 0 && -n $manager ]]; then
    install_packages && find_missing "$@"
    ((${#missing[@]} > 0)) || return 0
  fi
  printf -v list ', %s' "${missing[@]}"
  echo "missing: ${list#, }; $remedy" >&2
  return 1
}

main "$@"
