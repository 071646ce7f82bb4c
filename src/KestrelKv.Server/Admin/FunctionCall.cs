using KestrelKv.Protocol;

namespace KestrelKv.Server.Admin;

/// <summary>The location of the key in a request.</summary>
internal enum KeyPlace
{
    /// <summary>The request has no key.</summary>
    None,

    /// <summary>In the path, after <c>/v1/keys/</c>.</summary>
    Path,

    /// <summary>In the query parameter <c>key</c>.</summary>
    Query,
}

/// <summary>Endpoint metadata: the function that an endpoint calls, and the locations of its parameters in the HTTP request.</summary>
internal sealed record FunctionCall
{
    /// <summary>The name of the query parameter for the key.</summary>
    public const string Key = "key";

    public const string IdempotencyKey = "Idempotency-Key";

    public const string LastEventId = "Last-Event-ID";

    /// <param name="function">The function.</param>
    /// <param name="query">The names of its parameters that are query parameters.</param>
    public FunctionCall(Function function, params string[] query)
    {
        Function = Functions.Of(function);
        Query = [.. query.Select(Function.Parameter)];
    }

    /// <summary>The function.</summary>
    public FunctionInfo Function { get; }

    /// <summary>The parameters that are query parameters of the same name.</summary>
    public IReadOnlyList<ParameterInfo> Query { get; }

    /// <summary>The location of the key.</summary>
    public KeyPlace KeyPlace { get; init; }

    /// <summary>Whether the endpoint evaluates <c>If-Match</c> and <c>If-None-Match</c>.</summary>
    public bool IsConditional => KeyPlace != KeyPlace.None;

    /// <summary>Whether the function has a <c>request_id</c>, which the header <c>Idempotency-Key</c> sets.</summary>
    public bool TakesIdempotencyKey => Function.OptionalParameters.Any(parameter => parameter.Name == "request_id");

    /// <summary>The names of all query parameters.</summary>
    public IEnumerable<string> QueryNames =>
        KeyPlace == KeyPlace.Query ? Query.Select(parameter => parameter.Name).Prepend(Key) : Query.Select(parameter => parameter.Name);
}
