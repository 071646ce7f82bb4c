using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using KestrelKv.Protocol;
using KestrelKv.Server.Tests.Admin;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Doors;

/// <summary>
/// <c>/v1/call</c> returns the same replies as the wire. The tests send the same calls in the same order to two servers, one over each
/// door.
/// </summary>
public sealed partial class CallParityTests
{
    /// <summary>Values of each JSON type, at least one of which has a type that a parameter does not accept.</summary>
    private static readonly string[] Odd = ["null", "true", "0", "-1", "1.5", "1e99", "\"\"", "\"x\"", "[]", "[1]", "{}", "{\"a\": 1}"];

    [Fact]
    public async Task GoodCalls_OverBothDoors_GetTheSameReplies()
    {
        // In new data directories, versions start at 1 on both servers.
        await using ServerProcess wire = await ServerProcess.StartAsync();
        await using ServerProcess http = await ServerProcess.StartAsync();
        foreach (JsonObject call in DoorCalls.Good())
            Assert.StartsWith("{\"status\": \"OK\"", await AssertSameAsync(wire, http, call.ToJsonString()), StringComparison.Ordinal);
    }

    [Fact]
    public void GoodCalls_Together_UseEveryParameterOfEveryFunction()
    {
        foreach (FunctionInfo function in
            KestrelKv.Protocol.Functions.All.Where(function => !DoorCalls.NotCallable.ContainsKey(function.Name)))
        {
            JsonObject[] calls = [.. DoorCalls.Good().Where(call => (string?)call["func"] == function.Name)];
            Assert.NotEmpty(calls);
            foreach (ParameterInfo parameter in function.RequiredParameters.Concat(function.OptionalParameters))
                Assert.Contains(
                    calls, call => call["params"]?[parameter.Name] is not null || call["params"]!.AsObject().ContainsKey(parameter.Name));
        }
    }

    [Fact]
    public async Task BadCalls_OverBothDoors_GetTheSameErrors()
    {
        await using ServerProcess wire = await ServerProcess.StartAsync(["Data:Durability=Memory"]);
        await using ServerProcess http = await ServerProcess.StartAsync(["Data:Durability=Memory"]);
        HashSet<string> codes = [];
        foreach (string call in BadCalls())
            codes.Add(JsonNode.Parse(await AssertSameAsync(wire, http, call))!["error"]?["code"]?.ToString() ?? "");
        string[] expected =
        [
            "invalid_json", "not_an_object", "missing_parameter", "unknown_parameter", "duplicate_parameter", "wrong_type", "invalid_value",
            "invalid_key", "key_too_long", "too_deep", "precondition_failed", "not_found", "path_not_found", "not_a_number",
            "number_overflow", "test_failed", "request_id_reused",
        ];
        Assert.Empty(expected.Except(codes));
    }

    [Theory]
    [InlineData("{\"func\": \"WATCH\", \"id\": 7}")]
    [InlineData("{\"func\": \"UNWATCH\", \"params\": {\"watch\": 1}, \"id\": 7}")]
    public async Task FunctionOfAConnection_OverHttp_IsRefused(string call)
    {
        await using ServerProcess http = await ServerProcess.StartAsync(["Data:Durability=Memory"]);
        RawResponse response = await http.CallAsync("POST", "/v1/call", call);
        Assert.Equal(200, response.Status);
        Assert.Contains("\"code\": \"invalid_value\"", response.Text, StringComparison.Ordinal);
        Assert.EndsWith(", \"id\": 7}", response.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Call_WithInvalidHttp_IsRefusedWithAProblem()
    {
        await using ServerProcess http = await ServerProcess.StartAsync(["Data:Durability=Memory"]);
        const string Ping = "{\"func\": \"PING\"}";
        (await http.CallAsync("POST", "/v1/call", Ping, "Idempotency-Key: a")).AssertProblem(400, "invalid_header", "request_id");
        (await http.CallAsync("POST", "/v1/call", Ping, "Content-Encoding: gzip")).AssertProblem(415, "unsupported_encoding");
        (await http.CallAsync("POST", "/v1/call", Ping, "Sec-Fetch-Site: cross-site")).AssertProblem(403, "cross_origin");
        (await http.CallAsync("POST", "/v1/call?func=PING", Ping)).AssertProblem(400, "unknown_parameter");
        (await http.CallAsync("GET", "/v1/call")).AssertProblem(405, "method_not_allowed");
    }

    private static IEnumerable<string> BadCalls()
    {
        foreach (JsonObject good in DoorCalls.Good().DistinctBy(call => (string?)call["func"]))
        {
            FunctionInfo function = KestrelKv.Protocol.Functions.All.Single(each => each.Name == (string?)good["func"]);
            foreach (ParameterInfo parameter in function.RequiredParameters.Concat(function.OptionalParameters))
            {
                foreach (string value in Odd) yield return With(good, parameter.Name, JsonNode.Parse(value));
                yield return Without(good, parameter.Name);
            }
            yield return With(good, "prefx", 1);
            yield return With(good, "watch", 1);
        }
        string[] others =
        [
            "", "{", "[]", "{\"func\": 5}", "{}", "{\"func\": \"SHOUT\", \"params\": {\"a\": 1}, \"id\": 5}",
            "{\"func\": \"PING\", \"func\": \"PING\"}",
            "{\"func\": \"GET\", \"params\": {\"obj\": \"a\", \"obj\": \"b\"}}",
            $"{{\"func\": \"GET\", \"params\": {{\"obj\": \"{new string('k', 5_000)}\"}}}}",
            $"{{\"func\": \"PUT\", \"params\": {{\"obj\": \"deep\", \"val\": {new string('[', 1_025)}{new string(']', 1_025)}}}}}",
            "{\"func\": \"PUT\", \"params\": {\"obj\": \"t\", \"val\": {\"a\": \"x\", \"n\": 9223372036854775807}}}",
            "{\"func\": \"PUT\", \"params\": {\"obj\": \"t\", \"val\": 1, \"if_exists\": false}}",
            "{\"func\": \"PUT\", \"params\": {\"obj\": \"none\", \"val\": 1, \"path\": \"/a\"}}",
            "{\"func\": \"PUT\", \"params\": {\"obj\": \"t\", \"val\": 1, \"path\": \"/b/c\"}}",
            "{\"func\": \"INCR\", \"params\": {\"obj\": \"t\", \"path\": \"/a\"}}",
            "{\"func\": \"INCR\", \"params\": {\"obj\": \"t\", \"path\": \"/n\"}}",
            "{\"func\": \"PATCH\", \"params\": {\"obj\": \"t\", \"patch\": [{\"op\": \"test\", \"path\": \"/a\", \"value\": 1}]}}",
            "{\"func\": \"PUT\", \"params\": {\"obj\": \"once\", \"val\": 1, \"request_id\": \"again\"}}",
            "{\"func\": \"PUT\", \"params\": {\"obj\": \"once\", \"val\": 2, \"request_id\": \"again\"}}",
            "{\"func\": \"PUT\", \"params\": {\"obj\": \"once\", \"val\": 3, \"request_id\": \"again\", \"request_seq\": 2}}",
            "{\"func\": \"PUT\", \"params\": {\"obj\": \"once\", \"val\": 4, \"request_id\": \"again\", \"request_seq\": 1}}",
            "{\"func\": \"BATCH\", \"params\": {\"ops\": [{\"func\": \"GET\", \"params\": {\"obj\": \"t\"}}, {\"func\": \"DELETE\", \"params\": {\"obj\": \"t\", \"if_version\": 0}}]}}",
        ];
        foreach (string other in others) yield return other;
    }

    private static string With(JsonObject call, string name, JsonNode? value)
    {
        var changed = call.DeepClone().AsObject();
        if (changed["params"] is not JsonObject parameters) changed["params"] = parameters = [];
        parameters[name] = value;
        return changed.ToJsonString();
    }

    private static string Without(JsonObject call, string name)
    {
        var changed = call.DeepClone().AsObject();
        changed["params"]!.AsObject().Remove(name);
        return changed.ToJsonString();
    }

    /// <summary>Returns the reply, which must be the same from both doors: byte for byte, except for varying figures.</summary>
    private static async Task<string> AssertSameAsync(ServerProcess wire, ServerProcess http, string call)
    {
        using WireClient client = await WireClient.ConnectAsync(wire.WirePort);
        string expected = await client.CallAsync(call);
        RawResponse response = await http.CallAsync("POST", "/v1/call", call);
        Assert.Equal((200, "application/json"), (response.Status, response.Headers["Content-Type"]));
        Assert.Equal($"{call}\n{Masked(expected)}", $"{call}\n{Masked(Encoding.UTF8.GetString(response.Body))}");
        return expected;

        static string Masked(string reply) => reply.Contains("\"func\": \"INFO\"", StringComparison.Ordinal)
            ? Figure().Replace(reply, "0")
            : FutureExpiry().Replace(SomeVersion().Replace(reply, "$1V"), "\"expires_at\": SOON");
    }

    [GeneratedRegex(@"\d+")]
    private static partial Regex Figure();

    /// <summary>Masks versions: the server decides when the removal of an expired entry takes one.</summary>
    [GeneratedRegex(@"(""version"": |has version )[1-9]\d*")]
    private static partial Regex SomeVersion();

    /// <summary>Masks an expiry set by <c>ttl</c>.</summary>
    [GeneratedRegex(@"""expires_at"": [123]\d{9}(\.\d+)?\b")]
    private static partial Regex FutureExpiry();
}
