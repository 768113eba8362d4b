# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What the end-to-end scripts share: namespaces, a bpffs, the config, daemons, TAP. Each script has its own of
# everything, named after it and its process id, and leaves nothing behind, however it ends. Nothing of the machine's
# own network is touched, and nothing sleeps for a fixed time: it waits for a condition, with a deadline.

set -u -o pipefail
export LC_ALL=C TZ=UTC
PATH=$PATH:/usr/sbin:/sbin

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${JITGATE_BUILD:-build/release}
[[ $build == /* ]] || build=$(dirname "$tests")/$build
# The leak checker stops and traces its own process, which the daemons' sandbox does not let it do.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

# The network: one segment with server, client and neighbour on it.
srv_if=jgsrv0
srv4=10.9.0.1 cli4=10.9.0.2 nbr4=10.9.0.3
srv6=fd09::1 cli6=fd09::2 nbr6=fd09::3
# Two more of the client's, in 10.9.0.64/26 and fd09::64:0/112.
cli4b=10.9.0.65 cli4c=10.9.0.66 cli6b=fd09::64:1 cli6c=fd09::64:2
feed_uid=64001
ready_s=${JITGATE_READY_S:-15} # in which a daemon has to be ready

declare -A pids=() conf=() conf_guard=() conf_azure=()
# shellcheck disable=SC2034 # for the scripts: what end_stream and end_hold saw
declare -A seen=() held=()
declare -a netns=() emulator_options=()
ns_lan='' ns_srv='' ns_cli='' ns_nbr='' pin='' said='' remembered=''
tmp='' test_name='' tap_n=0 tap_failed=0 stopped_rc=0 now=0 arm='' imds='' vm_id='' policy_path=''

# ---------------------------------------------------------------- TAP

note() { printf '# %s\n' "$@"; }

ok() {
  tap_n=$((tap_n + 1))
  echo "ok $tap_n - $1"
}

# not_ok NAME [WHY]
not_ok() {
  tap_n=$((tap_n + 1)) tap_failed=$((tap_failed + 1))
  echo "not ok $tap_n - $1"
  if [[ -n ${2-} ]]; then printf '%s\n' "$2" | sed 's/^/#   /'; fi
}

skip() {
  tap_n=$((tap_n + 1))
  echo "ok $tap_n - $1 # SKIP $2"
}

# check NAME COMMAND…: ok when the command succeeds; what it printed is shown when it does not.
check() {
  local name=$1 out rc
  shift
  out=$("$@" 2>&1) && { ok "$name"; return 0; }
  rc=$?
  not_ok "$name" "$* -> $rc
$out"
  return 1
}

# fails NAME COMMAND…: ok when it does not succeed.
fails() {
  local name=$1 out
  shift
  if out=$("$@" 2>&1); then not_ok "$name" "$* succeeded
$out"; else ok "$name"; fi
}

# is NAME WANTED SEEN
is() {
  if [[ $3 == "$2" ]]; then ok "$1"; else not_ok "$1" "wanted: $2
seen:   $3"; fi
}

# within NAME LOW NUMBER HIGH
within() {
  if [[ $3 =~ ^-?[0-9]+$ ]] && (($2 <= $3 && $3 <= $4)); then ok "$1"; else not_ok "$1" "wanted: $2 to $4
seen:   $3"; fi
}

# like NAME REGEX TEXT: some line of the text matches (extended regular expression).
like() {
  if grep -Eq -- "$2" <<<"$3"; then ok "$1"; else not_ok "$1" "wanted: /$2/
seen:   $3"; fi
}

die() {
  not_ok "${test_name:-e2e}: $1" "${2-}"
  finish
}

finish() {
  local log
  for log in "$tmp"/*.log; do
    [[ -f $log ]] || continue
    if grep -Eq 'AddressSanitizer|LeakSanitizer|runtime error:' "$log"; then
      not_ok "no sanitizer report in $(basename "$log")" "$(grep -E -A12 'Sanitizer|runtime error:' "$log")"
    fi
  done
  if ((tap_failed)); then show_logs; fi
  echo "1..$tap_n"
  exit $((tap_failed > 0))
}

show_logs() {
  local log
  for log in "$tmp"/{jitgated,azure,emulator}.log; do
    [[ -s $log ]] || continue
    note "---- $(basename "$log")"
    tail -n 60 "$log" | sed 's/^/# /'
  done
}

# ---------------------------------------------------------------- time and waiting

# Sets $now, in milliseconds since 1970.
tick() { now=$((${EPOCHREALTIME/./} / 1000)); }

# wait_for SECONDS COMMAND…
wait_for() {
  local now end
  tick
  end=$((now + $1 * 1000))
  shift
  until "$@" >/dev/null 2>&1; do
    tick
    ((now < end)) || return 1
    sleep 0.03
  done
}

# parse_into ARRAY TEXT: key=value words into an associative array: `seen` and `held` are there for it.
parse_into() {
  local -n parse_out=$1
  local word
  parse_out=()
  for word in $2; do
    # shellcheck disable=SC2034 # the nameref is the output
    [[ $word == *=* ]] && parse_out[${word%%=*}]=${word#*=}
  done
}


# ---------------------------------------------------------------- processes

# run_in NAMESPACE COMMAND…: `ip netns exec` would hide the bpffs behind a fresh /sys.
run_in() {
  local ns=$1
  shift
  nsenter --net="/run/netns/$ns" -- "$@"
}
in_srv() { run_in "$ns_srv" "$@"; }
in_cli() { run_in "$ns_cli" "$@"; }
in_nbr() { run_in "$ns_nbr" "$@"; }

# start NAME NAMESPACE COMMAND…: in the background, output to NAME.log. nsenter becomes the command, so the pid is the
# command's.
start() {
  local name=$1 ns=$2
  shift 2
  nsenter --net="/run/netns/$ns" -- "$@" >>"$tmp/$name.log" 2>&1 &
  pids[$name]=$!
}

alive() { kill -0 "${pids[$1]-0}" 2>/dev/null && [[ ${pids[$1]-0} != 0 ]]; }
dead() { ! alive "$1"; }

# await NAME SECONDS: wait for its end; the exit code is in stopped_rc. Not ended: 1.
await() {
  {
    wait_for "$2" dead "$1" || return 1
    wait "${pids[$1]}"
    stopped_rc=$?
  } 2>/dev/null # the shell's own words about killed jobs
  unset "pids[$1]"
}

# stop NAME [SIGNAL]
stop() {
  [[ -n ${pids[$1]-} ]] || return 0
  kill -"${2:-TERM}" "${pids[$1]}" 2>/dev/null
  await "$1" 5 && return 0
  kill -KILL "${pids[$1]}" 2>/dev/null
  await "$1" 5
  return 1
}

# kill9 NAME…
kill9() {
  local name
  for name in "$@"; do kill -KILL "${pids[$name]}"; done
  for name in "$@"; do await "$name" 5 || return 1; done
}

# start_ready NAME NAMESPACE COMMAND…: returns when the daemon has said READY=1, fails when it ends or says nothing.
start_ready() {
  expect_ready "$1" || return 1
  NOTIFY_SOCKET=$tmp/notify-$1 start "$@"
  await_ready "$1"
}
# The two halves of it: listen for READY=1, and wait for that or the end.
expect_ready() {
  local socket=$tmp/notify-$1
  rm -f "$socket"
  "$build/probe" notify-wait "$socket" "${ready_s}s" >"$tmp/$1.notify" 2>&1 &
  pids[notify-$1]=$!
  wait_for 5 test -S "$socket"
}
await_ready() {
  wait_for $((ready_s + 5)) is_settled "$1"
  if alive "notify-$1"; then
    stop "notify-$1"
    return 1
  fi
  await "notify-$1" 1 && ((stopped_rc == 0)) && alive "$1"
}
is_settled() { dead "notify-$1" || dead "$1"; }

# Lines that a daemon has logged so far; marks let a test look at the new ones only.
mark_log() { wc -l <"$tmp/$1.log"; }
log_since() { tail -n "+$(($2 + 1))" "$tmp/$1.log"; }
# No -q behind a pipe, here and elsewhere: grep would hang up early, and the writer's SIGPIPE would count as its failure.
log_has() { log_since "$1" "$2" | grep -E -- "$3" >/dev/null; }

# ---------------------------------------------------------------- set-up

# begin NAME: everything that every script needs. Programs first, so that a missing one is named.
begin() {
  local program
  test_name=$1
  if ((EUID != 0)); then
    echo "1..0 # SKIP $test_name needs root: network namespaces and bpffs"
    exit 0
  fi
  for program in jitgated jitgate jitgate-azure emulator probe; do
    [[ -x $build/$program ]] || { echo "Bail out! $build/$program is missing: make it first"; exit 1; }
  done
  for program in ip nsenter setpriv bpftool jq curl ping; do
    command -v "$program" >/dev/null || { echo "Bail out! $program is missing: make deps"; exit 1; }
  done
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  tmp=$(mktemp -d "${TMPDIR:-/tmp}/jge.XXXXXX") || exit 1
  chmod 0755 "$tmp"
  mkdir "$tmp/bpf"
  mount -t bpf bpf "$tmp/bpf" || die "cannot mount a bpffs"
  make_network
  conf_defaults
}

clean_up() {
  local name ns
  trap '' INT TERM
  exec 2>/dev/null # the shell's own words about killed jobs
  for name in "${!pids[@]}"; do kill -KILL "${pids[$name]}" 2>/dev/null; done
  { wait; } 2>/dev/null
  [[ -n $tmp ]] || return
  if mountpoint -q "$tmp/bpf"; then umount "$tmp/bpf" || umount -l "$tmp/bpf"; fi
  for ns in "${netns[@]}"; do ip netns del "$ns" 2>/dev/null; done
  rm -rf "$tmp"
}

add_netns() {
  local -n ns_out=ns_$1
  ns_out=jge-$test_name-$$-$1
  ip netns add "$ns_out" || die "cannot make network namespaces"
  netns+=("$ns_out")
  ip -n "$ns_out" link set lo up
}

# add_host NAME IPV4 IPV6 [MORE…]: an interface jgNAME0 on the segment.
add_host() {
  local name=$1 ns=ns_$1 address nodad
  shift
  ip -n "${!ns}" link add "jg${name}0" type veth peer name "p-$name" netns "$ns_lan"
  ip -n "$ns_lan" link set "p-$name" master br0 up
  for address in "$@"; do
    nodad=()
    [[ $address == *:* ]] && nodad=(nodad)
    ip -n "${!ns}" addr add "$address" dev "jg${name}0" "${nodad[@]}"
  done
  ip -n "${!ns}" link set "jg${name}0" up
}

make_network() {
  add_netns lan
  add_netns srv
  add_netns cli
  add_netns nbr
  ip -n "$ns_lan" link add br0 type bridge mcast_snooping 0
  ip -n "$ns_lan" link set br0 up
  add_host srv $srv4/24 $srv6/64
  add_host cli $cli4/24 $cli6/64 $cli4b/24 $cli4c/24 $cli6b/64 $cli6c/64
  add_host nbr $nbr4/24 $nbr6/64
  wait_for 5 link_is_up || die "the test network does not come up"
}
link_is_up() { in_cli ping -c1 -W1 $srv4 && in_nbr ping -c1 -W1 $srv6; }

# ---------------------------------------------------------------- config

# The values are written as they stand, in the config file's own syntax.
conf_defaults() {
  conf=(
    [interfaces]="{\"$srv_if\"}" [protect]='{"22/tcp"}' [user]='"64000"' [max_grants]=256
    [pin_dir]="\"$tmp/bpf/gate\"" [run_dir]="\"$tmp/run\"" [state_dir]="\"$tmp/state\""
  )
  conf_guard=()
  conf_azure=([user]="\"$feed_uid\"")
  pin=$tmp/bpf/gate
  write_conf
}

write_conf() {
  local key
  {
    for key in "${!conf[@]}"; do echo "$key = ${conf[$key]}"; done
    echo 'guard {'
    for key in "${!conf_guard[@]}"; do echo "	$key = ${conf_guard[$key]}"; done
    printf '%s\n' '}' 'azure {'
    for key in "${!conf_azure[@]}"; do echo "	$key = ${conf_azure[$key]}"; done
    echo '}'
  } >"$tmp/jitgate.conf.new"
  chmod 0644 "$tmp/jitgate.conf.new"
  mv "$tmp/jitgate.conf.new" "$tmp/jitgate.conf"
}

# ---------------------------------------------------------------- the programs

start_jitgated() {
  write_conf
  start_ready jitgated "$ns_srv" "${jitgated_program:-$build/jitgated}" -c "$tmp/jitgate.conf"
}
must_start_jitgated() { start_jitgated || die "jitgated does not get ready" "$(tail -n 5 "$tmp/jitgated.log")"; }

# Run jitgated in the foreground and expect its end: its exit code is returned, its words are in $said.
# shellcheck disable=SC2034 # read by the scripts
try_jitgated() { said=$(in_srv timeout 10 "$build/jitgated" -c "$tmp/jitgate.conf" 2>&1); }

jg() { in_srv "$build/jitgate" -c "$tmp/jitgate.conf" "$@"; }

# serve PORT/PROTO…: an echo server in the server's namespace.
serve() {
  start server "$ns_srv" "$build/probe" serve "$@"
  wait_for 5 grep -q ready "$tmp/server.log" || die "the echo server does not start"
}

# reload: SIGHUP, and wait for the daemon to say what became of it.
reload_jitgated() {
  local mark
  mark=$(mark_log jitgated)
  kill -HUP "${pids[jitgated]}"
  wait_for 5 log_has jitgated "$mark" 'in force'
}

# With the options in emulator_options.
start_emulator() {
  start emulator "$ns_srv" "$build/emulator" --tls-dir "$tmp/tls" "${emulator_options[@]}"
  wait_for 15 grep -q 'emulator: ready' "$tmp/emulator.log" || die "the emulator does not get ready"
  local -A said_by
  parse_into said_by "$(grep -m1 'emulator: ready' "$tmp/emulator.log")"
  imds=${said_by[imds]} arm=${said_by[arm]}
  conf_azure[imds_endpoint]="\"$imds\""
  conf_azure[arm_endpoint]="\"$arm\""
  conf_azure[ca_file]="\"${said_by[ca]}\""
  conf_azure[poll_live]='"5s"'
  conf_azure[poll_idle]='"10s"'
  write_conf
  learn_vm || die "the emulator does not say which VM this is"
}

start_azure() { start azure "$ns_srv" "$build/jitgate-azure" -c "$tmp/jitgate.conf"; }

# emulator_do METHOD PATH [BODY]: its test controls.
emulator_do() {
  in_srv curl -fsS -X "$1" ${3:+-d "$3"} "$imds/emulator/$2"
}

# arm_call METHOD PATH [BODY]: what an administrator's tool would send, with a token from IMDS.
arm_call() {
  local token
  token=$(in_srv curl -fsS -H 'Metadata: true' \
    "$imds/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fmanagement.azure.com%2F" |
    jq -r .access_token) || return 1
  in_srv curl -fsS --cacert "$tmp/tls/ca.pem" -X "$1" -H "Authorization: Bearer $token" \
    -H 'Content-Type: application/json' ${3:+-d "$3"} "$arm$2?api-version=2020-01-01"
}

# put_policy PORT/PROTOCOL…: protect these ports of this VM, as the portal does; protocols as Azure writes them.
put_policy() {
  local port ports=()
  for port in "$@"; do
    ports+=("$(jq -nc --arg n "${port%/*}" --arg p "${port#*/}" \
      '{number: ($n | tonumber), protocol: $p, allowedSourceAddressPrefix: "*", maxRequestAccessDuration: "PT3H"}')")
  done
  arm_call PUT "$policy_path" "$(printf '%s\n' "${ports[@]}" | jq -sc --arg id "$vm_id" \
    '{kind: "Basic", properties: {virtualMachines: [{id: $id, ports: .}]}}')" >/dev/null
}

# request_access SECONDS SOURCE,PORT…: the real request, with an end so many seconds from now.
request_access() {
  local item ports=() end
  end=$(date -u -d "+$1 seconds" +%Y-%m-%dT%H:%M:%S.%7NZ)
  shift
  for item in "$@"; do
    ports+=("$(jq -nc --arg s "${item%,*}" --arg n "${item#*,}" --arg e "$end" \
      '{number: ($n | tonumber), endTimeUtc: $e, allowedSourceAddressPrefix: $s}')")
  done
  arm_call POST "$policy_path/initiate" "$(printf '%s\n' "${ports[@]}" | jq -sc --arg id "$vm_id" \
    '{virtualMachines: [{id: $id, ports: .}], justification: "end-to-end test"}')"
}

# Who this VM is: vm_id, and policy_path of its policy "default".
learn_vm() {
  local vm
  vm=$(in_srv curl -fsS -H 'Metadata: true' "$imds/metadata/instance/compute?api-version=2021-02-01") || return 1
  vm_id=$(jq -r .resourceId <<<"$vm")
  policy_path=$(jq -r '"/subscriptions/" + .subscriptionId + "/resourceGroups/" + .resourceGroupName
    + "/providers/Microsoft.Security/locations/" + .location + "/jitNetworkAccessPolicies/default"' <<<"$vm")
}

# feed ITEM…: one connection of a feed, as the feed's user.
feed() {
  setpriv --reuid $feed_uid --regid $feed_uid --clear-groups "$build/probe" feed "$tmp/run/feed.sock" "$@"
}

# feed_sync ITEM…: and wait until the snapshot is in the maps.
feed_sync() {
  local before
  before=$(last_sync)
  feed "$@" >/dev/null || return 1
  wait_for 5 sync_after "$before" || die "jitgated does not take a good snapshot" "$*"
}
last_sync() {
  bpftool -j map lookup pinned "$pin/state_v1" key 0 0 0 0 | jq '(.formatted // .).value.last_sync_boot_ns'
}
sync_after() { (($(last_sync) > $1)); }

# deadline_of PORT [PREFIX_BITS]: the latest end, in boot ns, of the installed grants for that port; endless ones left
# out. Ended ones stay in the map for a while.
deadline_of() {
  bpftool -j map dump pinned "$pin/grants_v1" | jq --argjson port "$1" --argjson bits "${2:-0}" '
    [.[] | .formatted // . | select(.key.port_be == ($port % 256 * 256 + ($port / 256 | floor)))
     | select($bits == 0 or .key.prefixlen == 32 + $bits)
     | .value.expires_boot_ns | select(. < 18446744073709551615)] | max // 0'
}

# pin_ids: ids of the programs and maps behind the pins; a restart that takes over keeps them all.
map_ids() {
  local name
  for name in slots_v1 grants_v1 sources_v1 protected_v1 ports_v1 stats_v1 usage_v1 state_v1; do
    bpftool -j map show pinned "$pin/$name" | jq -r '"\(.name) \(.id)"'
  done
}

# reason_count NAME: packets counted for that reason.
reason_count() { jg status --json | jq -r ".counters.$1.packets // 0"; }

# xdp_id: id of the program on the server's interface, empty when there is none.
xdp_id() { in_srv ip -j link show $srv_if | jq -r '.[0].xdp.prog.id // empty'; }

# forget_kernel: what a reboot takes: every pin, and with it what was attached. Not by a new bpffs: another test's mount
# namespace may hold the old one for a moment.
forget_kernel() { rm -rf "$pin" && wait_for 5 is_detached; }
is_detached() { [[ -z $(xdp_id) ]]; }

# remember, untouched NAME: what was enforced before is enforced now, by the same program and maps: the client's grant
# for port 22 passes, the neighbour without one does not.
remember() { remembered=$(map_ids; xdp_id); }
untouched() {
  is_untouched && { ok "$1"; return 0; }
  not_ok "$1" "client, port 22:    $(tcp_from $cli4 22)
neighbour, port 22: $(tcp_from $nbr4 22)
before: ${remembered//$'\n'/, }
now:    $(map_ids | paste -sd ,) $(xdp_id)"
}
is_untouched() {
  tcp_from $cli4 22 1s >/dev/null && silent_for $nbr4 22 >/dev/null && [[ $(map_ids; xdp_id) == "$remembered" ]]
}

# ---------------------------------------------------------------- traffic

# tcp_from SOURCE PORT [TIMEOUT]: exit 0 open, 1 silence, 3 refused. The family follows the source. A SYN
# that was lost is sent again after a second, and is not to be taken for one that came through.
tcp_from() { run_in "$(home_of "$1")" "$build/probe" connect "$1" "$(peer_of "$1")" "$2" "${3:-900ms}"; }
udp_from() { run_in "$(home_of "$1")" "$build/probe" udp-ask "$1" "$(peer_of "$1")" "$2" "${3:-900ms}" ${4:+"$4"}; }
# opens_for SOURCE PORT TIMEOUT: attempts until one answers.
opens_for() { run_in "$(home_of "$1")" "$build/probe" open-wait "$1" "$(peer_of "$1")" "$2" "$3"; }
# silent_for SOURCE PORT: dropped, which is not the same as refused.
silent_for() {
  tcp_from "$1" "$2" "${3:-250ms}"
  [[ $? == 1 ]]
}
closes_for() { wait_for "$3" silent_for "$1" "$2"; }

home_of() { case $1 in "$nbr4" | "$nbr6") echo "$ns_nbr" ;; *) echo "$ns_cli" ;; esac; }
peer_of() { case $1 in *:*) echo $srv6 ;; *) echo $srv4 ;; esac; }

# start_stream NAME SOURCE PORT/PROTO TIME: a numbered packet every ms; the records are in NAME.packets at its end.
start_stream() {
  start "$1" "$ns_srv" "$build/probe" stream "/run/netns/$(home_of "$2")" "/run/netns/$ns_srv" "$2" "$(peer_of "$2")" \
    "$3" "$4" "$tmp/$1.packets"
  wait_for 5 grep -q streaming "$tmp/$1.log" || die "the packet stream does not start"
}
# end_stream NAME ARRAY [DEADLINE_BOOT_NS]: end it and count.
end_stream() {
  stop "$1" || die "the packet stream $1 does not end, so that nothing is known of its packets"
  parse_into "$2" "$("$build/probe" stream-check "$tmp/$1.packets" ${3:+"$3"})"
}
# start_hold NAME SOURCE PORT TIME [STALL]: a TCP session with a heartbeat.
start_hold() {
  start "$1" "$(home_of "$2")" "$build/probe" hold "$2" "$(peer_of "$2")" "$3" "$4" "${5:-600ms}"
  wait_for 15 grep -q connected "$tmp/$1.log"
}
# end_hold NAME ARRAY: tell it to stop (it may have ended before) and parse what it saw.
end_hold() {
  stop "$1"
  parse_into "$2" "$(grep end= "$tmp/$1.log" | tail -n 1)"
}
