using System.Text.Json.Nodes;

namespace KestrelKv.Server.Tests.Doors;

/// <summary>Calls that succeed in this order. Together they use every parameter of every function.</summary>
internal static class DoorCalls
{
    /// <summary>Functions that <c>/v1/call</c> does not offer, and the reasons.</summary>
    public static readonly Dictionary<string, string> NotCallable = new()
    {
        ["WATCH"] = "its replies never end; use GET /v1/watch",
        ["UNWATCH"] = "an event stream ends with its connection",
        ["AUTH"] = "the header Authorization has the secret",
    };

    /// <summary>Parameters that only <c>/v1/call</c> has, although their functions have endpoints, and their equivalents there.</summary>
    public static readonly Dictionary<string, string> OnlyCallable = new()
    {
        ["ack"] = "for pipelining on the wire",
        ["meta"] = "always in the response headers",
        ["return_old"] = "the response has no body",
        ["if_version"] = "If-Match",
        ["if_exists"] = "If-Match and If-None-Match",
        ["request_id"] = "Idempotency-Key",
        ["request_seq"] = "for clients with many writes in flight on one connection",
        ["obj"] = "the path, or key",
        ["val"] = "the body",
        ["merge"] = "the body",
        ["patch"] = "the body",
        ["count_only"] = "GET /v1/count",
        ["ops"] = "the body",
    };

    public static IEnumerable<JsonObject> Good() => Text.Split('\n').Select(line => JsonNode.Parse(line)!.AsObject());

    private const string Text =
        """
        {"func": "PUT", "params": {"obj": "a", "val": {"n": 1.0, "list": [1]}, "if_version": 0, "meta": true, "return_old": true, "ack": "memory", "request_id": "r1", "request_seq": 7}}
        {"func": "PUT", "params": {"obj": "a", "val": 2, "path": "/n", "if_exists": true, "ttl": 1000}, "id": "x"}
        {"func": "PUT", "params": {"obj": "b", "val": "é", "expires_at": 4102444800.5, "meta": true}, "id": 1.50}
        {"func": "GET", "params": {"obj": "a", "path": "/list/0", "meta": true, "ack": "memory"}}
        {"func": "GET", "params": {"obj": "a", "path": "/none"}}
        {"func": "GET", "params": {"obj": "b", "touch": 60, "meta": true}}
        {"func": "GET", "params": {"obj": "\u0061"}}
        {"func": "PATCH", "params": {"obj": "a", "merge": {"m": null, "k": 2}, "ttl": null, "if_version": 2, "return_old": true, "ack": "memory", "request_id": "r2", "request_seq": 7}}
        {"func": "PATCH", "params": {"obj": "a", "patch": [{"op": "add", "path": "/list/-", "value": 7}], "expires_at": null, "if_exists": true}}
        {"func": "INCR", "params": {"obj": "a", "path": "/n", "by": 2.5, "ttl": null, "if_exists": true, "ack": "memory"}}
        {"func": "INCR", "params": {"obj": "c", "expires_at": 4102444800, "if_version": 0, "request_id": "r3", "request_seq": 7}}
        {"func": "INCR", "params": {"obj": "c", "expires_at": 4102444800, "if_version": 0, "request_id": "r3", "request_seq": 7}}
        {"func": "EXPIRE", "params": {"obj": "c", "ttl": null, "if_exists": true, "ack": "memory", "request_id": "r4", "request_seq": 7}}
        {"func": "EXPIRE", "params": {"obj": "nobody", "expires_at": 4102444800, "if_version": 0}}
        {"func": "MGET", "params": {"objs": ["a", "nobody", "b"], "path": "/n", "meta": true, "touch": 0.5, "ack": "memory"}}
        {"func": "BATCH", "params": {"ops": [{"func": "INCR", "params": {"obj": "c"}}, {"func": "GET", "params": {"obj": "c", "meta": true}}], "ack": "memory", "request_id": "r5", "request_seq": 7}}
        {"func": "SCAN", "params": {"prefix": "", "after": "a", "until": "z", "limit": 1, "values": true, "meta": true, "descending": false}}
        {"func": "SCAN", "params": {"count_only": true}}
        {"func": "PUT", "params": {"obj": "a/1", "val": 1}}
        {"func": "SCAN", "params": {"delimiter": "/"}}
        {"func": "SCAN", "params": {"delimiter": "/", "limit": 2, "descending": true, "values": true, "meta": true}}
        {"func": "DELETE", "params": {"obj": "c", "if_exists": true, "return_old": true, "ack": "memory", "request_id": "r6", "request_seq": 7}}
        {"func": "DELETE", "params": {"obj": "nobody", "if_version": 0}}
        {"func": "PUT", "params": {"obj": "gone", "val": 1, "expires_at": -1, "meta": true}}
        {"func": "GET", "params": {"obj": "gone", "meta": true}}
        {"func": "PING"}
        {"func": "INFO", "params": {}}
        {"func": "HELP", "id": "help"}
        """;
}
