# bench.json as an SVG; -r. Light or dark after the reader's own setting; on a ground of its own, so that it can be read on any page.
def colour: {bare_drop: "#8b949e", bare_pass: "#8b949e", none: "#8b949e", native: "#2f81f7", generic: "#79b8ff",
  xdpfilter: "#a371f7", xdpfilter_udp: "#c4a5f5", nft_ingress: "#d9822b", nft_prerouting: "#c29a5b", nft_input: "#a8835a", ipset: "#3fa45b"}[.]
  // "#8b949e";
def short: {bare_drop: "bare XDP_DROP", bare_pass: "bare XDP_PASS"}[.contestant] // .title;
def n1: . * 10 | round / 10;
def fixed2: . * 100 | round | tostring | if length < 3 then (3 - length) * "0" + . else . end
  | .[:-2] + "." + .[-2:];
def escaped: gsub("&"; "&amp;") | gsub("<"; "&lt;");
def text($x; $y; $class; $content): "<text x=\"\($x | n1)\" y=\"\($y | n1)\" class=\"\($class)\">\($content | escaped)</text>";

def style: "<style>
  svg { font: 12px system-ui, sans-serif; background: #fff }
  .ground { fill: #fff } text { fill: #24292f } .dim { fill: #57606a } .head { font-weight: 600; font-size: 13px }
  .end { text-anchor: end } .middle { text-anchor: middle } .grid { stroke: #d0d7de } .line { fill: none; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117 }
    .ground { fill: #0d1117 } text { fill: #e6edf3 } .dim { fill: #9198a1 } .grid { stroke: #3d444d }
  }
</style>";

# Bars: one setting, the fastest first.
def bars($y): [.cases[] | select(.case == "flood" and .family == "v4" and .grants == 16)] | sort_by(-.mpps)
  | (map(.mpps) | max // 1) as $most
  | text(16; $y; "head"; "Flood to a closed port, 16 grants: million packets a second"),
    (to_entries[] | ($y + 12 + .key * 24) as $at | .value
     | (520 * .mpps / $most) as $width
     | text(168; $at + 14; "end"; short),
       "<rect x=\"178\" y=\"\($at)\" width=\"\($width | n1)\" height=\"18\" rx=\"2\" fill=\"\(.contestant | colour)\"/>",
       text(184 + $width; $at + 14; "dim"; (.mpps | fixed2) + if .of_bare then "  ×" + (.of_bare | fixed2) else "" end));

# Lines: the ratio to bare XDP over the number of grants, evenly spaced. Not the rate: the machine drifts between one number and the next.
def panel($case; $x; $y; $head; $who):
  [.cases[] | select(.case == $case and .family == "v4" and .of_bare) | select(.contestant as $c | $who | index([$c]))] as $points
  | ($points | map(.grants) | unique) as $steps | ([$points[].of_bare, 1] | max * 1.05) as $most
  | (def px: . as $g | $x + 48 + ($steps | index($g)) * 320 / ([($steps | length) - 1, 1] | max);
     def py: $y + 190 - . / $most * 170;
     text($x; $y; "head"; $head),
     (range(0; 10) | (. / 4) as $tick | select($tick <= $most)
      | "<line x1=\"\($x + 34)\" x2=\"\($x + 380)\" y1=\"\($tick | py | n1)\" y2=\"\($tick | py | n1)\" class=\"grid\"/>",
        text($x + 28; ($tick | py) + 4; "dim end"; $tick | fixed2)),
     ($steps[] | text(px; $y + 208; "dim middle"; tostring)),
     ($points | group_by(.contestant)[] | sort_by(.grants) | (.[0].contestant | colour) as $colour
      | "<polyline class=\"line\" stroke=\"\($colour)\" points=\"\(map("\(.grants | px | n1),\(.of_bare | py | n1)") | join(" "))\"/>",
        (.[] | "<circle r=\"3\" fill=\"\($colour)\" cx=\"\(.grants | px | n1)\" cy=\"\(.of_bare | py | n1)\"><title>"
          + "\(short | escaped): ×\(.of_bare | fixed2) (\(.mpps | fixed2) Mpps) at \(.grants) grants</title></circle>")));

def legend($y; $who): . as $all | [$who[] as $w | first($all.contestants[] | select(.contestant == $w))]
  | to_entries[] | (16 + .key * 160) as $x
  | "<rect x=\"\($x)\" y=\"\($y - 10)\" width=\"12\" height=\"12\" rx=\"2\" fill=\"\(.value.contestant | colour)\"/>",
    text($x + 18; $y; ""; if .value.contestant | startswith("bare") then "bare XDP" else .value.title end);

([.cases[] | select(.case == "flood" and .family == "v4" and .grants == 16)] | length * 24 + 40) as $top
| "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 860 \($top + 310)\" width=\"860\" height=\"\($top + 310)\" role=\"img\">",
  "<title>jitgate and others: packets a second</title>", style,
  "<rect class=\"ground\" width=\"860\" height=\"\($top + 310)\"/>",
  bars(24),
  panel("flood"; 16; $top + 30; "Flood: ×bare XDP, by number of grants";
    ["bare_drop", "native", "generic", "nft_ingress", "ipset"]),
  panel("granted"; 446; $top + 30; "Granted traffic: ×bare XDP, by number of grants";
    ["bare_pass", "native", "generic", "nft_ingress", "ipset"]),
  legend($top + 268; ["bare_drop", "native", "generic", "nft_ingress", "ipset"]),
  text(16; $top + 296; "dim"; "IPv4, one CPU, generator included. \(.machine.cpu // ""), Linux \(.machine.kernel // ""), \(.machine.date // "")"),
  "</svg>"
