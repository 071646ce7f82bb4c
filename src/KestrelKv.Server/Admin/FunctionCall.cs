using KestrelKv.Protocol;

namespace KestrelKv.Server.Admin;

/// <summary>Where a key stands in a request.</summary>
internal enum KeyPlace
{
    /// <summary>There is none.</summary>
    None,

    /// <summary>Behind <c>/v1/keys/</c>.</summary>
    Path,

    /// <summary>In the query.</summary>
    Query,
}

/// <summary>Which function an endpoint calls, and where the parameters of the function stand: the endpoint's metadata.</summary>
internal sealed record FunctionCall
{
    /// <summary>The name of the key in the query.</summary>
    public const string Key = "key";

    public const string IdempotencyKey = "Idempotency-Key";

    public const string LastEventId = "Last-Event-ID";

    /// <param name="function">The function.</param>
    /// <param name="query">The names of its parameters that stand in the query.</param>
    public FunctionCall(Function function, params string[] query)
    {
        Function = Functions.Of(function);
        Query = [.. query.Select(Function.Parameter)];
    }

    /// <summary>The function.</summary>
    public FunctionInfo Function { get; }

    /// <summary>The parameters that stand in the query under their own names.</summary>
    public IReadOnlyList<ParameterInfo> Query { get; }

    /// <summary>Where the key stands.</summary>
    public KeyPlace KeyPlace { get; init; }

    /// <summary>Whether <c>If-Match</c> and <c>If-None-Match</c> are looked at.</summary>
    public bool IsConditional => KeyPlace != KeyPlace.None;

    /// <summary>Whether the function has a <c>request_id</c>, which is given by a header.</summary>
    public bool TakesIdempotencyKey => Function.OptionalParameters.Any(parameter => parameter.Name == "request_id");

    /// <summary>The names that the query may have.</summary>
    public IEnumerable<string> QueryNames =>
        KeyPlace == KeyPlace.Query ? Query.Select(parameter => parameter.Name).Prepend(Key) : Query.Select(parameter => parameter.Name);
}
