using System.Globalization;
using System.Text.Json;

namespace KestrelKv.Testing.Histories;

/// <summary>Converts calls to requests, and replies to results.</summary>
internal static class CallText
{
    private static readonly string[] Functions = ["GET", "PUT", "DELETE", "INCR"];

    /// <summary>Returns the body of a request. <paramref name="keys"/> is the prefix of its keys.</summary>
    public static string Request(Call call, string keys)
    {
        string requestId = call.RequestId is null ? "" : $", \"request_id\": \"{call.RequestId}\"";
        return call.Form switch
        {
            CallForm.Unbatched => Of(call.Steps[0], keys, requestId),
            CallForm.Batch => $"{{\"func\": \"BATCH\", \"params\": {{\"ops\": [{string.Join(", ", call.Steps.Select(step => Of(step, keys)))}]{requestId}}}}}",
            CallForm.MGet => $"{{\"func\": \"MGET\", \"params\": {{\"objs\": [{string.Join(", ", call.Steps.Select(step => $"\"{keys}{step.Key}\""))}], \"meta\": true}}}}",
            _ => throw new ArgumentOutOfRangeException(nameof(call)),
        };
    }

    public static CallReply Reply(Call call, string body)
    {
        using JsonDocument document = JsonDocument.Parse(body);
        if (document.RootElement.TryGetProperty("error", out JsonElement error)) return Refusal(error, body);
        JsonElement response = document.RootElement.GetProperty("response").GetProperty("response");
        if (call.Form == CallForm.MGet) return new(0, Steps(call, response.GetProperty("entries")));
        if (call.Form == CallForm.Batch)
            return new(response.GetProperty("version").GetInt64(), Steps(call, response.GetProperty("results")));
        StepReply reply = Step(call.Steps[0], response);
        return new(call.Writes ? reply.Version : 0, [reply]);
    }

    private static CallReply Refusal(JsonElement error, string body)
    {
        if (error.GetProperty("code").GetString() != "precondition_failed") throw new InvalidOperationException(body);
        int index = error.TryGetProperty("index", out JsonElement given) ? given.GetInt32() : 0;
        return new(0, []) { RefusedAt = index, CurrentVersion = error.GetProperty("version").GetInt64() };
    }

    private static string Of(Step step, string keys, string requestId = "")
    {
        string argument = step.Kind switch
        {
            StepKind.Put => $", \"val\": {Text(step.Argument)}",
            StepKind.Incr => $", \"by\": {Text(step.Argument)}",
            _ => "",
        };
        string ifVersion = step.IfVersion is { } version ? $", \"if_version\": {Text(version)}" : "";
        string ifExists = step.IfExists is { } exists ? $", \"if_exists\": {(exists ? "true" : "false")}" : "";
        string meta = step.Meta ? ", \"meta\": true" : "";
        string old = step.ReturnOld ? ", \"return_old\": true" : "";
        return $"{{\"func\": \"{Functions[(int)step.Kind]}\", \"params\": {{\"obj\": \"{keys}{step.Key}\"{argument}{ifVersion}{ifExists}{meta}{old}{requestId}}}}}";
    }

    private static StepReply[] Steps(Call call, JsonElement replies)
    {
        Assert.Equal(call.Steps.Count, replies.GetArrayLength());
        return [.. call.Steps.Zip(replies.EnumerateArray(), Step)];
    }

    private static StepReply Step(Step step, JsonElement response)
    {
        bool? found = response.TryGetProperty("found", out JsonElement isFound) ? isFound.GetBoolean() : null;
        long? value = null;
        if (response.TryGetProperty(step.Kind is StepKind.Get or StepKind.Incr ? "val" : "old", out JsonElement given) &&
            given.ValueKind == JsonValueKind.Number)
            value = given.GetInt64();
        if (step.Kind == StepKind.Get) found ??= value is not null;
        return new(found, value, response.TryGetProperty("version", out JsonElement version) ? version.GetInt64() : null);
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
