#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What the agent may cost: map writes, wake-ups, memory and time. Times and memory are held to their limits in a release
# build only. Of several times the shortest counts, since a machine that runs tests has other work as well: what the
# agent itself takes longer is in every one of them.
# shellcheck source-path=SCRIPTDIR source=agent.bash
. "$(dirname "${BASH_SOURCE[0]}")/agent.bash"
begin limits

# below NAME LIMIT NUMBER
below() { within "$1" 0 "$3" $(($2 - 1)); }
# The sanitizers' memory and time are not the daemon's.
is_release() { ! grep -q __asan_init "$build/jitgated"; }

# 1. Nothing to do is nothing done, but for the check of what is attached, every 450 ms: within a time that is not in
# step with it one more or one less.
agent_start
wait_for 10 is_quiet jitgated
cpu=$(cpu_us jitgated)
within "idle, jitgated wakes up for its checks" 19 "$(wakeups_in jitgated 10)" 24
cpu=$(($(cpu_us jitgated) - cpu))
note "$cpu us on a processor in these 10 s"
if is_release; then below "which take less than 20 ms of 10 s" 20000 $cpu; fi
feed_time 1
wait_for 10 is_quiet jitgated
within "no more while a grant lives" 5 "$(wakeups_in jitgated 3)" 8
before=$(wakeups jitgated)
tcp_from $cli4 22 >/dev/null
check "a knock does wake it" test "$(wakeups jitgated)" -gt "$before"
check "then it comes to rest again" wait_for 10 is_quiet jitgated
within "and stays at rest" 3 "$(wakeups_in jitgated 2)" 6
feed_sync port=22/tcp grant=$cli4,22/tcp,4s
wait_for 10 is_quiet jitgated
end=$(deadline_of 22)
within "the end of a grant is one wake-up more, or two when the timer is early" 11 "$(wakeups_in jitgated 5)" 14
parse_into seen "$("$build/probe" clock)"
check "and the end did fall into that time" test "${seen[boot_ns]}" -gt "$end"

# 2. What has not changed is not written.
feed_time 2000
count_writes feed_time 2000
is "the same snapshot again writes no map" 0 "$writes_seen"
count_writes feed_time 2000 3
is "three grants with another end are three writes" 3 "$writes_seen"
count_writes feed_time 1999 3
is "one grant less is one write" 1 "$writes_seen"
count_writes feed_time 2000 3
is "one more is two: the entry, and its counters from zero" 2 "$writes_seen"

# 3. Ten thousand grants.
maps_ms=()
for _ in {1..12}; do
  feed_time 0
  feed_time 10000
  maps_ms+=("$((seen[maps_us] / 1000))")
done
count_writes feed_time 10000
is "ten thousand unchanged grants write no map" 0 "$writes_seen"
note "10000 grants in the maps after ms: ${maps_ms[*]}; resident $(resident jitgated) kB, at most $(resident jitgated VmHWM) kB"
if is_release; then
  below "ten thousand grants are in the maps in less than 100 ms" 100 "$(printf '%s\n' "${maps_ms[@]}" | lowest)"
  below "with them, jitgated is less than 8 MB resident" 8192 "$(resident jitgated)"
fi

# 4. A knock and an answer.
feed_time 0
opened=$(open_times 15)
asked=$(knock_times 8)
note "us from an answer with 16 grants to an open port: ${opened//$'\n'/ }; from a knock to \"ask now\": ${asked//$'\n'/ }"
is "every knock became a question" 8 "$(wc -l <<<"$asked")"
if is_release; then
  below "from the answer to open ports it is less than 5 ms" 5000 "$(lowest <<<"$opened")"
  below "from the knock to the question it is less than 5 ms" 5000 "$(lowest <<<"$asked")"
fi

# 5. The feed sleeps between its polls.
start_azure_idle
is "idle, jitgate-azure never wakes up between polls" 0 "$(wakeups_in azure 3)"
wait_for 10 is_quiet jitgated
within "nor does jitgated, connected to it, but for its checks" 5 "$(wakeups_in jitgated 3)" 8
finish
