#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# A user whose request has just been accepted connects: the first SYN is dropped and knocks, the answer opens the port,
# the SYN that is repeated after a second passes. With latencies as Azure's, and no poll due for an hour.
#
# Knocks have a budget, so the users come to several machines side by side; each is a run of this file with --machine.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

machines=5 users=10 # a machine
[[ $build != *san ]] || users=2
between_s=6         # from one user of a machine to the next
read_ms=150 accept_ms=1000

# ---------------------------------------------------------------- one machine

# connect_ms SOURCE: one TCP connection, from now until its echo is back.
connect_ms() {
  local begin
  tick
  begin=$now connected=$now
  tcp_from "$1" 22 20s >/dev/null || { echo never; return; }
  tick
  echo $((now - begin))
}

# one_user N: a new source asks, is accepted, and connects.
one_user() {
  local source=10.9.0.$((100 + $1))
  ip -n "$ns_cli" addr add "$source/24" dev jgcli0
  request_access 3600 "$source,22" >/dev/null || { echo refused; return; }
  connect_ms "$source"
}

# A reading of the emulator: how many lists were asked for.
lists() { emulator_do GET stats | jq .list; }

# run_machine KIND USERS: prints the milliseconds of each user, then "reads N" that they cost. Nobody knocks before them.
run_machine() {
  local i before delay=0
  [[ $1 == easy ]] && delay=$accept_ms
  begin knock
  serve 22/tcp
  # The request stays Initiating for a second from its arrival: over by the time of its answer, or a second after it.
  emulator_options=(--latency "$read_ms" --initiate-latency "$delay" --initiate-delay "$accept_ms")
  start_emulator
  put_policy 22/TCP || exit 1
  # shellcheck disable=SC2034 # for the config
  conf[protect]='{}' conf_azure[poll_live]='"1h"' conf_azure[poll_idle]='"1d"'
  must_start_jitgated
  start_azure
  wait_for 15 grep -q 'protected port=22/tcp by=feed' "$tmp/jitgated.log" || exit 1
  before=$(lists)
  for ((i = 0; i < $2; i++)); do
    one_user "$i"
    # From one knock to the next, however long a request takes on a machine that is busy.
    wait_for $((between_s + 2)) time_is $((connected + between_s * 1000))
  done
  echo "reads $(($(lists) - before))"
}
time_is() { tick; ((now >= $1)); }

if [[ ${1-} == --machine ]]; then
  run_machine "$2" "$3"
  exit
fi

# ---------------------------------------------------------------- all of them

tmp_all=$(mktemp -d) || exit 1
# shellcheck disable=SC2317 # a trap
end_all() {
  local name
  trap '' INT TERM
  for name in "${!pids[@]}"; do kill -TERM "${pids[$name]}" 2>/dev/null; done
  wait
  rm -rf "$tmp_all"
}
trap end_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
((EUID == 0)) || { echo "1..0 # SKIP knock_to_open needs root: network namespaces and bpffs"; exit 0; }

# start_machine NAME KIND USERS
start_machine() {
  "$0" --machine "$2" "$3" >"$tmp_all/$1" 2>&1 &
  pids[$1]=$!
}

# figures FILE…: sets all, sorted, p50 and worst of the milliseconds; "never" and "refused" sort behind the numbers.
figures() {
  mapfile -t all < <(grep -hE '^([0-9]+|never|refused)$' "$@" | sort -n -s | sed '/^[a-z]/d')
  bad=$(grep -hcE '^(never|refused)$' "$@" | paste -sd+ | bc)
  p50=${all[$(((${#all[@]} - 1) / 2))]-0}
  worst=${all[-1]-0}
}
reads() { sed -n 's/^reads //p' "$@" | paste -sd+ | bc; }

for ((i = 0; i < machines; i++)); do start_machine "easy-$i" easy $users; done
start_machine hard hard $((users < 8 ? users : 8))
for name in "${!pids[@]}"; do wait "${pids[$name]}"; unset "pids[$name]"; done

figures "$tmp_all"/easy-*
note "accepted with the grant in force: ${#all[@]} users, in after ms: p50 $p50, p99 $worst; all: ${all[*]}"
is "every user got in" $((machines * users)) "${#all[@]}"
is "none gave up" 0 "$bad"
within "and within 1.3 s, all of them" 900 "$worst" 1299
within "a user costs a read, and no poll was due" $((machines * users)) "$(reads "$tmp_all"/easy-*)" $((machines * users))

# Harder: accepted at once, in force a second later. The first read finds it on its way, the next comes 2 s later.
figures "$tmp_all/hard"
note "accepted a second before the grant is in force: ${#all[@]} users, in after ms: p50 $p50, worst $worst"
is "every user got in whose grant came a second later" $((users < 8 ? users : 8)) "${#all[@]}"
within "with the third or fourth SYN" 1900 "$worst" 3500
((!tap_failed)) || tail -n 20 "$tmp_all"/* | sed 's/^/# /'
echo "1..$tap_n"
exit $((tap_failed > 0))
