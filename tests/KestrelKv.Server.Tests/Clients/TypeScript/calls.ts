// Calls the server with the generated types. A compile error here means that the OpenAPI description is wrong.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[] };

const client = createClient<paths>({ baseUrl: process.argv[2]! });

function equal<T>(actual: T, expected: T, what: string): void {
    if (JSON.stringify(actual) !== JSON.stringify(expected))
        throw new Error(`${what}: ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`);
}

const put = await client.PUT("/v1/keys/{key}", { params: { path: { key: "ts:1" }, query: { ttl: 3600 } }, body: { name: "Ada", visits: 1 } });
equal(put.response.status, 201, "put");
const version = put.response.headers.get("ETag")!;

// @ts-expect-error A value is required.
const noBody = () => client.PUT("/v1/keys/{key}", { params: { path: { key: "ts:1" } } });
// @ts-expect-error A key is required.
const noKey = () => client.GET("/v1/key", {});
// @ts-expect-error Operations are required.
const noOperations = () => client.POST("/v1/batch", { body: {} });

const get = await client.GET("/v1/key", { params: { query: { key: "ts:1", touch: 7200.5 }, header: { "If-Match": version } } });
equal<unknown>(get.data, { name: "Ada", visits: 1 }, "get");

const list = await client.GET("/v1/keys", { params: { query: { prefix: "ts:", values: true, limit: 10 } } });
if (list.error !== undefined) throw new Error(list.error.detail);
const entries: components["schemas"]["KeyEntry"][] = list.data.keys;
equal(entries.map(entry => entry.key), ["ts:1"], "list");
equal(entries[0]!.version, Number(version.slice(1, -1)), "the version in a list");
equal<unknown>(entries[0]!.value, { name: "Ada", visits: 1 }, "the value in a list");
equal(entries[0]!.expires_at! > Date.now() / 1000, true, "the expiry in a list");
const grouped = await client.GET("/v1/keys", { params: { query: { prefix: "ts", delimiter: ":" } } });
const groups: components["schemas"]["KeyPrefix"][] = grouped.data!.prefixes!;
equal(groups, [{ prefix: "ts:", keys: 1 }], "groups");
equal(list.data.prefixes, undefined, "no groups");
const next: string | null = list.data.next;
equal(next, null, "next");

const batch = await client.POST("/v1/batch", {
    body: { ops: [{ func: "INCR", params: { obj: "ts:1", path: "/visits" } }, { func: "PUT", params: { obj: "ts:2", val: [1, "a", null] } }] },
});
equal(batch.data!.results[0]!["val"], 2, "batch");
equal(batch.data!.results.length, 2, "results of a batch");

const call = await client.POST("/v1/call", { body: { func: "GET", params: { obj: "ts:2" } } });
equal(call.data!.status, "OK", "call");

const lost = await client.PUT("/v1/keys/{key}", { params: { path: { key: "ts:1" }, header: { "If-Match": '"1000000"' } }, body: 1 });
const problem: components["schemas"]["ProblemDetails"] = lost.error!;
equal([problem.status, problem.code], [412, "precondition_failed"], "a lost precondition");
equal(typeof problem.version, "number", "the version of a lost precondition");

equal((await client.HEAD("/v1/keys/{key}", { params: { path: { key: "ts:none" } } })).response.status, 404, "head of no key");
equal((await client.GET("/v1/count", { params: { query: { prefix: "ts:" } } })).data!.count, 2, "count");
equal((await client.GET("/v1/stats")).data!.durability, "always", "stats");
console.log("done");
