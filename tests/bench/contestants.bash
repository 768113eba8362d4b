# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The contestants. Each has
#   NAME_lacks          says what is missing to run it here, if anything
#   NAME_up FAMILY N    closes $closed_port/udp on $rx_if but for N sources of that family, with an end; leaves all else
#   NAME_count CASE     how many packets it says it dropped (flood) or passed (granted, unprotected)
#   NAME_down           takes back what does not go away with the namespace
# and in `plays` the cases that it can play. What a careful user would write by hand is written as fast as it can be: a hash of
# exact addresses and one rule for all other packets, with the counters that prove what happened.

# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

# shellcheck disable=SC2034 # read by who sources this
declare -A plays=() title=()
contestants=()

# shellcheck disable=SC2034 # as above
contestant() { # NAME CASES TITLE
  contestants+=("$1")
  plays[$1]=$2
  title[$1]=$3
}

grants_until=2h # of every contestant that has an end at all

needs() { command -v "$1" >/dev/null || echo "$1 is not installed"; }

# ---------------------------------------------------------------- nothing at all, and the least XDP can be

contestant none "granted unprotected" "no filter"
none_lacks() { :; }
none_up() { :; }
none_count() { taken_in none; }
none_down() { :; }

contestant bare_drop "flood" "bare XDP_DROP"
bare_drop_lacks() { :; }
bare_drop_up() { in_rx bare_drop "$build/bench" bare $rx_if drop; }
bare_drop_count() { xdp_drops bare_drop; }
bare_drop_down() { :; }

contestant bare_pass "granted unprotected" "bare XDP_PASS"
bare_pass_lacks() { :; }
bare_pass_up() { in_rx bare_pass "$build/bench" bare $rx_if pass; }
bare_pass_count() { taken_in bare_pass; }
bare_pass_down() { :; }

# ---------------------------------------------------------------- jitgate: the daemon, with a feed

jitgate_up() { # CONTESTANT XDP_MODE FAMILY N [CONFIG LINE]
  local who=$1 dir=$tmp/$1
  mkdir -p "$dir"
  cat >"$dir/jitgate.conf" <<CONF
interfaces = {"$rx_if"}
xdp_mode = "$2"
protect = {"$closed_port/udp"}
user = "64000"
max_grants = 131072
pin_dir = "$tmp/bpf/$who"
run_dir = "$dir/run"
state_dir = "$dir/state"
${5-}
azure {
	user = "64001"
}
CONF
  start "$who" "$who" "$build/jitgated" -c "$dir/jitgate.conf"
  wait_for 20 jitgate_verified "$who" || { note "$(tail -n 3 "$tmp/$who.log")"; return 1; }
  jitgate_feed "$who" "$3" "$4"
}
jitgate_ask() { in_rx "$1" "$build/jitgate" -c "$tmp/$1/jitgate.conf" "${@:2}"; }
jitgate_verified() { jitgate_ask "$1" status --json | jq -e '.interfaces[0].verified'; }

# The grants are there when the snapshot after them is, in the map itself.
jitgate_feed() { # CONTESTANT FAMILY N
  setpriv --reuid 64001 --regid 64001 --clear-groups "$build/bench" feed "$tmp/$1/run/feed.sock" "$2" \
    "$closed_port/udp" "$3" || return 1
  wait_for 60 jitgate_synced "$1"
}
jitgate_synced() {
  bpftool -j map lookup pinned "$tmp/bpf/$1/state_v1" key 0 0 0 0 | jq -e '(.formatted // .).value.last_sync_boot_ns > 0'
}

jitgate_count() { # CONTESTANT CASE: stats_v1, where the index is enum reason
  local -A reason=([flood]=11 [flood_near]=11 [granted]=7 [unprotected]=6)
  bpftool -j map lookup pinned "$tmp/bpf/$1/stats_v1" key "${reason[$2]}" 0 0 0 |
    jq '[(.formatted // .).values[].value.packets] | add'
}
jitgate_down() {
  stop "$1"
  "$build/jitgated" -c "$tmp/$1/jitgate.conf" --detach >/dev/null 2>&1
  rm -rf "${tmp:?}/$1"
}

contestant native "flood granted unprotected" "jitgate native"
native_lacks() { :; }
native_up() { jitgate_up native native "$@"; }
native_count() { jitgate_count native "$1"; }
native_down() { jitgate_down native; }

contestant generic "flood granted unprotected" "jitgate generic"
generic_lacks() { :; }
generic_up() { jitgate_up generic generic "$@"; }
generic_count() { jitgate_count generic "$1"; }
generic_down() { jitgate_down generic; }

# Behind another's XDP program, which passes all.
contestant tc "flood granted unprotected" "jitgate at tc"
tc_lacks() { :; }
tc_up() { in_rx tc "$build/bench" bare $rx_if pass && jitgate_up tc native "$@" 'conflict = "tc"'; }
tc_count() { jitgate_count tc "$1"; }
tc_down() { jitgate_down tc; }

# ---------------------------------------------------------------- xdp-filter: ports or addresses, not both, and no end

# It keeps one set of pins in /sys/fs/bpf, so each of the two gets a mount namespace with a bpffs of its own, held by a process.
xdp_filter() { # CONTESTANT ARGUMENT…
  nsenter --target "${pids[mounts-$1]}" --net --mount -- xdp-filter "${@:2}"
}
xdp_filter_up() { # CONTESTANT OPTION…
  start "mounts-$1" "$1" unshare -m sh -c 'mount -t bpf bpf /sys/fs/bpf && echo ready && exec sleep infinity'
  wait_for 5 grep -q ready "$tmp/mounts-$1.log" || return 1
  xdp_filter "$1" load "${@:2}" -p allow $rx_if && xdp_filter "$1" port -p udp -m dst $closed_port
}
xdp_filter_count() { # its table: "XDP_DROP  N pkts"
  local -A action=([flood]=XDP_DROP [flood_near]=XDP_DROP [unprotected]=XDP_PASS)
  xdp_filter "$1" status | awk -v action="${action[$2]}" '$1 == action { n = $2 } END { print n + 0 }'
}
xdp_filter_down() {
  xdp_filter "$1" unload $rx_if >/dev/null 2>&1
  stop "mounts-$1"
}

contestant xdpfilter "flood unprotected" "xdp-filter"
xdpfilter_lacks() { needs xdp-filter; }
xdpfilter_up() { xdp_filter_up xdpfilter; }
xdpfilter_count() { xdp_filter_count xdpfilter "$1"; }
xdpfilter_down() { xdp_filter_down xdpfilter; }

# Told to look at nothing but UDP ports.
contestant xdpfilter_udp "flood unprotected" "xdp-filter -f udp"
xdpfilter_udp_lacks() { needs xdp-filter; }
xdpfilter_udp_up() { xdp_filter_up xdpfilter_udp -f udp; }
xdpfilter_udp_count() { xdp_filter_count xdpfilter_udp "$1"; }
xdpfilter_udp_down() { xdp_filter_down xdpfilter_udp; }

# ---------------------------------------------------------------- nftables: a set with timeouts, at three hooks

nft_rules() { # TABLE_FAMILY HOOK
  cat <<NFT
table $1 gate {
  counter granted { }
  counter denied { }
  counter other { }
  set grants4 { type ipv4_addr; flags timeout; size 131072; }
  set grants6 { type ipv6_addr; flags timeout; size 131072; }
  chain port {
    ip saddr @grants4 counter name granted accept
    ip6 saddr @grants6 counter name granted accept
    counter name denied drop
  }
  chain in {
    type filter hook $2; policy accept;
    udp dport $closed_port goto port
    counter name other
  }
}
NFT
}

nft_up() { # CONTESTANT TABLE_FAMILY HOOK FAMILY N
  { nft_rules "$2" "$3" &&
    "$build/bench" sources "$4" "$5" | awk -v set="$2 gate grants${4#v}" -v end="$grants_until" '
      NR % 1000 == 1 { printf "%sadd element %s { ", (NR > 1 ? " }\n" : ""), set }
      { printf "%s%s timeout %s", (NR % 1000 == 1 ? "" : ", "), $1, end }
      END { print " }" }'
  } >"$tmp/rules.nft" || return 1
  in_rx "$1" nft -f "$tmp/rules.nft"
}
# Listing makes nft read all sets first; resetting does not.
nft_count() { # CONTESTANT TABLE_FAMILY CASE
  local -A counter=([flood]=denied [flood_near]=denied [granted]=granted [unprotected]=other)
  local sum=$tmp/$1.$3
  [[ -f $sum ]] || echo 0 >"$sum"
  in_rx "$1" nft -j reset counter "$2" gate "${counter[$3]}" |
    jq --slurpfile sum "$sum" '$sum[0] + ([.nftables[].counter.packets // empty] | add)' >"$sum.new" &&
    mv "$sum.new" "$sum"
  cat "$sum"
}

contestant nft_ingress "flood granted unprotected" "nftables ingress"
nft_ingress_lacks() { needs nft; }
nft_ingress_up() { nft_up nft_ingress netdev "ingress device $rx_if priority 0" "$@"; }
nft_ingress_count() { nft_count nft_ingress netdev "$1"; }
nft_ingress_down() { :; }

contestant nft_prerouting "flood granted unprotected" "nftables prerouting"
nft_prerouting_lacks() { needs nft; }
nft_prerouting_up() { nft_up nft_prerouting inet "prerouting priority raw" "$@"; }
nft_prerouting_count() { nft_count nft_prerouting inet "$1"; }
nft_prerouting_down() { :; }

contestant nft_input "flood granted unprotected" "nftables input"
nft_input_lacks() { needs nft; }
nft_input_up() { nft_up nft_input inet "input priority filter" "$@"; }
nft_input_count() { nft_count nft_input inet "$1"; }
nft_input_down() { :; }

# ---------------------------------------------------------------- iptables and ipset: raw table, a set with timeouts

declare -A ipset_family=([v4]=inet [v6]=inet6)

# The old packet path where the kernel has it: it is the faster one.
iptables_save() {
  local tool=iptables
  [[ $1 == v4 ]] || tool=ip6tables
  command -v $tool-legacy-"$2" >/dev/null && tool+=-legacy
  in_rx ipset "$tool-$2" "${@:3}"
}

contestant ipset "flood granted unprotected" "iptables raw, ipset"
ipset_lacks() { needs ipset; needs iptables; }
ipset_up() {
  ipset_played=$1
  { echo "create grants hash:ip family ${ipset_family[$1]} maxelem 131072 timeout 7200"
    "$build/bench" sources "$1" "$2" | sed 's/^/add grants /'
  } | in_rx ipset ipset -exist restore || return 1
  iptables_save "$1" restore <<RULES
*raw
:PREROUTING ACCEPT
:port -
-A PREROUTING -p udp -m udp --dport $closed_port -g port
-A PREROUTING -j ACCEPT
-A port -m set --match-set grants src -j ACCEPT
-A port -j DROP
COMMIT
RULES
}
ipset_count() {
  local -A rule=([flood]='-A port -j DROP' [flood_near]='-A port -j DROP' [granted]='-A port -m set' [unprotected]='-A PREROUTING -j ACCEPT')
  iptables_save "$ipset_played" save -c -t raw | grep -F -- "${rule[$1]}" | sed 's/^\[\([0-9]*\):.*/\1/'
}
ipset_down() { :; }
