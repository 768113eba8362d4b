#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Azure away, or talking nonsense: what is granted goes on to its own end, nothing new is granted, and status says so.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin azure_down

serve 22/tcp 80/tcp

# What takes long goes on by itself meanwhile: a second Azure that answers a byte per second, and one that does not
# answer.
start_emulator
for kind in slow hang; do
  put_policy 22/TCP || die "arm refuses the policy"
  mv "$tmp/jitgate.conf" "$tmp/$kind.conf"
  mv "$tmp/emulator.log" "$tmp/emulator-$kind.log"
  mv "$tmp/tls" "$tmp/tls-$kind"
  sed -i "s|$tmp/tls/|$tmp/tls-$kind/|" "$tmp/$kind.conf"
  emulator_do POST fault "{\"on\":\"list\",\"kind\":\"$kind\"}" >/dev/null
  start "once-$kind" "$ns_srv" "$build/jitgate-azure" -c "$tmp/$kind.conf" --once
  pids[emulator-$kind]=${pids[emulator]}
  start_emulator
done
put_policy 22/TCP || die "arm refuses the policy"

# 1. Every kind of bad answer, asked once: exit 1, one line that says what came, and no snapshot.
azure_once() { in_srv timeout 60 "$build/jitgate-azure" -c "$tmp/jitgate.conf" --once >"$tmp/once.out" 2>"$tmp/once.err"; }

# refuses WHAT PATTERN FAULT-JSON
refuses() {
  emulator_do POST fault "$3" >/dev/null || die "the emulator does not take the fault" "$3"
  azure_once
  is "$1: fails" 1 $?
  is "$1: no snapshot comes out" "" "$(<"$tmp/once.out")"
  like "$1: a line says what came" "$2" "$(<"$tmp/once.err")"
  is "$1: and it is one line" 1 "$(wc -l <"$tmp/once.err")"
  emulator_do DELETE fault >/dev/null
}
azure_once
is "a good answer is accepted" 0 $?
is "and names the port" 22 "$(jq '.ports[0].port' "$tmp/once.out")"
refuses "ARM answers 401" 401 '{"on":"list","kind":"status","status":401}'
refuses "ARM answers 403" 403 '{"on":"list","kind":"status","status":403}'
refuses "ARM answers 404" 404 '{"on":"list","kind":"status","status":404}'
refuses "ARM answers 429" 429 '{"on":"list","kind":"status","status":429,"retry_after":3}'
refuses "ARM answers 500" 500 '{"on":"list","kind":"status","status":500}'
refuses "ARM answers HTML" JSON '{"on":"list","kind":"html","status":200}'
refuses "ARM answers half a body" "cut short" '{"on":"list","kind":"truncated"}'
refuses "ARM answers under a wrong length" "not understood" '{"on":"list","kind":"wrong-length"}'
refuses "ARM answers 100 MB" "too large" '{"on":"list","kind":"huge"}'
refuses "ARM answers nothing" empty '{"on":"list","kind":"empty"}'
refuses "ARM answers text" JSON '{"on":"list","kind":"not-json"}'
refuses "ARM gives members twice" twice '{"on":"list","kind":"dup-keys"}'
refuses "ARM hangs up" reset '{"on":"list","kind":"reset"}'
conf_azure[ca_file]="\"$tmp/tls-slow/ca.pem\""
write_conf
azure_once
is "ARM has a certificate of another CA: fails" 1 $?
is "ARM has a certificate of another CA: no snapshot comes out" "" "$(<"$tmp/once.out")"
like "ARM has a certificate of another CA: one line says so" 'certificate.*azure\.ca_file' "$(<"$tmp/once.err")"
conf_azure[ca_file]="\"$tmp/tls/ca.pem\""
write_conf
refuses "IMDS gives no token" 'token|identity' '{"on":"token","kind":"status","status":400}'
refuses "IMDS answers 500" '500' '{"on":"compute","kind":"status","status":500}'

# 2. Asked again and again by the daemon, with a grant in force.
must_start_jitgated
start_azure
check "closed by the policy" closes_for $nbr4 22 10
kill -HUP "${pids[azure]}"
emulator_do POST initiate-fast "{\"port\":22,\"source\":\"$cli4\",\"seconds\":28}" >/dev/null
check "a grant opens the port, a stray SIGHUP or not" opens_for $cli4 22 15s
deadline=$(deadline_of 22)
start_stream granted $cli4 22/tcp 60s
emulator_do POST fault '{"on":"any","kind":"status","status":503,"count":1000}' >/dev/null
emulator_do POST initiate-fast "{\"port\":22,\"source\":\"$nbr4\",\"seconds\":60}" >/dev/null
feed_troubled() { silent_for "$nbr4" 22 && [[ -n $(jg status --json | jq -r '.feed.last_error // ""') ]]; }
check "status shows the failure" wait_for 20 feed_troubled
like "and what it is" 503 "$(jg status --json | jq -r .feed.last_error)"
check "R4: the new grant is not in force" silent_for $nbr4 22
check "R4: the old one is" tcp_from $cli4 22

# The positive control: with a good answer the neighbour's grant does come through.
emulator_do DELETE fault >/dev/null
check "with Azure back the new grant is in force" opens_for $nbr4 22 20s

# 3. Nobody there at all: the grant still ends at its own time.
arm_call GET "${policy_path%/*}" >"$tmp/policies"
stop emulator
check "the grant is in force with Azure gone" tcp_from $cli4 22
check "it ends all the same" closes_for $cli4 22 30
end_stream granted seen "$deadline"
is "not a packet earlier" 0 "${seen[before_lost]}"
is "not a packet later" 0 "${seen[after_passed]}"
check "an unprotected port answers" tcp_from $cli4 80

# 4. Azure is back, as it was: the daemons find it by themselves.
mv "$tmp/emulator.log" "$tmp/emulator-before.log"
emulator_options=(--imds "${imds##*:}" --arm "${arm##*:}" --policy "$tmp/policies")
start_emulator
emulator_do POST initiate-fast "{\"port\":22,\"source\":\"$cli4\",\"seconds\":60}" >/dev/null
check "with Azure back a grant opens the port again" opens_for $cli4 22 20s
is "status shows no failure any more" fresh "$(jg status --json | jq -r '.feed.state + .feed.last_error')"
check "jitgated lives" alive jitgated
check "jitgate-azure lives" alive azure

# 5. What was begun at first.
for kind in slow hang; do
  await "once-$kind" 40
  is "ARM: $kind: fails" 1 "$stopped_rc"
  like "ARM: $kind: one line says so" 'slow|time|late|long' "$(<"$tmp/once-$kind.log")"
  is "ARM: $kind: one line, no snapshot" 1 "$(wc -l <"$tmp/once-$kind.log")"
done
finish
