using KestrelKv.Protocol;
using KestrelKv.Server.Admin.Security;

namespace KestrelKv.Server.Admin;

/// <summary>Extension methods that map and describe endpoints.</summary>
internal static class Endpoints
{
    /// <summary>Maps GET and HEAD. HEAD, which has no body, is omitted from the OpenAPI description.</summary>
    public static RouteHandlerBuilder MapRead(this IEndpointRouteBuilder app, string pattern, Delegate handler) => new(
    [
        app.MapGet(pattern, handler),
        app.MapMethods(pattern, [HttpMethods.Head], handler).ExcludeFromDescription(),
    ]);

    /// <summary>Declares the function that an endpoint calls, for clients with rights to its keys, and its errors.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="call">The call.</param>
    /// <param name="others">The errors that HTTP adds to those of the function.</param>
    public static RouteHandlerBuilder Calls(this RouteHandlerBuilder endpoint, FunctionCall call, params ErrorCode[] others)
    {
        endpoint.WithMetadata(call);
        IEnumerable<ErrorCode> outcomes = call.Function.Outcomes;

        // Over HTTP, DELETE does not return the old value.
        if (call.Function.Function == Function.Delete) outcomes = outcomes.Except([ErrorCode.ValueTooLong, ErrorCode.RepliesFull]);
        return endpoint.ForClients().Refuses([ErrorCode.InvalidValue, .. outcomes, .. others]);
    }

    /// <summary>Declares the errors of an endpoint.</summary>
    public static T Refuses<T>(this T endpoint, params IEnumerable<ErrorCode> codes)
        where T : IEndpointConventionBuilder
    {
        endpoint.WithMetadata(new Refusals([.. codes]));
        foreach (int status in codes.Select(ErrorCodes.Status).Distinct()) endpoint.ProducesProblem(status);
        return endpoint;
    }
}

/// <summary>Endpoint metadata: the errors that an endpoint can return.</summary>
internal sealed record Refusals(IReadOnlyList<ErrorCode> Codes);
