#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What `make install` puts where, that the units make sense to systemd and are as confined as they were, and that
# `make uninstall` leaves nothing. Everything goes into a folder of its own; the machine's systemd is not asked.
# shellcheck source=tests/check/lib.bash
. "$(dirname "$0")/lib.bash"

root=$scratch/root
local=$scratch/local
# Exposure in tenths, as systemd-analyze counts it (systemd 252); a lower figure may replace these, a higher one needs a reason.
exposure_jitgated=26
exposure_jitgate_azure=11

wanted() {
  cat <<'END'
755 usr/sbin/jitgated
755 usr/sbin/jitgate-azure
755 usr/bin/jitgate
644 usr/share/man/man1/jitgate.1
644 usr/share/man/man5/jitgate.conf.5
644 usr/share/man/man8/jitgated.8
644 usr/share/man/man8/jitgate-azure.8
644 usr/lib/systemd/system/jitgated.service
644 usr/lib/systemd/system/jitgate-azure.service
644 usr/lib/sysusers.d/jitgate.conf
644 usr/lib/tmpfiles.d/jitgate.conf
644 usr/share/doc/jitgate/README.md
644 usr/share/doc/jitgate/CHANGES
644 usr/share/doc/jitgate/LICENSE
644 usr/share/doc/jitgate/docs/azure.md
644 usr/share/doc/jitgate/docs/bench.md
644 usr/share/doc/jitgate/docs/bench.svg
644 usr/share/doc/jitgate/docs/operations.md
644 usr/share/doc/jitgate/docs/promises.md
644 usr/share/doc/jitgate/jitgate.conf
644 etc/jitgate/jitgate.conf
END
}

make_in() { # DESTDIR PREFIX TARGET
  make --no-print-directory DESTDIR="$1" prefix="$2" "$3"
}

found() {
  find "$1" -type f -printf '%m %P\n' | sort
}

as_wanted() {
  diff <(wanted | sort) <(found "$root")
}

nothing_unfilled() { # no @variable@ and no DESTDIR in what was installed
  grep -rnE '@[a-z]+@' "$root/usr/lib" "$root/etc" | none && grep -rnF "$root" "$root/usr/lib" "$root/etc" | none
}

config_is_good() {
  "$root/usr/bin/jitgate" check-config "$root/etc/jitgate/jitgate.conf"
}

config_is_kept() {
  echo '# mine' >>"$root/etc/jitgate/jitgate.conf"
  make_in "$root" /usr install && tail -n 1 "$root/etc/jitgate/jitgate.conf" | grep -qx '# mine'
}

changed_config_stays() {
  make_in "$root" /usr uninstall && diff <(found "$root") <(echo '644 etc/jitgate/jitgate.conf')
}

nothing_is_left() {
  make_in "$1" "$2" uninstall && find "$1" \( -type f -o -name '*jitgate*' \) | none
}

# Unit files against a root that has the programs and systemd's own units; warnings are failures.
units_verify() {
  SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --root="$scratch/verify" --man=no --recursive-errors=no \
    jitgated.service jitgate-azure.service 2>&1 | none
}

make_verify_root() {
  local base=$scratch/verify
  mkdir -p "$base/usr/lib/systemd" "$base/bin"
  cp -a "$root/." "$base/"
  cp -a /usr/lib/systemd/system/. "$base/usr/lib/systemd/system/"
  cp /bin/kill /bin/mkdir "$base/bin/"
}

mistake_is_seen() { # SED-SCRIPT: with it applied to jitgated.service, verify complains
  local unit=$scratch/verify/usr/lib/systemd/system/jitgated.service rc=0
  sed -i "$1" "$unit"
  units_verify >"$scratch/complaint" || rc=1
  cp "$root/usr/lib/systemd/system/jitgated.service" "$unit"
  cat "$scratch/complaint"
  ((rc))
}

exposure_at_most() { # UNIT TENTHS
  echo "allowed: $2 tenths; what counts:"
  systemd-analyze security --offline=true --no-pager --threshold="$2" "$root/usr/lib/systemd/system/$1" |
    grep -E '^(✗|→)'
  return "${PIPESTATUS[0]}"
}

exposure_of() {
  exposure_at_most "$1" 100 | sed -n 's/.*exposure level for [^:]*: \([0-9.]*\).*/\1/p'
}

# Each page names pages: ours are there, and each program has one.
manual_resolves() {
  local page reference
  for page in "$root"/usr/share/man/man?/*; do
    grep -hoE '^\.Xr jitgate[^ ]* [1-8]' "$page" | sort -u | while read -r _ name section; do
      reference=$root/usr/share/man/man$section/$name.$section
      [[ -e $reference ]] || echo "$page: refers to $name($section), which is not there"
    done
    mandoc "$page" >/dev/null || echo "$page: mandoc cannot show it"
  done | none
}

# What a page lists as options is what the program says about itself.
options_are_documented() {
  local program page option
  while read -r program page; do
    "$root/usr/$program" --help | grep -oE -- '(^|[ |[])--[a-z-]+' | tr -d ' |[' | sort -u | while read -r option; do
      mandoc "$root/usr/share/man/$page" | sed 's|.\x08||g' | grep -qF -- "$option" || echo "$page: does not mention $option"
    done
  done <<'END' | none
bin/jitgate man1/jitgate.1
sbin/jitgated man8/jitgated.8
sbin/jitgate-azure man8/jitgate-azure.8
END
}

users_and_folders() { # systemd's own tools, on a root of its own
  local base=$scratch/users owner
  mkdir -p "$base/etc"
  systemd-sysusers --root="$base" "$root/usr/lib/sysusers.d/jitgate.conf" &&
    systemd-tmpfiles --root="$base" --create "$root/usr/lib/tmpfiles.d/jitgate.conf" || return 1
  grep -q '^jitgate-azure:' "$base/etc/passwd" || return 1
  owner=$(awk -F : '$1 == "jitgate" { print $3 }' "$base/etc/passwd")
  diff <(stat -c '%a %u' "$base/run/jitgate" "$base/var/lib/jitgate") <(printf '755 0\n700 %s\n' "$owner")
}

prefix_reaches_units() {
  make_in "$local" /usr/local install &&
    grep -q '^ExecStart=/usr/local/sbin/jitgated -c /etc/jitgate/jitgate.conf$' \
      "$local/usr/local/lib/systemd/system/jitgated.service" && [[ -x $local/usr/local/bin/jitgate ]]
}

skip() { # NAME WHY
  tap_n=$((tap_n + 1))
  echo "ok $tap_n - $1 # SKIP $2"
}

check "make install works" make_in "$root" /usr install
check "it installs these files, with these modes, and no other" as_wanted
check "every path in units and config is filled in" nothing_unfilled
check "the installed config is good" config_is_good
check "the manual's pages resolve" manual_resolves
check "every option is in the manual" options_are_documented
check "a root for systemd-analyze" make_verify_root
check "systemd-analyze verify has nothing to say" units_verify
check "it does when a key is misspelt" mistake_is_seen 's/^ProtectSystem=/ProtectSytem=/'
check "it does when a program is not there" mistake_is_seen 's|^ExecStart=/usr/sbin/|ExecStart=/usr/bin/|'
echo "# exposure: jitgated $(exposure_of jitgated.service), jitgate-azure $(exposure_of jitgate-azure.service)"
check "jitgated.service is confined" exposure_at_most jitgated.service $exposure_jitgated
check "jitgate-azure.service is confined" exposure_at_most jitgate-azure.service $exposure_jitgate_azure
if ((EUID == 0)); then
  check "users and folders are made" users_and_folders
else
  skip "users and folders are made" "needs root"
fi
check "a config that is there is not overwritten" config_is_kept
check "uninstall leaves a changed config alone" changed_config_stays
rm -f "$root/etc/jitgate/jitgate.conf"
check "another prefix reaches programs and units" prefix_reaches_units
check "uninstall leaves nothing" nothing_is_left "$local" /usr/local
end_checks
