#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The installed units under a systemd of their own: process 1 of its own namespaces, on an overlay of this machine's
# files, with a network of its own. It boots nothing but what the two units need. What a unit file says and what systemd
# makes of it together with a daemon that changes its user is not the same; only running it shows.
# shellcheck source=tests/check/lib.bash
. "$(dirname "$0")/lib.bash"

name=jitgate-units.$$
systemd=/lib/systemd/systemd
boot_s=30
outer='' # the process that all of it depends on
one=''   # systemd, as it is seen from here

skip_all() {
  echo "1..0 # SKIP $1"
  exit 0
}

((EUID == 0)) || skip_all "needs root"
[[ -x $systemd ]] || skip_all "needs systemd"
grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null || skip_all "needs overlayfs"

# Runs in a mount namespace of its own; all mounts end with it.
boot() {
  local top=$scratch/top root=$scratch/top/root keep unit
  mount --make-rprivate / && mkdir -p "$scratch/cgroup" "$top" &&
    mount -t tmpfs tmpfs "$top" && mkdir "$top"/{up,work,root} &&
    mount -t overlay -o "lowerdir=/,upperdir=$top/up,workdir=$top/work" overlay "$root" || return 1
  mount -t proc proc "$root/proc" && mount -t sysfs -o ro sysfs "$root/sys" &&
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup" && mount -t bpf bpf "$root/sys/fs/bpf" &&
    mount -t tmpfs -o mode=755 tmpfs "$root/run" && mount -t tmpfs tmpfs "$root/tmp" &&
    mount -t tmpfs -o mode=755 tmpfs "$root/dev" || return 1
  cp -a /dev/{null,zero,full,random,urandom,tty} "$root/dev/" && mkdir "$root"/dev/{pts,shm} &&
    ln -s pts/ptmx "$root/dev/ptmx" && ln -s /proc/self/fd "$root/dev/fd" && ln -s null "$root/dev/console"

  # Of all that a boot does, only this: nothing of the machine (clock, sysctls, devices) is touched.
  rm -rf "$root"/{etc,lib}/systemd/system/{sysinit,basic,sockets,timers,local-fs,network-online,multi-user}.target.wants
  mkdir "$root/etc/systemd/system/sysinit.target.wants"
  for unit in journald sysusers tmpfiles-setup; do
    ln -s "/lib/systemd/system/systemd-$unit.service" "$root/etc/systemd/system/sysinit.target.wants/"
  done
  : >"$root/etc/fstab"
  for keep in passwd group shadow gshadow; do sed -i '/^jitgate/d' "$root/etc/$keep"; done
  rm -rf "$root"/{var/lib,etc}/jitgate
  cp -a "$scratch/files/." "$root/"
  printf '%s\n' '[Unit]' 'Wants=jitgated.service jitgate-azure.service network.target' \
    >"$root/etc/systemd/system/jitgate-test.target"
  cat >"$root/etc/jitgate/jitgate.conf" <<'END'
interfaces = {"jg0"}
protect = {"22/tcp", "40000/tcp"}
azure { imds_endpoint = "http://127.0.0.1:9" }
END
  ip link set lo up && ip link add jg0 type veth peer name jg1 && ip link set jg0 up && ip link set jg1 up || return 1
  mkdir "$root/old" && cd "$root" && pivot_root . old && umount -l /old &&
    exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin "$systemd" --unit=jitgate-test.target \
      --log-target=journal --show-status=no
}

start() {
  mkdir "$scratch/cgroup"
  export -f boot
  export scratch systemd
  # shellcheck disable=SC2016 # for the inner shell
  unshare -m bash -c '
    mount --make-rprivate / && mount -t cgroup2 cgroup2 "$scratch/cgroup" && mkdir "$scratch/cgroup/$0" &&
      echo $$ >"$scratch/cgroup/$0/cgroup.procs" && exec unshare -C -m -p -n -u -i -f --kill-child bash -c boot' "$name" &
  outer=$!
}

end() {
  [[ -z $outer ]] || kill -KILL "$outer" 2>/dev/null
  wait 2>/dev/null
  # shellcheck disable=SC2016 # for the inner shell
  unshare -m bash -c 'mount --make-rprivate / && mount -t cgroup2 cgroup2 "$1" || exit
    for try in {1..50}; do
      find "$1/$0" -depth -type d -exec rmdir {} + 2>/dev/null
      [[ -e $1/$0 ]] || exit 0
      sleep 0.1
    done' "$name" "$scratch/cgroup"
  rm -rf "$scratch"
}
trap end EXIT

inside() { nsenter -a -t "$one" "$@"; }

wait_for() { # SECONDS COMMAND...
  local tries=$(($1 * 10))
  shift
  until "$@" >/dev/null 2>&1; do
    ((tries-- > 0)) || return 1
    sleep 0.1
  done
}

booted() {
  one=$(cat "/proc/$outer/task/$outer/children" 2>/dev/null)
  one=${one// /}
  [[ -n $one ]] && inside systemctl is-active --quiet jitgated jitgate-azure
}

property() { inside systemctl show -P "$2" "$1"; }
ask() { inside jitgate status --json | jq -r "$1"; }
same() { diff <(echo "$1") <(echo "$2"); }

both_run() {
  wait_for "$boot_s" booted && return
  inside journalctl --no-pager -b -o cat | tail -n 40
  return 1
}

before_the_network() {
  local ready network
  ready=$(property jitgated ActiveEnterTimestampMonotonic)
  network=$(property network-pre.target ActiveEnterTimestampMonotonic)
  echo "jitgated was ready at $ready us, network-pre.target reached at $network us"
  ((0 < ready && ready <= network))
}

no_cycle() { inside journalctl --no-pager -b -o cat | grep -i 'ordering cycle' | none; }

confined() { # UNIT USER
  same "$(inside id -u "$2") 0000000000000000 1 2" "$(awk '
    /^Uid:/ { uid = $2 } /^CapEff:/ { caps = $2 } /^NoNewPrivs:/ { nnp = $2 } /^Seccomp:/ { filter = $2 }
    END { print uid, caps, nnp, filter }' <(inside cat "/proc/$(property "$1" MainPID)/status"))"
}

enforces() { same true "$(ask '[.interfaces[].verified] | length > 0 and all')"; }
feed_connects() { wait_for 15 feed_connected; }
feed_connected() { [[ $(ask .feed.connected) == true ]]; }
owners() { inside stat -c '%n %U:%G %a' /run/jitgate/feed.sock /run/jitgate/control.sock /var/lib/jitgate; }

owners_are_right() {
  same "/run/jitgate/feed.sock root:jitgate-azure 660
/run/jitgate/control.sock root:jitgate 660
/var/lib/jitgate jitgate:jitgate 700" "$(owners)"
}

sysctl_is_set() { same 40000 "$(inside cat /proc/sys/net/ipv4/ip_local_reserved_ports)"; }

reload_works() { # the new config is in force, nothing has changed hands, the feed can still come back
  inside sed -i 's/^protect.*/protect = {"22\/tcp", "40000\/tcp", "443\/tcp"}/' /etc/jitgate/jitgate.conf &&
    inside systemctl reload jitgated && wait_for 5 three_ports && owners_are_right &&
    inside systemctl restart jitgate-azure && feed_connects
}

three_ports() { [[ $(ask '.ports | length') == 3 ]]; }

stop_leaves_enforcement() {
  inside systemctl stop jitgated && same 'not running true' "$(ask '"\(.agent) \(.interfaces[0].verified)"')"
}

start_takes_over() {
  inside systemctl start jitgated && enforces && owners_are_right && feed_connects &&
    inside journalctl --no-pager -b -o cat -u jitgated | grep -q 'took over'
}

kill_restarts() {
  local before
  before=$(property jitgated MainPID)
  inside systemctl kill -s KILL jitgated && wait_for 10 restarted "$before" && enforces
}

restarted() {
  [[ $(property jitgated MainPID) != "$1" ]] && inside systemctl is-active --quiet jitgated
}

bad_config_is_not_retried() {
  inside sh -c 'echo "frobnicate = 1" >>/etc/jitgate/jitgate.conf; ! systemctl restart jitgated 2>/dev/null' &&
    same "failed 78 0" "$(property jitgated ActiveState) $(property jitgated ExecMainStatus) $(property jitgated NRestarts)"
}

# jitgate-azure in hostile hands (tests/attack), with all that its unit says; and as a plain service of root's.
add_attacks() {
  local units=$scratch/files/usr/lib/systemd/system program=/usr/sbin/jitgate-azure-attack
  local output='StandardOutput=truncate:/run/attack.out' environment='EnvironmentFile=/run/attack.env'
  install -m 0755 build/release/jitgate-azure-attack "$scratch/files$program" || return 1
  sed "s|^ExecStart=.*/jitgate-azure |ExecStart=$program |; s|^Type=.*|Type=oneshot\n$output\n$environment|; /^Restart=/d
    /^After=/d; /^Wants=/d" "$units/jitgate-azure.service" >"$units/jitgate-attack.service" &&
    printf '%s\n' '[Unit]' StartLimitIntervalSec=0 '[Service]' Type=oneshot "$output" "$environment" \
      "ExecStart=$program -c /etc/jitgate/jitgate.conf" >"$units/jitgate-attack-free.service" &&
    grep -q "^ExecStart=$program" "$units/jitgate-attack.service"
}

# attack UNIT WITHOUT WORDS: prints "succeeded", "refused ERRNO", "killed", or what else came of it.
attack() {
  printf 'JITGATE_ATTACK="%s"\nJITGATE_ATTACK_WITHOUT=%s\n' "$3" "$2" | inside sh -c 'cat >/run/attack.env; : >/run/attack.out'
  inside systemctl start "$1" 2>/dev/null
  if [[ $(property "$1" Result) == core-dump || "$(property "$1" Result) $(property "$1" ExecMainStatus)" == "signal 31" ]]; then
    echo killed
  else
    inside grep -oE '(succeeded|refused E[A-Z]+)$' /run/attack.out || echo "nothing said: $(property "$1" Result)"
  fi
}

# Each succeeds for root, and not in the unit; nor is it the program's own list of system calls alone that is in the way.
attacks_fail() {
  local words bad=0 pid free full unit grants
  pid=$(property jitgated MainPID)
  grants=$(inside bpftool -j map show pinned /sys/fs/bpf/jitgate/grants_v1 | jq .id)
  for words in 'read /etc/shadow' 'list /var/lib/jitgate' 'list /sys/fs/bpf/jitgate' 'write /var/lib/jitgate/new' \
    'write /etc/jitgate/jitgate.conf' 'write /run/jitgate/new' 'write /run/new' 'write /usr/new' \
    'obj_get /sys/fs/bpf/jitgate/grants_v1' 'obj_get /sys/fs/bpf/jitgate/gate' "map_by_id $grants" prog_load \
    "kill $pid" "ptrace $pid" "mem $pid" 'kill 1' 'control /run/jitgate/control.sock' packet raw link_down \
    setuid capset unshare 'mount /mnt' 'unlink /run/jitgate/victim' 'chmod /run/jitgate/victim'; do
    inside sh -c ': >/run/jitgate/victim; rm -f /run/jitgate/new /var/lib/jitgate/new /run/new /usr/new; ip link set lo up'
    free=$(attack jitgate-attack-free sandbox "$words")
    inside sh -c ': >/run/jitgate/victim; umount /mnt 2>/dev/null; rm -f /var/lib/jitgate/new /usr/new; ip link set lo up'
    full=$(attack jitgate-attack '' "$words")
    unit=$(attack jitgate-attack seccomp "$words")
    echo "$words: for root $free; in the unit $full; without the own list $unit"
    [[ $free == succeeded && $full =~ ^(killed|refused) && $unit =~ ^refused ]] || bad=1
  done
  inside rm -f /run/jitgate/victim
  return "$bad"
}

check "make install" make --no-print-directory DESTDIR="$scratch/files" prefix=/usr install
check "the attacks are added" add_attacks
start
check "both units start, and say that they are ready" both_run
check "jitgated is ready before the network is set up" before_the_network
check "no ordering cycle" no_cycle
check "jitgated runs as its user, without capabilities, filtered" confined jitgated jitgate
check "jitgate-azure too" confined jitgate-azure jitgate-azure
check "the interface is verified" enforces
check "the feed connects" feed_connects
check "sockets and state folder belong to whom they should" owners_are_right
check "the sysctl could be written" sysctl_is_set
check "reload" reload_works
check "taken over, jitgate-azure can do nothing" attacks_fail
check "stop leaves enforcement in place" stop_leaves_enforcement
check "start takes it over" start_takes_over
check "killed, it is started again" kill_restarts
check "a bad config is reported, and not tried again" bad_config_is_not_retried
end_checks
