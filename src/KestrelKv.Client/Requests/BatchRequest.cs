namespace KestrelKv.Client.Requests;

/// <summary>BATCH.</summary>
internal readonly struct BatchRequest(Batch batch, WriteOptions options) : IRequest<BatchResult>
{
    // The batch may get further operations before the reply arrives.
    private readonly int _count = batch.Count;

    public static string Function => "BATCH";
    public static LaneKind Lane => LaneKind.Bulk;
    public static bool IsWrite => true;
    public CallSettings Settings => new(options.Timeout, options.FailFast, options.Retry, _count);

    public void Write(RequestBuffer to, KestrelKvClientOptions limits)
    {
        ArgumentError.ThrowIfUnused(options.Path is not null, nameof(options.Path), Function);
        ArgumentError.ThrowIfUnused(options.Expiry.Kind != ExpiryKind.Default, nameof(options.Expiry), Function);
        ArgumentError.ThrowIfUnused(options.IfVersion is not null || options.IfExists is not null, "A precondition", Function);
        ArgumentError.ThrowIfUnused(options.ReturnOld, nameof(options.ReturnOld), Function);
        to.Write("\"ops\": ["u8);
        to.Write(batch.Operations);
        to.Write("]"u8);
        RequestText.WriteOptions(to, options, meta: false);
    }

    public BatchResult Read(ReadOnlySpan<byte> reply) => new(reply, _count, batch.Types);
}
