using System.Text;
using KestrelKv.Protocol;
using Microsoft.AspNetCore.Mvc;

namespace KestrelKv.Server.Admin;

/// <summary>What all writes may have: a name by which the server knows them again.</summary>
public class IdempotencyParameter
{
    private const string Header = "Idempotency-Key";

    /// <summary>
    /// What the client calls this write. Sent again within <c>Store:RequestIdWindow</c> it is not done again, but answered as the
    /// first time.
    /// </summary>
    [FromHeader(Name = Header)]
    public string? IdempotencyKey { get; init; }

    internal byte[] RequestId { get; private set; } = [];

    /// <summary>Answers 400 where a parameter is not valid; otherwise sets <see cref="RequestId"/>.</summary>
    internal static ValueTask<object?> Check(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        // The framework would make one of them, with a comma.
        if (context.HttpContext.Request.Headers[Header].Count > 1)
            return new(Problems.BadRequest("invalid_header", $"{Header} is given twice"));
        return context.Arguments.OfType<IdempotencyParameter>().Single().Check() is { } problem ? new(problem) : next(context);
    }

    /// <summary>What is wrong; null where nothing is.</summary>
    private protected virtual IResult? Check()
    {
        if (IdempotencyKey is null) return null;

        // With quotes, as the IETF's draft of the header has it, or without.
        RequestId = Encoding.UTF8.GetBytes(IdempotencyKey is ['"', .., '"'] ? IdempotencyKey[1..^1] : IdempotencyKey);
        return RequestId.Length is 0 or > RequestLimits.RequestIdBytesMax
            ? Problems.BadRequest(
                "invalid_header", $"{Header} has {RequestId.Length} bytes, expected 1 to {RequestLimits.RequestIdBytesMax}")
            : null;
    }
}
