#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The command against an agent that answers well, badly, late or not at all; its arguments; its exit codes. The agent
# here is socat with a prepared answer, so that it can be made to misbehave.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

tmp=$(mktemp -d "${TMPDIR:-/tmp}/jitgate-command.XXXXXX")
agent=
clean_up() {
  [[ -z $agent ]] || kill "$agent" 2>/dev/null
  rm -rf "$tmp"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

config=$tmp/jitgate.conf
sock=$tmp/control.sock
cat >"$config" <<END
run_dir = "$tmp"
pin_dir = "$tmp/pins"
protect = {"22/tcp"}
END
chmod 644 "$config"

# agent_says FORMAT: the next question gets this answer (printf's escapes); it is kept in $tmp/question.
agent_says() {
  # shellcheck disable=SC2059 # the format is the argument
  printf "$1" >"$tmp/answer"
  start_agent "cat >$tmp/question; cat $tmp/answer"
}

start_agent() {
  rm -f "$sock"
  [[ -z $agent ]] || wait "$agent"
  socat -t 20 "UNIX-LISTEN:$sock,mode=0666" "SYSTEM:$1" 2>"$tmp/socat" &
  agent=$!
  wait_for 5 test -S "$sock"
}

# run WORD…: sets said, complained and rc.
run() {
  said=$("$build/jitgate" -c "$config" "$@" 2>"$tmp/complaint")
  rc=$?
  complained=$(<"$tmp/complaint")
}

agent_says 'OK 12\nfirst\nlast\n\n'
run status
is "status: the answer is printed as it came" $'first\nlast' "$said"
is "status: exit code" 0 $rc
is "status: the question" "status text" "$(<"$tmp/question")"

agent_says 'OK 3\n[]\n'
run list --json
is "list --json: the answer" "[]" "$said"
is "list --json: the question" "list json" "$(<"$tmp/question")"

agent_says 'OK 0\n'
run explain 2001:DB8::0:1 53/UDP
is "explain: an empty answer is an answer" 0 $rc
is "explain: the question is in canonical form" "explain text 2001:db8::1 53 udp" "$(<"$tmp/question")"

agent_says 'ERR not now\033[2J\n'
run status
is "the agent's refusal: exit code" 1 $rc
like "the agent's refusal is said, without its escape sequence" '^jitgate: not now[^[:cntrl:]]+\[2J$' "$complained"

agent_says 'OK 100\nhalf'
run list
is "an answer that was cut short is not printed" "" "$said"
like "an answer that was cut short is an error" 'cut short after 4 of 100 bytes' "$complained"
is "an answer that was cut short: exit code" 1 $rc

agent_says 'OK 2\nmore'
run list
like "more than announced is an error" 'more than the 2 bytes' "$complained"

for answer in 'HTTP/1.1 200 OK\r\n\r\n' 'OK \n' 'OK 0x10\n' 'OK -1\n' 'OK 99999999999999999999\n'; do
  agent_says "$answer"
  run list
  like "not an answer: ${answer//\\/}" "not jitgated's answer" "$complained"
done

agent_says ''
run status
like "an agent that hangs up" 'hung up' "$complained"

start_agent 'exec sleep 12'
tick
before=$now
run status
tick
like "an agent that does not answer is given up" 'did not answer within 10 s' "$complained"
within "after ten seconds" 9900 $((now - before)) 11500
kill "$agent"
wait "$agent" 2>/dev/null
agent=
rm -f "$sock"

run explain 203.0.113.7 22
like "nobody listens: explain says what to do" 'jitgated does not run .*systemctl start jitgated' "$complained"
is "nobody listens: exit code" 1 $rc
if ((EUID == 0)); then
  run status
  like "nobody listens, nothing pinned: said plainly" 'does not run' "$complained$said"
  is "nobody listens, nothing pinned: exit code" 1 $rc
  chmod 755 "$tmp"
  cp "$build/jitgate" "$tmp/command"
  complained=$(setpriv --reuid 65534 --clear-groups "$tmp/command" -c "$config" status 2>&1)
  is "an ordinary user without the socket: exit code" 1 $?
  like "an ordinary user is told what to do" "$sock: .*run as root, or join the group" "$complained"
else
  skip "offline, and an ordinary user" "needs root"
fi

# Arguments: refused before anybody is asked.
while IFS='|' read -r words expected; do
  # shellcheck disable=SC2086 # words
  run $words
  is "usage: ${words:-nothing} is refused" 2 $rc
  like "usage: ${words:-nothing} is named" "$expected" "$complained"
done <<'END'
|^usage: jitgate
frobnicate|no such command: frobnicate
status please|too many arguments for status
explain 203.0.113.7|arguments are missing for explain
explain 203.0.113.0/24 22|is a network; give one address
explain example.com 22|SOURCE "example.com"
explain 203.0.113.7 0|PORT "0"
explain 203.0.113.7 65536|PORT "65536"
explain 203.0.113.7 22/icmp|PORT "22/icmp"
explain 203.0.113.7 22/any|a packet has one protocol
check-config --json|no --json for check-config
--frobnicate|^jitgate: see jitgate --help
arm --confirm 0s|--confirm "0s": give 1s to 1d
arm --confirm 5|--confirm "5": give 1s to 1d
arm --confirm 2d|--confirm "2d": give 1s to 1d
arm 22|too many arguments for arm
arm --from 203.0.113.7|no --from for arm
confirm --force|no --force for confirm
confirm now|too many arguments for confirm
status --reason x|no --reason for status
open|arguments are missing for open
open 22 --for 1h --reason x|--from is missing
open 22 --from example.com --for 1h --reason x|--from "example.com"
open 22 --from 203.0.113.7 --reason x|--for is missing: give 1m to 7d
open 22 --from 203.0.113.7 --for 59s --reason x|--for "59s": give 1m to 7d
open 22 --from 203.0.113.7 --for 8d --reason x|--for "8d": give 1m to 7d
open 22 --from 203.0.113.7 --for 1h|--reason is missing
open 0 --from 203.0.113.7 --for 1h --reason x|PORT "0"
open 22/icmp --from 203.0.113.7 --for 1h --reason x|PORT "22/icmp"
close 22|--from is missing
close 22 --from 203.0.113.7 --for 1h|no --for for close
END
run open 22 --from 203.0.113.7 --for 1h --reason $'two\nlines'
is "a reason of two lines is refused" 2 $rc
like "and is named" '--reason is no text for it' "$complained"

if ((EUID == 0)); then
  unset SUDO_UID
  agent_says 'OK 5\nopen\n'
  run open 22/any --from 2001:DB8::1/32 --for 90m --reason 'it is "down"  \ again' --override --json
  is "open: the answer" open "$said"
  is "open: the question" 'open json 2001:db8::/32 22 * 5400 beyond - it is "down"  \ again' "$(<"$tmp/question")"
  agent_says 'OK 5\ndone\n'
  SUDO_UID=1000 run open 22 --from 203.0.113.7 --for 1h --reason x
  is "open: who is behind root" 'open text 203.0.113.7 22 tcp 3600 within 1000 x' "$(<"$tmp/question")"
  agent_says 'ERR longer than guard.longest\n'
  run open 22 --from 203.0.113.7 --for 1h --reason x
  is "open: a refusal" "1 jitgate: longer than guard.longest" "$rc $complained"
  agent_says 'OPEN 5\ndone\n'
  run close 22/udp --from 203.0.113.7
  is "close: done, but not all is as it should be" "1 done" "$rc $said"
  is "close: the question" 'close text 203.0.113.7 22 udp' "$(<"$tmp/question")"
  agent_says 'OK 5\ndone\n'
  run confirm --json
  is "confirm: the question" 'confirm json' "$(<"$tmp/question")"
  wait "$agent" 2>/dev/null
  agent=
  rm -f "$sock"
  run confirm
  like "nobody listens: confirm says what to do" 'jitgated does not run .*systemctl start jitgated' "$complained"
  run arm
  like "nothing is pinned: arm says what to do" 'nothing is pinned in .*systemctl restart jitgated' "$complained"
else
  skip "open, close and confirm ask" "needs root"
fi

run --version
like "--version" '^jitgate [0-9]+\.[0-9]+\.[0-9]+$' "$said"
for program in jitgated jitgate-azure jitgate; do
  like "$program -V" "^$program [0-9]+\\.[0-9]+\\.[0-9]+\$" "$("$build/$program" -V)"
done
run --help
like "--help is on standard output" '^usage: jitgate' "$said"
is "--help: exit code" 0 $rc

# check-config
run check-config
is "check-config without FILE takes that of -c" 0 $rc
like "check-config says what would be in force" '^  protect +22/tcp$' "$said"
is "check-config: no line over 100 columns" "" "$(grep -E '.{101}' <<<"$said")"
cat >"$tmp/draft.conf" <<END
interfaces = {"jg-none", "lo"}
protect = {"22/any", "53/tcp", "53/udp"}
guard {
  widest_ipv4 = 24
}
allow = {"0.0.0.0/0", "10.0.0.0/8"}
user = "jg-nobody"
pin_dir = "$tmp/pins"
azure {
  user = "65534"
  ca_file = "$tmp/none.pem"
}
END
chmod 600 "$tmp/draft.conf"
run check-config "$tmp/draft.conf"
is "check-config: what this machine lacks is no error" 0 $rc
like "check-config: ports are shown as they are written" '^  protect +22/any, 53/tcp, 53/udp$' "$said"
like "check-config: room for grants stands alone" '^  max_grants +16384' "$said"
for expected in 'interfaces: "jg-none" does not exist here.* NOT PROTECTED' 'user "jg-nobody": no such user here' \
  'interfaces: "lo" is not an Ethernet interface; jitgated will not start' 'guard\.widest_ipv6 is 0: .* all of IPv6; set both' \
  'allow: 0\.0\.0\.0/0 lets everybody in' "pin_dir $tmp/pins: $tmp is not a BPF file system" \
  "draft\.conf: user \"65534\" cannot read it \(mode 0600\)" "azure\.ca_file $tmp/none\.pem: No such file"; do
  like "check-config warns: $expected" "^jitgate: warning: .*$expected" "$complained"
done
touch "$tmp/none.pem"
chmod 600 "$tmp/none.pem"
run check-config "$tmp/draft.conf"
like "check-config warns: a ca_file that its user cannot read" 'ca_file .*user "65534" cannot read it' "$complained"
echo 'frobnicate = 1' >>"$config"
run check-config "$config"
is "check-config: a bad config's exit code" 78 $rc
like "check-config: a bad config's line is named" "$config:4: .*frobnicate" "$complained"
run status
is "a bad config that was named: exit code" 78 $rc
# The default config, in a mount namespace that has an /etc of its own.
run_with_default() { # ARG…: with a broken default config
  local script
  script='mount -t tmpfs none /etc && mkdir /etc/jitgate && echo frobnicate >/etc/jitgate/jitgate.conf && exec'
  script+=" $(realpath "$build/jitgate")"
  rc=0
  complained=$(unshare -m sh -c "$script \"\$@\"" sh "$@" 2>&1 >/dev/null) || rc=$?
}
for words in status list 'explain 203.0.113.7 22'; do
  # shellcheck disable=SC2086 # several words
  run_with_default $words
  like "a bad default config does not keep $words from asking" 'frobnicate.*warning: going on with the default run_dir' \
    "${complained//$'\n'/ }"
  is "and $words ends as its answer says" 0 $((rc == 78))
done
run check-config "$tmp/none"
is "check-config: no such file" 78 $rc
# jitgate-azure: what is wrong is said at the start, and a jitgated that hangs up is said once.
azure_conf() { # LINE…: in section azure
  printf 'run_dir = "%s"\nazure {\nimds_endpoint = "http://127.0.0.1:1"\n' "$tmp" >"$tmp/azure.conf"
  printf '%s\n' "$@" '}' >>"$tmp/azure.conf"
}
run_azure() { # SECONDS
  complained=$(timeout "$1" "$build/jitgate-azure" -c "$tmp/azure.conf" 2>&1)
  rc=$?
}
azure_user=65534
((EUID == 0)) || azure_user=$EUID
chmod 755 "$tmp"
azure_conf "ca_file = \"$tmp/no-ca.pem\"" "user = \"$azure_user\""
run_azure 10
is "jitgate-azure without its ca_file: exit code" 78 $rc
like "jitgate-azure without its ca_file says so" "azure\.ca_file $tmp/no-ca\.pem: No such file or directory" "$complained"
if ((EUID == 0)); then
  azure_conf "ca_file = \"$tmp/none.pem\"" 'user = "65534"'
  run_azure 10
  like "jitgate-azure names the user that cannot read" 'ca_file .*none\.pem: Permission denied for user 65534' "$complained"
  azure_conf 'user = "jg-nobody"'
  run_azure 10
  is "jitgate-azure without its user: exit code" 78 $rc
  like "jitgate-azure without its user says what to do" 'jg-nobody.*make it \(systemd-sysusers\) or name another' "$complained"
else
  skip "jitgate-azure and its user" "needs root"
fi
socat "UNIX-LISTEN:$tmp/feed.sock,type=5,fork,mode=0666" EXEC:true 2>/dev/null & # 5: packets in order
agent=$!
wait_for 5 test -S "$tmp/feed.sock"
azure_conf "user = \"$azure_user\""
run_azure 4
is "a jitgated that hangs up is said once" 1 "$(grep -c 'jitgated closed the connection; is another feed' <<<"$complained")"
like "and not that it is connected, each time" '^1$' "$(grep -c 'connected to jitgated' <<<"$complained")"
kill "$agent"
wait "$agent" 2>/dev/null
agent=
JITGATE_LOG=loud "$build/jitgate-azure" --version 2>"$tmp/complaint" >&2
like "a level that is none is said" 'JITGATE_LOG=loud is no level' "$(<"$tmp/complaint")"
for program in jitgated jitgate-azure; do
  complained=$("$build/$program" --frobnicate 2>&1)
  is "$program --frobnicate: exit code" 2 $?
  is "$program --frobnicate is two lines" 2 "$(wc -l <<<"$complained")"
  like "$program names an argument that it does not take" "^$program: please: .*--help" "$("$build/$program" please 2>&1)"
done
if [[ -w /dev/full ]]; then
  "$build/jitgate" --help >/dev/full 2>/dev/null
  is "a full disk is not success" 1 $?
fi
finish
