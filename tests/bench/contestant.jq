# Who takes part, in what, or why not.
{$contestant, $title, plays: ($plays / " ")} + if $lacks != "" then {skipped: $lacks} else {} end
