// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// The Azure SDK for JavaScript asks the emulator for everything that the API description has. TAP.
//
//   node client.mjs IMDS-ENDPOINT ARM-ENDPOINT TESTS-BEFORE
import assert from "node:assert/strict";
import { SecurityCenter } from "@azure/arm-security";
import { ManagedIdentityCredential } from "@azure/identity";

const [imds, arm, tests_before] = process.argv.slice(2);
const subscription = "20ff7fc3-e762-44dd-bd96-b71116dcdc23";
const group = "myRg1";
const region = "westeurope";
const vm = `/subscriptions/${subscription}/resourceGroups/${group}/providers/Microsoft.Compute/virtualMachines/vm1`;
const rule = { number: 22, protocol: "TCP", allowedSourceAddressPrefix: "*", maxRequestAccessDuration: "PT3H" };
const minute = 60_000;

const connect = (options) =>
  new SecurityCenter(new ManagedIdentityCredential(), subscription, { endpoint: arm, ...options }).jitNetworkAccessPolicies;
const policies = connect();
// All credentials of a process share the tokens that they got: of another audience there is none yet.
const other = connect({ credentialScopes: "https://management.core.windows.net/.default" });

// ---------------------------------------------------------------- helpers

async function control(method, name, body) {
  const answer = await fetch(`${imds}/emulator/${name}`, { method, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${name}: ${answer.status}`);
  return answer.json();
}

const seen = async (operation) => (await control("GET", "stats"))[operation];

async function all(pages) {
  const found = [];
  for await (const policy of pages) found.push(`${policy.location}/${policy.name}`);
  return found.sort();
}

const access = (port, end, source) => ({
  virtualMachines: [{ id: vm, ports: [{ number: port, endTimeUtc: end, allowedSourceAddressPrefix: source }] }],
});

// The headers of the answer to `ask`, which is called with the options of a request.
async function headers_of(ask) {
  let headers;
  await ask({ onResponse: (answer) => (headers = answer.headers) });
  return headers;
}

const refused = (promise, statusCode, code) =>
  assert.rejects(promise, (error) => {
    assert.equal(error.name, "RestError");
    assert.deepEqual([error.statusCode, error.code], [statusCode, code]);
    assert.ok(error.message.length > 10);
    return true;
  });

// The one port of the one request of the policy, when it has `status`.
async function request_in_status(status) {
  for (const until = Date.now() + 10_000; Date.now() < until; ) {
    const policy = await policies.get(group, region, "default");
    const [request] = policy.requests;
    if (request.virtualMachines[0].ports[0].status === status) return request;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`never ${status}`);
}

// ---------------------------------------------------------------- tests

const end = new Date(Date.now() + 30 * minute);

const tests = {
  "the credential's own token is taken, over TLS": async () => {
    const before = await seen("token");
    assert.deepEqual(await all(policies.list()), []);
    assert.equal(await seen("token"), before + 1);
  },

  "a user-assigned identity is named by client, object or resource id": async () => {
    const token = async (identity) =>
      (await new ManagedIdentityCredential(identity).getToken("https://management.azure.com/.default")).token;
    const [own, one, same, another] = [await token(), await token({ clientId: "c1" }), await token({ objectId: "o1" }),
      await token({ resourceId: `/subscriptions/${subscription}/resourceGroups/${group}/identity2` })];
    assert.equal(one, same);
    assert.equal(new Set([own, one, another]).size, 3);
    await assert.rejects(token({ clientId: "c3" }), /Identity not found/);
  },

  "A14, A17: a policy is made": async () => {
    const made = await policies.createOrUpdate(group, region, "default", {
      kind: "Basic",
      virtualMachines: [{ id: vm, ports: [rule, { ...rule, number: 53, protocol: "*" }] }],
    });
    assert.equal(made.id, `/subscriptions/${subscription}/resourceGroups/${group}/providers/Microsoft.Security` +
      `/locations/${region}/jitNetworkAccessPolicies/default`);
    assert.deepEqual([made.name, made.kind, made.location, made.type],
      ["default", "Basic", region, "Microsoft.Security/locations/jitNetworkAccessPolicies"]);
    assert.deepEqual(made.requests, []);
    assert.equal(typeof made.provisioningState, "string");
  },

  "A18, A22: and read back": async () => {
    const policy = await policies.get(group, region, "default");
    assert.deepEqual(policy.virtualMachines[0].ports.map((port) => [port.number, port.protocol]), [[22, "TCP"], [53, "*"]]);
    assert.equal(policy.virtualMachines[0].ports[0].maxRequestAccessDuration, "PT3H");
  },

  "A2, A3, A11: headers: JSON in UTF-8, ids for a support case, no ETag": async () => {
    for (const ask of [(o) => policies.get(group, region, "default", o), (o) => policies.list(o).next(),
      (o) => policies.createOrUpdate(group, region, "default", { virtualMachines: [{ id: vm, ports: [rule, { ...rule, number: 53, protocol: "*" }] }] }, o)]) {
      const headers = await headers_of(ask);
      assert.equal(headers.get("content-type"), "application/json; charset=utf-8");
      assert.match(headers.get("x-ms-correlation-request-id"), /^[0-9a-f-]{36}$/);
      assert.equal(headers.get("etag"), undefined);
    }
  },

  "A24: four lists, each with what is its own": async () => {
    await policies.createOrUpdate(group, "northeurope", "other", { virtualMachines: [{ id: vm, ports: [rule] }] });
    await policies.createOrUpdate("otherRg", region, "third", { virtualMachines: [{ id: vm, ports: [rule] }] });
    assert.deepEqual(await all(policies.list()), ["northeurope/other", "westeurope/default", "westeurope/third"]);
    assert.deepEqual(await all(policies.listByRegion(region)), ["westeurope/default", "westeurope/third"]);
    assert.deepEqual(await all(policies.listByResourceGroup(group)), ["northeurope/other", "westeurope/default"]);
    assert.deepEqual(await all(policies.listByResourceGroupAndRegion(group, region)), ["westeurope/default"]);
  },

  "pages are followed to the end": async () => {
    await control("POST", "page-size", { policies: 1 });
    const sizes = [];
    for await (const page of policies.list().byPage()) sizes.push(page.length);
    assert.deepEqual(sizes, [1, 1, 1]);
    assert.equal((await all(policies.listByResourceGroup(group))).length, 2);
    await control("POST", "page-size", { policies: 0 });
  },

  "A12, A13: access is asked for: Initiating at first, and nothing to follow": async () => {
    let answer;
    const headers = await headers_of(async (options) => {
      const wanted = { ...access(22, end, "203.0.113.7"), justification: "why not" };
      answer = await policies.initiate(group, region, "default", wanted, options);
    });
    assert.deepEqual([headers.get("location"), headers.get("azure-asyncoperation")], [undefined, undefined]);
    const [port] = answer.virtualMachines[0].ports;
    assert.deepEqual([port.status, port.statusReason, port.allowedSourceAddressPrefix], ["Initiating", "UserRequested", "203.0.113.7"]);
    assert.equal(port.endTimeUtc.getTime(), end.getTime());
    assert.ok(Math.abs(answer.startTimeUtc.getTime() - Date.now()) < minute);
    assert.equal(answer.justification, "why not");
  },

  "A12: and open soon after, for as long as was asked": async () => {
    const request = await request_in_status("Initiated");
    assert.equal(request.virtualMachines[0].ports[0].endTimeUtc.getTime(), end.getTime());
    assert.equal(request.requestor, "");
  },

  "A20: without a source: the caller's own": async () => {
    const answer = await policies.initiate(group, region, "default", access(53, end));
    assert.equal(answer.virtualMachines[0].ports[0].allowedSourceAddressPrefix, "127.0.0.1");
  },

  // the message is all that is known of this one
  "a longer time than the policy gives is refused": () =>
    assert.rejects(policies.initiate(group, region, "default", access(22, new Date(Date.now() + 200 * minute), "203.0.113.7")),
      { name: "RestError", statusCode: 400, message: /not a subset of policy/ }),
  "an end that is over is refused": () =>
    refused(policies.initiate(group, region, "default", access(22, new Date(0), "203.0.113.7")), 400, "InvalidInitiateInput"),
  "an unknown policy: PolicyNotFound": () => refused(policies.get(group, region, "none"), 404, "PolicyNotFound"),
  "no access by an unknown policy: PolicyNotFound": () =>
    refused(policies.initiate(group, region, "none", access(22, end, "203.0.113.7")), 404, "PolicyNotFound"),

  "429 is waited out as long as Retry-After says, and tried again": async () => {
    const before = await seen("list");
    const began = Date.now();
    await control("POST", "fault", { on: "list", kind: "status", status: 429, retry_after: 2, count: 1 });
    assert.equal((await all(policies.list())).length, 3);
    assert.ok(Date.now() - began >= 2000, `${Date.now() - began} ms`);
    assert.equal(await seen("list"), before + 2);
  },

  "a short failure of the service is tried again": async () => {
    await control("POST", "fault", { on: "get", kind: "status", status: 503, count: 1 });
    assert.equal((await policies.get(group, region, "default")).name, "default");
  },

  "a token that has ended is refused": async () => {
    await control("POST", "token", { expire: true });
    await refused(policies.get(group, region, "default"), 401, "ExpiredAuthenticationToken");
  },

  "a client without a token asks for one": async () => {
    const before = await seen("token");
    assert.equal((await other.get(group, region, "default")).name, "default");
    assert.equal(await seen("token"), before + 1);
  },

  "deleted, and gone; once more is no error": async () => {
    await other.delete(group, region, "default");
    await other.delete(group, region, "default");
    await refused(other.get(group, region, "default"), 404, "PolicyNotFound");
  },
};

let n = Number(tests_before);
let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  n++;
  try {
    await test();
    console.log(`ok ${n} - ${name}`);
  } catch (error) {
    failed++;
    console.log(`not ok ${n} - ${name}\n${String(error.stack).replace(/^/gm, "#   ")}`);
  }
}
console.log(`1..${n}`);
process.exitCode = failed > 0 ? 1 : 0;
