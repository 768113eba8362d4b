#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Fetches the cloud kernel of a Debian release and unpacks it. Nothing is installed and the machine's own apt is left
# alone: the lists, the cache and the sources are of our own, below the given folder. The mirror is
# the one that the machine's apt uses for its own release.
#
#   tests/kernel/fetch.sh CODENAME FOLDER
#
# Fills FOLDER/root with boot/vmlinuz-VERSION and the modules, and FOLDER/version with VERSION. A FOLDER that has a
# version is left as it is. Exit: 0 done, 1 cannot, with the reason as the last line on stderr.
set -eu -o pipefail
export LC_ALL=C

# Debian's own meta package, the same name in all releases.
package=linux-image-cloud-amd64
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

fail() {
  echo "$1" >&2
  exit 1
}

# Where the machine's apt gets its own Debian release from: the others are there too.
mirror() {
  local own
  own=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
  # shellcheck disable=SC2016 # apt's own variables
  apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT) $(IDENTIFIER)' |
    awk -v own="$own" '$4 == "Packages" && $3 == "main" && $2 == own && !seen++ { print $1 }'
}

write_apt_config() {
  local uri

  uri=$(mirror)
  [[ -n $uri ]] || fail "apt on this machine names no Debian mirror"
  [[ -e $keyring ]] || fail "the keyring of Debian is missing: $keyring"
  mkdir -p "$folder/apt/state/lists/partial" "$folder/apt/cache/archives/partial"
  echo "deb [arch=amd64 signed-by=$keyring] $uri $codename main" >"$folder/apt/sources.list"
  : >"$folder/apt/status"
  cat >"$folder/apt/apt.conf" <<CONF
Dir::Etc::sourcelist "$folder/apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "$folder/apt/state";
Dir::State::status "$folder/apt/status";
Dir::Cache "$folder/apt/cache";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "2";
CONF
}

# The image that the meta package stands for.
image_of_meta() {
  apt-cache depends "$package" | awk '$1 == "Depends:" && $2 ~ /^linux-image-/ { print $2; exit }'
}

main() {
  local image tool

  (($# == 2)) || { echo "usage: tests/kernel/fetch.sh CODENAME FOLDER" >&2; exit 2; }
  codename=$1
  mkdir -p "$2"
  folder=$(cd "$2" && pwd)
  [[ ! -s $folder/version ]] || return 0
  for tool in apt-get dpkg-deb; do command -v $tool >/dev/null || fail "$tool is missing"; done
  write_apt_config
  # The machine's files are read too: a proxy stands there. Ours, given last, wins.
  apt-get -q -c "$folder/apt/apt.conf" update >"$folder/apt/log" 2>&1 ||
    fail "apt cannot fetch the list of $codename: $(grep -m1 '^[EW]:' "$folder/apt/log" || echo "no reason given")"
  image=$(APT_CONFIG=$folder/apt/apt.conf image_of_meta)
  [[ -n $image ]] || fail "$codename has no $package"
  (cd "$folder/apt" && apt-get -q -c "$folder/apt/apt.conf" download "$image") >>"$folder/apt/log" 2>&1 ||
    fail "apt cannot fetch $image"
  rm -rf "$folder/root"
  dpkg-deb -x "$folder/apt/$image"_*.deb "$folder/root"
  compgen -G "$folder/root/boot/vmlinuz-*" >/dev/null || fail "$image holds no kernel"
  rm -rf "$folder/apt"
  basename "$folder"/root/boot/vmlinuz-* | sed 's/^vmlinuz-//' >"$folder/version"
}

main "$@"
