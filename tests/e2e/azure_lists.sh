#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# What jitgate-azure reads: policies of several groups, regions and names; page by page; all of it or nothing; one region
# when the list of all is forbidden and never was read; and who this VM is, asked again when an answer depends on it.
# shellcheck source-path=SCRIPTDIR source=lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
begin azure_lists

subscription=20ff7fc3-e762-44dd-bd96-b71116dcdc23
other_subscription=11111111-2222-3333-4444-555555555555

# policy_at SUBSCRIPTION GROUP REGION NAME: its path.
policy_at() {
  echo "/subscriptions/$1/resourceGroups/$2/providers/Microsoft.Security/locations/$3/jitNetworkAccessPolicies/$4"
}

# protect_at PATH PORT: that policy has one rule, for this VM.
protect_at() {
  arm_call PUT "$1" "{\"kind\":\"Basic\",\"properties\":{\"virtualMachines\":[{\"id\":\"$vm_id\",\"ports\":[
    {\"number\":$2,\"protocol\":\"TCP\",\"allowedSourceAddressPrefix\":\"*\",\"maxRequestAccessDuration\":\"PT3H\"}]}]}}" \
    >/dev/null || die "arm refuses the policy" "$1"
}

# grant_at PATH PORT: access for the client under that policy, live after a second.
grant_at() {
  local end
  end=$(date -u -d '+1 hour' +%Y-%m-%dT%H:%M:%S.%7NZ)
  arm_call POST "$1/initiate" "{\"virtualMachines\":[{\"id\":\"$vm_id\",\"ports\":[{\"number\":$2,\"endTimeUtc\":\"$end\",
    \"allowedSourceAddressPrefix\":\"$cli4\"}]}]}" >/dev/null || die "arm refuses the request" "$1"
}

# set_policies ID…: azure.policies of the config.
set_policies() {
  local list
  printf -v list '"%s", ' "$@"
  conf_azure[policies]="{${list%, }}"
  (($#)) || conf_azure[policies]='{}'
  write_conf
}

declare -A cost=()

# azure_once: ask once. Words in once.out and once.err; what it took, by operation, in `cost`.
azure_once() {
  local before rc
  before=$(emulator_do GET stats)
  in_srv timeout 60 "$build/jitgate-azure" -c "$tmp/jitgate.conf" --once >"$tmp/once.out" 2>"$tmp/once.err"
  rc=$?
  parse_into cost "$(emulator_do GET stats | jq -r --argjson before "$before" \
    'to_entries[] | "\(.key)=\(.value - $before[.key])"')"
  return $rc
}
reads_cost() { echo "wide=${cost[list_wide]} region=${cost[list_location]} get=${cost[get]}"; }
ports_once() { jq -c '[.ports[].port]' "$tmp/once.out"; }
grants_once() { jq -c '[.grants[] | .port] | sort' "$tmp/once.out"; }

# answers WHAT PORTS COST: a good answer.
answers() {
  azure_once
  is "$1: an answer" 0 $?
  is "$1: the ports" "$2" "$(ports_once)"
  is "$1: what it took" "$3" "$(reads_cost)"
}

# refuses WHAT PATTERN: no answer, and one line that says why.
refuses() {
  azure_once
  is "$1: fails" 1 $?
  is "$1: no snapshot comes out" "" "$(<"$tmp/once.out")"
  like "$1: a line says why" "$2" "$(<"$tmp/once.err")"
  is "$1: and it is one line" 1 "$(wc -l <"$tmp/once.err")"
}

fault() { emulator_do POST fault "$1" >/dev/null || die "the emulator does not take the fault" "$1"; }
no_fault() { emulator_do DELETE fault >/dev/null; }
prepare() { emulator_do POST answer "$1" >/dev/null || die "the emulator does not take the answer" "$1"; }
unprepare() { emulator_do DELETE answer >/dev/null; }
move_vm() { emulator_do POST vm "$1" >/dev/null || die "the emulator does not move the VM" "$1"; }

# ---------------------------------------------------------------- 1. where policies are

start_emulator
own=${policy_path%/*}
own_west=$(policy_at $subscription myRg1 westeurope default)
own_north=$(policy_at $subscription myRg1 northeurope made-by-script)
main=$(policy_at $subscription mainWS centralus default)
main_two=$(policy_at $subscription mainWS westeurope second)
away=$(policy_at $other_subscription away eastus default)
is "the emulator's own path is the first one" "$own" "${own_west%/*}"
protect_at "$own_west" 22
protect_at "$own_north" 2022
protect_at "$main" 3389
protect_at "$main_two" 5985
protect_at "$away" 5986

set_policies
answers "the VM's group" '[22,2022]' 'wide=1 region=0 get=0'
set_policies "$main"
answers "and a policy of another group" '[22,2022,3389]' 'wide=1 region=0 get=1'
set_policies "/SUBSCRIPTIONS/$subscription/resourcegroups/MAINws"
answers "and another group, in another case" '[22,2022,3389,5985]' 'wide=2 region=0 get=0'
set_policies "/subscriptions/$other_subscription"
answers "and another subscription" '[22,2022,5986]' 'wide=2 region=0 get=0'
set_policies "${own_west%/providers*}" "${own_west^^}" "${main,,}"
answers "the VM's group is not read twice" '[22,2022,3389]' 'wide=1 region=0 get=2'

grant_at "$main" 3389
grant_at "$own_west" 22
granted_twice() { azure_once && [[ $(grants_once) == '[22,3389]' ]]; }
set_policies "$main" "/subscriptions/$subscription/resourceGroups/mainWS" "/subscriptions/$subscription" "$own_west"
wait_for 10 granted_twice
is "R3: a policy that four lists show counts once" '[22,3389]' "$(grants_once)"
is "and that took" 'wide=3 region=0 get=2' "$(reads_cost)"

jg check-config "$tmp/jitgate.conf" >"$tmp/shown" || die "the config is refused"
tr -d ' \n' <"$tmp/shown" >"$tmp/shown.line" # long words are folded
for place in "$main" "/subscriptions/$subscription;" "$own_west"; do
  like "check-config shows $place" "policiesalsoof$place" "$(<"$tmp/shown.line")"
done
like "check-config shows ca_file" "certificatesof$tmp/tls/ca.pemtrusted" "$(<"$tmp/shown.line")"
set_policies "$main" my-group
in_srv "$build/jitgate-azure" -c "$tmp/jitgate.conf" --once >"$tmp/once.out" 2>"$tmp/once.err"
is "what is no id is a config error" 78 $?
like "that names line and key" "^.*jitgate.conf:[0-9]+: azure.policies: \"my-group\" is no id" "$(<"$tmp/once.err")"

# ---------------------------------------------------------------- 2. pages

set_policies "/subscriptions/$subscription/resourceGroups/mainWS"
emulator_do POST page-size '{"policies":1}' >/dev/null
answers "pages of one policy" '[22,2022,3389,5985]' 'wide=4 region=0 get=0'
emulator_do POST transfer '{"gzip":true,"chunked":true}' >/dev/null
answers "packed and in chunks" '[22,2022,3389,5985]' 'wide=4 region=0 get=0'
emulator_do POST transfer '{"gzip":false,"chunked":false}' >/dev/null
fault '{"on":"list","kind":"status","status":500,"skip":1,"count":1}'
refuses "R4: a second page that fails" 'answers 500'
no_fault
emulator_do POST page-size '{"policies":0}' >/dev/null

own_list="$arm/subscriptions/$subscription/resourceGroups/myRg1/providers/Microsoft.Security/jitNetworkAccessPolicies"
set_policies
prepare '{"on":"list","body":{"value":[],"nextLink":""}}'
answers "an empty nextLink is the end" '[]' 'wide=1 region=0 get=0'
unprepare
prepare "{\"on\":\"list\",\"body\":{\"value\":[],\"nextLink\":\"$own_list?api-version=2020-01-01\"}}"
refuses "a list that is its own next page" 'goes round in a circle'
is "a list that is its own next page: asked once" 'wide=1 region=0 get=0' "$(reads_cost)"
unprepare
prepare "{\"on\":\"list\",\"body\":{\"value\":[],\"nextLink\":\"$own_list?api-version=2020-01-01&\$skipToken=1\"}}"
refuses "a second page that is its own next" 'goes round in a circle'
unprepare
for link in "https://127.0.0.1:1/x" "http://${arm#https://}/x" "$arm@evil.example/x" "${arm}9/x" /x; do
  prepare "{\"on\":\"list\",\"body\":{\"value\":[],\"nextLink\":\"$link\"}}"
  refuses "a next page at $link" 'another address'
  is "a next page at $link: not asked" 'wide=1 region=0 get=0' "$(reads_cost)"
  unprepare
done
prepare "{\"on\":\"list\",\"body\":{\"value\":[],\"nextLink\":\"$own_list?x=$(printf '%08200d' 0)\"}}"
refuses "an address without measure" 'too long'
unprepare

for ((i = 0; i < 50; i++)); do
  prepare "{\"on\":\"list\",\"count\":1,\"body\":{\"value\":[],\"nextLink\":\"$own_list?api-version=2020-01-01&p=$i\"}}"
done
refuses "a list of more than fifty pages" 'does not end'
is "a list of more than fifty pages: as many are read" 'wide=50 region=0 get=0' "$(reads_cost)"
unprepare
for ((i = 0; i < 49; i++)); do
  prepare "{\"on\":\"list\",\"count\":1,\"body\":{\"value\":[],\"nextLink\":\"$own_list?api-version=2020-01-01&p=$i\"}}"
done
answers "fifty pages" '[22,2022]' 'wide=50 region=0 get=0'
unprepare

# ---------------------------------------------------------------- 3. all or nothing

set_policies "$main" "/subscriptions/$other_subscription/resourceGroups/away"
answers "three sources" '[22,2022,3389,5986]' 'wide=2 region=0 get=1'
fault '{"on":"list","path":"/away/","kind":"status","status":500}'
refuses "the last source fails" 'JIT policies of group "away".*answers 500'
no_fault
fault '{"on":"get","kind":"html","status":200}'
refuses "the policy is a web page" 'JIT policy "default".*not understood'
no_fault
prepare '{"on":"get","body":{"value":[]}}'
refuses "the policy is a list" 'JIT policy "default".*not understood'
unprepare

# 404 is an answer for one policy alone, and in ARM's own words.
set_policies "$(policy_at $subscription mainWS centralus deleted)"
answers "a policy that is not there" '[22,2022]' 'wide=1 region=0 get=1'
like "a policy that is not there: is said" \
  'no JIT policy "deleted" in region "centralus" of group "mainWS".*azure\.policies' "$(<"$tmp/once.err")"
set_policies "$main"
fault '{"on":"get","kind":"status","status":404,"code":"ResourceNotFound"}'
answers "a policy that ARM does not find" '[22,2022]' 'wide=1 region=0 get=1'
no_fault
fault '{"on":"get","kind":"status","status":404,"code":"ResourceGroupNotFound"}'
refuses "a policy without its group" 'JIT policy "default".*404 ResourceGroupNotFound'
no_fault
fault '{"on":"get","kind":"html","status":404}'
refuses "a gateway that does not find the policy" 'JIT policy "default".*404 \(Not Found\)'
no_fault
fault '{"on":"list","kind":"status","status":404,"code":"PolicyNotFound"}'
refuses "a list that is not found" 'cannot list JIT policies.*404 PolicyNotFound'
no_fault

# ---------------------------------------------------------------- 4. one region, when all are forbidden

set_policies
fault '{"on":"list_wide","kind":"status","status":403}'
answers "all regions forbidden" '[22]' 'wide=1 region=1 get=0'
like "all regions forbidden: a line says what is not seen" 'only JIT policies of region westeurope are seen' \
  "$(<"$tmp/once.err")"
set_policies "/subscriptions/$subscription/resourceGroups/mainWS" "/subscriptions/$other_subscription"
answers "of every list" '[22,5985]' 'wide=3 region=3 get=0'
set_policies
move_vm '{"location":"West Europe"}'
answers "the region as IMDS may spell it" '[22]' 'wide=1 region=1 get=0'
move_vm '{"location":"northeurope"}'
answers "in another region" '[2022]' 'wide=1 region=1 get=0'
move_vm '{"location":""}'
refuses "no region known" 'cannot list JIT policies.*403'
is "no region known: nothing else is tried" 'wide=1 region=0 get=0' "$(reads_cost)"
move_vm '{"location":"westeurope"}'
fault '{"on":"list_location","kind":"status","status":403}'
refuses "that of one region forbidden too" 'cannot list JIT policies.*403 .*give the VM.s identity'
no_fault

# The service remembers which one works; --once knows nothing of it.
list_wide() { emulator_do GET stats | jq .list_wide; }
list_region() { emulator_do GET stats | jq .list_location; }
at_least() { (($("$1") >= $2)); }
# delete_own: no policy of the VM's first group is left.
delete_own() {
  arm_call DELETE "$own_west" >/dev/null
  arm_call DELETE "$own_north" >/dev/null
}
start_service() {
  stop azure
  emulator_do POST reset >/dev/null
  move_vm "{\"id\":\"$vm_id\",\"location\":\"westeurope\"}"
  protect_at "$own_west" 22
  protect_at "$own_north" 2022
  : >"$tmp/azure.log"
}
conf_azure[poll_idle]='"10s"' conf_azure[poll_live]='"5s"'
write_conf
live() { emulator_do POST initiate-fast "{\"port\":22,\"source\":\"$cli4\",\"seconds\":900}" >/dev/null; }

start_service
live
fault '{"on":"list_wide","kind":"status","status":403}'
start_azure
check "never allowed: three polls" wait_for 40 at_least list_region 3
is "never allowed: all regions are asked for once" 1 "$(list_wide)"
is "never allowed: said once" 1 "$(grep -c 'only JIT policies of region' "$tmp/azure.log")"
fails "never allowed: no failure" grep -q 'asking again' "$tmp/azure.log"

# Without any policy the metadata service is asked each time, and all regions are not.
start_service
delete_own
fault '{"on":"list_wide","kind":"status","status":403}'
start_azure
check "never allowed, and no policy: two polls" wait_for 40 at_least list_region 2
is "never allowed, and no policy: all regions are asked for once" 1 "$(list_wide)"

start_service
live
start_azure
check "once allowed: a poll" wait_for 20 at_least list_wide 1
fault '{"on":"list_wide","kind":"status","status":403}'
check "once allowed, then forbidden: a failure" wait_for 20 grep -q '403.*what is granted goes on' "$tmp/azure.log"
check "once allowed, then forbidden: and again" wait_for 20 at_least list_wide 3
is "once allowed, then forbidden: one region would not do" 0 "$(list_region)"

# ---------------------------------------------------------------- 5. who this VM is

asked_compute() { emulator_do GET stats | jq .compute; }
moved_id=/subscriptions/$other_subscription/resourceGroups/away/providers/Microsoft.Compute/virtualMachines/vm1
policies_for() { grep -c "for_this_vm=$1 ports=$2" "$tmp/azure.log"; }
says_policies() { (($(policies_for "$1" "$2") > 0)); }

start_service
live
start_azure
check "before it moves: two policies" wait_for 20 says_policies 2 2
is "before it moves: the metadata service was asked once" 1 "$(asked_compute)"
vm_before=$vm_id vm_id=$moved_id
protect_at "$away" 5986
vm_id=$vm_before
move_vm "{\"id\":\"$moved_id\",\"location\":\"eastus\"}"
delete_own
check "moved, the old group has no policy: the new one is read" wait_for 20 says_policies 1 1
fails "and no answer in between was without policies" says_policies 0 0

start_service
live
start_azure
check "before it moves again" wait_for 20 says_policies 2 2
vm_id=$moved_id
protect_at "$away" 5986
vm_id=$vm_before
fault '{"on":"list","path":"/myRg1/","kind":"status","status":404,"code":"ResourceGroupNotFound"}'
move_vm "{\"id\":\"$moved_id\",\"location\":\"eastus\"}"
check "moved, the old group is gone: the new one is read" wait_for 20 says_policies 1 1
fails "without a failure in between" grep -q 'asking again' "$tmp/azure.log"

start_service
live
start_azure
check "before the policies go" wait_for 20 says_policies 2 2
fault '{"on":"compute","kind":"status","status":500}'
delete_own
check "no policy, and nobody to say who this VM is: a failure" \
  wait_for 20 grep -q 'cannot learn which VM this is.*what is granted goes on' "$tmp/azure.log"
fails "and no answer" says_policies 0 0
no_fault
check "with the metadata service back it is an answer" wait_for 20 says_policies 0 0
stop azure
finish
