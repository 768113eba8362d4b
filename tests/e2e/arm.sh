#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Arming without lock-out, on real sessions: audit mode enforces on trial and is audit again by itself, with the agent
# dead, too; who would be cut is told before, and one's own session is not cut by accident.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin arm

# A shell behind a TCP session to port 22, as sshd would give: the process above it holds the socket. Lines go in by one
# descriptor, what comes back is in shell.said.
shell_open() { # SOURCE
  : >"$tmp/shell.said"
  mkfifo "$tmp/shell.in" 2>/dev/null
  nsenter --net="/run/netns/$(home_of "$1")" -- socat - "TCP4:$srv4:22,bind=$1" <"$tmp/shell.in" >"$tmp/shell.said" 2>"$tmp/shell.log" &
  pids[shell]=$!
  exec 7>"$tmp/shell.in"
}
shell_close() {
  exec 7>&-
  stop shell
}
# shell_do COMMAND…: in that shell; what it said is in $said, its exit code in $rc.
shell_do() { shell_try 5 "$@"; }
shell_try() { # SECONDS COMMAND…
  local mark seconds=$1
  shift
  mark=$(wc -c <"$tmp/shell.said")
  echo "$* 2>&1; echo end-\$?" >&7
  wait_for "$seconds" shell_ended "$mark" || { said='' rc=none; return 1; }
  said=$(tail -c "+$((mark + 1))" "$tmp/shell.said")
  rc=${said##*end-}
  said=${said%end-*}
}
shell_ended() { tail -c "+$(($1 + 1))" "$tmp/shell.said" | grep '^end-' >/dev/null; }
shell_answers() { shell_try "${1:-5}" true; }
mode() { jg status --json | jq -r .mode; }
arming() { jg status --json | jq -r ".arming.$1"; }
one_line() { tr -s ' \n' ' '; }
first_line() { jg status | sed -n 1p; }
boot_ms() { awk '{ printf "%d", $1 * 1000 }' /proc/uptime; }

command="$build/jitgate -c $tmp/jitgate.conf"
start sshd "$ns_srv" socat TCP4-LISTEN:22,reuseaddr,fork 'EXEC:/bin/bash --norc'
serve 2022/tcp 3022/tcp 80/tcp
conf[mode]='"audit"'
conf[protect]='{"22/tcp", "2022/tcp", "3022/tcp"}'
conf['port "3022/tcp" { session']='"keep" }'
must_start_jitgated
feed_sync port=22/tcp grant=$cli4,22/tcp,10m grant=$cli4,2022/tcp,10m
is "it begins in audit mode" audit "$(mode)"
check "which drops nothing" tcp_from $nbr4 2022

# 1. One's own session would be cut: refused, and nothing has changed.
shell_open $nbr4
check "a shell through port 22, from a source without a grant" wait_for 5 shell_answers
state_of() { bpftool -j map lookup pinned "$pin/state_v1" key 0 0 0 0 | jq -c '(.formatted // .).value | [.mode, .confirm_until_boot_ns, .generation]'; }
before=$(state_of)
shell_do "$command arm --confirm 5m"
is "arming from it is refused" 1 "$rc"
like "it is shown as what would be cut, and whose it is" "^$nbr4 .* 22/tcp +WOULD BE CUT, yours" "$said"
like "and what to do is said" "refused: your own session, from $nbr4 to 22/tcp, would be cut.*--force" "$said"
is "nothing has changed" "$before" "$(state_of)"
check "the session goes on" shell_answers
shell_do "$command arm --json"
is "the same in JSON" "1 true true null" "$rc $(head -n 1 <<<"$said" | jq -r '"\(.sessions[0].cut) \(.sessions[0].own) \(.answer)"')"

# 2. A session of somebody else's is shown, and does not stand in the way; who has a grant stays.
start_hold other $nbr4 2022 60s 2s
start_hold granted $cli4 2022 120s 2s
feed_sync port=22/tcp grant=$cli4,22/tcp,10m grant=$cli4,2022/tcp,10m grant=$cli4,3022/tcp,10m
start_hold kept $cli4 3022 60s 2s
feed_sync port=22/tcp grant=$cli4,22/tcp,10m grant=$cli4,2022/tcp,10m
start_hold late $cli4 3022 60s 2s
said=$(jg arm --confirm 60s)
is "arming from elsewhere goes" 0 $?
like "the other session is shown as one to be cut" "^$nbr4 .* 2022/tcp +WOULD BE CUT\$" "$said"
like "the granted one as one that stays" "^$cli4 .* 2022/tcp +stays\$" "$said"
like "one whose port keeps it, as one that goes on" "^$cli4 .* 3022/tcp +stays: by session = keep\$" "$said"
like "but not one that began after the grant" "^$cli4 .* 3022/tcp +WOULD BE CUT\$" "$said"
like "which of them is one's own could not be told" 'which of them is yours' "$(one_line <<<"$said")"
like "and how long it lasts" '^ENFORCING on trial until ' "$said"
is "status says enforce" enforce "$(mode)"
like "its first line says that it is on trial" '^jitgate [0-9.]+: ON TRIAL: audit again at .* unless confirmed' "$(first_line)"
check "the port is closed" closes_for $nbr4 2022 3
check "the granted source gets in" tcp_from $cli4 2022
await other 5
like "the session without a grant is cut" end=stall "$(grep end= "$tmp/other.log")"
await late 5
like "so is the one that began too late" end=stall "$(grep end= "$tmp/late.log")"
check "the one that is kept goes on" alive kept
end_hold kept held
check "disarm ends it" jg disarm
is "status says audit" audit "$(mode)"
check "nothing is dropped" opens_for $nbr4 2022 3s

# 3. By force: the own session stops, and comes back when nobody confirms.
check "the shell is there" wait_for 10 shell_answers
armed_at=$(boot_ms)
echo "$command arm --confirm 5s --force" >&7
check "with --force it arms" closes_for $nbr4 2022 3
fails "and the session is cut: the shell does not answer" shell_answers 1
is "while it is enforced" enforce "$(mode)"
check "audit again by itself" opens_for $nbr4 2022 10s
within "after the five seconds" 4900 $(($(boot_ms) - armed_at)) 15000
is "status says audit" audit "$(mode)"
like "and in its first line that it was not confirmed" 'AUDIT: nothing is dropped, arming was NOT CONFIRMED in time' "$(first_line)"
check "the log says it loudly" grep -q 'arming was not confirmed in time: AUDIT again' "$tmp/jitgated.log"
check "the session comes back" wait_for 30 shell_answers
shell_close
said=$(jg confirm 2>&1)
is "it is too late to confirm" 1 $?
like "and why" 'too late, the trial is over' "$said"

# 4. With the agent dead the kernel alone falls back; the feed is dead too. Dropped before, passes after.
said=$(jg arm --confirm 3s --json)
is "armed" "enforce false" "$(jq -r '"\(.answer.mode) \(.answer.confirmed)"' <<<"$said")"
kill9 jitgated
check "with jitgated killed it is enforced" silent_for $nbr4 2022
like "status reads that out of the maps" 'ON TRIAL: audit again at' "$(first_line)"
check "and falls back to audit in the kernel" opens_for $nbr4 2022 10s
is "status says audit" audit "$(mode)"
must_start_jitgated
check "the next start says so" grep -q 'arming was not confirmed in time' <(tail -n 20 "$tmp/jitgated.log")

# 5. A restart in between goes on with the trial; a confirmation lasts over restart and reboot.
check "armed" jg arm --confirm 60s
kill9 jitgated
must_start_jitgated
is "a restart goes on with the trial" "enforce true" "$(mode) $([[ $(arming trial_until) != null ]] && echo true)"
check "which enforces" silent_for $nbr4 2022
said=$(jg confirm)
is "it is confirmed" 0 $?
like "and told to be put into the config" 'Put mode = "enforce" into it' "$(one_line <<<"$said")"
is "status says enforce, confirmed, on no trial" "enforce true null" "$(mode) $(arming confirmed) $(arming trial_until)"
like "and that the config says audit" 'the config says mode = "audit"' "$(jg status | one_line)"
kill9 jitgated
must_start_jitgated
is "a restart keeps it" "enforce true" "$(mode) $(arming confirmed)"
stop jitgated
rm -r "$pin" # what a reboot takes away
check "without pins the port is open" opens_for $nbr4 2022 3s
must_start_jitgated
is "a reboot keeps it" "enforce true" "$(mode) $(arming confirmed)"
check "and the port is closed" silent_for $nbr4 2022
end_hold granted held
is "the granted session lived through all of it" "stopped" "${held[end]}"
said=$(jg arm)
is "arming what is armed is no error" 0 $?
like "and does nothing" 'there is nothing to arm' "$said"

# 6. Another mode in the config rules.
conf[mode]='"enforce"'
write_conf
reload_jitgated
is "the config enforces" "enforce false" "$(mode) $(arming confirmed)"
check "the record of the confirmation is gone" test ! -e "$tmp/state/armed"
like "arming has nothing to do then" 'the config says mode = "enforce", which is in force: there is nothing to arm' "$(jg arm | one_line)"
conf[mode]='"audit"'
write_conf
reload_jitgated
is "audit in the config is audit" audit "$(mode)"
stop jitgated
must_start_jitgated
is "also after a restart" audit "$(mode)"

# 7. A record that cannot be read is there all the same.
check "armed and confirmed" jg arm --force
check "confirmed" jg confirm
stop jitgated
: >"$tmp/state/armed"
chmod 0 "$tmp/state/armed"
must_start_jitgated
is "an empty one counts" enforce "$(mode)"
stop jitgated
rm "$tmp/state/armed"
ln -s nowhere "$tmp/state/armed"
must_start_jitgated
is "so does one that is no file" enforce "$(mode)"
like "which is said" 'armed: .*taken as confirmed' "$(tail -n 20 "$tmp/jitgated.log")"
check "disarm removes it" jg disarm
check "disarm removed it" test ! -L "$tmp/state/armed"
is "and it is audit" audit "$(mode)"

# Nor does a disk that does not answer close what was never armed, or open what was confirmed.
start_with_eio() { # NAME CALLS
  stop jitgated
  mark=$(mark_log jitgated)
  start_ready jitgated "$ns_srv" strace -D -qq -o "$tmp/calls" -P "$tmp/state/armed" -P armed -e "trace=$2" \
    -e "inject=$2:error=EIO:when=1" "$build/jitgated" -c "$tmp/jitgate.conf"
  is "$1: it starts" 0 $?
  is "$1: on these errors" "$(tr ',' '\n' <<<"$2" | wc -l)" "$(grep -c INJECTED "$tmp/calls")"
}
start_with_eio "never armed, once unreadable" openat
is "never armed, once unreadable: audit" audit "$(mode)"
start_with_eio "never armed, not to be told" openat,newfstatat
is "never armed, not to be told: audit" audit "$(mode)"
like "it says so" 'armed: .*not even whether it is there can be told.*cannot be read: AUDIT, as the config says' \
  "$(log_since jitgated "$mark" | one_line)"
check "armed once more" jg arm --force
check "and confirmed" jg confirm
start_with_eio "confirmed, not to be told" openat,newfstatat
is "confirmed, not to be told: enforce" enforce "$(mode)"
like "it says that, too" 'cannot be read: ENFORCING goes on, as before this start' "$(log_since jitgated "$mark" | one_line)"
check "it is disarmed" jg disarm
check "and the record is gone" test ! -e "$tmp/state/armed"

# 8. Who may: root alone. Usage.
said=$(in_srv setpriv --reuid 64000 --regid 64000 --clear-groups "$build/jitgate" -c "$tmp/jitgate.conf" arm 2>&1)
is "an ordinary user may not arm" 1 $?
like "and is told so" 'only root' "$said"
ask_as() { # UID LINE
  in_srv setpriv --reuid "$1" --regid 64000 --clear-groups socat -t 5 - "UNIX-CONNECT:$tmp/run/control.sock" <<<"$2"
}
is "nor by way of the socket, which it may read" "ERR only root may change anything; use sudo" "$(ask_as 64000 'arm text 60')"
like "it may read" '^OK ' "$(ask_as 64000 'status text')"
is "nothing has changed" audit "$(mode)"
like "root may, the same way" '^OK ' "$(ask_as 0 'arm text 60')"
is "and something has changed" enforce "$(mode)"
stop jitgated

# 9. The first start with nothing to close waits for the first answer; one that fails opens nothing that was closed.
in_srv "$build/jitgated" -c "$tmp/jitgate.conf" --detach >/dev/null 2>&1
rm -rf "$tmp/state"
conf[mode]='"enforce"'
conf[protect]='{}'
must_start_jitgated
is "the first start waits" "audit true" "$(mode) $(arming waiting_for_first_answer)"
like "and says so in the first line" 'WAITING for the first answer: nothing is dropped' "$(first_line)"
troubled() { [[ $(jg status --json | jq -r .feed.last_error) == *nothing* ]]; }
feed no-snapshot trouble=nothing >/dev/null
check "trouble comes" wait_for 3 troubled
is "which is no answer: it waits on" "audit true" "$(mode) $(arming waiting_for_first_answer)"
feed_sync port=22/tcp port=2022/tcp grant=$cli4,2022/tcp,10m
is "with the first answer it enforces" "enforce false" "$(mode) $(arming waiting_for_first_answer)"
check "and closes" silent_for $nbr4 2022
kill9 jitgated
must_start_jitgated
feed no-snapshot trouble=nothing >/dev/null
check "trouble comes again" wait_for 3 troubled
is "a later start does not wait" "enforce false" "$(mode) $(arming waiting_for_first_answer)"
check "and what was closed is closed" silent_for $nbr4 2022
stop jitgated
finish
