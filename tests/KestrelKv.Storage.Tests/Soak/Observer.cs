namespace KestrelKv.Storage.Tests.Soak;

/// <summary>Makes the calls of one thread, and checks each result against earlier ones.</summary>
internal sealed class Observer(IKeyValueStore store) : IResultSink, IEntrySink
{
    private readonly Dictionary<byte[], long> _lastVersions = new(KeyComparer.Instance);
    private ReadOnlyMemory<Operation> _operations;
    private byte[]? _listed;
    private bool _isBatch;
    private long _now;
    private long _batchVersion;
    private long _ownLast;
    private string? _fault;

    /// <summary>The versions of its commits, in order.</summary>
    public List<long> Versions { get; } = [];

    public long Commits { get; private set; }

    public long Added { get; private set; }

    public long Deleted { get; private set; }

    public long Listed { get; private set; }

    public long ListedBytes { get; private set; }

    /// <summary>Returns the last observed version of a key; 0 if none was observed.</summary>
    public long VersionSeen(ReadOnlyMemory<byte> key) => VersionSeen(key.Span);

    public void Execute(Operation[] operations)
    {
        Begin(operations, isBatch: false);
        Assert.Equal(operations.Length, Done(store.ExecuteAsync(operations, this)));
    }

    public void Commit(Operation[] batch)
    {
        Begin(batch, isBatch: true);
        Done(store.CommitAsync(batch, this));
    }

    public bool List(ListQuery query)
    {
        Begin(default, isBatch: false);
        _listed = null;
        return Done(store.ListAsync(query, this));
    }

    public bool OnResult(int index, in OperationResult result)
    {
        ref readonly Operation operation = ref _operations.Span[index];
        ReadOnlySpan<byte> key = operation.Key.Span;
        bool done = result.Status == ResultStatus.Done;
        if (operation.Precondition.Holds(result.PreviousVersion) == (result.Status == ResultStatus.PreconditionFailed))
            Fault(key, "the outcome contradicts the precondition");
        if (result.PreviousVersion != 0) Observe(key, result.PreviousVersion);

        if (done && operation.IsWrite) ObserveOwnWrite(operation, result);
        else if (done) CheckEntry(key, result.Value, result.ExpiresAt);
        return true;
    }

    public bool OnEntry(in EntryView entry)
    {
        if (_listed is not null && entry.Key.SequenceCompareTo(_listed) <= 0) Fault(entry.Key, "listed out of order");
        _listed = entry.Key.ToArray();
        Listed++;
        ListedBytes += entry.Key.Length + entry.Value.Length;
        Observe(entry.Key, entry.Version);
        CheckEntry(entry.Key, entry.Value, entry.ExpiresAt);
        return true;
    }

    private void ObserveOwnWrite(in Operation operation, in OperationResult result)
    {
        if (operation.Kind == OperationKind.Put && result.PreviousVersion == 0) Added++;
        if (operation.Kind == OperationKind.Delete) Deleted++;
        if (result.Version <= result.PreviousVersion) Fault(operation.Key.Span, "a change did not increase the version");
        Observe(operation.Key.Span, result.Version);

        if (_isBatch && _batchVersion != 0)
        {
            if (result.Version != _batchVersion) Fault(operation.Key.Span, $"versions {_batchVersion} and {result.Version} in one batch");
            return;
        }
        _batchVersion = result.Version;
        if (result.Version <= _ownLast) Fault(operation.Key.Span, $"version {result.Version} after {_ownLast}");
        _ownLast = result.Version;
        Versions.Add(result.Version);
        Commits++;
    }

    private void CheckEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiresAt)
    {
        if (!CheckedValue.Holds(key, value)) Fault(key, "the value is damaged or belongs to another key");
        if (expiresAt != Operation.Never && expiresAt <= _now) Fault(key, $"expired at {expiresAt}, seen after {_now}");
    }

    private void Observe(ReadOnlySpan<byte> key, long version)
    {
        if (version < VersionSeen(key)) Fault(key, $"version {version} after {VersionSeen(key)}");
        _lastVersions.GetAlternateLookup<ReadOnlySpan<byte>>()[key] = version;
    }

    private long VersionSeen(ReadOnlySpan<byte> key) =>
        _lastVersions.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(key, out long version) ? version : 0;

    private void Begin(ReadOnlyMemory<Operation> operations, bool isBatch)
    {
        _operations = operations;
        _isBatch = isBatch;
        _batchVersion = 0;
        _now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
    }

    // Faults of the sink are reported here, because a sink must not throw.
    private T Done<T>(ValueTask<T> call)
    {
        T done = call.Completed();
        Assert.Null(_fault);
        return done;
    }

    private void Fault(ReadOnlySpan<byte> key, string what) => _fault ??= $"{Convert.ToHexString(key)}: {what}";
}
