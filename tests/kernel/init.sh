#!/usr/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The first and only process of the test machine: sets up what a booted system has, runs the test programs and stops
# the machine. Results go to the second serial line, the console keeps the kernel's own words:
#
#   === kernel VERSION, === begin NAME, what the program printed, === end NAME EXIT-CODE, === all
export PATH=/usr/sbin:/usr/bin HOME=/ LC_ALL=C TZ=UTC CMOCKA_MESSAGE_OUTPUT=TAP JITGATE_BUILD=/jitgate/build/release

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
mkdir -p /run/netns
[[ -e /dev/fd ]] || ln -s /proc/self/fd /dev/fd
exec </dev/null >/dev/ttyS1 2>/dev/console

run_program() {
  local name=$1
  shift
  echo "=== begin $name"
  "$@"
  echo "=== end $name $?"
}

while read -r module; do
  insmod "/modules/$module" || echo "init: cannot load $module" >&2
done </modules/order
ip link set lo up
cd /jitgate || exit 1
echo "=== kernel $(uname -r)"
run_program packet_test build/release/packet_test
run_program bypass bash tests/e2e/bypass.sh
run_program case bash tests/kernel/case.sh
echo "=== all"

# The line is slow: what was written has to be out before the end.
sleep 1
echo b >/proc/sysrq-trigger
sleep 60
