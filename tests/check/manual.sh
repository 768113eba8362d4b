#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What people read, against the sources: each command of jitgate is documented, no page names another one, and the
# messages that docs/operations.md goes through are those that the programs say. (Options: install.sh; keys of the
# config: unit/test_conf.)
# shellcheck source=tests/check/lib.bash
. "$(dirname "$0")/lib.bash"

page=packaging/man/jitgate.1
operations=docs/operations.md

# "NAME JSON" of each row of the table of commands; JSON: true or false.
commands() {
  sed -n '/^} commands\[\] = {$/,/^};$/ s/^\t{"\([a-z-]*\)", [0-9], [0-9], \(true\|false\),.*/\1 \2/p' agent/jitgate.c
}

undocumented() { # of the commands on standard input
  local name json
  build/release/jitgate --help >"$scratch/help"
  while read -r name json; do
    grep -qE "^  $name( |$)" "$scratch/help" || echo "jitgate --help does not explain $name"
    grep -qE "jitgate \[-c FILE\] $name( |$)" "$scratch/help" || echo "jitgate --help does not show how $name is called"
    sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/p' "$page" | grep -qE "^\.Cm (.* )?$name( |$)" ||
      echo "$page: $name is not in its synopsis"
    grep -qE "^\.It Cm $name( |$)" "$page" || echo "$page: does not describe $name"
    [[ $json == false ]] || grep -qE "^\.It Cm (.* )?$name --json( |$)" "$page" || echo "$page: does not describe the JSON of $name"
  done
}

# "FILE COMMAND": in code spans and listings of the pages for people, and in the examples of the manual.
named() {
  awk '
    FNR == 1 { listing = 0 }
    /^```/ { listing = !listing }
    {
      line = listing || /^    / || /^(\.Dl # |\.Ql |# )jitgate / ? "`" $0 : $0
      sub(/^`(\.Dl # |\.Ql |# )? */, "`", line)
      while (match(line, /`jitgate (-c [^ ]+ )?[a-z][a-z-]+/)) {
        n = split(substr(line, RSTART, RLENGTH), word, " ")
        print FILENAME, word[n]
        line = substr(line, RSTART + RLENGTH)
      }
    }' README.md docs/*.md packaging/man/* | sort -u
}

not_a_command() { # of "FILE COMMAND"
  local file name
  while read -r file name; do
    commands | grep -q "^$name " || echo "$file: there is no command $name"
  done
}

# What the programs say: string literals, a line each; those that go on in the next line joined, inner quotes plain.
said() {
  sed 's/\\"/\x01/g' agent/*.c agent/*.h | awk '
    { sub(/^[ \t]+/, "") }
    open { if (/^"/) $0 = substr($0, 2); else print "\"" }
    { open = /"$/ }
    { printf "%s", open ? substr($0, 1, length($0) - 1) : $0 "\n" }
    END { if (open) print "\"" }' | grep -oE '"[^"]+"' | tr -d '"' | tr '\001' '"'
}

# Messages that the operator is told of: code spans of four words and more, but for commands, lines of a config and what
# systemd says.
quoted() {
  # shellcheck disable=SC2016 # the quotes are backticks
  awk '/^```/ { listing = !listing; next } !listing { printf "%s%s", $0, /^$/ ? "\n" : " " }' "$1" | grep -oE '`[^`]+`' | tr -d '`' |
    grep -vE '^(jitgated?|systemctl|systemd-analyze|journalctl|bpftool|ip|ss|tc|chronyc|make|JITGATE_LOG=[a-z]+) |^[a-z_]+ (= )?"|^Main process' |
    awk 'NF >= 4' | sed 's/="/ … /g; s/"$//' | sort -u
}

# Messages of which a word is not said beside the next or the one before. What is filled in is passed over ("…", numbers,
# N for a number, the names in the examples), and so is a word alone between two of these.
unsaid() {
  awk '
    function filled(i) {
      return i < 1 || i > NF || $i ~ /…|\.\.\.|[0-9]|^\(?[NM][,)]*$|azure|^(cannot|feed|protect|conflict|attached|native\);)$/
    }
    function known(i, words) {
      words = $i " " $(i + 1)
      if (index(text, words)) return 1
      if ($i ~ /:$/ && index(text, "\n" substr($i, 1, length($i) - 1) "\n")) return 1 # put together from two
      sub(/^\(/, "", words)
      sub(/[:,;.)]+$/, "", words)
      return index(text, words)
    }
    FILENAME == ARGV[1] { text = text "\n" $0; next }
    {
      for (i = 1; i <= NF; i++)
        if (!filled(i) && !((filled(i - 1) || $(i - 1) ~ /:$/) && filled(i + 1)) && !known(i) && !known(i - 1)) {
          print $0 "  (" $i ")"
          next
        }
    }' "$scratch/messages" -
}

all_documented() { commands | undocumented | none; }
all_are_commands() { named | not_a_command | none; }
all_said() { quoted "$operations" | unsaid | none; }

# The checks can fail.
is_missed() { echo "frobnicate true" | undocumented | grep -q 'does not describe frobnicate'; }
is_no_command() { echo "README.md frobnicate" | not_a_command | grep -q 'no command frobnicate'; }
is_unsaid() { echo "the filter slot is wide open" | unsaid | grep -q wide; }

said >"$scratch/messages"
check "the table of commands can be read" [ "$(commands | wc -l)" -ge 10 ]
check "every command is in the manual and in --help" all_documented
check "a command that is not is found" is_missed
check "pages name commands" [ "$(named | wc -l)" -ge 20 ]
check "no page names one that there is not" all_are_commands
check "one that is not is found" is_no_command
check "there are messages to look for" [ "$(quoted "$operations" | wc -l)" -ge 50 ]
check "every message in docs/operations.md is said by a program" all_said
check "one that is not is found" is_unsaid
end_checks
