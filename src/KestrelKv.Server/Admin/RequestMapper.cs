using System.Globalization;
using System.Text;
using KestrelKv.Protocol;
using KestrelKv.Server.Admin.Security;
using KestrelKv.Wire;

namespace KestrelKv.Server.Admin;

/// <summary>
/// Maps HTTP requests to wire requests. The method and path determine the function. The path, query, headers and body supply its
/// parameters, which the parser and validator of the wire check. The rights of the client are checked here too.
/// </summary>
internal sealed class RequestMapper(RequestLimits limits, RequestRunner runner, RequestBody bodies, RequestClients clients)
{
    /// <summary>Maps a request according to the <see cref="FunctionCall"/> of its endpoint.</summary>
    /// <param name="http">The request.</param>
    /// <param name="body">The parameter whose value is the body; null for none.</param>
    /// <param name="more">A callback that adds the implied parameters of the endpoint; null for none.</param>
    public async ValueTask<MappedRequest> MapAsync(HttpContext http, string? body = null, Action<FunctionInfo, RequestText>? more = null)
    {
        FunctionCall call = http.GetEndpoint()!.Metadata.GetRequiredMetadata<FunctionCall>();
        var text = new RequestText(call.Function);
        try
        {
            string key = AddKey(http, call, text);
            AddQuery(http, call, text);
            Conditions conditions = call.IsConditional ? AddConditions(http, call, text) : default;
            if (call.TakesIdempotencyKey) AddIdempotencyKey(http, call, text, conditions);
            more?.Invoke(call.Function, text);
            if (body is not null) await AddBodyAsync(http, call.Function.Parameter(body), text);
            return new MappedRequest(clients.Validate(http, runner, text.Parse(limits)), text) { Key = key, Conditions = conditions };
        }
        catch
        {
            text.Dispose();
            throw;
        }
    }

    /// <summary>Maps a request whose body is the parameters object of BATCH.</summary>
    public async ValueTask<MappedRequest> MapBatchAsync(HttpContext http) =>
        await MapBodyAsync(http, body => WithIdempotencyKey(http, RequestParser.ParseBatch(body, limits)));

    /// <summary>Maps a request whose body is that of a wire frame.</summary>
    public async ValueTask<MappedRequest> MapFrameAsync(HttpContext http) => await MapBodyAsync(http, body =>
    {
        RequestParser.Parse(body, limits, out Request request);
        return request;
    });

    private async ValueTask<MappedRequest> MapBodyAsync(HttpContext http, Func<ReadOnlyMemory<byte>, Request> parse)
    {
        var text = new TextBuffer();
        try
        {
            ProtocolError? error = await bodies.ReadAsync(http, text);
            Request request = error is null ? clients.Validate(http, runner, parse(text.WrittenMemory)) : Request.Invalid(error);
            return new MappedRequest(request, text);
        }
        catch
        {
            text.Dispose();
            throw;
        }
    }

    private static string AddKey(HttpContext http, FunctionCall call, RequestText text)
    {
        if (call.KeyPlace == KeyPlace.None) return "";
        bool isInPath = call.KeyPlace == KeyPlace.Path;
        string? key = isInPath ? RequestTarget.KeyInPath(http) : http.Request.Query[FunctionCall.Key];
        if (key is not null) text.AddText(call.Function.Parameter("obj"), key);
        else if (isInPath)
            text.Refuse(ErrorCode.InvalidKey, "the key cannot be read from the path, expected /v1/keys/KEY or /v1/key?key=KEY");
        else text.Refuse(ErrorCode.MissingParameter, "\"key\" is missing, expected the key");
        return key ?? "";
    }

    private static void AddQuery(HttpContext http, FunctionCall call, RequestText text)
    {
        bool resumes = call.Function.Function == Function.Watch && http.Request.Headers.ContainsKey(FunctionCall.LastEventId);
        foreach (ParameterInfo parameter in call.Query)
        {
            if (resumes && parameter.Name == "from_version") AddLastEvent(http, parameter, text);
            else if (http.Request.Query.TryGetValue(parameter.Name, out var values)) text.AddText(parameter, values.ToString());
        }
    }

    /// <summary>Resumes after the last event. A reconnecting browser sends the id of that event and the original URL.</summary>
    private static void AddLastEvent(HttpContext http, ParameterInfo fromVersion, RequestText text)
    {
        if (long.TryParse(http.Request.Headers[FunctionCall.LastEventId], NumberStyles.None, CultureInfo.InvariantCulture, out long last) &&
            last < long.MaxValue)
        {
            text.AddText(fromVersion, (last + 1).ToString(CultureInfo.InvariantCulture));
        }
        else
        {
            text.Refuse(
                ErrorCode.InvalidHeader, $"{FunctionCall.LastEventId} is not a version, expected the id of an event of this stream");
        }
    }

    private static Conditions AddConditions(HttpContext http, FunctionCall call, RequestText text)
    {
        if (!Conditions.TryRead(http.Request, out Conditions conditions))
            text.Refuse(Conditions.Unreadable);
        if (call.Function.Function == Function.Get) return conditions;
        return conditions.TryAdd(call.Function, text) ? default : conditions;
    }

    private static void AddIdempotencyKey(HttpContext http, FunctionCall call, RequestText text, Conditions conditions)
    {
        if (IdempotencyKeyOf(http, out ProtocolError? error) is not { } id) return;
        if (error is not null) text.Refuse(error);
        if (conditions.Any)
        {
            text.Refuse(ErrorCode.InvalidHeader,
                $"the preconditions cannot be combined with {FunctionCall.IdempotencyKey}, expected If-Match with one version or *, " +
                "or If-None-Match with *");
        }
        text.AddText(call.Function.Parameter("request_id"), id);
    }

    private static Request WithIdempotencyKey(HttpContext http, Request batch)
    {
        if (batch.Error is not null || IdempotencyKeyOf(http, out ProtocolError? error) is not { } id) return batch;
        if (batch.HasRequestId)
        {
            error ??= new(ErrorCode.DuplicateParameter,
                $"the request id is given twice, expected either the header {FunctionCall.IdempotencyKey} or \"request_id\"");
        }
        return error is null ? batch.Called(Encoding.UTF8.GetBytes(id)) : batch.Refused(error);
    }

    /// <summary>Returns the value of Idempotency-Key; null if the request does not have the header.</summary>
    private static string? IdempotencyKeyOf(HttpContext http, out ProtocolError? error)
    {
        error = null;
        if (!http.Request.Headers.TryGetValue(FunctionCall.IdempotencyKey, out var values)) return null;

        // The IETF draft of the header requires quotes; the server accepts the key with or without.
        string id = values.ToString();
        if (id is ['"', .., '"']) id = id[1..^1];
        int bytes = Encoding.UTF8.GetByteCount(id);
        if (values.Count > 1) error = new(ErrorCode.InvalidHeader, $"{FunctionCall.IdempotencyKey} is given twice");
        else if (bytes is 0 or > RequestLimits.RequestIdBytesMax)
        {
            error = new(ErrorCode.InvalidHeader,
                $"{FunctionCall.IdempotencyKey} has {bytes} bytes, expected 1 to {RequestLimits.RequestIdBytesMax}");
        }
        return id;
    }

    private async ValueTask AddBodyAsync(HttpContext http, ParameterInfo parameter, RequestText text)
    {
        if (text.Error is not null) return;
        ProtocolError? error = await bodies.ReadAsync(http, text.BeginValue(parameter));
        if (error is null) text.EndValue();
        else text.Refuse(error);
    }
}
