using KestrelKv.Client.Requests;

namespace KestrelKv.Client;

public sealed partial class KestrelKvClient
{
    /// <summary>Creates an empty batch.</summary>
    public Batch CreateBatch() => new(this, _options, _types);

    internal ValueTask<BatchResult> CommitAsync(Batch batch, WriteOptions options, CancellationToken cancellationToken) =>
        CallAsync<BatchRequest, BatchResult>(new(batch, options), cancellationToken);
}
