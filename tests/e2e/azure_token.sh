#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The token and the way to Azure: when a token is asked for and for whom, where it goes and where it never shows; no proxy
# but the one that is named, and that never for the metadata service; packed answers; ids for a support case.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin azure_token

export JITGATE_LOG=debug

stat_of() { emulator_do GET stats | jq ".$1"; }
fault() { emulator_do POST fault "$1" >/dev/null || die "the emulator does not take the fault" "$1"; }
no_fault() { emulator_do DELETE fault >/dev/null; }
azure_once() { in_srv timeout 60 "$build/jitgate-azure" -c "$tmp/jitgate.conf" --once >"$tmp/once.out" 2>"$tmp/once.err"; }
said() { grep -Ec -- "$1" "$tmp/azure.log"; }
has_said() { (($(said "$1") >= ${2-1})); }
asked_lists() { said 'asked url=.*jitNetworkAccessPolicies'; }
asked_at_least() { (($(asked_lists) >= $1)); }

# restart_azure: from nothing; a grant is live, so that Azure is asked every five seconds.
restart_azure() {
  stop azure
  emulator_do POST reset >/dev/null
  emulator_do POST initiate-fast "{\"port\":22,\"source\":\"$cli4\",\"seconds\":900}" >/dev/null
  : >"$tmp/azure.log"
}

start_emulator

# ---------------------------------------------------------------- 1. its life

restart_azure
emulator_do POST token '{"life_s":8,"expire":true}' >/dev/null
start_azure
check "tokens of eight seconds: five polls" wait_for 60 asked_at_least 5
is "tokens of eight seconds: none was refused" 0 "$(stat_of unauthorized)"
within "tokens of eight seconds: renewed as they go" 3 "$(stat_of token)" 6
fails "tokens of eight seconds: no failure" has_said 'asking again'

restart_azure
emulator_do POST token '{"life_s":3600,"expire":true}' >/dev/null
start_azure
check "a token of an hour: a poll" wait_for 15 asked_at_least 1
is "a token of an hour: asked for once" 1 "$(stat_of token)"
emulator_do POST token '{"life_s":3600,"expire":true}' >/dev/null
check "it is revoked: two polls more" wait_for 30 asked_at_least 4
is "it is revoked: refused once" 1 "$(stat_of unauthorized)"
is "R12: it is revoked: one more is asked for" 2 "$(stat_of token)"
fails "it is revoked: no failure" has_said 'asking again'

# The metadata service fails while the old one lives: at half of its life, and then for good.
restart_azure
emulator_do POST token '{"life_s":14,"expire":true}' >/dev/null
start_azure
check "before the metadata service fails: a poll" wait_for 15 asked_at_least 1
fault '{"on":"token","kind":"status","status":500}'
check "the old token lives: a warning says that there is no other" wait_for 30 has_said \
  'cannot get a token.*500.*the old one is good for another [0-9]+ s'
fails "the old token lives: no failure" has_said 'what is granted goes on'
check "it has ended: a failure" wait_for 30 has_said 'cannot get a token.*500.*what is granted goes on'
is "none was sent that had ended" 0 "$(stat_of unauthorized)"
no_fault
before=$(asked_lists)
check "with the metadata service back it is asked again" wait_for 30 asked_at_least $((before + 1))
stop azure

# 401 once more, and once only: in all of a poll, and not with the very same token.
write_conf
emulator_do POST reset >/dev/null
put_policy 22/TCP || die "arm refuses the policy"
azure_once
is "control: an answer" 0 $?
before=$(stat_of list) tokens=$(stat_of token)
fault '{"on":"list","kind":"status","status":401}'
azure_once
is "refused for good: fails" 1 $?
like "refused for good: says so" '401.*the token was refused, and there is no other' "$(<"$tmp/once.err")"
is "refused for good, no other token: asked once" $((before + 1)) "$(stat_of list)"
is "refused for good: another token is asked for once" $((tokens + 2)) "$(stat_of token)"
no_fault

# ---------------------------------------------------------------- 2. where it goes, and where not

# file_server NAME: at $port_of_NAME, says what NAME.http says; what it was asked is in NAME.log.
declare -A port_of=()
file_server() {
  start "$1" "$ns_srv" "$build/probe" http-file 0 "$tmp/$1.http"
  ready_at "$1"
}
# proxy NAME
proxy() {
  start "$1" "$ns_srv" "$build/probe" proxy 0
  ready_at "$1"
}
ready_at() {
  wait_for 5 grep -q ready "$tmp/$1.log" || die "$1 does not get ready"
  port_of[$1]=$(sed -n 's/^ready port=//p' "$tmp/$1.log")
}
requests_to() { grep -c '^< [A-Z]* [^ ]* HTTP/1' "$tmp/$1.log"; }

secret=eyJ0eXAi.tHe-SeCrEt.0123456789
answer_head=$'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n'
imds_body='{"resourceId":"'$vm_id'","location":"westeurope","azEnvironment":"AzureUSGovernmentCloud",
  "access_token":"'$secret'","token_type":"Bearer","expires_in":3600,"expires_on":"9999999999"}'
list_body() {
  printf '{"value":[{"id":"/p/%s","properties":{"virtualMachines":[{"id":"%s","ports":[{"number":22,"protocol":"TCP",
    "maxRequestAccessDuration":"PT1H"}]}]}}]}' "$1" "$vm_id"
}
# answer NAME FILE [HEADER…]: NAME's answer has this body; a length is written only when no header says otherwise.
answer() {
  local name=$1 body=$2 header
  shift 2
  {
    printf '%s' "$answer_head"
    for header in "$@"; do printf '%s\r\n' "$header"; done
    printf '\r\n'
    cat "$body"
  } >"$tmp/$name.http"
}

real_imds=${conf_azure[imds_endpoint]} real_arm=${conf_azure[arm_endpoint]}
printf '%s' "$imds_body" >"$tmp/imds.body"
list_body one >"$tmp/list.body"
answer imds "$tmp/imds.body"
answer arm "$tmp/list.body"
file_server imds
file_server arm
conf_azure[imds_endpoint]="\"http://127.0.0.1:${port_of[imds]}\""
conf_azure[arm_endpoint]="\"http://127.0.0.1:${port_of[arm]}\""
write_conf

# One question each, and what was said in it.
ask_files() {
  : >"$tmp/imds.log"
  : >"$tmp/arm.log"
  write_conf
  azure_once
}
ask_files
is "two plain servers: an answer" 0 $?
is "it names the port" '[22]' "$(jq -c '[.ports[].port]' "$tmp/once.out")"
like "the token goes to the resource manager" "^< Authorization: Bearer $secret\$" "$(<"$tmp/arm.log")"
fails "and not to the metadata service" grep -qi '^< Authorization' "$tmp/imds.log"
is "which is asked with its header" 2 "$(grep -c '^< Metadata: true$' "$tmp/imds.log")"
fails "which the other one does not get" grep -qi '^< Metadata' "$tmp/arm.log"
fails "nobody is told of a forwarder" grep -qi '^< X-Forwarded' "$tmp/imds.log" "$tmp/arm.log"
like "the resource manager may pack its answer" '^< Accept-Encoding: gzip$' "$(<"$tmp/arm.log")"
fails "the metadata service may not" grep -qi '^< Accept-Encoding' "$tmp/imds.log"
fails "the token is not printed" grep -q 'SeCrEt' "$tmp/once.out" "$tmp/once.err"
like "though there are debug lines" 'asked url=' "$(<"$tmp/once.err")"

guid='[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'
first=$(grep -Eo "^< x-ms-client-request-id: $guid\$" "$tmp/arm.log")
like "a question has an id" "$guid" "$first"
like "that is in the log" "client_request=${first##* }" "$(<"$tmp/once.err")"
ask_files
fails "and is another one each time" grep -qF "$first" "$tmp/arm.log"

# The identity, and what its token is for.
resource='resource=https%3A%2F%2Fmanagement.usgovcloudapi.net%2F'
like "the audience is the cloud's" "^< GET /metadata/identity/oauth2/token\?api-version=2018-02-01&$resource HTTP" \
  "$(<"$tmp/imds.log")"
declare -A sent=(
  [client_id=0f8a-1]='client_id=0f8a-1' [object_id=0f8a-2]='object_id=0f8a-2'
  [resource_id=/subscriptions/s/x&y]='msi_res_id=%2Fsubscriptions%2Fs%2Fx%26y'
)
for identity in "${!sent[@]}"; do
  conf_azure[identity]="\"$identity\""
  ask_files
  is "identity $identity: an answer" 0 $?
  like "identity $identity: is named" "^< GET /metadata/identity/.*&$resource&${sent[$identity]} HTTP" "$(<"$tmp/imds.log")"
done
unset 'conf_azure[identity]'
conf_azure[audience]='"https://management.core.windows.net/"'
ask_files
like "an audience that is configured" '&resource=https%3A%2F%2Fmanagement.core.windows.net%2F HTTP' "$(<"$tmp/imds.log")"
unset 'conf_azure[audience]'

sed -i 's/AzureUSGovernmentCloud/AzureStackHub/' "$tmp/imds.body"
answer imds "$tmp/imds.body"
ask_files
is "a cloud that is not known, its address configured: an answer" 0 $?
like "and a token for that address" "&resource=http%3A%2F%2F127.0.0.1%3A${port_of[arm]}%2F HTTP" "$(<"$tmp/imds.log")"
arm_was=${conf_azure[arm_endpoint]}
unset 'conf_azure[arm_endpoint]'
ask_files
is "a cloud that is not known: fails" 1 $?
like "and says what to set" 'azEnvironment="AzureStackHub"; set azure.arm_endpoint' "$(<"$tmp/once.err")"
conf_azure[arm_endpoint]=$arm_was

# Not in a core, and not for others of the same user, also without root at the start.
conf_azure[poll_idle]='"60s"'
write_conf
: >"$tmp/arm.log"
start azure "$ns_srv" setpriv --reuid $feed_uid --regid $feed_uid --clear-groups "$build/jitgate-azure" -c "$tmp/jitgate.conf"
check "as an ordinary user: a poll" wait_for 15 grep -q Authorization "$tmp/arm.log"
start sleeper "$ns_srv" setpriv --reuid $feed_uid --regid $feed_uid --clear-groups sleep 60
wait_for 5 test "$(stat -c %u "/proc/${pids[sleeper]}")" = $feed_uid
is "control: another process of that user belongs to it" $feed_uid "$(stat -c %u "/proc/${pids[sleeper]}/mem")"
is "its memory is root's" 0 "$(stat -c %u "/proc/${pids[azure]}/mem")"
stop sleeper
stop azure

# ---------------------------------------------------------------- 3. packed answers

ask_packed() { ask_files 2>/dev/null && jq -c '[.ports[].port]' "$tmp/once.out"; }
chunk() { printf '%x\r\n' "$(stat -c %s "$1")" && cat "$1" && printf '\r\n'; }

gzip -c "$tmp/list.body" >"$tmp/list.gz"
answer arm "$tmp/list.gz" "Content-Encoding: gzip" "Vary: Accept-Encoding" "Content-Length: $(stat -c %s "$tmp/list.gz")"
is "A1: packed" '[22]' "$(ask_packed)"
head -c 50 "$tmp/list.gz" >"$tmp/one.part"
tail -c +51 "$tmp/list.gz" >"$tmp/two.part"
{ chunk "$tmp/one.part"; chunk "$tmp/two.part"; printf '0\r\n\r\n'; } >"$tmp/chunks"
answer arm "$tmp/chunks" "Content-Encoding: gzip" "Transfer-Encoding: chunked"
is "A1: packed and in chunks" '[22]' "$(ask_packed)"
{ chunk "$tmp/list.body"; printf '0\r\n\r\n'; } >"$tmp/chunks"
answer arm "$tmp/chunks" "Transfer-Encoding: chunked"
is "A1: in chunks" '[22]' "$(ask_packed)"

# does_not_unpack NAME PATTERN
does_not_unpack() {
  ask_files
  is "$1: fails" 1 $?
  is "$1: no snapshot comes out" "" "$(<"$tmp/once.out")"
  like "$1: a line says why" "$2" "$(<"$tmp/once.err")"
}
{ list_body two; head -c 200000000 /dev/zero | tr '\0' ' '; } | gzip -c >"$tmp/bomb.gz"
answer arm "$tmp/bomb.gz" "Content-Encoding: gzip" "Content-Length: $(stat -c %s "$tmp/bomb.gz")"
within "control: the bomb is small enough as it comes" 1000 "$(stat -c %s "$tmp/bomb.gz")" 4000000
does_not_unpack "200 MB in a small packet" 'answer too large'
answer arm "$tmp/one.part" "Content-Encoding: gzip" "Content-Length: 50"
does_not_unpack "the first half of a packet" 'not understood|unpacked|cut short'
answer arm "$tmp/list.body" "Content-Encoding: gzip"
does_not_unpack "a packet that is none" 'cannot be unpacked'
answer arm "$tmp/list.gz"
does_not_unpack "a packet that is not called one" 'not understood'
gzip -c "$tmp/imds.body" >"$tmp/imds.gz"
answer arm "$tmp/list.body"
answer imds "$tmp/imds.gz" "Content-Encoding: gzip"
does_not_unpack "the metadata service packs" 'cannot learn which VM this is'
answer imds "$tmp/imds.body"

# ---------------------------------------------------------------- 4. headers of an answer

answer_fails() { # HEADER…: ARM fails with them
  printf '{"error":{"code":"ServerTimeout","message":"x"}}' >"$tmp/error.body"
  answer arm "$tmp/error.body" "$@"
  sed -i '1s/200 OK/503 Service Unavailable/' "$tmp/arm.http"
  ask_files
}
answer_fails "x-ms-request-id:" "x-ms-original-request-ids: ,," "x-ms-correlation-request-id: 0c-1" "Retry-After: 17"
like "A11: an id that is empty is left out, the others are said" \
  "503 ServerTimeout; to be asked again in 17 s.* message=\"x\" correlation=\"0c-1\" client_request=$guid\$" "$(<"$tmp/once.err")"
answer_fails "x-ms-request-id: 0c-2"
like "one that is there is said" ' request="0c-2" client_request=' "$(<"$tmp/once.err")"
answer_fails "Date: Sun, 22 Nov 2026 12:00:00 GMT" "Retry-After: Sun, 22 Nov 2026 12:01:30 GMT"
like "a pause until a date" 'asked again in 90 s' "$(<"$tmp/once.err")"

# ---------------------------------------------------------------- 5. proxies

conf_azure[imds_endpoint]=$real_imds conf_azure[arm_endpoint]=$real_arm
proxy named
proxy hostile
hostile=http://127.0.0.1:${port_of[hostile]}
export http_proxy=$hostile https_proxy=$hostile HTTPS_PROXY=$hostile ALL_PROXY=$hostile all_proxy=$hostile no_proxy='' NO_PROXY=''
# shellcheck disable=SC2016 # the address is the other shell's
in_srv curl -s -m 5 --cacert "$tmp/tls/ca.pem" "$arm/" >/dev/null
is "control: curl goes where the environment says" 1 "$(requests_to hostile)"
: >"$tmp/hostile.log"
write_conf
azure_once
is "no proxy is configured: an answer" 0 $?
is "R12: no proxy is configured: none is used" 0 "$(requests_to hostile)"

conf_azure[proxy]="\"http://127.0.0.1:${port_of[named]}\""
write_conf
azure_once
is "a proxy is configured: an answer" 0 $?
is "R12: a proxy is configured: asked for the resource manager, once" "1 CONNECT ${arm#https://}" \
  "$(requests_to named) $(sed -n 's/^< \(CONNECT [^ ]*\) HTTP.*/\1/p' "$tmp/named.log")"
fails "it does not see the token" grep -qi authorization "$tmp/named.log"
fails "nor what is asked" grep -qi -e jitNetwork -e x-ms-client "$tmp/named.log"
within "the proxy's own date is not taken for Azure's" -2 "$(jq .clock_offset_s "$tmp/once.out")" 2
is "the environment's is not used" 0 "$(requests_to hostile)"
no_proxy='*' NO_PROXY='*' azure_once
is "nor is its word for none" 2 "$(requests_to named)"
stop named
azure_once
is "the proxy is away: fails" 1 $?
like "and no other way is tried" 'cannot list JIT policies' "$(<"$tmp/once.err")"
is "not even the environment's" 0 "$(requests_to hostile)"
unset http_proxy https_proxy HTTPS_PROXY ALL_PROXY all_proxy no_proxy NO_PROXY 'conf_azure[proxy]'

# ---------------------------------------------------------------- 6. a machine with two identities and none of its own

stop emulator
mv "$tmp/emulator.log" "$tmp/emulator-before.log"
one=$vm_id-one two=$vm_id-two
emulator_options=(--identity "client_id=c-1,object_id=o-1,msi_res_id=$one" --identity "client_id=c-2,object_id=o-2,msi_res_id=$two")
start emulator "$ns_srv" "$build/emulator" --tls-dir "$tmp/tls" --imds "${imds##*:}" --arm "${arm##*:}" "${emulator_options[@]}"
wait_for 15 grep -q 'emulator: ready' "$tmp/emulator.log" || die "the emulator does not get ready again"
write_conf
azure_once
is "two identities, none named: fails" 1 $?
like "two identities, none named: says what to do" 'cannot get a token.*name the right one in azure.identity' \
  "$(<"$tmp/once.err")"
for identity in client_id=c-2 object_id=o-1 "resource_id=$two" "resource_id=${one^^}"; do
  conf_azure[identity]="\"$identity\""
  write_conf
  azure_once
  is "two identities, $identity: an answer" 0 $?
done
conf_azure[identity]='"client_id=c-3"'
write_conf
azure_once
is "an identity that it has not: fails" 1 $?
finish
