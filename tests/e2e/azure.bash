# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# A VM under JIT in full swing, for the scripts that then take something away: both daemons on the emulator, port 22 in
# `protect`, port 2022 learned from Azure, a client with grants and a session on each.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

newcomer='' newcomers=0 azure_mark=0 gate_mark=0 last_good_seen='' began_s=0 world_ports='[22,2022]'

# world_up: the policy "default" protects both ports of this VM. What is asked for lives longer than any script.
world_up() {
  start_emulator
  world_go
}

# world_go: the same on an emulator that runs.
world_go() {
  put_policy 22/TCP 2022/TCP || die "arm refuses the policy"
  request_fast $cli4 22
  request_fast $cli4 2022
  world_daemons
}

# world_daemons: the rest, when Azure has policy and requests.
world_daemons() {
  serve 22/tcp 2022/tcp 3333/tcp 4444/tcp 80/tcp
  must_start_jitgated
  start_azure
  opens_for $cli4 22 15s >/dev/null || die "the client's grant does not open port 22"
  opens_for $cli4 2022 15s >/dev/null || die "the client's grant does not open port 2022"
  closes_for $nbr4 2022 5 || die "the policy does not close port 2022"
  start_sessions
}

# A stall is silence of 3 s: long enough for a machine that is busy, far shorter than what is waited for.
start_sessions() {
  start_hold session22 $cli4 22 500s 3s || die "no session on port 22"
  start_hold session2022 $cli4 2022 500s 3s || die "no session on port 2022"
}

# request_fast SOURCE PORT [SECONDS]: a request that is Initiated at once.
request_fast() {
  emulator_do POST initiate-fast "{\"port\":$2,\"source\":\"$1\",\"seconds\":${3:-900}}" >/dev/null ||
    die "the emulator does not take a request" "$*"
}

# new_source: one more address of the client's, never granted before; into $newcomer.
new_source() {
  newcomers=$((newcomers + 1))
  newcomer=10.9.0.$((100 + newcomers))
  ip -n "$ns_cli" addr add "$newcomer/24" dev jgcli0 || die "no more addresses"
}

# ---------------------------------------------------------------- looking

feed_field() { jg status --json | jq -r ".feed.$1 // \"\""; }
feed_error_like() { feed_field last_error | grep -E -- "$1" >/dev/null; }
feed_errorless() { [[ -z $(feed_field last_error) ]]; }
good_again() { [[ $(feed_field last_good) != "$last_good_seen" ]] && feed_errorless; }
closed_ports() { jg status --json | jq -c '[.ports[] | .port] | unique'; }
# no_good_since SECONDS: but for the one that was on its way at that moment.
no_good_since() { (($(date -d "$(feed_field last_good)" +%s) <= $1 + 1)); }
reads() { emulator_do GET stats | jq '.list + .get'; }
reads_above() { (($(reads) > $1)); }

# await_good NAME: one more good answer than there has been.
await_good() {
  local before
  before=$(reads)
  last_good_seen=$(feed_field last_good)
  wait_for 20 reads_above "$before" || { not_ok "$1" "Azure is not asked any more"; return 1; }
  check "$1" wait_for 10 good_again
}

begin_case() {
  began_s=$(date +%s)
  azure_mark=$(mark_log azure)
  gate_mark=$(mark_log jitgated)
  last_good_seen=$(feed_field last_good)
}

# ---------------------------------------------------------------- what an answer that is no answer does: nothing

# lost WHAT PATTERN: the caller has spoilt Azure's answers. Somebody new is granted access there meanwhile. Waits for
# the failure to be seen, and looks at everything that must not change.
lost() {
  new_source
  request_fast "$newcomer" 22
  check "$1: status shows it" wait_for "${lost_within_s:-20}" feed_error_like "$2"
  like "$1: the log says it, and what becomes of the grants" "$2.*goes on to its own end" \
    "$(log_since azure "$azure_mark")"
  nothing_moved "$1"
  check "$1: the last good answer is one of before" no_good_since "$began_s"
  [[ -n ${lost_within_s-} ]] || is "$1: and still fresh" fresh "$(feed_field state)"
  check "$1: what was requested meanwhile is not in force" silent_for "$newcomer" 22
}

# nothing_moved WHAT: grants, sessions and closed ports are what world_up made.
nothing_moved() {
  check "$1: the session on the protected port goes on" alive session22
  check "$1: the session on the learned port goes on" alive session2022
  check "$1: the granted source gets in again" tcp_from $cli4 22
  check "$1: and on the learned port" tcp_from $cli4 2022
  check "$1: the protected port is closed" silent_for $nbr4 22
  check "$1: the learned port is closed" silent_for $nbr4 2022
  is "$1: both are protected" "$world_ports" "$(closed_ports)"
  fails "$1: no grant of theirs was taken away, no port let go" log_has jitgated "$gate_mark" \
    "^jitgated: (released |(revoked|shortened) .*source=${cli4//./\\.} )"
}

# recovers WHAT: the positive control. The caller has put Azure right.
recovers() {
  check "$1, cured: what was requested meanwhile is in force" opens_for "$newcomer" 22 20s
  check "$1, cured: status shows no failure" wait_for 5 feed_errorless
}

# loss WHAT PATTERN FAULT-JSON: the whole of it for one fault of the emulator's.
loss() {
  begin_case
  emulator_do POST fault "$3" >/dev/null || die "the emulator does not take the fault" "$3"
  lost "$1" "$2"
  emulator_do DELETE fault >/dev/null
  recovers "$1"
}

# sessions_lived: at the very end.
sessions_lived() {
  local name
  for name in session22 session2022; do
    end_hold $name held
    is "$name lived through all of it" stopped "${held[end]-}"
    within "$name: without a gap" 0 "${held[worst_gap_ms]-}" 2900
  done
}
