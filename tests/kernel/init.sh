#!/usr/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The first and only process of the test machine: sets up what a booted system has, runs the test programs and stops
# the machine. What programs.sh says goes to the second serial line, the console keeps the kernel's own words.
export PATH=/usr/sbin:/usr/bin HOME=/ LC_ALL=C TZ=UTC CMOCKA_MESSAGE_OUTPUT=TAP JITGATE_BUILD=/jitgate/build/release
# The kernel looks at a filter, and tries it, some twenty times more slowly here.
export JITGATE_READY_S=120

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
mkdir -p /run/netns
[[ -e /dev/fd ]] || ln -s /proc/self/fd /dev/fd
exec </dev/null >/dev/ttyS1 2>/dev/console

while read -r module; do
  insmod "/modules/$module" || echo "init: cannot load $module" >&2
done </modules/order
ip link set lo up
cd /jitgate || exit 1
bash tests/kernel/programs.sh

# The line is slow: what was written has to be out before the end.
sleep 1
echo b >/proc/sysrq-trigger
sleep 60
