using KestrelKv.Protocol;
using KestrelKv.Server.Admin.Swagger;

namespace KestrelKv.Server.Admin;

/// <summary>Atomic batches: what a BATCH on the wire does, in the same words.</summary>
internal static class BatchEndpoint
{
    internal static readonly FunctionCall Call = new(Function.Batch);

    public static void MapBatch(this IEndpointRouteBuilder v1) =>
        v1.MapPost("/batch", CommitAsync).WithTags(TagFilter.Batches)
            .AddEndpointFilter(SameOrigin.Check)
            .Produces<BatchResponse>()
            .Calls(Call, ErrorCode.CrossOrigin, ErrorCode.UnsupportedEncoding, ErrorCode.RequestsFull);

    /// <summary>Executes operations on any keys, all of them or none</summary>
    /// <remarks>
    /// The body is what a BATCH on the wire has for parameters: <c>ops</c>, up to 1,000 of GET, PUT, DELETE, PATCH, INCR and
    /// EXPIRE, each with its own parameters and preconditions. Where one can't be done nothing is, and <c>index</c> of the answer
    /// tells which.
    /// </remarks>
    /// <response code="200">All was done.</response>
    /// <response code="400">The body is no batch.</response>
    /// <response code="403">The request comes from a page of another site.</response>
    /// <response code="404">A part of a value is to be changed, and there is no such key.</response>
    /// <response code="409">A path leads nowhere, a test does not hold, or what is to be added to is no number; nothing was done.</response>
    /// <response code="412">A precondition does not hold; nothing was done.</response>
    /// <response code="413">The body, or a value that it would make, is too long.</response>
    /// <response code="415">The body is compressed.</response>
    /// <response code="422">The Idempotency-Key was used for another write.</response>
    /// <response code="503">The disk has failed.</response>
    /// <response code="507">The store may take no more memory, or the disk has no space; nothing was done.</response>
    public static async Task<IResult> CommitAsync(HttpContext http, RequestMapper mapper, HttpRunner runner)
    {
        using MappedRequest mapped = await mapper.MapBatchAsync(http);
        return await runner.AnswerAsync(http, mapped);
    }
}

/// <summary>What the operations of a batch have done.</summary>
/// <param name="Version" example="5">The version of the commit; 0 where nothing was changed.</param>
/// <param name="Results" example="[{&quot;obj&quot;: &quot;user:2&quot;, &quot;response&quot;: &quot;ok&quot;}]">What each operation tells, in their order.</param>
public sealed record BatchResponse(long Version, IReadOnlyList<object> Results);
