# bench.json as text; -r. $form: "text" for a terminal, "overview" for README, "details" for docs/bench.md. Ratios beside the
# rates: they are what carries over to other machines.

def pad($n): . + (if $n > length then ($n - length) * " " else "" end);
def lpad($n): (if $n > length then ($n - length) * " " else "" end) + .;
def fixed($digits): if . == null then "-" else
  (. * pow(10; $digits) | round | tostring)
  | (if length <= $digits then ($digits + 1 - length) * "0" else "" end) + .
  | .[:length - $digits] + "." + .[length - $digits:] end;

# A table is {head: [cells], rows: [[cells]]}; the first column is text, the others are figures.
def as_markdown: (.head, (.head | [":--"] + (.[1:] | map("--:"))), .rows[]) | "| " + join(" | ") + " |";
def as_text: ([.head] + .rows | transpose | map(map(length) | max)) as $widths
  | (.head, .rows[]) | to_entries
  | "  " + (map(.value as $cell | $widths[.key] as $w | if .key == 0 then $cell | pad($w) else $cell | lpad($w + 3) end) | join(""));

# ---------------------------------------------------------------- what there is to tell

def grants: "\(.) grant" + if . == 1 then "" else "s" end;
def sent: {flood: "Flood to a closed port, from random sources",
  flood_near: "The same flood from the networks (IPv4: /16, IPv6: /64) of granted sources", granted: "Traffic of the granted sources",
  unprotected: "Traffic to an unprotected port"}[.];
def rate: if . == null then "-" else "\(.mpps | fixed(2)) ×\(.of_bare | fixed(2))" end;

# The cases of one kind and family: a line a contestant, a column a number of grants.
def rates_table: (map(.grants) | unique) as $steps
  | {head: (["filter"] + ($steps | map(grants))),
     rows: [group_by(.contestant) | sort_by(-(map(select(.grants == 16)) + . | .[0].mpps))[] | . as $mine
       | [.[0].title] + [$steps[] as $n | first($mine[] | select(.grants == $n)) // null | rate]]};

# What an event costs is the wake-up of who reads it, and that is anything from 20 to 200 ns: not for a table.
def nanoseconds_table: .run_ns | map(select(.program == "root" and .case != "denied_and_told")) | (map(.grants) | unique) as $steps
  | {head: (["frame"] + ($steps | map(grants))),
     rows: [group_by(.case, .family)[] | . as $mine
       | ["\(.[0].case | gsub("_"; " ")), IP\(.[0].family)"]
         + [$steps[] as $n | first($mine[] | select(.grants == $n)) // null
            | if . == null then "-" else .ns - .empty_ns | tostring end]]};

# What is attached is the root program, which an upgrade leaves in place; it calls the filter.
def root_table: .run_ns | map(select(.grants == 16 and .case != "denied_and_told"))
  | {head: ["frame", "filter alone", "through root", "difference", "ratio"],
     rows: [group_by(.case, .family)[] | (map(select(.program == "gate")) | first) as $gate | (map(select(.program == "root")) | first) as $root
       | select($gate and $root)
       | ["\(.[0].case | gsub("_"; " ")), IP\(.[0].family)", "\($gate.ns - $gate.empty_ns)", "\($root.ns - $root.empty_ns)",
          "\(($root.ns - $root.empty_ns) - ($gate.ns - $gate.empty_ns))", "×\($root.ns / $gate.ns | fixed(2))"]]};

def targets_table: {head: ["target", "figure", "wanted", ""],
  rows: [.targets[] | [.target, (.figure // "none" | tostring), .wanted, if .reached then "reached" else "NOT reached" end]]};

# For the README: the cases that say most, a line a filter, best against the flood first.
def shown: [["flood", "v4", 16], ["flood", "v6", 16], ["flood_near", "v4", 16], ["granted", "v4", 16], ["unprotected", "v4", 16]];
def find($who; $what): first(.cases[]
  | select(.contestant == $who and .case == $what[0] and .family == $what[1] and .grants == $what[2])) // null;
def overview: . as $all
  | {head: ["", "flood, IPv4", "flood, IPv6", "flood from granted networks", "granted traffic", "unprotected port"],
     rows: [.contestants | sort_by(.contestant as $who | $all | find($who; shown[0]) | -(.mpps // 0))[]
       | select(.skipped == null) | .contestant as $who | [.title] + [shown[] as $what | $all | find($who; $what) | rate]]};

# ---------------------------------------------------------------- the two forms

def section($head; table): "", $head, (table | as_text);
def text:
  (.cases | group_by(.case, .family)[] | section("\(.[0].case | sent), IP\(.[0].family): Mpps ×bare XDP"; rates_table)),
  section("Nanoseconds a frame over an empty program (BPF_PROG_RUN, caches warm)"; nanoseconds_table),
  section("What the root program adds, ns with 16 grants (ratio: of the whole run, empty program included)"; root_table),
  section("Targets"; targets_table),
  "",
  (.contestants[] | select(.skipped) | "skipped: \(.title): \(.skipped)"),
  (.noisy[] | "noisy: \(.case), \(.contestant), IP\(.family), \(.grants | grants): \(.rounds | join(" "))"),
  (.errors[] | "ERROR: \(.case // .run // "set-up"), \(.contestant // .program), IP\(.family), \(.grants | grants)"
    + (if .round then ", round \(.round)" else "" end) + ": \(.error)");

def machine: "\(.cpu), \(.cpus) CPUs" + (if .virtual then " of a virtual machine" else "" end) + ", Linux \(.kernel)";
def agent_words: {
  snapshot_10k_ms: "10000 new grants: from the feed's last byte to the maps, ms",
  snapshot_10k_settled_ms: "the same, with every audit line written, ms",
  snapshot_10k_unchanged_ms: "10000 grants once more, ms", snapshot_10k_unchanged_writes: "map writes for that",
  snapshot_10k_one_changed_ms: "one of 10000 grants changed, ms", snapshot_10k_one_changed_writes: "map writes for that one",
  resident_kb_0: "jitgated resident, kB: no grant", resident_kb_1: "one grant", resident_kb_10k: "10000 grants",
  resident_kb_10k_peak: "at most", resident_kb_10k_private: "10000 grants, its own pages",
  wakeups_idle_10s: "wake-ups in 10 s: nothing happens", wakeups_10k_grants_10s: "with 10000 grants",
  azure_wakeups_idle_10s: "jitgate-azure between polls", azure_resident_kb: "jitgate-azure resident, kB",
  feed_to_open_ms_16: "from feed message to open map, 16 grants, ms", knock_to_ask_ms: "from a denied packet to \"ask now\", ms"};
def agent_table: {head: ["the agent", "median", "most"],
  rows: [(.agent // {}) as $agent | agent_words | to_entries[]
    | [.value, ($agent[.key] // "-" | tostring), ($agent[.key + "_max"] // "" | tostring)]]};

def how: "median of \(.cases | map(.rounds | length) | max) rounds, \(.machine.date), \(.machine | machine).";
# For the README: what each filter reaches.
def overview_markdown:
  "Million packets a second with 16 grants, and the share of bare XDP (×, median of the ratios round by round); "
    + how,
  "", (overview | as_markdown);

# For docs/bench.md: the rest.
def details_markdown:
  "Million packets a second, and the share of bare XDP (×, median of the ratios round by round); " + how,
  (.cases | group_by(.case, .family)[] | "", "**\(.[0].case | sent), IP\(.[0].family)**", "", (rates_table | as_markdown)),
  "", "Nanoseconds that the program adds to a frame (`BPF_PROG_RUN` with warm caches, less an empty program):",
  "", (nanoseconds_table | as_markdown),
  "", "What of that is the root program, which is attached and calls the filter, so that an upgrade touches no interface (16 grants; ratio:",
  "of the whole run, the empty program included):",
  "", (root_table | as_markdown),
  "", "What the agent costs, logging to a file:",
  "", (agent_table | as_markdown),
  "", "What it is held to:",
  "", (targets_table | as_markdown);

if $form == "overview" then overview_markdown elif $form == "details" then details_markdown else text end
