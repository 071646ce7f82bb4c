using System.Text.Json;
using System.Text.RegularExpressions;
using KestrelKv.Protocol;
using KestrelKv.Storage;
using Microsoft.AspNetCore.WebUtilities;
using BadHttpRequestException = Microsoft.AspNetCore.Http.BadHttpRequestException;

namespace KestrelKv.Server.Admin;

/// <summary>
/// Writes every error as <c>application/problem+json</c>. The framework's own writer gives way to plain text, or to
/// nothing, where the request's <c>Accept</c> asks for something else.
/// </summary>
internal sealed partial class ProblemWriter : IProblemDetailsWriter
{
    public bool CanWrite(ProblemDetailsContext context) => true;

    public async ValueTask WriteAsync(ProblemDetailsContext context)
    {
        HttpResponse response = context.HttpContext.Response;
        var problem = context.ProblemDetails;
        problem.Status ??= response.StatusCode;
        problem.Title ??= ReasonPhrases.GetReasonPhrase(problem.Status.Value);
        if (context.Exception is BadHttpRequestException bad)
        {
            // It says which parameter could not be read, or what limit was exceeded.
            problem.Detail ??= Explain(bad.Message);
            problem.Extensions.TryAdd("code", "invalid_request");
        }
        else if (context.Exception is DurabilityLostException)
        {
            problem.Detail ??= ProtocolError.DiskFailed.Message;
            problem.Extensions.TryAdd("code", ErrorCodes.Text(ErrorCode.DiskFailed));
        }

        // Not cancelled with the request: what is written for a client that has gone is dropped anyway.
        await response.WriteAsJsonAsync(problem, options: null, "application/problem+json", CancellationToken.None);
    }

    /// <summary>The framework names parameters with the types and the spelling that the handlers have; clients know neither.</summary>
    private static string Explain(string message)
    {
        if (NotRead().Match(message) is { Success: true } notRead) return $"{Name(notRead)} can't be \"{notRead.Groups["value"].Value}\"";
        return NotGiven().Match(message) is { Success: true } notGiven ? $"{Name(notGiven)} is missing" : message;

        static string Name(Match match) => JsonNamingPolicy.SnakeCaseLower.ConvertName(match.Groups["name"].Value);
    }

    [GeneratedRegex("^Failed to bind parameter \"\\S+ (?<name>\\w+)\" from \"(?<value>.*)\"\\.$", RegexOptions.Singleline)]
    private static partial Regex NotRead();

    [GeneratedRegex("^Required parameter \"\\S+ (?<name>\\w+)\" was not provided from query string\\.$")]
    private static partial Regex NotGiven();
}
