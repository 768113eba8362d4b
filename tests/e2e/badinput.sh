#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Starting up in broken surroundings: one line that names the thing and the remedy, the right exit code, and what was
# enforced before goes on. A daemon with a grant was here and has left its enforcement in place.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

begin badinput

serve 22/tcp
must_start_jitgated
feed_sync port=22/tcp grant=$cli4,22/tcp,10m
remember

# refused NAME EXIT-CODE PATTERN: a start with the config as it is now ends so.
refused() {
  local rc
  try_jitgated
  rc=$?
  is "$1: exit code" "$2" "$rc"
  is "$1: one line" 1 "$(grep -c . <<<"$said")"
  like "$1: names it" "$3" "$said"
}
# with KEY VALUE: another value for one key; back_to_good ends it.
with() { conf[$1]=$2 && write_conf; }
back_to_good() { conf_defaults; }
line_of() { grep -n -m1 "$1" "$tmp/jitgate.conf" | cut -d: -f1; }

# 1. A second instance, while the first lives.
refused "second instance" 1 'already|another|running'
untouched "second instance: nothing changes"
check "second instance: the first goes on" jg status
stop jitgated
untouched "enforcement is in place without a daemon"

# 2. The config file.
with colour '"red"'
refused "unknown key" 78 "jitgate\\.conf:$(line_of colour):.*colour"
named_by() { # COMMAND…: the other programs that read the file say the same
  said=$(in_srv timeout 10 "$@" 2>&1)
  is "unknown key: ${*##*/}: exit code" 78 $?
  like "unknown key: ${*##*/}: names it" "jitgate\\.conf:$(line_of colour):.*colour" "$said"
}
named_by "$build/jitgate-azure" -c "$tmp/jitgate.conf"
named_by "$build/jitgate" -c "$tmp/jitgate.conf" status
named_by "$build/jitgate" check-config "$tmp/jitgate.conf"
back_to_good
check "check-config accepts a good one" jg check-config "$tmp/jitgate.conf"
echo 'mode = "audit"
mode = "enforce"' >>"$tmp/jitgate.conf"
refused "duplicate key" 78 "jitgate\\.conf:$(wc -l <"$tmp/jitgate.conf"):.*mode"
back_to_good
with max_grants 5
refused "number out of range" 78 "jitgate\\.conf:$(line_of max_grants):.*max_grants.*5"
with max_grants 256
conf_azure[poll_live]='"1s"'
write_conf
refused "duration out of range" 78 "jitgate\\.conf:$(line_of poll_live):.*poll_live.*1s"
back_to_good
with protect '{"70000/tcp"}'
refused "port out of range" 78 "jitgate\\.conf:$(line_of protect):.*70000"
back_to_good
with mode '"lenient"'
refused "unknown mode" 78 "jitgate\\.conf:$(line_of mode):.*lenient"
back_to_good
with run_dir "\"$tmp/$(printf 'x%.0s' {1..120})\""
refused "socket path too long" 78 "jitgate\\.conf:$(line_of run_dir):.*run_dir.*long"
back_to_good
conf_azure[arm_endpoint]='"http://arm.example.net"'
write_conf
refused "an endpoint without TLS" 78 "jitgate\\.conf:$(line_of arm_endpoint):.*https"
back_to_good
chmod 0646 "$tmp/jitgate.conf"
refused "config writable by others" 78 'jitgate\.conf.*writ'
chmod 0644 "$tmp/jitgate.conf"
chown 65533 "$tmp/jitgate.conf"
refused "config of another owner" 78 'jitgate\.conf.*(own|root)'
back_to_good
rm "$tmp/jitgate.conf"
refused "no config" 78 'jitgate\.conf'
back_to_good
untouched "bad configs change nothing"

# 3. Not root.
said=$(in_srv setpriv --reuid 64000 --regid 64000 --clear-groups "$build/jitgated" -c "$tmp/jitgate.conf" 2>&1)
is "not root: exit code" 1 $?
is "not root: one line" 1 "$(grep -c . <<<"$said")"
like "not root: says so" root "$said"

for program in jitgated jitgate-azure jitgate; do
  in_srv timeout 10 "$build/$program" --no-such-option >/dev/null 2>&1
  is "wrong use of $program: exit code" 2 $?
done

# 4. Interfaces. A second set of pins, so that the first stays what it is.
elsewhere() {
  conf[pin_dir]="\"$tmp/bpf/other\"" conf[run_dir]="\"$tmp/run2\"" conf[state_dir]="\"$tmp/state2\""
  write_conf
}
elsewhere
if in_srv ip tuntap add dev jgtun0 mode tun 2>/dev/null; then
  with interfaces '{"jgtun0"}'
  refused "tun device" 1 'jgtun0.*(Ethernet|link)'
  in_srv ip tuntap del dev jgtun0 mode tun
else
  skip "tun device" "this kernel has no tun device to offer"
fi

# Another XDP program: any will do, so it is our own, loaded by somebody else.
in_srv ip link add jgother0 type veth peer name jgother1
bpftool prog loadall "$build/gate.bpf.o" "$tmp/bpf/foreign" >/dev/null || die "bpftool cannot load a program"
in_srv bpftool net attach xdp pinned "$tmp/bpf/foreign/root" dev jgother0
foreign=$(in_srv ip -j link show jgother0 | jq -r '.[0].xdp.prog.id')
with interfaces '{"jgother0"}'
refused "another XDP program" 1 "jgother0.*id $foreign"
is "another XDP program: it stays" "$foreign" "$(in_srv ip -j link show jgother0 | jq -r '.[0].xdp.prog.id')"
in_srv ip link del jgother0
with interfaces "{\"$srv_if\"}"
refused "an interface that another set of pins holds" 1 "$srv_if.*id $(xdp_id)"
untouched "an interface that another set of pins holds: nothing changes"

# 5. Pins of a version that this program does not know, and no bpffs to pin to.
rm -rf "$tmp/bpf/other"
mkdir -m 0700 "$tmp/bpf/other"
bpftool map create "$tmp/bpf/other/grants_v2" type hash key 4 value 4 entries 1 name grants_v2 >/dev/null
refused "pins of another version" 1 'grants_v2'
check "pins of another version: they stay" test -e "$tmp/bpf/other/grants_v2"
rm -rf "$tmp/bpf/other"
with pin_dir "\"$tmp/plain/gate\""
mkdir "$tmp/plain"
refused "no bpffs" 1 'bpf.*mount|mount.*bpf'

# 6. Socket paths.
back_to_good
stop jitgated
mv "$tmp/run" "$tmp/run.good"
mkdir "$tmp/run"
echo precious >"$tmp/run/feed.sock"
refused "socket path taken by a file" 1 'feed\.sock'
is "socket path taken by a file: it stays" precious "$(<"$tmp/run/feed.sock")"
rm "$tmp/run/feed.sock"
start listener "$ns_srv" "$build/probe" unix-listen "$tmp/run/control.sock"
wait_for 5 grep -q listening "$tmp/listener.log"
refused "socket path taken by a listener" 1 'control\.sock'
check "socket path taken by a listener: it lives" alive listener
stop listener
untouched "up to here nothing has changed"
must_start_jitgated
check "a socket file that nobody listens on is replaced" jg status
untouched "and the new daemon takes over what is there"

# 7. The state file. After a reboot it is the only source; what cannot be read opens nothing and stops nothing.
feed_sync port=22/tcp port=2022/tcp grant=$cli4,22/tcp,10m
stop jitgated
cp "$tmp/state/snapshot" "$tmp/good"
mark=0

# reboot_with WHAT FILE: nothing pinned, that state file. The daemon has to start, and to close what `protect` names.
reboot_with() {
  stop jitgated
  forget_kernel || die "the program is still attached"
  cp "$2" "$tmp/state/snapshot"
  mark=$(mark_log jitgated)
  must_start_jitgated
  check "$1: the neighbour is closed out" silent_for $nbr4 22
}
# state_ignored WHAT PATTERN
state_ignored() {
  check "$1: nothing of it is taken" silent_for $cli4 22
  like "$1: the log names file and reason" "$2" "$(log_since jitgated "$mark" | grep -i 'snapshot')"
  feed_sync port=22/tcp grant=$cli4,22/tcp,10m
  check "$1: the next good snapshot counts" tcp_from $cli4 22
}
reboot_with "good state file" "$tmp/good"
check "good state file: the grant is open" tcp_from $cli4 22
head -c $(($(stat -c %s "$tmp/good") - 100)) "$tmp/good" >"$tmp/bad"
reboot_with "truncated state file" "$tmp/bad"
state_ignored "truncated state file" snapshot
cp "$tmp/good" "$tmp/bad"
printf '\x63' | dd of="$tmp/bad" bs=1 seek=8 conv=notrunc status=none
reboot_with "state file of another version" "$tmp/bad"
state_ignored "state file of another version" version
cp "$tmp/good" "$tmp/bad"
printf 'X' | dd of="$tmp/bad" bs=1 seek=200 conv=notrunc status=none
reboot_with "state file with a flipped byte" "$tmp/bad"
state_ignored "state file with a flipped byte" snapshot
: >"$tmp/bad"
reboot_with "empty state file" "$tmp/bad"
state_ignored "empty state file" snapshot
finish
