# One measurement: what the generator says, and the three counters before and after it. What does not agree to half a
# percent is an error, and the measurement does not count.
def numbers: split(" ") | map(tonumber? // 0);
def off($a; $b): ($a - $b | fabs) > 0.005 * $b;

($before | numbers) as $b | ($after | numbers) as $a | ($flood.sent // 0) as $sent
| ($a[0] - $b[0]) as $received | ($a[1] - $b[1]) as $counted | ($a[2] - $b[2]) as $arrived
| {$case, $contestant, $family, $grants, $round, $sent, ns: ($flood.ns // 0), waited_ns: $flood.waited_ns, $received, $counted, $arrived,
   mpps: (if $sent > 0 then $received / $flood.ns * 1000 else 0 end),
   error: (
     if $sent == 0 then "the generator failed"
     elif off($received; $sent) then "\($received) of \($sent) frames came out of the link"
     elif off($counted; $sent) then "it counted \($counted) of \($sent) packets"
     elif ($case | startswith("flood")) and $arrived > 0.005 * $sent then "\($arrived) of \($sent) packets got through"
     elif ($case | startswith("flood") | not) and off($arrived; $sent) then "\($arrived) of \($sent) packets arrived behind it"
     else null end)}
