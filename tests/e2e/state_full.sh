#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The disk of the state folder is full, or read-only: what is granted and opened is in force all the same, that it is not
# saved is said in the log and by status as long as it is so, a reboot widens nothing, and all is saved once there is room.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin state_full

mkdir "$tmp/state"
mount -t tmpfs -o size=64k,mode=0700 tmpfs "$tmp/state" || die "cannot mount a tmpfs"
trap 'umount -l "$tmp/state" 2>/dev/null; clean_up' EXIT
fill() { dd if=/dev/zero of="$tmp/state/ballast" bs=4096 status=none 2>/dev/null; }
unsaved() { jg status --json | jq -r '.unsaved // "nothing"'; }
is_saved() { [[ $(unsaved) == nothing ]]; }
first_line() { jg status | sed -n 1p; }
lines() { log_since jitgated "$mark" | grep -cE -- "$1"; }
reboot() {
  kill9 jitgated
  forget_kernel || die "the program is still attached"
  must_start_jitgated
}

serve 22/tcp
must_start_jitgated
feed_sync port=22/tcp port=2022/tcp grant=$cli4,22/tcp,20m
is "the state is saved" nothing "$(unsaved)"
saved=$(cksum <"$tmp/state/snapshot")

# 1. Full. Answers and orders go on.
fill
mark=$(mark_log jitgated)
feed_sync port=22/tcp port=2022/tcp grant=$cli4,22/tcp,20m grant=$cli4b,22/tcp,20m
check "the disk is full: a new grant is in force" tcp_from $cli4b 22
check "and so is the one of before" tcp_from $cli4 22
check "while others stay out" silent_for $nbr4 22
is "the log says so, and what comes of it" 1 "$(lines '<3>|cannot save the state: No space left on device; enforcement goes on, but a reboot')"
feed_sync port=22/tcp port=2022/tcp grant=$cli4,22/tcp,20m grant=$cli4b,22/tcp,20m
is "once, not at each answer" 1 "$(lines 'cannot save the state')"
is "status says what is not saved, and why" "the state (No space left on device)" "$(unsaved)"
like "in its first line, too" 'NOT SAVED for the next start: the state' "$(first_line)"
is "the file of before is whole" "$saved" "$(cksum <"$tmp/state/snapshot")"
said=$(jg open 22 --from $cli4c --for 10m --reason test 2>&1)
is "opening by hand is done, and not well" 1 $?
like "and says why" 'NOT SAVED \(No space left on device\): it is open, but' "$(tr -s ' \n' ' ' <<<"$said")"
check "it is open" tcp_from $cli4c 22
like "status says that, too" 'the state \(.*\), what was opened by hand \(No space left' "$(unsaved)"
is "nothing is left of what could not be written" "ballast snapshot" "$(find "$tmp/state" -mindepth 1 -printf "%f\n" | sort | paste -sd " ")"

# 2. A reboot with a full disk: what was saved before counts, and nothing else.
reboot
check "the grant that was saved is open after a reboot" tcp_from $cli4 22
check "the one that was not is closed" silent_for $cli4b 22
check "so is what was opened by hand" silent_for $cli4c 22
check "and what nobody granted" silent_for $nbr4 22
is "of the ports none is forgotten" "22 2022" "$(jg status --json | jq -r '[.ports[].port] | unique | join(" ")')"

# 3. There is room again: it is saved without anybody's doing.
feed_sync port=22/tcp port=2022/tcp grant=$cli4,22/tcp,20m grant=$cli4b,22/tcp,20m
jg open 22 --from $cli4c --for 10m --reason test >/dev/null 2>&1
fails "once more it is not saved" is_saved
mark=$(mark_log jitgated)
rm "$tmp/state/ballast"
check "with room it is saved by itself" wait_for 8 is_saved
is "each of both is said" 2 "$(lines '(the state|what was opened by hand) could be saved after all')"
reboot
check "after a reboot the new grant is open" tcp_from $cli4b 22
check "and so is what was opened by hand" tcp_from $cli4c 22
check "while others stay out" silent_for $nbr4 22
jg close 22 --from $cli4c >/dev/null || die "it cannot be closed"

# 4. Read-only, as a disk with errors is; with the record of an order, and over a restart.
conf[mode]='"audit"'
write_conf
reload_jitgated
jg arm --confirm 60s --force >/dev/null 2>&1
mount -o remount,ro "$tmp/state" || die "cannot remount"
jg confirm >/dev/null 2>&1
is "read-only: a confirmation counts, and is not well" 1 $?
is "it enforces" enforce "$(jg status --json | jq -r .mode)"
like "and status says what is not saved" 'that arming was confirmed \(Read-only file system\)' "$(unsaved)"
feed_sync port=22/tcp port=2022/tcp grant=$cli4,22/tcp,20m
check "a revoked grant is closed" silent_for $cli4b 22
mark=$(mark_log jitgated)
mount -o remount,rw "$tmp/state"
check "when it can be written again, it is saved by itself" wait_for 8 is_saved
check "the record, too" test -e "$tmp/state/armed"
mount -o remount,ro "$tmp/state"
kill9 jitgated
must_start_jitgated
is "a start from a folder that is read-only enforces what was confirmed" enforce "$(jg status --json | jq -r .mode)"
check "the grant goes on" tcp_from $cli4 22
check "the revoked one does not come back" silent_for $cli4b 22
stop jitgated
finish
