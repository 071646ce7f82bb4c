using System.Text.Json;
using System.Text.Json.Nodes;
using KestrelKv.Protocol;
using KestrelKv.Server.Admin;
using KestrelKv.Server.Tests.Admin;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Doors;

/// <summary>
/// Each endpoint with a function of its own returns the same as the wire: the same outcome, code and members, with the status from the
/// table of error codes.
/// </summary>
public sealed class EndpointParityTests(DefaultServer server) : IClassFixture<DefaultServer>
{
    private const string Value = "{\"n\": 1.0, \"s\": \"x\", \"big\": 9223372036854775807}";

    /// <summary>Query values of each JSON type, at least one of which a parameter does not accept.</summary>
    private static readonly string[] Texts =
        ["", "null", "true", "0", "-1", "1", "1.5", "1e99", "1e1", "soon", "/n", "/none", "/none/deeper", "n", "[]", "253402300800"];

    /// <summary>A call over both doors: method, target with KEY for the key, header, and body; function and parameters.</summary>
    public static TheoryData<string, string, string, string, string, string> Calls() => new()
    {
        { "GET", "/v1/keys/KEY", "", "", "GET", "{}" },
        { "GET", "/v1/keys/KEY?path=/s", "", "", "GET", "{\"path\": \"/s\"}" },
        { "GET", "/v1/keys/KEY?touch=60", "", "", "GET", "{\"touch\": 60}" },
        { "PUT", "/v1/keys/KEY", "", "[1.50]", "PUT", "{\"val\": [1.50]}" },
        { "PUT", "/v1/keys/KEY?path=/n&expires_at=4102444800.5", "", "2", "PUT", "{\"val\": 2, \"path\": \"/n\", \"expires_at\": 4102444800.5}" },
        { "PUT", "/v1/keys/KEY?path=/a/b", "", "2", "PUT", "{\"val\": 2, \"path\": \"/a/b\"}" },
        { "PUT", "/v1/keys/KEY?path=a", "", "2", "PUT", "{\"val\": 2, \"path\": \"a\"}" },
        { "PUT", "/v1/keys/KEY?ttl=1&expires_at=1", "", "2", "PUT", "{\"val\": 2, \"ttl\": 1, \"expires_at\": 1}" },
        { "PUT", "/v1/keys/KEY", "If-Match: \"1\"", "2", "PUT", "{\"val\": 2, \"if_version\": 1}" },
        { "PUT", "/v1/keys/KEY", "If-Match: *", "2", "PUT", "{\"val\": 2, \"if_exists\": true}" },
        { "PUT", "/v1/keys/KEY", "If-None-Match: *", "2", "PUT", "{\"val\": 2, \"if_exists\": false}" },
        { "PUT", "/v1/keys/KEY", "Idempotency-Key: parity", "2", "PUT", "{\"val\": 3, \"request_id\": \"parity\"}" },
        { "PATCH", "/v1/keys/KEY", "Content-Type: application/merge-patch+json", "{\"s\": null}", "PATCH", "{\"merge\": {\"s\": null}}" },
        { "PATCH", "/v1/keys/KEY", "Content-Type: application/json-patch+json", "[{\"op\": \"test\", \"path\": \"/n\", \"value\": 2}]", "PATCH", "{\"patch\": [{\"op\": \"test\", \"path\": \"/n\", \"value\": 2}]}" },
        { "PATCH", "/v1/keys/KEY", "Content-Type: application/json-patch+json", "{}", "PATCH", "{\"patch\": {}}" },
        { "PATCH", "/v1/keys/KEY", "Content-Type: application/json-patch+json", "[{\"op\": \"none\"}]", "PATCH", "{\"patch\": [{\"op\": \"none\"}]}" },
        { "DELETE", "/v1/keys/KEY", "If-Match: \"1\"", "", "DELETE", "{\"if_version\": 1}" },
        { "DELETE", "/v1/keys/KEY", "", "", "DELETE", "{}" },
        { "POST", "/v1/batch", "", "{\"ops\": [{\"func\": \"INCR\", \"params\": {\"obj\": \"KEY\", \"path\": \"/n\", \"if_exists\": true}}]}", "BATCH", "{\"ops\": [{\"func\": \"INCR\", \"params\": {\"obj\": \"KEY\", \"path\": \"/n\", \"if_exists\": true}}]}" },
        { "POST", "/v1/batch", "", "{\"ops\": [{\"func\": \"INCR\", \"params\": {\"obj\": \"KEY\", \"path\": \"/big\"}}]}", "BATCH", "{\"ops\": [{\"func\": \"INCR\", \"params\": {\"obj\": \"KEY\", \"path\": \"/big\"}}]}" },
        { "GET", "/v1/keys?prefix=KEY&limit=1&values=true", "", "", "SCAN", "{\"prefix\": \"KEY\", \"limit\": 1, \"values\": true}" },
        { "GET", "/v1/keys?prefix=parity/&delimiter=0&limit=1000", "", "", "SCAN", "{\"prefix\": \"parity/\", \"delimiter\": \"0\", \"limit\": 1000}" },
        { "GET", "/v1/count?prefix=KEY", "", "", "SCAN", "{\"prefix\": \"KEY\", \"count_only\": true}" },
    };

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task Call_OfAnEndpoint_GetsTheResultOfTheWire(
        string method, string target, string header, string body, string function, string parameters)
    {
        foreach (bool exists in (bool[])[true, false])
        {
            string[] keys = [$"parity/{Guid.NewGuid():N}", $"parity/{Guid.NewGuid():N}"];
            foreach (string key in keys)
                if (exists) await server.Process.CallAsync("PUT", $"/v1/keys/{key}", Value);
            RawResponse response = await server.Process.CallAsync(
                method, target.Replace("KEY", keys[0], StringComparison.Ordinal), body == ""
                    ? null
                    : body.Replace("KEY", keys[0], StringComparison.Ordinal),
                header == "" ? [] : [header.Replace("parity", keys[0], StringComparison.Ordinal)]);
            AssertSame(
                response, await CallAsync(function, parameters.Replace("\"parity\"", $"\"{keys[1]}\"", StringComparison.Ordinal), keys[1]),
                function);
        }
    }

    [Fact]
    public async Task EveryQueryParameter_WithAnyText_IsAcceptedOrRefusedAsOnTheWire()
    {
        foreach (Endpoint endpoint in Endpoint.All)
        {
            foreach (ParameterInfo parameter in endpoint.Call.Query)
            {
                foreach (string text in Texts)
                {
                    string key = $"parity/{Guid.NewGuid():N}";
                    await server.Process.CallAsync("PUT", $"/v1/keys/{key}", Value);
                    string target = endpoint.Target.Replace("KEY", key, StringComparison.Ordinal);
                    RawResponse response = await server.Process.CallAsync(
                        endpoint.Method, $"{target}{(target.Contains('?', StringComparison.Ordinal) ? '&' : '?')}{parameter.Name}={Uri.EscapeDataString(text)}", endpoint.Body, endpoint.Headers);
                    AssertAlike(endpoint, parameter, text, response, await CallAsync(endpoint, parameter, text));
                }
            }
        }
    }

    /// <summary>Each parameter is in the query of an endpoint of its function, or has an equivalent there.</summary>
    [Fact]
    public void EveryParameter_OfAFunctionWithAnEndpoint_HasAnEquivalent()
    {
        IEnumerable<FunctionCall> calls =
            Endpoint.All.Select(endpoint => endpoint.Call).Append(WatchEndpoint.Call).Append(BatchEndpoint.Call);
        foreach (IGrouping<FunctionInfo, FunctionCall> group in calls.GroupBy(call => call.Function))
        {
            IEnumerable<string> names = group.Key.RequiredParameters.Concat(group.Key.OptionalParameters).Select(
                parameter => parameter.Name);
            Assert.Empty(
                names.Except(group.SelectMany(call => call.Query).Select(parameter => parameter.Name)).Except(DoorCalls.OnlyCallable.Keys));
        }
    }

    [Fact]
    public async Task TooDeep_InPutAndPatch_HasTheSameStatus()
    {
        await server.Process.CallAsync("PUT", "/v1/keys/parity/deep", "{\"a\": {\"b\": {}}}");
        (await server.Process.CallAsync("PUT", "/v1/keys/parity/deep", Nested(1_025))).AssertProblem(400, "too_deep");
        (await server.Process.CallAsync("PUT", "/v1/keys/parity/deep?path=/a", Nested(1_024))).AssertProblem(400, "too_deep");
        (await server.Process.CallAsync(
            "PATCH", "/v1/keys/parity/deep", $"[{{\"op\": \"add\", \"path\": \"/a/b/c\", \"value\": {Nested(1_022)}}}]",
            "Content-Type: application/json-patch+json"))
            .AssertProblem(400, "too_deep");

        static string Nested(int levels) => new string('[', levels) + new string(']', levels);
    }

    private static void AssertSame(RawResponse response, JsonNode reply, string function)
    {
        JsonObject? result = reply["response"]?["response"]?.AsObject();
        if (result is not null && (response.Status >= 400) && result["found"] is { } found && !found.GetValue<bool>())
        {
            // On the wire, a missing key or part is a result, not an error.
            Assert.Equal(404, response.Status);
            return;
        }
        if (result is null)
        {
            JsonObject error = reply["error"]!.AsObject();
            if (function == "DELETE" && response.Status == 404) return; // RFC 9110, section 13.2.1
            ErrorCode code = Enum.GetValues<ErrorCode>().Single(each => ErrorCodes.Text(each) == error["code"]!.GetValue<string>());
            JsonElement problem = response.AssertProblem(ErrorCodes.Status(code), ErrorCodes.Text(code));
            Assert.Equal(
                error["index"]?.ToJsonString(), problem.TryGetProperty("index", out JsonElement index) ? index.GetRawText() : null);
            Assert.Equal(error.ContainsKey("version"), problem.TryGetProperty("version", out _));
            return;
        }

        Assert.InRange(response.Status, 200, 204);
        if (function is "GET") Assert.Equal(result["val"]!.ToJsonString(), JsonNode.Parse(response.Body)!.ToJsonString());
        if (result["entries"] is JsonArray entries)
        {
            JsonNode page = JsonNode.Parse(response.Body)!;
            Assert.Equal(entries.Count(entry => entry!["obj"] is not null), page["keys"]!.AsArray().Count);
            Assert.Equal(
                entries.Where(entry => entry!["obj"] is null).Select(entry => entry!.ToJsonString()),
                (page["prefixes"] as JsonArray ?? []).Select(group => group!.ToJsonString()));
        }
        if (function is "BATCH" || result.ContainsKey("count"))
            Assert.Equal(Names(result), Names(JsonNode.Parse(response.Body)!.AsObject()));
        if (function is "PUT" or "PATCH")
            Assert.Equal(result["found"]!.GetValue<bool>() ? 204 : 201, response.Status);
        if (result["expires_at"] is { } expiresAt)
            Assert.Equal(expiresAt.ToJsonString(), response.Headers["KestrelKv-Expires-At"]);

        static string Names(JsonObject members) => string.Join(' ', members.Select(member => member.Key));
    }

    private static void AssertAlike(Endpoint endpoint, ParameterInfo parameter, string text, RawResponse response, JsonNode reply)
    {
        string context = $"{endpoint.Method} {endpoint.Target} {parameter.Name}={text}: {response.Status} {response.Text}, on the wire {reply.ToJsonString()}";
        if (reply["error"]?["code"]?.GetValue<string>() is not { } code)
        {
            Assert.True(response.Status < 400 || response.Text.Contains("not_found", StringComparison.Ordinal), context);
            return;
        }

        // All query values are texts, so a text that is no number gets the same error as a number out of range.
        string expected = code == "wrong_type" ? "invalid_value" : code;
        Assert.True(response.Status >= 400, context);
        JsonElement problem = response.AssertProblem(response.Status);
        Assert.True(problem.GetProperty("code").GetString() == expected, context);
        if (expected == "invalid_value")
            Assert.True(problem.GetProperty("detail").GetString()!.Contains($"\"{parameter.Name}\"", StringComparison.Ordinal), context);
    }

    private async Task<JsonNode> CallAsync(Endpoint endpoint, ParameterInfo parameter, string text)
    {
        string key = $"parity/{Guid.NewGuid():N}";
        await server.Process.CallAsync("PUT", $"/v1/keys/{key}", Value);
        string value = parameter.Type == "string" || !IsJson(text) ? JsonSerializer.Serialize(text) : text;
        JsonObject parameters = JsonNode.Parse(endpoint.Parameters)!.AsObject();
        parameters[parameter.Name] = JsonNode.Parse(value);
        return await CallAsync(endpoint.Call.Function.Name, parameters.ToJsonString(), key);
    }

    private async Task<JsonNode> CallAsync(string function, string parameters, string key)
    {
        JsonObject all = JsonNode.Parse(parameters.Replace("KEY", key, StringComparison.Ordinal))!.AsObject();
        if (function is not ("SCAN" or "BATCH" or "WATCH")) all["obj"] = key;
        if (function is "PUT" or "GET") all["meta"] = true;
        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
        return JsonNode.Parse(await wire.CallAsync($"{{\"func\": \"{function}\", \"params\": {all.ToJsonString()}}}"))!;
    }

    private static bool IsJson(string text)
    {
        try
        {
            return JsonNode.Parse(text) is null or JsonValue;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>An endpoint whose query is tested.</summary>
    private sealed record Endpoint(string Method, string Target, string? Body, string[] Headers, string Parameters, FunctionCall Call)
    {
        public static readonly Endpoint[] All =
        [
            new("GET", "/v1/keys/KEY", null, [], "{}", KeyEndpoints.Get),
            new("PUT", "/v1/keys/KEY", "1", [], "{\"val\": 1}", KeyEndpoints.Put),
            new("PATCH", "/v1/key?key=KEY", "{}", ["Content-Type: application/merge-patch+json"], "{\"merge\": {}}", KeyEndpoints.Patch),
            new("DELETE", "/v1/keys/KEY", null, [], "{}", KeyEndpoints.Delete),
            new("GET", "/v1/keys", null, [], "{}", KeyEndpoints.List),
            new("GET", "/v1/count", null, [], "{\"count_only\": true}", KeyEndpoints.Count),
        ];
    }
}
