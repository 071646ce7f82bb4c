using KestrelKv.Protocol;
using KestrelKv.Storage;

namespace KestrelKv.Wire;

/// <summary>Maps requests on one key to operations of the store.</summary>
internal static class OperationMapper
{
    private static readonly byte[] One = "1"u8.ToArray();

    /// <summary>Returns the store operation of a request that <see cref="RequestValidator"/> has accepted.</summary>
    public static Operation Map(in Request request, TimeProvider time)
    {
        if (request.Options is { } options) return Map(request, options, time);
        Operation operation = request.Function switch
        {
            Function.Get => Operation.Get(request.Key),
            Function.Put when request.HasRequestId => Operation.Put(request.Key, request.Value) with { RequestId = RequestIdOf(request) },
            Function.Put => Operation.Put(request.Key, request.Value),
            _ => Map(request, RequestOptions.None, time),
        };
        return request.AcknowledgeFromMemory ? operation with { AcknowledgeFromMemory = true } : operation;
    }

    public static OperationKind KindOf(in Request request) => request.Function switch
    {
        Function.Get => OperationKind.Get,
        Function.Put => OperationKind.Put,
        Function.Delete => OperationKind.Delete,
        Function.Patch => request.Options is { IsJsonPatch: true } ? OperationKind.JsonPatch : OperationKind.MergePatch,
        Function.Incr => OperationKind.Increment,
        _ => OperationKind.Expire,
    };

    /// <summary>Returns an expiry in milliseconds of Unix time.</summary>
    public static long ExpiresAt(Expiry expiry, TimeProvider time) => expiry.Kind switch
    {
        ExpiryKind.At => expiry.Milliseconds,
        ExpiryKind.After => time.GetUtcNow().ToUnixTimeMilliseconds() + expiry.Milliseconds,
        _ => Operation.Never,
    };

    public static RequestId RequestIdOf(in Request request) => new(request.RequestId, request.RequestSequence);

    private static Operation Map(in Request request, RequestOptions options, TimeProvider time)
    {
        // The clock may have advanced since the validation.
        long expiresAt = Math.Min(ExpiresAt(options.Expiry, time), Operation.ExpiresAtMax);
        Operation operation = KindOf(request) switch
        {
            OperationKind.Get => Get(request, options, time) with { Path = options.Path },
            OperationKind.Put when options.HasPath => Operation.PutAt(request.Key, options.Path, request.Value),
            OperationKind.Put => Operation.Put(request.Key, request.Value),
            OperationKind.Delete => Operation.Delete(request.Key),
            OperationKind.MergePatch => Operation.MergePatch(request.Key, request.Value),
            OperationKind.JsonPatch => Operation.JsonPatch(request.Key, request.Value),
            OperationKind.Increment =>
                Operation.Increment(request.Key, request.Value.IsEmpty ? One : request.Value) with { Path = options.Path },
            _ => Operation.Expire(request.Key, expiresAt),
        };
        if (options.Expiry.Kind != ExpiryKind.NotGiven && operation.Kind != OperationKind.Expire)
            operation = operation.WithExpiry(expiresAt);
        return operation with
        {
            Precondition = PreconditionOf(options),
            ReturnsOld = options.ReturnsOld,
            AcknowledgeFromMemory = request.AcknowledgeFromMemory,
            RequestId = RequestIdOf(request),
        };
    }

    private static Operation Get(in Request request, RequestOptions options, TimeProvider time) => options.Touch == 0
        ? Operation.Get(request.Key)
        : Operation.Touch(request.Key, Math.Min(ExpiresAt(new Expiry(ExpiryKind.After, options.Touch), time), Operation.ExpiresAtMax));

    private static Precondition PreconditionOf(RequestOptions options) => options switch
    {
        { IfVersion: { } version } => Precondition.Version(version),
        { IfExists: true } => Precondition.Present,
        { IfExists: false } => Precondition.Absent,
        _ => Precondition.None,
    };
}
