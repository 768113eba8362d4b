#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# jitgated is killed at every step of a start that judges behind another XDP program, at the tc hook: the first one, and
# one that takes over.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin kill_tc

nothing() { :; }
serve 22/tcp
mkdir "$tmp/bpf/other"
bpftool prog loadall "$build/neighbour.bpf.o" "$tmp/bpf/other" 2>/dev/null || die "cannot load somebody else's programs"
in_srv bpftool net attach xdp pinned "$tmp/bpf/other/neighbour_xdp" dev $srv_if || die "the other program cannot be attached"
conf[conflict]='"tc"'
must_start_jitgated
feed_sync "${old[@]}"
pins_due=$(pins)
program_there() { bpftool -j link show pinned "$pin/link_$srv_if" | jq .prog_id; }
[[ -e $pin/link_$srv_if ]] || program_there() { echo 0; } # a filter, before Linux 6.6
kill9 jitgated
begin_streams
kill_starts "a start at the tc hook killed" 20 nothing nothing "$always" "$either"
end_streams "starts at the tc hook killed"

# Nothing in the kernel but the other program.
forget_tc() { rm -rf "$pin" && wait_for 5 opens; }
opens() { tcp_from "$nbr4" 22 >/dev/null; }
is_open_still() { opens || ! compgen -G "$pin/link*" >/dev/null; }
STRIDE=3 kill_starts "a first start at the tc hook killed" 25 forget_tc no_lock_out "$always" "$either"
finish
