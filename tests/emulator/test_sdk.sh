#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Official Azure SDK clients against the emulator, unchanged: over TLS with its throw-away CA, with tokens that their own
# managed-identity credential gets from it. The clients come from the npm registry, as sdk/package-lock.json names them
# (by version and hash), into build/sdk; they are asked for once. What is tried is in sdk/client.mjs, which says it in TAP.
#
# The versions are the newest that run on Node 18, which is Debian 12's. To renew the lock: in sdk/,
#   npm install --omit-lockfile-registry-resolved --ignore-scripts --package-lock-only
# shellcheck source=tests/emulator/lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

sources=$root/tests/emulator/sdk
clients=$root/build/sdk
install_limit_s=200

# The stamp is the lock that was installed; it is written last.
install_clients() {
  cmp -s "$sources/package-lock.json" "$clients/installed" && return
  rm -rf "$clients"
  mkdir -p "$clients"
  cp "$sources"/package*.json "$clients"
  (cd "$clients" && timeout "$install_limit_s" npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier) || return
  cp "$sources/package-lock.json" "$clients/installed"
}

: >"$work/body" # no answer to show yet
check "npm brings the clients" install_clients
((tap_failed == 0)) || end_tests
start --location westeurope --identity system --identity client_id=c1,object_id=o1 --identity "msi_res_id=$group/identity2"
cp "$sources/client.mjs" "$clients"
# What the credential asks instead of 169.254.169.254, and whom TLS trusts besides; no proxy on the way to either.
env -u HTTP_PROXY -u HTTPS_PROXY -u ALL_PROXY -u http_proxy -u https_proxy -u all_proxy \
  AZURE_POD_IDENTITY_AUTHORITY_HOST="$imds" NODE_EXTRA_CA_CERTS="$ca" \
  timeout 60 node "$clients/client.mjs" "$imds" "$arm" "$tap_n"
said=$?
stop
exit "$said"
