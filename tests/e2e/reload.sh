#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# SIGHUP: the new file counts as a whole or not at all, and nothing that is granted notices.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin reload

serve 22/tcp 2022/tcp 80/tcp
must_start_jitgated
feed_sync port=22/tcp grant=$cli4,22/tcp,5m
start_stream granted $cli4 22/tcp 120s
start_stream ungranted $nbr4 22/tcp 120s

# 1. A port more, a port less.
check "a port that is not protected answers" tcp_from $nbr4 2022
conf[protect]='{"22/tcp", "2022/tcp"}'
write_conf
check "the daemon says that it has reloaded" reload_jitgated
check "the port that was added is closed" closes_for $nbr4 2022 3
check "for everybody" silent_for $cli4 2022
conf[protect]='{"22/tcp"}'
write_conf
reload_jitgated
check "the port that was removed is open again" opens_for $nbr4 2022 3s
check "the other one stays closed" silent_for $nbr4 22

# 2. A file that does not hold: the old one counts, and the line is named.
mark=$(mark_log jitgated)
conf[protect]='{"22/tcp", "2022/tcp"}'
conf[colour]='"red"'
write_conf
reload_jitgated
line=$(grep -n colour "$tmp/jitgate.conf" | cut -d: -f1)
like "a bad config is named with file and line" "jitgate\\.conf:$line:.*colour" "$(log_since jitgated "$mark")"
check "nothing of it is taken" tcp_from $nbr4 2022
check "the old one counts" silent_for $nbr4 22
unset 'conf[colour]'
mark=$(mark_log jitgated)
write_conf
chmod 0666 "$tmp/jitgate.conf"
reload_jitgated
like "a config that others may write is not read" 'writ' "$(log_since jitgated "$mark")"
check "nothing of it is taken either" tcp_from $nbr4 2022
write_conf
reload_jitgated
check "the same one, safe, is taken" closes_for $nbr4 2022 3

# 3. Always-allowed sources.
conf[allow]="{\"$nbr6\"}"
write_conf
reload_jitgated
check "R8: an allowed source is open" opens_for $nbr6 22 3s
check "R8: only that one" silent_for $cli6 22
unset 'conf[allow]'
write_conf
reload_jitgated
check "and closed again" closes_for $nbr6 22 3
end_stream ungranted seen
is "up to here no packet without a grant has passed" 0 "${seen[passed]}"
within "while so many were sent" 100 "${seen[sent]}" 120000

# 4. Audit: count, never drop.
before=$(reason_count audit)
conf[mode]='"audit"'
write_conf
reload_jitgated
check "audit mode lets everything pass" opens_for $nbr4 22 3s
within "and counts it" $((before + 1)) "$(reason_count audit)" 1000000
is "status says audit" audit "$(jg status --json | jq -r .mode)"
conf[mode]='"enforce"'
write_conf
reload_jitgated
check "enforcing again" closes_for $nbr4 22 3
is "status says enforce" enforce "$(jg status --json | jq -r .mode)"
# 5. Keys that take a restart: named at each reload, and the running values stay, max_grants as a whole.
conf[max_grants]=100
conf[xdp_mode]='"generic"'
conf[run_dir]="\"$tmp/elsewhere\""
for nth in first second; do
  mark=$(mark_log jitgated)
  write_conf
  reload_jitgated
  is "the $nth reload names the keys that take a restart" "max_grants run_dir xdp_mode" \
    "$(log_since jitgated "$mark" | grep -oE '[a-z_.]+ has changed in the config' | cut -d ' ' -f 1 | sort | paste -sd ' ')"
done
conf[run_dir]="\"$tmp/run\""
write_conf # where the feed and the command look
grants=()
for i in {1..150}; do grants+=("grant=10.9.1.$i,22/tcp,5m"); done
feed_sync port=22/tcp grant=$cli4,22/tcp,5m "${grants[@]}"
is "max_grants of the start is in force" 151 "$(jg status --json | jq -r .grants)"

end_stream granted seen
is "a grant lost no packet through all of this" 0 "${seen[lost]}"
within "while so many were sent" 100 "${seen[sent]}" 120000

# 6. More ports than there are counters: a slot that becomes free goes to a port that waits, the config's first.
counted() { jg status --json | jq -c --argjson port "$1" '.ports[] | select(.port == $port) | .ungranted != null'; }
protect() { # PORT/PROTO…
  local list
  printf -v list '"%s", ' "$@"
  conf[protect]="{${list%, }}"
  write_conf
  reload_jitgated
}
check "32 ports are taken" protect 22/tcp {1000..1030}/tcp
is "the 32nd has no counters of its own" "true false" "$(counted 1029) $(counted 1030)"
feed_sync port=22/tcp port=900/tcp grant=$cli4,22/tcp,5m
is "nor has one that a feed names" "false false" "$(counted 900) $(counted 1030)"
check "31 ports are taken" protect 22/tcp {1001..1030}/tcp
is "the config's port has counters, the feed's waits" "false true" "$(counted 900) $(counted 1030)"
check "a packet to it is dropped" silent_for $nbr4 1030
packets=$(jg status --json | jq '.ports[] | select(.port == 1030) | .ungranted.packets')
within "and counted" 1 "$packets" 10
check "one port is taken" protect 22/tcp
is "then the feed's has counters, too" true "$(counted 900)"
finish
