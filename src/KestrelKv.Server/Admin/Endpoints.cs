using KestrelKv.Protocol;

namespace KestrelKv.Server.Admin;

/// <summary>What the endpoints have in common.</summary>
internal static class Endpoints
{
    /// <summary>Maps GET, and HEAD, which is not described: it answers as GET does, without the body.</summary>
    public static RouteHandlerBuilder MapRead(this IEndpointRouteBuilder app, string pattern, Delegate handler) => new(
    [
        app.MapGet(pattern, handler),
        app.MapMethods(pattern, [HttpMethods.Head], handler).ExcludeFromDescription(),
    ]);

    /// <summary>Says which function an endpoint calls, and so which errors it answers with.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="call">The call.</param>
    /// <param name="others">Errors that HTTP adds to the function's own.</param>
    public static RouteHandlerBuilder Calls(this RouteHandlerBuilder endpoint, FunctionCall call, params ErrorCode[] others)
    {
        endpoint.WithMetadata(call);
        return endpoint.Refuses([ErrorCode.InvalidValue, .. call.Function.Outcomes, .. others]);
    }

    /// <summary>Says which errors an endpoint answers with.</summary>
    public static RouteHandlerBuilder Refuses(this RouteHandlerBuilder endpoint, params IEnumerable<ErrorCode> codes)
    {
        endpoint.WithMetadata(new Refusals([.. codes]));
        foreach (int status in codes.Select(ErrorCodes.Status).Distinct()) endpoint.ProducesProblem(status);
        return endpoint;
    }
}

/// <summary>The errors that an endpoint answers with: its metadata.</summary>
internal sealed record Refusals(IReadOnlyList<ErrorCode> Codes);
