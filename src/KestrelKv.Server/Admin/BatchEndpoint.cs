using KestrelKv.Protocol;
using KestrelKv.Server.Admin.Swagger;

namespace KestrelKv.Server.Admin;

/// <summary>Atomic batches: the HTTP form of BATCH, with the same parameters.</summary>
internal static class BatchEndpoint
{
    internal static readonly FunctionCall Call = new(Function.Batch);

    public static void MapBatch(this IEndpointRouteBuilder v1) =>
        v1.MapPost("/batch", CommitAsync).WithTags(TagFilter.Batches)
            .AddEndpointFilter(SameOrigin.Check)
            .Produces<BatchResponse>()
            .Calls(Call, ErrorCode.CrossOrigin, ErrorCode.UnsupportedEncoding, ErrorCode.RequestsFull);

    /// <summary>Executes a batch of operations atomically</summary>
    /// <remarks>
    /// The body is the parameters object of BATCH: <c>ops</c>, up to 1,000 of GET, PUT, DELETE, PATCH, INCR and EXPIRE, each with
    /// its own parameters and preconditions. If an operation fails, the batch has no effect, and <c>index</c> of the error is the
    /// index of that operation.
    /// </remarks>
    /// <response code="200">All operations were executed.</response>
    /// <response code="400">The body is not a valid batch.</response>
    /// <response code="403">The request comes from a page of another site.</response>
    /// <response code="404">An operation changes part of a value, and the key does not exist.</response>
    /// <response code="409">A path does not exist, a test fails, or INCR finds no number. The batch had no effect.</response>
    /// <response code="412">A precondition does not hold. The batch had no effect.</response>
    /// <response code="413">The body or a resulting value is too long.</response>
    /// <response code="415">The body is compressed.</response>
    /// <response code="422">The Idempotency-Key was used for a different request.</response>
    /// <response code="503">The disk has failed, or the database does not answer.</response>
    /// <response code="504">The database failed during the commit. The batch may take effect at any later time, or not at all.</response>
    /// <response code="507">The store is out of memory or the disk is full. The batch had no effect.</response>
    public static async Task<IResult> CommitAsync(HttpContext http, RequestMapper mapper, HttpRunner runner)
    {
        using MappedRequest mapped = await mapper.MapBatchAsync(http);
        return await runner.AnswerAsync(http, mapped);
    }
}

/// <summary>The results of a batch.</summary>
/// <param name="Version" example="5">The version of the commit; 0 if nothing was changed.</param>
/// <param name="Results" example="[{&quot;obj&quot;: &quot;user:2&quot;, &quot;response&quot;: &quot;ok&quot;}]">
/// The result of each operation, in request order.
/// </param>
public sealed record BatchResponse(long Version, IReadOnlyList<object> Results);
