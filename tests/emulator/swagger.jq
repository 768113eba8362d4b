# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Holds a value to a schema of an OpenAPI 2 description: which part is wrong, a line each; nothing when all fits.
#   $defs    the definitions of the description and of the files that it refers to
#   $known   what is known to differ: {"undeclared": [member...], "values": {member: [value...]}}

def resolve($defs):
  if has("$ref") then ."$ref" as $ref | ($ref | split("/") | last) as $name
    | ($defs[$name] // error("no definition of \($ref)")) | resolve($defs)
  else . end;

def all_properties($defs):
  resolve($defs) | . as $s | reduce ($s.allOf // [])[] as $part ({}; . + ($part | all_properties($defs)))
    | . + ($s.properties // {});

def all_required($defs):
  resolve($defs) | . as $s | reduce ($s.allOf // [])[] as $part ([]; . + ($part | all_required($defs)))
    | . + ($s.required // []);

def is_of($wanted):
  if $wanted == "integer" then type == "number" and . == floor else $wanted == null or type == $wanted end;

def time_form: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,7})?Z$";
def duration_form: "^P([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9]+S)?)?$";

def scalar_problems($s; $name; $known; $at):
  . as $v
  | (if $s.format == "date-time" and (test(time_form) | not) then "is no time: \($v)" else empty end),
    (if ($s.description // "" | test("ISO 8601 duration")) and (test(duration_form) | not) then "is no duration: \($v)" else empty end),
    (if $s.minimum != null and $v < $s.minimum or $s.maximum != null and $v > $s.maximum then "out of range: \($v)" else empty end),
    (if $s.enum and ($s.enum + ($known.values[$name] // []) | index([$v]) | not) then "no such value: \($v)" else empty end)
  | "\($at): \(.)";

def problems($schema; $defs; $known; $name; $at):
  . as $v | ($schema | resolve($defs)) as $s
  | if is_of($s.type // if $s.properties then "object" else null end) | not then "\($at): is \(type), not \($s.type)"
    elif type == "object" then ($s | all_properties($defs)) as $members
      | (($s | all_required($defs)) - keys | .[] | "\($at): no member \(.)"),
        (if $members == {} then empty else keys - ($members | keys) - $known.undeclared | .[] | "\($at): \(.) is not declared" end),
        (keys[] | select($members[.]) | . as $k | $v[$k] | problems($members[$k]; $defs; $known; $k; "\($at).\($k)"))
    elif type == "array" then
      (keys[] | . as $i | $v[$i] | problems($s.items // {}; $defs; $known; $name; "\($at)[\($i)]"))
    else scalar_problems($s; $name; $known; $at) end;

# A whole answer of the operation with that id: `wanted` is the status expected, `body` the text.
def answer_problems($swagger; $common; $known; $id; $status; $wanted; $body):
  ($common.definitions + $swagger.definitions) as $defs
  | [$swagger.paths[][] | select(.operationId == $id) | .responses][0] as $responses
  | $responses[$status] as $documented
  | (if $status != $wanted then "status \($status) instead of \($wanted)" else empty end),
    (if $documented and ($documented.schema | not) then
       if $body != "" then "a body where none is documented" else empty end
     else
       (if $documented == null and ($status | tonumber) < 400 then "a success that is not documented" else empty end),
       (try ($body | fromjson) catch "no JSON" | if . == "no JSON" then "the body is no JSON" else
          (if $documented == null and (.error.code // "" | length) == 0 then "an error without a code" else empty end),
          problems(($documented // $responses.default).schema; $defs; $known; ""; "body") end)
     end);
