using KestrelKv.Protocol;
using BadHttpRequestException = Microsoft.AspNetCore.Http.BadHttpRequestException;

namespace KestrelKv.Server.Admin;

/// <summary>
/// Writes all errors, including those of the framework, as <c>application/problem+json</c> with a <c>code</c>. The framework's
/// writer sends plain text or an empty body if <c>Accept</c> requests another type.
/// </summary>
internal sealed class ProblemWriter(RequestLimits limits) : IProblemDetailsWriter
{
    public bool CanWrite(ProblemDetailsContext context) => true;

    public async ValueTask WriteAsync(ProblemDetailsContext context)
    {
        HttpResponse response = context.HttpContext.Response;
        var problem = context.ProblemDetails;
        problem.Status ??= response.StatusCode;
        if (!problem.Extensions.ContainsKey("code"))
        {
            ProtocolError error = Explain(context.HttpContext, context.Exception);
            problem.Title = ErrorCodes.Title(error.Code);
            problem.Detail = error.Message;
            problem.Extensions["code"] = ErrorCodes.Text(error.Code);
        }

        // Needs no cancellation: output for a disconnected client is discarded.
        await response.WriteAsJsonAsync(problem, options: null, "application/problem+json", CancellationToken.None);
    }

    private ProtocolError Explain(HttpContext http, Exception? exception) => (exception, http.Response.StatusCode) switch
    {
        (_, StatusCodes.Status413PayloadTooLarge) => new(
            ErrorCode.FrameTooLong, $"the body is too long, expected at most {limits.FrameBytesMax} bytes (Limits:FrameBytesMax)"),
        (BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout } slow, _) => new(ErrorCode.BodyTimeout, slow.Message),
        (BadHttpRequestException bad, _) => new(ErrorCode.InvalidRequest, bad.Message),
        (_, StatusCodes.Status400BadRequest) => new(ErrorCode.InvalidRequest, "the request cannot be read"),
        (null, StatusCodes.Status404NotFound) => new(
            ErrorCode.UnknownRoute, $"the path {http.Request.Path} does not exist, expected a path listed by /swagger"),
        (null, StatusCodes.Status405MethodNotAllowed) => new(
            ErrorCode.MethodNotAllowed, $"the method is {http.Request.Method}, expected one of {http.Response.Headers.Allow}"),
        _ => new(ErrorCode.InternalError, "the server failed; its log has the details"),
    };
}
