#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What the daemons may still do once they run, and what is linked into them.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin sandbox

start_emulator
put_policy 22/TCP || die "arm refuses the policy"
serve 22/tcp
must_start_jitgated
start_azure
check "both daemons work" closes_for $cli4 22 15

status_of() { awk -v key="$2:" '$1 == key { $1 = ""; sub(/^ /, ""); print }' "/proc/${pids[$1]}/status"; }
for name in jitgated azure; do
  case $name in jitgated) uid=64000 ;; *) uid=$feed_uid ;; esac
  is "$name: all its uids are the user's" "$uid $uid $uid $uid" "$(status_of "$name" Uid | xargs)"
  is "$name: all its gids are the user's" "$uid $uid $uid $uid" "$(status_of "$name" Gid | xargs)"
  is "$name: no supplementary groups" "" "$(status_of "$name" Groups | xargs)"
  for set in CapInh CapPrm CapEff CapBnd CapAmb; do
    is "$name: $set is empty" 0000000000000000 "$(status_of "$name" $set)"
  done
  is "$name: no new privileges" 1 "$(status_of "$name" NoNewPrivs)"
  is "$name: seccomp filters" 2 "$(status_of "$name" Seccomp)"
done

# jitgated opens nothing of the network; jitgate-azure holds no BPF object.
holds() { readlink "/proc/${pids[$1]}/fd/"* | grep "$2"; }
inet_inodes() { in_srv cat /proc/net/{tcp,tcp6,udp,udp6,raw,raw6} | awk '$10 ~ /^[1-9]/ { print "socket:[" $10 "]" }'; }
has_inet_socket() { readlink "/proc/${pids[$1]}/fd/"* | grep -xF -f <(inet_inodes); }
fails "jitgate-azure holds no map and no program" holds azure bpf
check "jitgated holds maps" holds jitgated bpf-map
fails "jitgated holds no Internet socket" has_inet_socket jitgated
check "the echo server does" has_inet_socket server

# The feed's user can reach neither the control of the enforcer nor its files.
as_feed() { setpriv --reuid "$feed_uid" --regid "$feed_uid" --clear-groups "$@"; }
asks_control() { "$@" "$build/probe" ask "$tmp/run/control.sock" "status json" | grep ^OK; }
fails "the feed's user cannot read the state" as_feed cat "$tmp/state/snapshot"
fails "the feed's user cannot read the pins" as_feed ls "$pin"
fails "the feed's user cannot use the control socket" asks_control as_feed
check "root can" asks_control env

# Names: a thread of libcurl's looks them up, in the file and by DNS, where nobody answers. The list of calls allows it.
printf '%s\n' "127.0.0.1 arm.example.test" >"$tmp/hosts"
printf '%s\n' 'nameserver 127.0.0.1' 'options timeout:1 attempts:1' >"$tmp/resolv.conf"
by_name() { # NAME
  conf_azure[arm_endpoint]="\"https://$1:${arm##*:}\""
  write_conf
  # shellcheck disable=SC2016 # for the inner shell
  said=$(in_srv unshare -m bash -c 'mount --bind "$0/hosts" "$(readlink -f /etc/hosts)" &&
    mount --bind "$0/resolv.conf" "$(readlink -f /etc/resolv.conf)" && exec "$@"' "$tmp" \
    timeout 30 "$build/jitgate-azure" -c "$tmp/jitgate.conf" --once 2>&1)
}
by_name arm.example.test
is "a name in the file is found" 1 "$?"
like "up to its certificate, which is for another" '[Cc]ertificate|SSL' "$said"
by_name none.example.test
is "a name that nobody knows ends nothing" 1 "$?"
like "and is said" 'Could not resolve host: none.example.test' "$said"

links() { ldd "$build/$1" | awk '{ print $1 }' | grep -E "$2"; }
fails "jitgated is linked with neither curl nor cjson nor TLS" links jitgated 'curl|cjson|ssl|gnutls|crypto'
fails "jitgate-azure is not linked with libbpf" links jitgate-azure bpf
check "jitgated has libbpf" links jitgated bpf
check "jitgate-azure has curl" links jitgate-azure curl
finish
