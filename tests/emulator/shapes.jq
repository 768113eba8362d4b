# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Holds a value to shapes.json: what is wrong, a line each; nothing when all fits. A shape names its members, "?" for those
# that may be missing, and what each is: a list of one thing, another shape, a word with its form, or string, port, boolean,
# anything.

def misfits($book; $wanted; $at):
  . as $v
  | if $wanted == "anything" then empty
    elif $wanted == "string" or $wanted == "boolean" then if type == $wanted then empty else "\($at): no \($wanted)" end
    elif $wanted == "port" then
      if type == "number" and . == floor and . >= 0 and . <= 65535 then empty else "\($at): no port: \($v | tojson)" end
    elif ($wanted | type) == "array" then
      if type == "array" then keys[] | . as $i | $v[$i] | misfits($book; $wanted[0]; "\($at)[\($i)]") else "\($at): no list" end
    elif $book.words[$wanted] then
      if type == "string" and test($book.words[$wanted]) then empty else "\($at): no \($wanted): \($v | tojson)" end
    elif type != "object" then "\($at): no object"
    else ($book.shapes[$wanted] // error("no shape \($wanted)")) as $shape
      | [$shape | keys[] | select(endswith("?") | not)] as $required
      | ($shape | with_entries(.key |= rtrimstr("?"))) as $members
      | ($required - keys | .[] | "\($at): no member \(.)"),
        (keys - ($members | keys) | .[] | "\($at): \(.) is not known"),
        (keys[] | select($members[.]) | . as $k | $v[$k] | misfits($book; $members[$k]; "\($at).\($k)"))
    end;

# A whole answer: `wanted` is the status expected, `body` the text.
def answer_misfits($book; $operation; $status; $wanted; $body):
  ($book.answers[$operation][$status] // "refusal") as $shape
  | (if $status != $wanted then "status \($status) instead of \($wanted)" else empty end),
    (if $shape == "refusal" and ($status | tonumber) < 400 then "a success that is not known" else empty end),
    (if $shape == "nothing" then if $body == "" then empty else "a body where there should be none" end
     else (try ($body | fromjson) catch "no JSON") | misfits($book; $shape; "body") end);
