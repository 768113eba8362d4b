#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# How the text of the tree is written: format, width, licence line, length of functions, no left-overs.
# shellcheck source=tests/check/lib.bash
. "$(dirname "$0")/lib.bash"

columns_max=120
function_lines_max=80

unformatted() { # one line a file; `make format` does the rest
  c_files | xargs clang-format --dry-run -Werror 2>&1 | grep -oE '^[^ ]+\.[ch]:[0-9]+' | awk -F : '!seen[$1]++'
}

wide_lines() {
  # shellcheck disable=SC2016 # $0 is awk's
  c_files | xargs awk -v max="$columns_max" '
    {
      line = $0
      gsub(/[\200-\277]/, "", line) # a character, not its UTF-8 bytes
      while ((at = index(line, "\t")) > 0)
        line = substr(line, 1, at - 1) sprintf("%" (8 - (at - 1) % 8) "s", "") substr(line, at + 1)
      if (length(line) > max) printf "%s:%d: %d columns\n", FILENAME, FNR, length(line)
    }'
}

loose_ends() { # trailing white space, no newline at the end
  local file
  text_files | grep -v '\.md$' | xargs grep -nE '[[:blank:]]+$' /dev/null
  text_files | while read -r file; do
    [[ -z $(tail -c 1 "$file") ]] || echo "$file: no newline at the end"
  done
}

without_licence_line() {
  local file
  { c_files; shell_files; all_files | grep -E '(^|/)(Makefile|[^/]*\.mk)$'; } | sort -u | while read -r file; do
    head -n 3 "$file" | grep -q 'SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only' || echo "$file"
  done
}

# The folders that this very clone lies in have no place in the text; nor has anybody's home.
machine_paths() {
  local top=/${PWD#/}
  top=/$(cut -d / -f 2 <<<"$top")/
  [[ $top =~ ^/(bin|dev|etc|home|lib|media|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|var)/$ ]] && top=$PWD/
  text_files | xargs grep -nE -e "(^|[^[:alnum:]._-])$top" -e '/home/[a-z]' /dev/null
}

left_overs() {
  text_files | xargs grep -nwE 'T[O]DO|F[I]XME|H[A]CK' /dev/null
}

long_functions() { # formatted code: a body is between a '{' and a '}' in the first column
  awk -v max="$function_lines_max" '
    FNR == 1 { begun = 0 }
    /^[a-zA-Z_].*\(/ { name = $0 }
    /^\{/ { begun = FNR }
    /^\}/ {
      if (begun && FNR - begun - 1 > max) printf "%s:%d: %d lines: %s\n", FILENAME, begun, FNR - begun - 1, name
      begun = 0
    }' agent/*.c
}

banned_calls() { # unbounded, locale-bound or error-blind
  grep -nE '\b(goto [a-z_]+;|(sprintf|vsprintf|strcpy|strcat|gets|atoi|atol|strtok) ?\()' agent/*.[ch] bpf/*.[ch]
}

list_is_empty() { "$1" | none; }

check "C code is formatted (make format)" list_is_empty unformatted
check "no line of C is wider than $columns_max columns" list_is_empty wide_lines
check "no trailing white space, a newline at the end" list_is_empty loose_ends
check "every source file has its licence line" list_is_empty without_licence_line
check "no path of the machine that it was written on" list_is_empty machine_paths
check "nothing left to do in comments" list_is_empty left_overs
check "no function in agent/ is longer than $function_lines_max lines" list_is_empty long_functions
check "no banned call, no goto" list_is_empty banned_calls
end_checks
