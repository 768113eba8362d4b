#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# The session in README, command by command, as it stands there: what each says has to be what README shows. Only the ports
# and the folder are others, and times are the present's.
# shellcheck source=tests/emulator/lib.bash
. "$(dirname "$0")/lib.bash"

# Between the marks, without the fence.
session() { sed -n '/^<!-- session: begin -->/,/^<!-- session: end -->/p' "$root/README.md" | sed '/^<!--/d; /^```/d; /^$/d'; }

# Two ports that nobody has at the moment.
free_ports() {
  start --imds 0
  imds_port=${imds##*:} arm_port=${arm##*:}
  stop
}

# The commands, each after a line that tells which it is. Building is done, and the emulator is where it was built.
script() {
  echo "trap 'kill \$(jobs -p) 2>/dev/null' EXIT" # however far it gets
  session | sed -n 's/^\$ //p' | grep -v '^make ' | awk '{ gsub(/\047/, "\047\\\047\047") }
    { print "printf \"== %s\\n\" \047" $0 "\047" }' >"$work/titles"
  session | sed -n 's/^\$ //p' | grep -v '^make ' | paste -d '\n' "$work/titles" - |
    sed -E "s|^build/release/emulator|'$emulator'|; s|^build/release/jitgate-azure|'$build/jitgate-azure'|; /^printf/!s|8169|$imds_port|g; /^printf/!s|8443|$arm_port|g; /^printf/!s|/tmp/azure|$work/azure|g"
}

# What README says: commands as titles too.
expected() { session | grep -v '^\$ make ' | sed 's/^\$ /== /'; }

# Times are not compared, nor when exactly the emulator says that it is ready.
timeless() { sed -E 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z/TIME/g' | tr -d '\r' | grep -v '^emulator: ready'; }

same() { diff <(expected | timeless) <(timeless <"$work/said"); }

free_ports
script >"$work/script"
: >"$work/body"
chmod 755 "$work" # jitgate-azure becomes another user
timeout 60 bash "$work/script" >"$work/said" 2>"$work/session-err" </dev/null
check "there is a session in README" test "$(session | grep -c '^\$ ')" -gt 10
check "it says what README shows" same
check "and nothing on standard error" diff /dev/null "$work/session-err"
check "it names the line that the emulator prints" grep -q "^emulator: ready imds=http://127.0.0.1:$imds_port arm=https://127.0.0.1:$arm_port ca=$work/azure/ca.pem" "$work/said"
end_tests
