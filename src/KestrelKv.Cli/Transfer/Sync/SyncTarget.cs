using KestrelKv.Cli.Output;
using KestrelKv.Cli.Scanning;
using KestrelKv.Client;

namespace KestrelKv.Cli.Transfer.Sync;

/// <summary>The destination of a copy. Every write is one atomic batch that also replaces the position entry.</summary>
/// <remarks>
/// The precondition of each batch is the version of the position entry that the batch before has written. It fails if the destination has lost
/// commits, or if another process copies to it.
/// </remarks>
internal sealed class SyncTarget(KestrelKvClient client, string prefix, string source)
{
    /// <summary>The maximum number of operations besides the position: the server's limit for a batch is 1,000.</summary>
    public const int OperationsMax = 999;

    /// <summary>The maximum length of the operations. A single longer one has a batch of its own.</summary>
    public const int BytesMax = 4 * 1024 * 1024;

    private readonly byte[] _key = EntryJson.String(SyncPosition.KeyPrefix + prefix);
    private readonly ByteText _request = new(256 * 1024);
    private readonly ByteText _response = new();
    private long _entryVersion;
    private long _sequence;

    public KestrelKvClient Client => client;

    /// <summary>The key of the position entry.</summary>
    public string PositionKey => SyncPosition.KeyPrefix + prefix;

    /// <summary>The identifier of this process in the position entry.</summary>
    public string Writer { get; } = $"kkv-sync-{Guid.NewGuid():N}";

    /// <summary>Whether this process has written to the destination.</summary>
    public bool HasWritten { get; private set; }

    /// <summary>The last position that the destination has; null if it has none of this source.</summary>
    public SyncPosition? Position { get; private set; }

    /// <summary>Reads the position.</summary>
    /// <returns>Whether another process has written it since this one did.</returns>
    public async Task<bool> LoadAsync(CancellationToken stop)
    {
        Entry<ReadOnlyMemory<byte>> entry = await client.GetUtf8Async(PositionKey, cancellationToken: stop);
        SyncPosition? position = entry.Found ? SyncPosition.Parse(entry.Value.Span) : null;
        bool isOfOther = _sequence > 0 && entry.Found && entry.Version > _entryVersion && position?.Writer != Writer;
        _entryVersion = entry.Found ? entry.Version : 0;
        Position = position?.Source == source ? position : null;
        return isOfOther;
    }

    /// <summary>Applies operations, and moves the position.</summary>
    /// <param name="operations">The operations of a BATCH, separated by commas; empty to move only the position.</param>
    /// <param name="version">The version of the source that the destination then has.</param>
    /// <param name="consistentFrom">See <see cref="SyncPosition.ConsistentFrom"/>.</param>
    /// <param name="stop">Cancels the call.</param>
    /// <exception cref="RefusedException">With the code <c>precondition_failed</c>: the position entry has changed.</exception>
    public async Task ApplyAsync(ByteText operations, long version, long consistentFrom, CancellationToken stop)
    {
        var position = new SyncPosition(source, version, consistentFrom, Writer);
        _request.Clear();
        _request.Add("\"ops\": [{\"func\": \"PUT\", \"params\": {\"obj\": "u8).Add(_key).Add(", \"val\": "u8).Add(position.ToJson());
        _request.Add(", \"if_version\": "u8).Add(_entryVersion).Add("}}"u8);
        if (operations.Length > 0) _request.Add(", "u8).Add(operations.Span);
        _request.Add("], \"request_id\": "u8).Add(EntryJson.String(Writer)).Add(", \"request_seq\": "u8).Add(++_sequence);
        _response.Clear();
        await client.CallUtf8Async("BATCH", _request.Memory, _response, mayRepeat: true, cancellationToken: stop);
        _entryVersion = JsonCursor.NumberOf(_response.Span, "version"u8);
        Position = position;
        HasWritten = true;
    }
}
