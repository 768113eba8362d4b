#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# How much the units let their programs do, as systemd-analyze counts it: 0 nothing, 10 everything. Neither figure may
# grow, nothing may be found that the unit does not explain, and each line that is taken out is missed.
# shellcheck source=tests/check/lib.bash
. "$(dirname "$0")/lib.bash"

# In tenths, and what is found; why, is said in the unit files.
declare -A most=([jitgated]=24 [jitgate-azure]=11)
declare -A known=(
  [jitgated]='CapabilityBoundingSet_CAP_BPF CapabilityBoundingSet_CAP_CHOWN_FSETID_SETFCAP
    CapabilityBoundingSet_CAP_DAC_FOWNER_IPC_OWNER CapabilityBoundingSet_CAP_NET_ADMIN
    CapabilityBoundingSet_CAP_SET_UID_GID_PCAP DeviceAllow PrivateNetwork PrivateUsers ProcSubset ProtectKernelTunables
    RestrictAddressFamilies_AF_NETLINK RestrictAddressFamilies_AF_UNIX SystemCallFilter_privileged UserOrDynamicUser'
  [jitgate-azure]='DeviceAllow IPAddressDeny PrivateNetwork RestrictAddressFamilies_AF_INET_INET6
    RestrictAddressFamilies_AF_NETLINK RestrictAddressFamilies_AF_UNIX RootDirectoryOrRootImage'
)
counted='^(CapabilityBoundingSet|LockPersonality|MemoryDenyWriteExecute|NoNewPrivileges|PrivateDevices
PrivateMounts|ProtectClock|ProtectControlGroups|ProtectHostname|ProtectKernelLogs|ProtectKernelModules|ProtectProc
RestrictAddressFamilies|RestrictNamespaces|RestrictRealtime|RestrictSUIDSGID|SystemCallArchitectures|SystemCallFilter|UMask)='
counted=${counted//$'\n'/|}

if ! systemd-analyze security --help >/dev/null 2>&1; then
  echo "1..0 # SKIP systemd-analyze is missing"
  exit 0
fi

make_units() {
  local unit
  for unit in "${!most[@]}"; do
    sed 's|@sbindir@|/usr/sbin|g; s|@sysconfdir@|/etc|g' "packaging/systemd/$unit.service.in" >"$scratch/$unit.service" || return 1
  done
}

exposed() { # UNIT
  systemd-analyze security --offline=true --no-pager --threshold="${most[$1]}" "$scratch/$1.service" >"$scratch/table" ||
    { systemd-analyze --version | head -n 1; tail -n 1 "$scratch/table"; return 1; }
}

findings() { # UNIT-FILE
  systemd-analyze security --offline=true --no-pager --json=short "$1" 2>/dev/null |
    jq -r '.[] | select(.exposure != null and .exposure != "0.0") | .json_field' | sort
}

is_known() { diff <(tr -s ' \n' '\n' <<<"${known[$1]}" | sort) <(findings "$scratch/$1.service"); } # UNIT

understood() { # UNIT: a line that systemd does not know, it leaves out
  systemd-analyze security --offline=true --no-pager "$scratch/$1.service" 2>&1 | grep -E "^/.*service:[0-9]+:" | none
}

each_line_counts() { # UNIT: taken out of a copy, more is found
  local unit=$1 setting before n=0
  before=$(findings "$scratch/$unit.service")
  mkdir -p "$scratch/without"
  for setting in $(grep -oE "$counted" "$scratch/$unit.service" | tr -d = | sort -u); do
    grep -v "^$setting=" "$scratch/$unit.service" >"$scratch/without/$unit.service"
    if [[ $(findings "$scratch/without/$unit.service") == "$before" ]]; then
      echo "without $setting= the same is found"
      return 1
    fi
    n=$((n + 1))
  done
  echo "$n settings"
  ((n >= 17))
}

check "the units can be made" make_units
for unit in jitgated jitgate-azure; do
  check "$unit is exposed by $((most[$unit] / 10)).$((most[$unit] % 10)) at most" exposed "$unit"
  check "$unit: what is found is what the unit explains" is_known "$unit"
  check "$unit: systemd knows each line" understood "$unit"
  check "$unit: each line that is taken out is missed" each_line_counts "$unit"
done
end_checks
