# The lines of a run, slurped, become bench.json. $machine is an object, $agent a list of one. Of each contestant and case the median of the
# rounds counts; `of_bare` is the median of the ratios to bare XDP in the same round, so that what the machine did besides meets both.
# A measurement with an error has no part in it and is listed; where no more than half of the rounds are left, or none could be
# begun, there is no figure to trust: `unsound`. Where more than one round is a quarter off the median, the machine did something
# else besides: `noisy`.
def median: sort | if length == 0 then null elif length % 2 == 1 then .[length / 2 | floor]
  else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def round3: if . == null then null else . * 1000 | round / 1000 end;
def bare: if .case | startswith("flood") then "bare_drop" else "bare_pass" end;

# Ratios of $a to $b, round by round.
def ratios($a; $b): [$a[] as $x | $b[] | select(.round == $x.round) | $x.mpps / .mpps];

map(select(.title)) as $contestants
| map(select(.case and .error == null)) as $good
| map(select(.run and .error == null)) as $runs
| [$good | group_by(.case, .family, .grants)[] | . as $setting
   | group_by(.contestant)[] | .[0] as $first
   | {case: $first.case, family: $first.family, grants: $first.grants, contestant: $first.contestant,
      title: ($contestants[] | select(.contestant == $first.contestant).title),
      mpps: (map(.mpps) | median | round3),
      of_bare: (ratios(.; $setting | map(select(.contestant == ($first | bare)))) | median | round3),
      of_nft_ingress: (ratios(.; $setting | map(select(.contestant == "nft_ingress"))) | median | round3),
      rounds: (sort_by(.round) | map(.mpps | round3))}] as $cases
| [$runs[] | {case: .run, program, family, grants, ns, empty_ns, min_ns, max_ns}] as $run_ns

# What this is held to. A figure that is not there is not reached.
| def rate($contestant; $key): [$cases[] | select(.case == "flood" and .family == "v4" and .grants == 16
    and .contestant == $contestant)[$key]] | first;
  def over($case; $grants): [$run_ns[] | select(.program == "root" and .case == $case and .grants == $grants) | .ns - .empty_ns] | max;
  def growth($case): [$run_ns[] | select(.program == "root" and .case == $case and .grants == 16) as $few
    | $run_ns[] | select(.case == $case and .grants == 10000 and .family == $few.family and .program == $few.program)
    | .ns / $few.ns] | max | round3;
  def at_least($target; $figure; $wanted): {$target, $figure, wanted: ">= \($wanted)",
    reached: ($figure != null and $figure >= $wanted)};
  def at_most($target; $figure; $wanted): {$target, $figure, wanted: "<= \($wanted)",
    reached: ($figure != null and $figure <= $wanted)};
  { machine: $machine,
    contestants: $contestants,
    cases: $cases,
    run_ns: $run_ns,
    agent: $agent[0],
    errors: map(select(.error)),
    noisy: [$cases[] | (.rounds | median) as $middle | select([.rounds[] | select((. - $middle | fabs) > $middle / 4)] | length > 1)
      | {case, contestant, family, grants, rounds}],
    unsound: [(.[] | select(.error and .round == null)), (
      map(select(.case)) | group_by(.case, .family, .grants, .contestant)[]
      | select((map(select(.error == null)) | length) * 2 <= length) | .[0])
      | {case: (.case // .run), contestant, program, family, grants}],
    targets: [
      at_least("flood to a closed port, 16 grants: native, of bare XDP_DROP"; rate("native"; "of_bare"); 0.95),
      at_least("the same: generic, of nftables at ingress"; rate("generic"; "of_nft_ingress"); 1.3),
      at_most("unprotected: ns over the empty program"; over("unprotected"; 16); 12),
      at_most("denied, 16 grants: ns over the empty program"; over("denied"; 16); 35),
      at_most("the same, from the network of a granted source"; over("denied_near"; 16); 35),
      at_most("granted, 16 grants: ns over the empty program"; over("granted"; 16); 85),
      at_most("denied: ns at 10000 grants, of those at 16"; growth("denied"); 2),
      at_most("the same, from the network of a granted source"; growth("denied_near"); 2),
      at_most("agent: a snapshot of 10000 grants in the maps, ms"; $agent[0].snapshot_10k_ms; 100),
      at_most("agent: map writes for an unchanged snapshot"; $agent[0].snapshot_10k_unchanged_writes; 0),
      at_most("agent: kB resident with 10000 grants"; $agent[0].resident_kb_10k; 8192),
      at_most("agent: wake-ups in 10 s when nothing happens"; $agent[0].wakeups_idle_10s; 25),
      at_most("agent: from knock to ask now, ms"; $agent[0].knock_to_ask_ms; 5),
      at_most("agent: from feed message to open map with 16 grants, ms"; $agent[0].feed_to_open_ms_16; 5)]}
