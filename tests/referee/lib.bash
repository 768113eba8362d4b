# shellcheck shell=bash disable=SC2034,SC2154 # names of e2e/lib.bash, and names for referee.sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The referee's link and receivers: a veth pair without a bridge, the receiving kernel made as willing as it can be, and
# two ways to count there. Sourced after tests/e2e/lib.bash, whose names it uses.

gated_if=jgraw0 sending_if=jgraw1 mtu=0
plays=0 played=0 # games so far, each with datagram ids of its own; when the last one ended
closed_ports='22, 3389, 5632, 4, 1541' # as in train.c
granted4=198.18.0.0/17 granted6=2001:db8:2::/48

# A route back to all sources, so that a listening socket answers; the answers end in the sender's namespace.
make_link() {
  ip -n "$ns_srv" link add $gated_if address 02:00:00:00:00:0b type veth \
    peer name $sending_if address 02:00:00:00:00:0a netns "$ns_nbr" || die "no link for the referee"
  ip -n "$ns_srv" addr add 192.0.2.1/24 dev $gated_if
  ip -n "$ns_srv" addr add 2001:db8::1/64 dev $gated_if nodad
  set_mtu 3400
  ip -n "$ns_srv" neigh add 192.0.2.78 lladdr 02:00:00:00:00:0a dev $gated_if
  ip -n "$ns_srv" neigh add 2001:db8::78 lladdr 02:00:00:00:00:0a dev $gated_if
  ip -n "$ns_srv" route add default via 192.0.2.78
  ip -n "$ns_srv" -6 route add default via 2001:db8::78
  tune_receiver
}

set_mtu() {
  mtu=$1
  ip -n "$ns_srv" link set $gated_if mtu "$mtu" up
  ip -n "$ns_nbr" link set $sending_if mtu "$mtu" up
}

# Source routes are followed, options not counted, SYNs answered without memory, fragments kept for a second, all of
# them. After a table with `ct state` conntrack's own reassembly has its values too.
tune_receiver() {
  local key value
  while read -r key value; do
    in_srv sysctl -qw "$key=$value" || die "sysctl $key"
  done <<EOF
net.ipv4.conf.all.rp_filter 0
net.ipv4.conf.$gated_if.rp_filter 0
net.ipv4.conf.all.accept_source_route 1
net.ipv4.conf.$gated_if.accept_source_route 1
net.ipv6.conf.all.accept_source_route 1
net.ipv6.conf.$gated_if.accept_source_route 1
net.ipv4.tcp_syncookies 2
net.ipv4.ipfrag_high_thresh 1073741824
net.ipv4.ipfrag_time 1
net.ipv4.ipfrag_max_dist 0
net.ipv6.ip6frag_high_thresh 1073741824
net.ipv6.ip6frag_time 1
net.ipv6.max_hbh_opts_number 1000
net.ipv6.max_dst_opts_number 1000
net.netfilter.nf_conntrack_frag6_high_thresh 1073741824
net.netfilter.nf_conntrack_frag6_timeout 1
EOF
}

# use_receiver plain: what arrives is reassembled on its way to a socket. use_receiver conntrack: at the interface, by
# connection tracking, which reads IPv6 headers in its own way; and counters in the input hook. One source in
# 16 is tracked in full, so that the table of connections does not fill up; untracked packets are reassembled too.
# A fragment that reassembly refuses for its length goes on to the rules as it is, and they take its flow label for ports.
use_receiver() {
  in_srv nft flush ruleset || die "nft does not work here"
  [[ $1 == conntrack ]] || return 0
  in_srv nft -f - <<EOF || die "the counting rules are refused"
table inet referee {
  counter closed4 { }
  counter closed6 { }
  set sources4 { type ipv4_addr . inet_proto . inet_service; size 100; flags dynamic; }
  set sources6 { type ipv6_addr . inet_proto . inet_service; size 100; flags dynamic; }
  chain early {
    type filter hook prerouting priority -300
    ip saddr & 0.0.0.15 != 0.0.0.0 notrack
    ip6 saddr & ::f != :: notrack
  }
  chain arrived {
    type filter hook input priority 0
    ct state new,established,invalid,untracked
    ip saddr $granted4 return
    ip6 saddr $granted6 return
    exthdr frag exists return
    meta l4proto { tcp, udp, sctp, dccp, udplite } th dport { $closed_ports } jump closed
  }
  chain closed {
    meta nfproto ipv4 counter name closed4 add @sources4 { ip saddr . meta l4proto . th dport }
    meta nfproto ipv6 counter name closed6 add @sources6 { ip6 saddr . meta l4proto . th dport }
  }
}
EOF
}

# A fragment that came in without the gate must not meet the rest of its datagram now: a mutation may give two games the
# same id. They are kept for a second; how many conntrack keeps is not told.
forget_fragments() { wait_for 10 fragments_are_forgotten || die "fragments are kept for too long"; }
fragments_are_forgotten() {
  tick
  ((now - played > 1600)) && in_srv grep '^FRAG: inuse 0' /proc/net/sockstat &&
    in_srv grep '^FRAG6: inuse 0' /proc/net/sockstat6
}

# What the rules have counted: "rules closed4 N", "rules closed6 N", as lines of a tally.
rules_counted() {
  in_srv nft -j list counters | jq -r '.nftables[].counter | select(.) | "rules \(.name) \(.packets)"'
}

# The first sources, with protocol and port; the end of a source is the number of its train.
rules_sources() { in_srv nft -j list ruleset | jq -c '.nftables[].set | select(.) | .elem[]? | .concat? // .'; }

# referee VERB TALLY FIRST FRAMES [FOLDER]: the stream, or a part of it; what was seen in $tmp/TALLY.tally.
referee() {
  local verb=$1 tally=$tmp/$2.tally rc
  shift 2
  "$build/referee" "$verb" "/run/netns/$ns_nbr" $sending_if "/run/netns/$ns_srv" "$seed" "$1" "$2" "$mtu" \
    $((++plays * 12085 % 65536)) ${3:+"$3"} >"$tally" 2>"$tmp/referee.err"
  rc=$?
  ((rc < 2)) || die "the referee cannot play" "$(cat "$tmp/referee.err")"
  tick
  played=$now
  rules_counted >>"$tally"
  return $rc
}

# ---------------------------------------------------------------- reading tallies

# total TALLY WORD
total() { grep '^total' "$tmp/$1.tally" | tr ' ' '\n' | sed -n "s/^$2=//p"; }
# sum TALLY LINE COLUMN [NAME [FAMILY]]: columns 4 frames, 5 closed, 6 open, 7 granted.
sum() {
  awk -v line="$2" -v column="$3" -v name="${4-}" -v family="${5-}" '
    $1 == line && (name == "" || $2 == name) && (family == "" || $3 == family) { n += $column }
    END { print n + 0 }' "$tmp/$1.tally"
}
# silent_kinds TALLY COLUMN: kinds and families that were sent, by the hundreds, and of which nothing arrived. Tunnels have
# no end here, and the kernel has no use for other framings. (A few of these seem to arrive: a mutation has given
# another train their source.)
silent_kinds() {
  awk -v column="$2" '$1 == "kind" && $4 > 300 && $column == 0 && $2 !~ /^(tunnel|foreign)$/ { print $2, "IPv" $3 }' \
    "$tmp/$1.tally"
}

# table TITLE TALLY…: closed-port deliveries of the first two tallies (without the gate), and of the others (with it);
# and what was delivered to other ports, without and with.
table() {
  local title=$1
  shift
  printf '%s\n' "$title"
  awk '
    FNR == 1 { file++ }
    $1 == "kind" {
      key = sprintf("%-12s IPv%s", $2, $3)
      if (!(key in frames)) order[++n] = key
      frames[key] += file == 1 ? $4 : 0
      closed[key, file] = $5
      open[key, file <= 2 ? "off" : "on"] += $6
      granted[key, file <= 2 ? "off" : "on"] += $7
    }
    function row(key) {
      printf "%-18s %9d  %9d %9d  %9d %9d  %9d %9d  %9d %9d\n", key, frames[key], closed[key, 1], closed[key, 2],
        closed[key, 3], closed[key, 4], open[key, "off"], open[key, "on"], granted[key, "off"], granted[key, "on"]
    }
    END {
      printf "%-18s %9s  %19s  %19s  %19s  %19s\n", "", "", "closed ports, off", "closed ports, on", "other ports", \
        "granted sources"
      printf "%-18s %9s  %9s %9s  %9s %9s  %9s %9s  %9s %9s\n", "", "frames", "plain", "conntrack", "plain", "conntrack", \
        "off", "on", "off", "on"
      for (i = 1; i <= n; i++) {
        row(order[i])
        frames["all"] += frames[order[i]]
        for (f = 1; f <= 4; f++) closed["all", f] += closed[order[i], f]
        open["all", "off"] += open[order[i], "off"]; open["all", "on"] += open[order[i], "on"]
        granted["all", "off"] += granted[order[i], "off"]; granted["all", "on"] += granted[order[i], "on"]
      }
      row("all")
    }' "${@/#/$tmp/}"
}
