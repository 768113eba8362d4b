# One line of the nanoseconds.
{run: $case, $program, $family, $grants, ns: $ran.ns, min_ns: $ran.min, max_ns: $ran.max, empty_ns: $empty.ns,
 error: (if $ran.verdict != $verdict then "it said \($ran.verdict), not \($verdict)" else null end)}
