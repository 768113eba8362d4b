# A contestant that could not be set up: its last words.
{$contestant, $family, $grants, error: "cannot be set up: \($said | rtrimstr("\n") | split("\n") | .[-3:] | join(" / "))"}
