#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# A file that is replaced is on the disk before its name points to it, and the name is on the disk before the call returns: a
# power cut leaves the old file or the new one. Only the system calls can show it.
# shellcheck source=tests/check/lib.bash
. "$(dirname "$0")/lib.bash"

trace=$scratch/trace

if ! strace -o "$scratch/probe" true 2>/dev/null; then
  echo "1..0 # SKIP needs strace, and leave to trace"
  exit 0
fi

# A file for each process. A test may make a call fail on purpose: what failed does not count.
out_of_order() {
  awk '
    FNR == 1 { last = owed = "" }
    /^(write|openat)/ && owed { print "the folder is not on the disk: " owed }
    { owed = "" }
    /^rename/ && / = 0$/ { renames++; owed = $0; if (last !~ /^fsync/) print "not on the disk yet: " $0 }
    / = [0-9]+$/ { last = $0 }
    END { if (renames < 5) print "only " renames + 0 " files were replaced" }
  ' "$trace".*
}

in_order() { out_of_order | none; }

check "files are replaced under strace" strace -ff -o "$trace" \
  -e trace=openat,write,fsync,rename,renameat,renameat2 build/release/unit/test_files
check "data, then name, then folder" in_order
end_checks
